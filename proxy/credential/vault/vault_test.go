package vault

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// output is everything that was logged and every error that was made in the
// tests of this package; TestMain looks for secrets in it.
var output safeBuffer

type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// fakes are all fakes of the tests, for their secrets.
var fakes struct {
	mu  sync.Mutex
	all []*vaulttest.Server
}

func newFake(options vaulttest.Options) *vaulttest.Server {
	s := vaulttest.New(options)
	fakes.mu.Lock()
	defer fakes.mu.Unlock()
	fakes.all = append(fakes.all, s)
	return s
}

func TestMain(m *testing.M) {
	code := m.Run()
	stopServer()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		code = max(code, leakedSecrets())
	}
	os.Exit(code)
}

// leakedSecrets looks for every secret of every fake in all that the tests have
// logged, in all errors they have seen, and in all journals.
func leakedSecrets() int {
	text, secrets, code := output.String(), 0, 0
	for _, s := range fakes.all {
		for _, secret := range s.Secrets() {
			secrets++
			if strings.Contains(text, secret) {
				fmt.Fprintln(os.Stderr, "a secret was logged, is in an error or in a journal")
				code = 1
			}
		}
	}
	if len(fakes.all) > 0 && (secrets == 0 || text == "") {
		fmt.Fprintln(os.Stderr, "the search for secrets had nothing to look at")
		code = 1
	}
	return code
}

// seen notes an error for the search for secrets, in every form it can be
// printed in.
func seen(err error) error {
	if err != nil {
		fmt.Fprintf(&output, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
	}
	return err
}

// config is a configuration that logs in to a fake without a network.
func config(t *testing.T, s *vaulttest.Server) Config {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret-id")
	if err := os.WriteFile(secret, []byte(vaulttest.SecretID+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{
		Address: "http://127.0.0.1:8200", Journal: filepath.Join(dir, "journal"),
		Auth:      Auth{AppRole: &AppRole{RoleID: vaulttest.RoleID, SecretIDFile: secret}},
		Log:       slog.New(slog.NewTextHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug})),
		transport: s,
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(c.Journal); err == nil {
			_, _ = output.Write(text)
		}
	})
	return c
}

// open opens a client and crashes it at the end of the test unless it was
// closed.
func open(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := Open(config)
	if seen(err) != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { crash(c) })
	return c
}

// begin opens a client and lets it begin.
func begin(t *testing.T, config Config) *Client {
	t.Helper()
	c := open(t, config)
	if err := seen(c.Begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	return c
}

// crash leaves everything as a process does that is killed: nothing is revoked,
// connections are cut, the journal's lock is free.
func crash(c *Client) {
	c.mu.Lock()
	dead := c.closed
	c.closed = true
	c.mu.Unlock()
	if dead {
		return
	}
	c.watches.close()
	c.renewals.close()
	for _, i := range c.issuersNow() {
		if i.control != nil {
			i.control.hangUp()
		}
	}
	_ = c.journal.close()
	c.idle()
}

func issuer(t *testing.T, c *Client, config IssuerConfig) *Issuer {
	t.Helper()
	if config.Database == "" {
		config.Database = "shop"
	}
	i, err := c.Issuer(config)
	if seen(err) != nil {
		t.Fatal(err)
	}
	return i
}

func request(session string) credential.Request {
	return credential.Request{SessionID: session, Subject: "alice@example.com", Database: "shop", Role: "reader", Group: "shop_reader"}
}

func issue(t *testing.T, i *Issuer, session string) *credential.Lease {
	t.Helper()
	lease, err := i.Issue(t.Context(), request(session))
	if seen(err) != nil {
		t.Fatal(err)
	}
	return lease
}

func end(t *testing.T, i *Issuer, lease *credential.Lease) {
	t.Helper()
	if err := seen(i.End(t.Context(), lease)); err != nil {
		t.Fatal(err)
	}
}

// closed closes a client that has nothing left to complain about.
func closed(t *testing.T, c *Client) {
	t.Helper()
	if err := seen(c.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

// nothing checks that a fake has neither leases nor tokens.
func nothing(t *testing.T, s *vaulttest.Server) {
	t.Helper()
	if left := s.Leases(); len(left) > 0 {
		t.Errorf("leases %q are left", left)
	}
	if left := s.Tokens(); len(left) > 0 {
		t.Errorf("tokens %v are left", left)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to be that " + what)
		}
	}
}

func short(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
