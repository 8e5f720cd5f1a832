package login

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// connect logs in with pgx by OAUTHBEARER.
func (s *scene) connect(t *testing.T, user, token string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(s.as(user, "").URL())
	if err != nil {
		t.Fatal(err)
	}
	config.OAuthTokenProvider = func(context.Context) (string, error) { return token, nil }
	return pgx.ConnectConfig(t.Context(), config)
}

func TestOAuthBearerWithPgx(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "oauthbearer", ", groups: [staff]"))
	conn, err := s.connect(t, "alice", s.idp.token(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var users int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM users").Scan(&users); err != nil || users != 200 {
		t.Errorf("%d users, %v", users, err)
	}
	body := s.awaitEvents(t, "session.open", 1)[0]["body"].(map[string]any)
	if token, _ := body["token"].(map[string]any); body["method"] != "oauthbearer" || token["subject"] != "alice" {
		t.Errorf("on record: %v", body)
	}
	for user, token := range map[string]string{
		"late": s.idp.token(t, "late"), "elsewhere": s.idp.token(t, "elsewhere"), "carol": s.idp.token(t, "carol"),
		"bob": s.idp.note(unsigned(t, s.idp.token(t, "bob"))), "alice": s.idp.note(s.signedByOther(t, s.idp.token(t, "alice"))),
	} {
		if _, err := s.connect(t, user, token); err == nil || !strings.Contains(err.Error(), "OAuth authentication failed: invalid_token") {
			t.Errorf("%s: %v", user, err)
		}
	}
	s.awaitEvents(t, "login.failed", 5)
	if log := s.gate.Log(); !strings.Contains(log, "its signature is wrong") {
		t.Errorf("the log does not say what is wrong with another key's token:\n%s", log)
	}
	s.idp.stop()
	// The keys are still at hand.
	again, err := s.connect(t, "alice", s.idp.tokens[0])
	if err != nil {
		t.Fatal(err)
	}
	again.Close(t.Context())
}

// A token that counts once is refused when it comes again.
func TestReplayedTokenWithPgx(t *testing.T) {
	s := start(t, ", single_use: true", harness.AllowAll, rule("[all]", "oauthbearer", ""))
	token := s.idp.token(t, "alice")
	for again, token := range []string{token, token, s.idp.token(t, "alice")} {
		conn, err := s.connect(t, "alice", token)
		if again == 1 {
			if err == nil || !strings.Contains(err.Error(), "OAuth authentication failed: invalid_token") {
				t.Errorf("a token that was used before: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(t.Context())
	}
	s.awaitEvents(t, "login.failed", 1)
	if log := s.gate.Log(); !strings.Contains(log, "used before") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}

// Without a token pgx says what is missing, and the words of a failed login by
// token are those of PostgreSQL.
func TestOAuthBearerWhileAwayWithPgx(t *testing.T) {
	s := start(t, "", harness.AllowAll, rule("[all]", "oauthbearer", ""))
	token := s.idp.token(t, "alice")
	s.idp.stop()
	if _, err := s.connect(t, "alice", token); err == nil || !strings.Contains(err.Error(), "tokens of company cannot be checked at the moment (SQLSTATE 28000)") {
		t.Errorf("%v", err)
	}
}

// libpq 18 asks where to get a token before it starts its device flow. The part
// that runs the flow is a module of its own, which the packages that the suites
// use do not have; so this ends where libpq looks for it, and says so.
func TestDiscoveryWithLibpq18(t *testing.T) {
	s := start(t, ", scopes: [openid, groups]", harness.AllowAll, rule("[all]", "oauthbearer", ""))
	s.idp.note(s.idp.token(t, "alice"))
	bin, err := pgserver.FindBinaries(18)
	if err != nil {
		t.Fatal(err)
	}
	lib := "LD_LIBRARY_PATH=" + filepath.Join(filepath.Dir(bin), "lib")
	run := func(settings string) harness.Result {
		return harness.Run(t, s.as("alice", ""), harness.Command{
			Program: "/usr/bin/psql", Args: []string{"-X", "-w", "-d", settings, "-c", "SELECT 'in'"}, Env: []string{lib}, Dir: t.TempDir(),
		})
	}
	for range 6 {
		expect(t, run("oauth_issuer="+s.idp.issuer+" oauth_client_id=psql require_auth=oauth"), 2, "no OAuth flows are available")
	}
	// The line is written after the client has its answer.
	asked := func() int { return strings.Count(s.gate.Log(), "client asked where to get a token") }
	for deadline := time.Now().Add(10 * time.Second); asked() < 6 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if n := asked(); n != 6 {
		t.Errorf("%d clients asked where to get a token\n%s", n, s.gate.Log())
	}
	// libpq believes only the issuer that its user named.
	expect(t, run("oauth_issuer=https://evil.example oauth_client_id=psql"), 2, "server's discovery document at "+s.idp.issuer, "is incompatible with oauth_issuer")
	expect(t, run("sslmode=verify-full"), 2, "server requires OAuth authentication")
	if failed := s.events(t, "login.failed"); len(failed) != 0 {
		t.Errorf("asking for a token is on record as a failed login: %v", failed)
	}
}
