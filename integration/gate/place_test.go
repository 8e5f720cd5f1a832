package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
)

const (
	database = "shop"
	group    = "shop_app"
	user     = "alice"
	password = "a password for loopback"
	allowAll = "version: 1\nrules:\n  - {id: all, effect: allow, kinds: ['*'], limits: {rows: unlimited, bytes: unlimited}}\n"
	worker   = "parse-worker"
)

// shared is the one server of this package; every test makes tables of its
// own.
var shared *pgserver.Server

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case worker:
			if err := statement.WorkerMain(os.Stdin, os.Stdout); err != nil {
				os.Exit(1)
			}
			return
		case doomed:
			os.Exit(runDoomed(os.Args[2:]))
		}
	}
	os.Exit(withServer(m))
}

func withServer(m *testing.M) int {
	var err error
	// The log is where LearnFrom finds the secrets of minted roles. It holds all
	// statements: to tell whether an EXECUTE is one of ddl or mod, a server follows
	// it to what it executes, for ever if that is itself.
	shared, err = pgserver.Start(context.Background(), pgserver.Options{
		TLS: true, Database: database, Config: map[string]string{"log_statement": "all"},
		InitSQL: []string{"CREATE ROLE " + group, "GRANT ALL ON DATABASE " + database + " TO " + group, "GRANT ALL ON SCHEMA public TO " + group},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer shared.Stop()
	defer harness.LearnFrom(shared)
	secrets.Learn(secrets.Password, password)
	defer secrets.StartWatch()()
	return m.Run()
}

// setup is a proxy to be started in front of a server.
type setup struct {
	policy string
	// wrap replaces the trail as the proxy sees it.
	wrap func(proxy.Recorder) proxy.Recorder
	// change edits the configuration.
	change func(*proxy.Config)
	// disk replaces the trail's file system.
	disk audit.Disk
	// ttl is how long credentials last; zero means an hour.
	ttl time.Duration
	// now is the clock; nil means time.Now.
	now func() time.Time
}

// place is a running proxy.
type place struct {
	address string
	dir     string
	server  *proxy.Server
	trail   *audit.Trail
	stop    func() error
}

// startPlace starts a proxy for one test.
func startPlace(t *testing.T, s setup) *place {
	t.Helper()
	dir := t.TempDir()
	admin := writeAdmin(t, dir, shared)
	p, err := newPlace(dir, admin, shared.Port(), shared.CAFile, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end(t))
	return p
}

// end stops the proxy, once.
func (p *place) end(t *testing.T) func() {
	return func() {
		if p.stop == nil {
			return
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
		p.stop = nil
	}
}

// writeAdmin writes the administrator's passfile and returns the connection
// string that names it.
func writeAdmin(t *testing.T, dir string, s *pgserver.Server) string {
	t.Helper()
	passfile := filepath.Join(dir, "admin.pgpass")
	line := fmt.Sprintf("*:*:*:%s:%s\n", s.Superuser(), s.Password())
	if err := os.WriteFile(passfile, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("host=localhost port=%d user=%s dbname=%s passfile=%s sslmode=verify-full sslrootcert=%s",
		s.Port(), s.Superuser(), database, passfile, s.CAFile)
}

func newPlace(dir, admin string, port int, ca string, s setup) (*place, error) {
	if s.policy == "" {
		s.policy = allowAll
	}
	users := filepath.Join(dir, "users.scram")
	if _, err := os.Stat(users); err != nil { // it is there at a restart
		if err := identity.AddUser(users, user, []byte(password), identity.MinIterations); err != nil {
			return nil, err
		}
	}
	config := &proxy.Config{
		Listen: []proxy.Listen{{Address: "127.0.0.1:0", Plaintext: "loopback"}},
		Users:  users,
		Auth:   identity.Rules{{Databases: []string{"all"}, Users: []string{"all"}, Addresses: []string{"all"}, Method: identity.MethodSCRAM}},
		Databases: []proxy.Database{{
			Name:       database,
			Upstream:   proxy.Upstream{Host: "localhost", Port: port, TLS: proxy.UpstreamTLS{CA: ca}},
			Credential: proxy.Credential{Builtin: &proxy.BuiltinCredential{Admin: admin, Group: group}},
		}},
		Trail:    proxy.TrailConfig{Dir: filepath.Join(dir, "trail")},
		Instance: filepath.Base(dir),
	}
	if s.change != nil {
		s.change(config)
	}
	if err := config.Complete(dir); err != nil {
		return nil, err
	}
	return assemble(config, dir, s)
}

func assemble(config *proxy.Config, dir string, s setup) (*place, error) {
	writes := secrets.NewTree("gate", dir)
	p, err := policy.Parse("policy.yaml", []byte(s.policy))
	if err != nil {
		return nil, err
	}
	verifiers, err := identity.OpenVerifiers(config.Users)
	if err != nil {
		return nil, err
	}
	key, err := audit.LoadOrCreateKey(config.Trail.Key)
	if err != nil {
		return nil, err
	}
	trail, err := audit.Open(config.Trail.Dir, audit.Options{Key: key, Disk: s.disk})
	if err != nil {
		return nil, err
	}
	adminConfig, err := pgconn.ParseConfig(config.Databases[0].Credential.Builtin.Admin)
	if err != nil {
		return nil, err
	}
	issuer, err := credential.NewBuiltin(credential.BuiltinConfig{
		Admin: adminConfig, Group: group, ReplicationGroup: config.Databases[0].Credential.Builtin.ReplicationGroup,
		Instance: config.Instance, TTL: s.ttl, Now: s.now,
	})
	if err != nil {
		return nil, err
	}
	analyzer := statement.NewAnalyzer(statement.Options{
		MaxBytes: config.Limits.StatementBytes, MaxOperators: config.Limits.Operators, Worker: []string{"/proc/self/exe", worker},
	})
	budgets, err := proxy.RecoverBudgets(context.Background(), config.Trail.Dir, key, p, time.Now())
	if err != nil {
		return nil, err
	}
	var recorder proxy.Recorder = trail
	if s.wrap != nil {
		recorder = s.wrap(trail)
	}
	server, err := proxy.New(config, proxy.Parts{
		Analyzer: analyzer, Policy: p, Recorder: recorder, Verifiers: verifiers,
		Credentials: map[string]proxy.Credentials{database: issuer}, Log: testLog(), Now: s.now, Budgets: budgets,
	})
	if err != nil {
		return nil, err
	}
	addrs, err := server.Listen(context.Background())
	if err != nil {
		return nil, err
	}
	ctx, cut := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	return &place{
		address: addrs[0].String(), dir: dir, server: server, trail: trail,
		stop: func() error {
			drain, done := context.WithTimeout(context.Background(), 5*time.Second)
			defer done()
			// Sessions that a test left open are cut.
			_ = server.Shutdown(drain)
			cut()
			ended := <-served
			// A test may have broken the trail on purpose.
			_ = trail.Close()
			writes.Keep()
			return errors.Join(ended, analyzer.Close(), issuer.Close(context.Background()))
		},
	}, nil
}

// testLog is quiet unless somebody looks for a cause; what is in it is looked at
// for secrets.
func testLog() *slog.Logger {
	out := secrets.Log("gate")
	if os.Getenv("SLUICE_TEST_LOG") != "" {
		out = io.MultiWriter(out, os.Stderr)
	}
	return slog.New(slog.NewTextHandler(out, nil))
}

// dsn is how to connect to the proxy.
func (p *place) dsn(extra string) string {
	host, port, _ := net.SplitHostPort(p.address)
	return fmt.Sprintf("host=%s port=%s dbname=%s user=%s password='%s' sslmode=disable %s", host, port, database, user, password, extra)
}

func (p *place) connect(t *testing.T, extra string) *pgconn.PgConn {
	t.Helper()
	c, err := p.try(extra)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func (p *place) try(extra string) (*pgconn.PgConn, error) {
	ctx, done := context.WithTimeout(context.Background(), 30*time.Second)
	defer done()
	c, err := pgconn.Connect(ctx, p.dsn(extra))
	secrets.Show("gate", err)
	return c, err
}

// run runs a simple query and returns its error.
func run(t *testing.T, c *pgconn.PgConn, sql string) error {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 60*time.Second)
	defer done()
	_, err := c.Exec(ctx, sql).ReadAll()
	secrets.Show(t.Name(), err)
	return err
}

func mustRun(t *testing.T, c *pgconn.PgConn, sql string) {
	t.Helper()
	if err := run(t, c, sql); err != nil {
		t.Fatalf("%.200s: %v", sql, err)
	}
}

// code returns an error's SQLSTATE.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// onServer asks the server itself, past the proxy, for one number.
func onServer(t *testing.T, sql string) int {
	t.Helper()
	rows, err := shared.Query(t.Context(), database, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	n, err := strconv.Atoi(rows[0][0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func onServerExec(t *testing.T, sql string) {
	t.Helper()
	if err := shared.Exec(t.Context(), database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// tableExists looks for a table in any schema.
func tableExists(t *testing.T, name string) bool {
	t.Helper()
	return onServer(t, "SELECT count(*) FROM pg_class WHERE relname = '"+strings.ReplaceAll(name, "'", "''")+"'") > 0
}
