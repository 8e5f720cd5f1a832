package vault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault/vaulttest"
)

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryLogin(t *testing.T) {
	s := newFake(vaulttest.Options{})
	lent, lentAccessor := s.Token(time.Hour)
	for name, auth := range map[string]Auth{
		"approle with files": {AppRole: &AppRole{RoleIDFile: file(t, vaulttest.RoleID+"\n"), SecretIDFile: file(t, vaulttest.SecretID)}},
		"kubernetes":         {Kubernetes: &TokenLogin{Role: vaulttest.Role, TokenFile: file(t, vaulttest.JWT)}},
		"jwt elsewhere":      {JWT: &TokenLogin{Mount: "jwt/of-the-company", Role: vaulttest.Role, TokenFile: file(t, vaulttest.JWT)}},
		"token file":         {TokenFile: file(t, lent+"\n")},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			cfg := config(t, s)
			cfg.Auth = auth
			c := begin(t, cfg)
			i := issuer(t, c, IssuerConfig{})
			lease := issue(t, i, "session-1")
			if !strings.Contains(lease.User, "alice-example-com-session-1") {
				t.Errorf("the user %s does not tell who it is for", lease.User)
			}
			closed(t, c)
			if left := s.Tokens(); len(left) != 1 || left[lentAccessor] == "" {
				t.Errorf("tokens %v are left; only the one that is not ours may be", left)
			}
		})
	}
}

func TestLoginsThatFail(t *testing.T) {
	s := newFake(vaulttest.Options{})
	batch := newFake(vaulttest.Options{Batch: true})
	for want, one := range map[string]struct {
		server *vaulttest.Server
		auth   Auth
		denied bool
	}{
		"the AppRole's role id or secret id is not valid": {s, Auth{AppRole: &AppRole{RoleID: "x", SecretIDFile: file(t, "y")}}, false},
		"there is no such role at the login method":       {s, Auth{JWT: &TokenLogin{Role: "x", TokenFile: file(t, vaulttest.JWT)}}, false},
		"Vault denies it":      {s, Auth{JWT: &TokenLogin{Role: vaulttest.Role, TokenFile: file(t, "eyJ")}}, true},
		"not valid any more":   {s, Auth{TokenFile: file(t, "hvs.nobodys")}, true},
		"no such file":         {s, Auth{TokenFile: "/nowhere/token"}, false},
		"is empty or has more": {s, Auth{TokenFile: file(t, "one\ntwo")}, false},
		"gave a batch token":   {batch, Auth{JWT: &TokenLogin{Role: vaulttest.Role, TokenFile: file(t, vaulttest.JWT)}}, false},
		"secret id: open":      {s, Auth{AppRole: &AppRole{RoleID: "x", SecretIDFile: "/nowhere/id"}}, false},
	} {
		cfg := config(t, one.server)
		cfg.Auth = one.auth
		c := open(t, cfg)
		before := len(one.server.Calls())
		err := seen(c.Begin(t.Context()))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "vault: ") {
			t.Errorf("%s: %v", want, err)
		}
		if errors.Is(err, ErrDenied) != one.denied || errors.Is(err, ErrAway) {
			t.Errorf("%s: denied %t, away %t", want, errors.Is(err, ErrDenied), errors.Is(err, ErrAway))
		}
		if n := len(one.server.Calls()) - before; n > 1 {
			t.Errorf("%s: asked %d times for what cannot pass", want, n)
		}
		if c.Healthy() == nil {
			t.Errorf("%s: healthy", want)
		}
	}
}

// Vault is away at the start: an error that says so, and the same client begins
// later. Issue begins by itself.
func TestBeginLater(t *testing.T) {
	s := newFake(vaulttest.Options{})
	s.Set(vaulttest.Sealed())
	c := open(t, config(t, s))
	i := issuer(t, c, IssuerConfig{})
	err := seen(c.Begin(t.Context()))
	if !errors.Is(err, ErrAway) || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("error %v", err)
	}
	if _, err := i.Issue(t.Context(), request("early")); !errors.Is(err, ErrAway) {
		t.Errorf("issued: %v", err)
	}
	s.Set()
	end(t, i, issue(t, i, "session-1"))
	closed(t, c)
	nothing(t, s)
	if _, err := i.Issue(t.Context(), request("late")); seen(err) == nil || errors.Is(err, ErrAway) {
		t.Errorf("issued after Close: %v", err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// Vault says when to come again, and that is when it is asked.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		c := begin(t, config(t, s))
		i := issuer(t, c, IssuerConfig{})
		fault := vaulttest.TooMany(3)
		fault.Times = 1
		s.Set(fault)
		at := time.Now()
		issue(t, i, "session-1")
		if took := time.Since(at); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("it took %s", took)
		}
		// Somebody who cannot wait so long is told at once.
		s.Set(vaulttest.TooMany(30))
		at = time.Now()
		if _, err := i.Issue(short(t, 10*time.Second), request("session-2")); !errors.Is(seen(err), ErrAway) || time.Since(at) > time.Second {
			t.Errorf("after %s: %v", time.Since(at), err)
		}
	})
}

// The token file's owner puts another token there; the old one is let go of,
// and none of them is revoked.
func TestTokenFileChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		first, firstAccessor := s.Token(time.Hour)
		second, secondAccessor := s.Token(time.Hour)
		cfg := config(t, s)
		cfg.Auth = Auth{TokenFile: file(t, first)}
		c := begin(t, cfg)
		i := issuer(t, c, IssuerConfig{})
		old := issue(t, i, "session-1")
		if err := os.WriteFile(cfg.Auth.TokenFile, []byte(second), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * filePoll)
		fresh := issue(t, i, "session-2")
		if err := s.RevokeToken(firstAccessor); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if termOf(old).Last == nil || termOf(fresh).Last != nil {
			t.Errorf("old %v, fresh %v", termOf(old).Last, termOf(fresh).Last)
		}
		end(t, i, old)
		closed(t, c)
		if left := s.Tokens(); len(left) != 1 || left[secondAccessor] == "" {
			t.Errorf("tokens %v are left", left)
		}
	})
}

// A lent token that is revoked takes all leases along, and its file is of no use
// until somebody changes it.
func TestTokenFileIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(vaulttest.Options{})
		token, accessor := s.Token(time.Hour)
		cfg := config(t, s)
		cfg.Auth = Auth{TokenFile: file(t, token)}
		c := begin(t, cfg)
		i := issuer(t, c, IssuerConfig{})
		lease := issue(t, i, "session-1")
		_, changed := lease.Life.Term()
		at := time.Now()
		if err := s.RevokeToken(accessor); err != nil {
			t.Fatal(err)
		}
		<-changed
		if took := time.Since(at); took > 5*time.Second || termOf(lease).Last == nil {
			t.Errorf("noticed after %s: %v", took, termOf(lease).Last)
		}
		if err := seen(c.Healthy()); !errors.Is(err, ErrDenied) {
			t.Errorf("healthy: %v", err)
		}
		other, _ := s.Token(0)
		if err := os.WriteFile(cfg.Auth.TokenFile, []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := seen(c.Healthy()); err != nil || c.TokenLeft() >= 0 {
			t.Errorf("healthy with a token without end: %v, %s left", err, c.TokenLeft())
		}
		end(t, i, lease)
		closed(t, c)
	})
}

func TestNamespace(t *testing.T) {
	s := newFake(vaulttest.Options{Namespace: "team-a"})
	cfg := config(t, s)
	c := open(t, cfg)
	if err := seen(c.Begin(t.Context())); err == nil || !strings.Contains(err.Error(), "mount") {
		t.Errorf("without a namespace: %v", err)
	}
	crash(c)
	cfg.Namespace = "team-a"
	closed(t, begin(t, cfg))
	nothing(t, s)
}

// A token that could issue and not revoke is refused before it issues anything.
func TestRightsAreChecked(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := open(t, config(t, s))
	issuer(t, c, IssuerConfig{Roles: []string{"reader"}})
	s.Deny("sys/leases/revoke", true)
	s.Deny("database/creds/reader", true)
	err := seen(c.Begin(t.Context()))
	const want = "lack read on database/creds/reader, update on sys/leases/revoke"
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	// One that may not ask is let through.
	s.Deny("sys/capabilities-self", true)
	if err := seen(c.Begin(t.Context())); err != nil {
		t.Error(err)
	}
	s.Deny("sys/leases/revoke", false)
	closed(t, c)
	nothing(t, s)
}

// What an issuer that is apart is denied keeps it from issuing, and nobody else.
func TestRightsOfAnIssuerApart(t *testing.T) {
	s := newFake(vaulttest.Options{})
	c := open(t, config(t, s))
	ours, apart := issuer(t, c, IssuerConfig{Roles: []string{"reader"}}), issuer(t, c, IssuerConfig{Database: "place", Roles: []string{"carrier"}, Apart: true})
	s.Deny("database/creds/carrier", true)
	if err := seen(c.Begin(t.Context())); err != nil {
		t.Errorf("the client does not begin: %v", err)
	}
	if err := seen(ours.Begin(t.Context())); err != nil {
		t.Errorf("the others do not begin: %v", err)
	}
	const want = "lack read on database/creds/carrier"
	for _, err := range []error{apart.Begin(t.Context()), issueFails(t, apart, "carrier")} {
		if seen(err); !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v", err)
		}
	}
	s.Deny("database/creds/carrier", false)
	if err := seen(apart.Begin(t.Context())); err != nil {
		t.Errorf("it does not begin when it may: %v", err)
	}
	closed(t, c)
	nothing(t, s)
}

func issueFails(t *testing.T, i *Issuer, role string) error {
	t.Helper()
	_, err := i.Issue(t.Context(), credential.Request{SessionID: "s", Subject: "anna", Role: role})
	return err
}
