package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

func TestIssueAndEnd(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	i := issuer(t, c, IssuerConfig{Roles: []string{"reader"}})
	lease := issue(t, i, "session-1")
	switch {
	case lease.Role != "shop_reader" || lease.Password.Reveal() == "" || !strings.HasPrefix(lease.ID, "database/creds/reader/"):
		t.Errorf("lease %+v", lease)
	case lease.EndsBackends || i.Weak() || lease.Life == nil || lease.Backends == nil:
		t.Errorf("without a control role: %+v", lease)
	}
	display := ""
	for _, name := range s.Tokens() {
		if name != "approle" {
			display = name
		}
	}
	if display != "token-alice-example-com-session-1" {
		t.Errorf("the child token is named %q", display)
	}
	end(t, i, lease)
	end(t, i, lease)
	if n := len(s.Leases()); n != 0 {
		t.Errorf("%d leases after End", n)
	}
	if err := i.End(t.Context(), nil); seen(err) == nil {
		t.Error("no lease was ended")
	}
	for want, wrong := range map[string]credential.Request{
		"no name of a role": {SessionID: "s", Subject: "a", Role: "../../sys/seal"},
		"names no session":  {Subject: "a", Role: "reader"},
		"names no subject":  {SessionID: "s", Role: "reader"},
		"not printable":     {SessionID: "s\n", Subject: "a", Role: "reader"},
		"longer than":       {SessionID: "s", Subject: strings.Repeat("x", 257), Role: "reader"},
	} {
		before := len(s.Calls())
		if _, err := i.Issue(t.Context(), wrong); seen(err) == nil || !strings.Contains(err.Error(), want) || len(s.Calls()) != before {
			t.Errorf("%s: %v", want, err)
		}
	}
	closed(t, c)
	nothing(t, s)
}

// Child tokens can be given less than the login token has.
func TestSessionPolicies(t *testing.T) {
	s := newFake(vaulttest.Options{ChildPolicy: "sluice-session"})
	cfg := config(t, s)
	c := begin(t, cfg)
	i := issuer(t, c, IssuerConfig{})
	if _, err := i.Issue(t.Context(), request("session-1")); !errors.Is(seen(err), ErrDenied) {
		t.Errorf("issued without the policy: %v", err)
	}
	closed(t, c)
	cfg.SessionPolicies = []string{"sluice-session"}
	c = begin(t, cfg)
	i = issuer(t, c, IssuerConfig{})
	end(t, i, issue(t, i, "session-1"))
	closed(t, c)
	nothing(t, s)
}

func TestDisplayNames(t *testing.T) {
	for want, r := range map[string]credential.Request{
		"alice-example-com-td4rqe3bnc33fmkne2pq": {Subject: "alice@example.com", SessionID: "td4rqe3bnc33fmkne2pq"},
		"-------s":                               {Subject: "Zoë 'x\"", SessionID: "s"},
		strings.Repeat("a", 24) + "-" + strings.Repeat("b", 32): {Subject: strings.Repeat("a", 99), SessionID: strings.Repeat("b", 99)},
	} {
		got := displayName(r)
		if want == "-------s" {
			if got != "Zo---x--s" {
				t.Errorf("%q", got)
			}
			continue
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestUnknownRole(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	for _, engine := range []Engine{Dynamic, Static, KV} {
		i := issuer(t, c, IssuerConfig{Database: engine.String(), Engine: engine})
		r := request("session-1")
		r.Role = "missing"
		_, err := i.Issue(t.Context(), r)
		if seen(err) == nil || errors.Is(err, ErrAway) || errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("%s: %v", engine, err)
		}
	}
	closed(t, c)
	nothing(t, s)
}

func TestSharedCredentials(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	for engine, role := range map[Engine]string{Static: "reader", KV: "team/shop/reader"} {
		i := issuer(t, c, IssuerConfig{Database: engine.String(), Engine: engine, Roles: []string{role}})
		r := request("session-1")
		r.Role = role
		lease, err := i.Issue(t.Context(), r)
		if seen(err) != nil {
			t.Fatal(err)
		}
		if !i.Weak() || lease.User != vaulttest.SharedUser || lease.Password.Reveal() != vaulttest.SharedPassword ||
			lease.Life != nil || lease.EndsBackends || lease.Role != "shop_reader" || !lease.Weak || !near(lease.Expires, time.Now().Add(12*time.Hour)) {
			t.Errorf("%s: %+v", engine, lease)
		}
		end(t, i, lease)
	}
	if len(s.Leases()) != 0 || len(s.Tokens()) != 1 {
		t.Errorf("leases %v, tokens %v", s.Leases(), s.Tokens())
	}
	closed(t, c)
}

// The answer with the credential is lost on its way: the proxy knows no lease
// and no role. Revoking the token that asked takes them along.
func TestLostAnswer(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	i := issuer(t, c, IssuerConfig{})
	s.Set(vaulttest.Fault{Path: "/creds/", Lose: true, Times: 1})
	_, err := i.Issue(t.Context(), request("session-1"))
	if !errors.Is(seen(err), ErrAway) {
		t.Errorf("issued: %v", err)
	}
	if n := calls(s, "database/creds/reader"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if left := s.Leases(); len(left) != 0 {
		t.Errorf("the unknown lease %q is left", left)
	}
	closed(t, c)
	nothing(t, s)
}

// The same, and Vault is away when the token is to be revoked: EndLeft does it,
// or the next start if the process is killed before.
func TestLostAnswerAndThenAway(t *testing.T) {
	for _, killed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newFake(vaulttest.Options{})
			cfg := config(t, s)
			c := begin(t, cfg)
			i := issuer(t, c, IssuerConfig{})
			s.Set(vaulttest.Fault{Path: "/creds/", Lose: true, Times: 1}, vaulttest.Fault{Path: "revoke", Status: 503})
			_, err := i.Issue(t.Context(), request("session-1"))
			if !errors.Is(seen(err), ErrAway) || !strings.Contains(err.Error(), "taking it back failed too") {
				t.Errorf("issued: %v", err)
			}
			if len(s.Leases()) != 1 {
				t.Fatal("this tests nothing")
			}
			if n, err := i.EndLeft(t.Context()); n != 0 || !errors.Is(seen(err), ErrAway) {
				t.Errorf("EndLeft while Vault is away: %d, %v", n, err)
			}
			s.Set()
			if killed {
				crash(c)
				c = begin(t, cfg)
			} else if n, err := i.EndLeft(t.Context()); n != 1 || seen(err) != nil {
				t.Errorf("EndLeft: %d, %v", n, err)
			}
			if left := s.Leases(); len(left) != 0 {
				t.Errorf("the unknown lease %q is left", left)
			}
			closed(t, c)
			nothing(t, s)
		})
	}
}

// The disk does not take the accessor: nobody gets a credential, and the token
// is revoked.
func TestJournalCannotBeWritten(t *testing.T) {
	s := newFake(vaulttest.Options{})
	cfg := config(t, s)
	c := begin(t, cfg)
	i := issuer(t, c, IssuerConfig{})
	readOnly, err := os.Open(cfg.Journal)
	if err != nil {
		t.Fatal(err)
	}
	whole := c.journal.path
	c.journal.writing.Lock()
	_ = c.journal.file.Close()
	c.journal.file, c.journal.path = readOnly, filepath.Join(cfg.Journal, "not a folder")
	c.journal.writing.Unlock()
	_, err = i.Issue(t.Context(), request("session-1"))
	if seen(err) == nil || !strings.Contains(err.Error(), "journal") || errors.Is(err, ErrAway) {
		t.Errorf("issued: %v", err)
	}
	if n := calls(s, "database/creds/reader"); n != 0 {
		t.Errorf("a credential was asked for %d times", n)
	}
	c.journal.writing.Lock()
	c.journal.path = whole
	c.journal.writing.Unlock()
	if _, err := i.EndLeft(t.Context()); seen(err) != nil {
		t.Error(err)
	}
	end(t, i, issue(t, i, "session-2"))
	closed(t, c)
	nothing(t, s)
}

// Who waits for a credential gives up, at every moment: nothing is left.
func TestGivingUp(t *testing.T) {
	for step := 1; step <= 3; step++ {
		synctest.Test(t, func(t *testing.T) {
			s := newFake(vaulttest.Options{})
			c := begin(t, config(t, s))
			i := issuer(t, c, IssuerConfig{})
			first := len(s.Calls())
			ctx, cancel := context.WithCancel(t.Context())
			s.Decide(func(call vaulttest.Call) vaulttest.Fault {
				if call.Number == first+step {
					cancel()
				}
				return vaulttest.Fault{}
			})
			lease, err := i.Issue(ctx, request("session-1"))
			if step < 3 && (seen(err) == nil || !errors.Is(err, context.Canceled)) {
				t.Errorf("step %d: issued: %v", step, err)
			}
			s.Decide(nil)
			if err == nil {
				end(t, i, lease)
			}
			if _, err := i.EndLeft(t.Context()); err != nil {
				t.Error(err)
			}
			if c.Healthy() != nil {
				t.Errorf("Vault counts as away because somebody gave up: %v", c.Healthy())
			}
			closed(t, c)
			nothing(t, s)
		})
	}
}

// Versions of Vault differ in what they say of a token that is gone already.
func TestTokenIsGoneAtTheEnd(t *testing.T) {
	for _, fault := range []vaulttest.Fault{
		{}, {Status: 400, Words: []string{"invalid accessor"}}, {Status: 403, Words: []string{"invalid accessor"}},
		{Status: 400, Words: []string{"token not found"}},
	} {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		lease := issue(t, i, "session-1")
		for accessor, display := range s.Tokens() {
			if strings.HasPrefix(display, "token-") {
				_ = s.RevokeToken(accessor)
			}
		}
		fault.Path = "auth/token/revoke-accessor"
		if fault.Status != 0 {
			s.Set(fault)
		}
		end(t, i, lease)
		s.Set()
		closed(t, c)
		nothing(t, s)
	}
}

// Two hundred sessions come and go at once, over real connections.
func TestTwoHundredAtOnce(t *testing.T) {
	s := newFake(vaulttest.Options{})
	cfg := config(t, s)
	cfg.transport, cfg.Address = nil, s.Start(t)
	c := begin(t, cfg)
	i := issuer(t, c, IssuerConfig{})
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			lease, err := i.Issue(t.Context(), request(fmt.Sprint("session-", n)))
			if seen(err) != nil {
				t.Error(err)
				return
			}
			if n%4 == 0 {
				return // is left to Close
			}
			if err := seen(i.End(t.Context(), lease)); err != nil {
				t.Error(err)
			}
			if err := i.End(t.Context(), lease); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(s.Leases()); n != 50 {
		t.Errorf("%d leases, want 50", n)
	}
	closed(t, c)
	nothing(t, s)
	again := begin(t, cfg)
	if left := again.heldNow(func(*held) bool { return true }); len(left) != 0 {
		t.Errorf("%d leases are in the journal", len(left))
	}
	closed(t, again)
}

// What can be printed is printed, in every way; TestMain looks for secrets.
func TestNothingPrintsSecrets(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := begin(t, config(t, s))
	i := issuer(t, c, IssuerConfig{})
	lease := issue(t, i, "session-1")
	log := slog.New(slog.NewTextHandler(&output, nil))
	for _, value := range []any{c, i, lease, *lease, c.current(), c.heldNow(func(*held) bool { return true })[0]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, value)
			_, _ = output.Write([]byte(text))
			if strings.Contains(text, fmt.Sprintf("%x", lease.Password.Reveal())) || strings.Contains(text, fmt.Sprintf("%x", c.current().token.Reveal())) {
				t.Errorf("%s of %T prints a secret", verb, value)
			}
		}
		log.Info("printed", "value", value)
	}
	// Vault's words may hold anything, and do so here.
	secret := lease.Password.Reveal() + " " + c.current().token.Reveal()
	for _, words := range []string{"failed: ", "permission denied: ", "unknown role: ", "lease not found: "} {
		for _, status := range []int{400, 403, 404, 500, 503} {
			s.Set(vaulttest.Fault{Path: "/creds/", Status: status, Words: []string{words + secret}})
			if _, err := i.Issue(short(t, 50*time.Millisecond), request("session-2")); seen(err) == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s, status %d: issued, or the error tells a secret", words, status)
			}
		}
	}
	s.Set()
	closed(t, c)
}

// What a credential costs beside Vault's own time: the fake answers at once, so
// this is HTTP on the loopback and two records on disk.
func BenchmarkIssueAndEnd(b *testing.B) {
	s := vaulttest.New(vaulttest.Options{})
	secret := filepath.Join(b.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(vaulttest.SecretID), 0o600); err != nil {
		b.Fatal(err)
	}
	c, err := Open(Config{
		Address: s.Start(b), Journal: filepath.Join(b.TempDir(), "journal"),
		Auth: Auth{AppRole: &AppRole{RoleID: vaulttest.RoleID, SecretIDFile: secret}},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	i, err := c.Issuer(IssuerConfig{Database: "shop"})
	if err != nil {
		b.Fatal(err)
	}
	var issuing time.Duration
	for b.Loop() {
		at := time.Now()
		lease, err := i.Issue(b.Context(), request("session"))
		issuing += time.Since(at)
		if err != nil {
			b.Fatal(err)
		}
		if err := i.End(b.Context(), lease); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(issuing.Microseconds())/float64(b.N), "µs/issue")
}
