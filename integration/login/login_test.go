package login

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-pg/sluice/integration/harness"
)

// psql runs a text with a token as the password.
func (s *scene) psql(t *testing.T, user, token, text string) harness.Result {
	t.Helper()
	return harness.Run(t, s.as(user, token), harness.Command{
		Program: "/usr/bin/psql", Args: []string{"-X", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1"}, Stdin: text, Dir: t.TempDir(),
	})
}

// expect fails the test unless a result has an exit code and all fragments.
func expect(t *testing.T, r harness.Result, exit int, fragments ...string) {
	t.Helper()
	if r.Exit != exit {
		t.Errorf("exit %d, want %d\n%s", r.Exit, exit, r)
	}
	for _, f := range fragments {
		if !strings.Contains(r.Stdout+r.Stderr, f) {
			t.Errorf("no %q in\n%s", f, r)
		}
	}
}

// awaitEvents waits until so many records of a type are there.
func (s *scene) awaitEvents(t *testing.T, kind string, n int) []map[string]any {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if all := s.events(t, kind); len(all) >= n {
			return all
		} else if time.Now().After(deadline) {
			t.Fatalf("%d records of type %s, want %d", len(all), kind, n)
		}
	}
}

func TestTokenAsPassword(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "jwt", ""))
	r := s.psql(t, "alice", s.idp.token(t, "alice"), "SELECT count(*) FROM users;\nSHOW sluice.session;\n")
	expect(t, r, 0, "200\n", "proven by|jwt", "person|alice of "+s.idp.issuer, "groups|reporting, staff", "token expires|")
	body := s.awaitEvents(t, "session.open", 1)[0]["body"].(map[string]any)
	token, _ := body["token"].(map[string]any)
	if body["user"] != "alice" || body["method"] != "jwt" || token["subject"] != "alice" || token["issuer"] != s.idp.issuer ||
		fmt.Sprint(token["groups"]) != "[reporting staff]" || token["acr"] != "urn:company:two-factors" || fmt.Sprint(token["amr"]) != "[otp pwd]" {
		t.Errorf("on record: %v", body)
	}
	// A token as long as they come, and one that is longer.
	expect(t, s.psql(t, "everywhere", s.idp.token(t, "everywhere"), "SELECT 'in';"), 0, "in\n")
	long := s.idp.note(s.idp.token(t, "beyond"))
	if len(long) <= 16<<10 {
		t.Fatalf("the token of %d bytes is too short for the case", len(long))
	}
	expect(t, s.psql(t, "beyond", long, "SELECT 'in';"), 2, "longer than this login method takes")
}

func TestTokensThatAreRefused(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "jwt", ""))
	good := s.idp.token(t, "alice")
	for _, c := range []struct{ name, user, token, says string }{
		{"expired", "late", s.idp.token(t, "late"), "HINT:  the token has expired: get a new one"},
		{"not yet valid", "early", s.idp.token(t, "early"), "HINT:  the token is not valid yet"},
		{"another audience", "elsewhere", s.idp.token(t, "elsewhere"), "HINT:  the token is for another audience"},
		{"somebody else's", "bob", good, `HINT:  the token is not for "bob"`},
		{"wrong key", "alice", s.idp.note(s.signedByOther(t, good)), "HINT:  give a token of company"},
		{"alg none", "carol", s.idp.note(unsigned(t, s.idp.token(t, "carol"))), "HINT:  give a token of company"},
		{"HS256 with the public key", "carol", s.idp.note(s.signedByPublicKey(t, s.idp.token(t, "carol"))), "HINT:  give a token of company"},
		{"a password", "carol", "correct horse battery staple", "HINT:  give a token of company"},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, s.psql(t, c.user, c.token, "SELECT 'in';"), 2, fmt.Sprintf("FATAL:  password authentication failed for user %q", c.user), c.says)
		})
	}
	expect(t, s.psql(t, "alice", good, "SELECT 'in';"), 0, "in\n")
	if failed := s.awaitEvents(t, "login.failed", 8); len(failed) != 8 {
		t.Errorf("%d failed logins on record", len(failed))
	}
	if log := s.gate.Log(); !strings.Contains(log, "its signature is wrong") || !strings.Contains(log, "of a kind that this issuer does not accept") {
		t.Errorf("the log does not say why:\n%s", log)
	}
	// Whoever goes on guessing waits. carol has failed three times.
	expect(t, s.psql(t, "carol", "guess", "SELECT 1;"), 2, "password authentication failed")
	expect(t, s.psql(t, "carol", s.idp.token(t, "carol"), "SELECT 1;"), 2, `too many failed logins for user "carol" from this address`)
}

func TestReplayedTokens(t *testing.T) {
	s := start(t, ", single_use: true", harness.AllowAll, rule("[all]", "jwt", ""))
	token := s.idp.token(t, "alice")
	expect(t, s.psql(t, "alice", token, "SELECT 'in';"), 0, "in\n")
	expect(t, s.psql(t, "alice", token, "SELECT 'in';"), 2, "HINT:  the token was used before")
	expect(t, s.psql(t, "alice", s.idp.token(t, "alice"), "SELECT 'in';"), 0, "in\n")
}

// A name that several people share is used by those who may.
func TestSharedNames(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[report]", "jwt", ", groups: [reporting], subjects: [all]"),
		rule("[deploy]", "jwt", ", subjects: [carol]"), rule("[all]", "jwt", ", groups: [staff]"))
	alice, bob, carol := s.idp.token(t, "alice"), s.idp.token(t, "bob"), s.idp.token(t, "carol")
	for _, c := range []struct {
		user, token string
		says        string
	}{
		{"report", alice, ""},
		{"report", bob, "you are in none of the groups"},
		{"deploy", carol, ""},
		{"deploy", alice, `the token is not for "deploy"`},
		{"alice", alice, ""},
		{"bob", bob, ""},
		{"carol", carol, "you are in none of the groups"},
	} {
		r := s.psql(t, c.user, c.token, "SELECT 'in';")
		if c.says != "" {
			expect(t, r, 2, c.says)
			continue
		}
		expect(t, r, 0, "in\n")
	}
	body := s.awaitEvents(t, "session.open", 1)[0]["body"].(map[string]any)
	if token, _ := body["token"].(map[string]any); body["user"] != "report" || token["subject"] != "alice" {
		t.Errorf("on record: %v", body)
	}
}

// Groups decide what may leave, by rules and by conditions.
func TestGroupsInThePolicy(t *testing.T) {
	s := start(t, "", `version: 1
rules:
  - {id: reports, effect: allow, kinds: [export_to_client], groups: [reporting]}
  - {id: factors, effect: deny, kinds: [ddl], when: "!('otp' in identity.amr) || identity.subject == ''"}
`, rule("[all]", "jwt", ""))
	alice, bob := s.idp.token(t, "alice"), s.idp.token(t, "bob")
	expect(t, s.psql(t, "alice", alice, "COPY public.users TO STDOUT;\nCREATE TABLE mine (id int);\n"), 0, "user7@example.com", "CREATE TABLE")
	expect(t, s.psql(t, "bob", bob, "COPY public.users TO STDOUT;\n"), 3, "refused by rule default-deny")
	expect(t, s.psql(t, "bob", bob, "CREATE TABLE his (id int);\n"), 3, "refused by rule factors")
	found := false
	for _, event := range s.awaitEvents(t, "decision", 4) {
		text := fmt.Sprint(event["body"])
		found = found || strings.Contains(text, "groups:[reporting staff]") && strings.Contains(text, "subject:alice")
	}
	if !found {
		t.Error("no decision on record holds the groups it looked at")
	}
}

func TestKeysThatRotate(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "jwt", ""))
	keys := func() int { return s.idp.count("GET /keys") }
	old := s.idp.token(t, "alice")
	expect(t, s.psql(t, "alice", old, "SELECT 'in';"), 0, "in\n")
	if keys() != 1 {
		t.Fatalf("the keys were asked for %d times", keys())
	}
	// The provider is left alone for so long after it was asked.
	left := time.After(11 * time.Second)
	s.idp.rotate(t)
	young := s.idp.token(t, "alice")
	expect(t, s.psql(t, "bob", s.idp.note(s.signedByOther(t, s.idp.token(t, "bob"))), "SELECT 1;"), 2, "the provider does not show")
	if keys() != 1 {
		t.Errorf("an unknown key had the keys asked for, %d times", keys())
	}
	<-left
	expect(t, s.psql(t, "alice", young, "SELECT 'in';"), 0, "in\n")
	expect(t, s.psql(t, "alice", old, "SELECT 'in';"), 2, "the provider does not show")
	if keys() != 2 {
		t.Errorf("the keys were asked for %d times", keys())
	}
}

// A provider that is away keeps nobody from starting Sluice, and those who need
// no token from logging in. Its tokens are refused without blame.
func TestProviderThatIsAway(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[bob]", "jwt", ""))
	token := s.idp.token(t, "bob")
	s.idp.stop()
	for range 6 {
		expect(t, s.psql(t, "bob", token, "SELECT 'in';"), 2, "FATAL:  sluice: tokens of company cannot be checked at the moment", "HINT:  this is not your token's fault")
	}
	target := s.gate.Target()
	expect(t, s.psql(t, target.User, target.Password, "SELECT 'in';"), 0, "in\n")
	if log := s.gate.Log(); !strings.Contains(log, "connection refused") {
		t.Errorf("the log has no cause:\n%s", log)
	}
}

func TestSessionEndsWithItsToken(t *testing.T) {
	s := start(t, ", session_ends_with_token: true", harness.AllowAll, rule("[all]", "jwt", ""))
	conn, err := pgx.Connect(t.Context(), s.as("brief", s.idp.token(t, "brief")).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "SELECT pg_sleep(30)")
	if err == nil || !strings.Contains(err.Error(), "sluice: session ended: the token it was opened with has expired (SQLSTATE 57P01)") {
		t.Errorf("%v", err)
	}
	closed := s.awaitEvents(t, "session.close", 1)[0]["body"].(map[string]any)
	if closed["reason"] != "token expired" || closed["upstream_ended"] != true {
		t.Errorf("on record: %v", closed)
	}
}
