package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

// What an answer's status means: whether Vault is away, whether it is asked
// again, and whether it has done something.
func TestWhatAStatusMeans(t *testing.T) {
	for _, c := range []struct {
		status int
		words  string
		says   string
		kinds  []error
		asked  int
	}{
		{307, "", "refers to another address", []error{ErrAway}, tries},
		{400, "", "refuses the question", nil, 1},
		{400, "1 error occurred:\n\t* lease is not renewable\n\n", "not renewable", []error{errFixed}, 1},
		{400, "lease not found", "no such lease", []error{errGone}, 1},
		{403, "permission denied", "policies do not allow", []error{ErrDenied}, 1},
		{403, "invalid accessor", "no such token", []error{errGone}, 1},
		{404, "", "mount and the name", nil, 1},
		{429, "", "fewer questions", []error{ErrAway}, tries},
		{472, "", "standby", []error{ErrAway}, tries},
		{473, "", "standby", []error{ErrAway}, tries},
		{500, "pq: password hunter2", "its log says why", nil, tries},
		{502, "", "no Vault behind", []error{ErrAway}, tries},
		{503, "Vault is sealed", "Vault is sealed", []error{ErrAway}, tries},
		{504, "", "no Vault behind", []error{ErrAway}, tries},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.words), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFake(vaulttest.Options{})
				client := begin(t, config(t, s))
				fault := vaulttest.Fault{Status: c.status, Path: "sys/leases/renew"}
				if c.words != "" {
					fault.Words = []string{c.words}
				}
				s.Set(fault)
				_, err := client.ask(t.Context(), question{doing: "renew a lease", token: client.current().token, path: "sys/leases/renew"})
				if seen(err) == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %v", err)
				}
				if n := calls(s, "sys/leases/renew"); n != c.asked {
					t.Errorf("asked %d times, want %d", n, c.asked)
				}
				for _, kind := range []error{ErrAway, ErrDenied, errGone, errFixed} {
					want := len(c.kinds) == 1 && c.kinds[0] == kind
					if errors.Is(err, kind) != want {
						t.Errorf("is %v: %t", kind, !want)
					}
				}
			})
		})
	}
}

// An answer that is no JSON, or is too long, is a lost answer; none of it is
// quoted.
func TestAnswersThatAreNone(t *testing.T) {
	for name, text := range map[string]string{
		"HTML": "<html>hunter2</html>", "too long": `{"data":{"x":"` + strings.Repeat("hunter2", maxAnswer/7) + `"}}`, "half": `{"auth":{"client_token":"hunter2`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(text))
		}))
		cfg := config(t, newFake(vaulttest.Options{}))
		cfg.transport, cfg.Address = nil, server.URL
		err := seen(open(t, cfg).Begin(t.Context()))
		if !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

// A redirect would take the token to where somebody else says.
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	cfg := config(t, newFake(vaulttest.Options{}))
	cfg.transport, cfg.Address = nil, server.URL
	err := seen(open(t, cfg).Begin(t.Context()))
	if !errors.Is(err, ErrAway) || elsewhere != 0 {
		t.Errorf("%d requests went elsewhere: %v", elsewhere, err)
	}
}

// Over TLS the server is who it says it is, or gets nothing; a certificate that
// fails is not a Vault that is away.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	authority, err := pgserver.NewAuthority(dir, "authority of a test")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.Issue("vault", "vault.example.com", "vault.example.com")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	stranger, err := pgserver.NewAuthority(other, "another authority")
	if err != nil {
		t.Fatal(err)
	}
	s := newFake(vaulttest.Options{})
	address := serveTLS(t, s, certificate, key)
	for name, c := range map[string]struct {
		ca, serverName, want string
	}{
		"right":             {authority.CertFile(), "vault.example.com", ""},
		"another name":      {authority.CertFile(), "", "127.0.0.1"},
		"another authority": {stranger.CertFile(), "vault.example.com", "unknown authority"},
		"the system's":      {"", "vault.example.com", "unknown authority"},
	} {
		cfg := config(t, s)
		cfg.transport, cfg.Address, cfg.CA, cfg.ServerName = nil, address, c.ca, c.serverName
		client := open(t, cfg)
		before := len(s.Calls())
		err := seen(client.Begin(t.Context()))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want == "":
			closed(t, client)
		case err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrAway) || len(s.Calls()) != before:
			t.Errorf("%s: %v", name, err)
		}
	}
	nothing(t, s)
}

func serveTLS(t *testing.T, s *vaulttest.Server, certificate, key string) string {
	t.Helper()
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(listener, certificate, key)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return "https://" + listener.Addr().String()
}

// Vault is not there at all.
func TestNobodyListens(t *testing.T) {
	cfg := config(t, newFake(vaulttest.Options{}))
	cfg.transport, cfg.Address = nil, "http://127.0.0.1:1"
	client := open(t, cfg)
	err := seen(client.Begin(t.Context()))
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	if err := seen(client.Healthy()); !errors.Is(err, ErrAway) {
		t.Errorf("healthy: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := seen(client.Begin(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// The login token is revoked while a session is opened: there is another, and
// the session gets its credential.
func TestLoginRevokedWhileIssuing(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	i := issuer(t, c, IssuerConfig{})
	if err := s.RevokeToken(c.current().accessor); err != nil {
		t.Fatal(err)
	}
	end(t, i, issue(t, i, "session-1"))
	closed(t, c)
	nothing(t, s)
}
