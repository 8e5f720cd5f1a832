package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/verify"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/proxytest"
)

// policies are the policies that scripts ask for by name.
var policies = map[string]string{
	"allow-all": "../../examples/policies/allow-all.yaml",
	"empty":     "../../examples/policies/empty.yaml",
	"refusals":  "testdata/refusals.yaml",
}

// proxied starts Sluice in this process, in front of a server and with a
// policy, and returns it as a target. It stops with the test.
func proxied(t *testing.T, s *pgserver.Server, policyName string, base proxytest.Target) proxytest.Target {
	t.Helper()
	config := gateConfig(t, s)
	server, err := proxy.New(config, proxy.Parts{
		Analyzer:    analyzer(t),
		Policy:      loadPolicy(t, policyName),
		Recorder:    trail(t, config),
		Verifiers:   verifiers(t, config.Users),
		Credentials: map[string]proxy.Credentials{database: issuer(t, s, policyName)},
		Log:         slog.New(slog.NewTextHandler(io.MultiWriter(testLog{t}, secrets.Log(t.Name())), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := server.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	serve(t, server)
	base.Name, base.Policy = "sluice", policyName
	base.Dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addrs[0].String())
	}
	return base
}

// testLog writes the proxy's log into the test's.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}

func serve(t *testing.T, server *proxy.Server) {
	t.Helper()
	ctx, cut := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		drain, done := context.WithTimeout(ctx, 20*time.Second)
		defer done()
		if err := server.Shutdown(drain); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		cut()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
}

func gateConfig(t *testing.T, s *pgserver.Server) *proxy.Config {
	t.Helper()
	cert, key, err := s.Issue(fmt.Sprintf("sluice%d", time.Now().UnixNano()), "localhost", "localhost", pgserver.Host)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	users := filepath.Join(dir, "users.scram")
	if err := identity.AddUser(users, user, []byte(password), 0); err != nil {
		t.Fatal(err)
	}
	config := &proxy.Config{
		Listen: []proxy.Listen{{Address: pgserver.Host + ":0", TLS: &proxy.ListenTLS{Cert: cert, Key: key}, Plaintext: "loopback"}},
		Users:  users,
		Auth:   identity.Rules{{Databases: []string{"all"}, Users: []string{"all"}, Addresses: []string{"all"}, Method: "scram-sha-256"}},
		Databases: []proxy.Database{{
			Name:       database,
			Upstream:   proxy.Upstream{Host: "localhost", Port: s.Port(), TLS: proxy.UpstreamTLS{CA: s.CAFile}},
			Credential: proxy.Credential{Builtin: &proxy.BuiltinCredential{Admin: "host=localhost", Group: group}},
		}},
		Trail: proxy.TrailConfig{Dir: filepath.Join(dir, "trail")},
	}
	if err := config.Complete(dir); err != nil {
		t.Fatal(err)
	}
	return config
}

func analyzer(t *testing.T) *statement.Analyzer {
	t.Helper()
	a := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func loadPolicy(t *testing.T, name string) *policy.Policy {
	t.Helper()
	text, err := os.ReadFile(policies[name])
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// trail opens the trail. At the end all of it has to be signed and good, and
// nobody's password in it.
func trail(t *testing.T, config *proxy.Config) *audit.Trail {
	t.Helper()
	key, err := audit.LoadOrCreateKey(config.Trail.Key)
	if err != nil {
		t.Fatal(err)
	}
	writes := secrets.NewTree(t.Name(), filepath.Dir(config.Trail.Dir))
	t.Cleanup(writes.Keep)
	trail, err := audit.Open(config.Trail.Dir, audit.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
		report, err := verify.Dir(config.Trail.Dir, key.Verifier(), verify.Options{})
		if err != nil || report.Good == 0 || report.Unsigned != 0 {
			t.Errorf("the trail does not verify: %v\n%s", err, report)
		}
		findSecrets(t, config.Trail.Dir)
	})
	return trail
}

func findSecrets(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(password)) {
			t.Errorf("%s holds a password", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func verifiers(t *testing.T, file string) *identity.Verifiers {
	t.Helper()
	v, err := identity.OpenVerifiers(file)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issuer(t *testing.T, s *pgserver.Server, instance string) *credential.Builtin {
	t.Helper()
	admin, err := pgconn.ParseConfig(s.SuperuserDSN(database))
	if err != nil {
		t.Fatal(err)
	}
	b, err := credential.NewBuiltin(credential.BuiltinConfig{Admin: admin, Group: group, Instance: instance})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return b
}
