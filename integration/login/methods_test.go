package login

import (
	"fmt"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// proven is a login with psql 15: by which method, and what the record of the
// session says of it.
type proven struct {
	name, user, password, settings string
	method                         string
	bound, certificate             bool
}

// Every way to log in, with the psql of PostgreSQL 15.
func TestMethodsWithPsql15(t *testing.T) {
	world := harness.NewWorld(t, 15)
	s := &scene{world: world, idp: startIDP(t, world)}
	s.gate = harness.StartGateWith(t, world, buildSluice(t), harness.Setup{
		Policy: harness.AllowAll, Auth: []string{
			"- {databases: [all], users: [carol], addresses: [all], tls: required, method: cert}", rule("[bob]", "jwt", ""),
		},
		Config:   fmt.Sprintf("oidc:\n  - {name: company, issuer: %q, audiences: [sluice], ca: %q}\n", s.idp.issuer, world.Server.CAFile),
		ClientCA: world.Server.CAFile,
	})
	t.Cleanup(func() { s.noTokenIsWritten(t) })
	cert, key, err := world.Server.Issue("carol", "carol")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := pgserver.NewAuthority(t.TempDir(), "a stranger's authority")
	if err != nil {
		t.Fatal(err)
	}
	otherCert, otherKey, err := stranger.Issue("carol", "carol")
	if err != nil {
		t.Fatal(err)
	}
	target := s.gate.Target()
	run := func(c proven) harness.Result {
		return harness.Run(t, s.as(c.user, c.password), harness.Command{
			Program: "/usr/bin/psql", Args: []string{"-X", "-w", "-A", "-t", "-d", c.settings, "-c", "SELECT 'in'"}, Dir: t.TempDir(),
		})
	}
	good := []proven{
		{"SCRAM", target.User, target.Password, "channel_binding=disable", "scram-sha-256", false, false},
		{"SCRAM without TLS", target.User, target.Password, "sslmode=disable", "scram-sha-256", false, false},
		{"SCRAM-PLUS", target.User, target.Password, "sslmode=verify-full channel_binding=require", "scram-sha-256", true, false},
		{"certificate", "carol", "", "sslmode=verify-full sslcert=" + cert + " sslkey=" + key, "cert", true, true},
		{"JWT", "bob", s.idp.token(t, "bob"), "sslmode=verify-full", "jwt", false, false},
	}
	for i, c := range good {
		expect(t, run(c), 0, "in\n")
		body := s.awaitEvents(t, "session.open", i+1)[i]["body"].(map[string]any)
		fingerprint, _ := body["certificate"].(string)
		bound, _ := body["channel_bound"].(bool)
		if body["user"] != c.user || body["method"] != c.method || bound != c.bound || (len(fingerprint) == 64) != c.certificate || body["address"] != "127.0.0.1" {
			t.Errorf("%s: on record: %v", c.name, body)
		}
	}
	for _, c := range []struct {
		proven
		says string
	}{
		{proven{name: "a wrong password", user: target.User, password: "wrong"}, `password authentication failed for user "` + target.User + `"`},
		{proven{name: "a name nobody has", user: "nobody", password: "wrong"}, `password authentication failed for user "nobody"`},
		{proven{name: "binding required of a token", user: "bob", password: s.idp.token(t, "bob"), settings: "channel_binding=require"}, "channel binding required"},
		{proven{name: "a token without TLS", user: "bob", password: s.idp.token(t, "bob"), settings: "sslmode=disable"}, "password authentication failed"},
		{proven{name: "no certificate", user: "carol"}, `certificate authentication failed for user "carol"`},
		{proven{name: "a password for a certificate", user: "carol", password: "x"}, `certificate authentication failed for user "carol"`},
		{proven{name: "a stranger's certificate", user: "carol", settings: "sslcert=" + otherCert + " sslkey=" + otherKey}, "unknown ca"},
		{proven{name: "another's certificate", user: "bob", password: "x", settings: "sslcert=" + cert + " sslkey=" + key}, `password authentication failed for user "bob"`},
	} {
		t.Run(c.name, func(t *testing.T) { expect(t, run(c.proven), 2, c.says) })
	}
}
