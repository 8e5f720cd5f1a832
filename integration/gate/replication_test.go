package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// following is a policy that lets alice follow one publication by one slot.
const following = `version: 1
classes: {secret.token: {}}
columns:
  - {columns: [public.tokens.token, public.ledger.token], class: secret.token}
replication:
  - {id: order-feed, users: [alice], databases: [shop], slot: warehouse, publications: [orders_only], may_create: true}
  - {id: token-feed, users: [alice], databases: [shop], slot: tokens, publications: [tokens_too]}
  - {id: part-feed, users: [alice], databases: [shop], slot: part, publications: [part_only]}
  - {id: short-feed, users: [alice], databases: [shop], slot: short, publications: [orders_only], limits: {bytes: 20KiB}}
  - {id: raw-feed, users: [alice], databases: [shop], slot: raw, plugin: test_decoding}
rules:
  - {id: copies, effect: allow, kinds: [export_to_client], relations: [public.orders]}
`

// feeders is the group of replication sessions; others is a user of the proxy
// whom the policy does not name.
const (
	feeders = "shop_feeders"
	others  = "bob"
)

// followed is a server with something to follow, and a proxy before it.
type followed struct {
	server *pgserver.Server
	place  *place
	// client is the folder of PostgreSQL 15's client programs.
	client string
}

func follow(t *testing.T, version int, s setup) *followed {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true, Database: database,
		Config:  map[string]string{"wal_level": "logical", "wal_sender_timeout": "10s"},
		InitSQL: []string{"CREATE ROLE " + group, "CREATE ROLE " + feeders, "GRANT ALL ON DATABASE " + database + " TO " + group},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	f := &followed{server: server}
	f.exec(t, `CREATE TABLE orders (id int PRIMARY KEY, note text); CREATE TABLE tokens (id int PRIMARY KEY, token text);
CREATE TABLE ledger (id int, token text) PARTITION BY RANGE (id); CREATE TABLE ledger_1 PARTITION OF ledger FOR VALUES FROM (0) TO (100);
CREATE PUBLICATION part_only FOR TABLE ledger_1; CREATE PUBLICATION orders_only FOR TABLE orders; CREATE PUBLICATION tokens_too FOR TABLE orders, tokens;
GRANT SELECT ON orders TO `+feeders)
	for _, slot := range []string{"tokens', 'pgoutput", "raw', 'test_decoding", "theirs', 'pgoutput", "part', 'pgoutput", "short', 'pgoutput"} {
		f.exec(t, "SELECT pg_create_logical_replication_slot('"+slot+"')")
	}
	if f.client, err = pgserver.FindBinaries(15); err != nil {
		t.Fatal(err)
	}
	s.policy = following
	change := s.change
	s.change = func(c *proxy.Config) {
		c.Databases[0].Credential.Builtin.ReplicationGroup = feeders
		if err := identity.AddUser(c.Users, others, []byte(password), identity.MinIterations); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(c)
		}
	}
	dir := t.TempDir()
	if f.place, err = newPlace(dir, writeAdmin(t, dir, server), server.Port(), server.CAFile, s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.place.end(t))
	return f
}

func (f *followed) exec(t *testing.T, sql string) {
	t.Helper()
	if err := f.server.Exec(t.Context(), database, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (f *followed) value(t *testing.T, sql string) string {
	t.Helper()
	rows, err := f.server.Query(t.Context(), database, sql)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s: %v %v", sql, rows, err)
	}
	return rows[0][0]
}

// run runs a client program through the proxy, and returns what it printed and
// whether it ended well.
func (f *followed) run(t *testing.T, as, program string, args ...string) (string, bool) {
	t.Helper()
	cmd := f.command(t, as, program, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err == nil
}

func (f *followed) command(t *testing.T, as, program string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	if program == "pg_recvlogical" {
		args = append([]string{"--dbname=" + database}, args...)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(f.client, program), args...)
	host, port, _ := strings.Cut(f.place.address, ":")
	cmd.Env = []string{
		"PGHOST=" + host, "PGPORT=" + port, "PGUSER=" + as, "PGPASSWORD=" + password, "PGDATABASE=" + database,
		"PGSSLMODE=disable", "LC_ALL=C.UTF-8", "HOME=" + t.TempDir(),
	}
	cmd.Dir = t.TempDir()
	return cmd
}

// TestReplication: pg_recvlogical follows what the policy names, and nothing
// else. Physical programs are told why not.
func TestReplication(t *testing.T) {
	for _, version := range harness.Versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			f := follow(t, version, setup{})
			if out, ok := f.run(t, user, "pg_recvlogical", "--slot=warehouse", "--create-slot", "--plugin=pgoutput"); !ok {
				t.Fatalf("the slot was not made: %s", out)
			}
			before := f.value(t, "SELECT pg_current_wal_lsn()")
			f.exec(t, "INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 500) n; INSERT INTO tokens VALUES (1, 'the token')")
			end := f.value(t, "SELECT pg_current_wal_insert_lsn()")
			out, ok := f.run(t, user, "pg_recvlogical", "--slot=warehouse", "--start", "--no-loop", "--endpos="+end, "--file=-",
				"--option=proto_version=1", "--option=publication_names=orders_only")
			if !ok || !strings.Contains(out, "order 500") || strings.Contains(out, "the token") {
				t.Errorf("followed (%v) %d bytes: %.2000q", ok, len(out), out)
			}
			if f.value(t, "SELECT confirmed_flush_lsn > '"+before+"' FROM pg_replication_slots WHERE slot_name = 'warehouse'") != "t" {
				t.Error("what the client confirmed did not arrive")
			}
			f.refused(t)
			f.commands(t)
			if out, ok := f.run(t, user, "pg_recvlogical", "--slot=warehouse", "--drop-slot"); !ok {
				t.Errorf("the slot was not dropped: %s", out)
			}
			f.recorded(t)
		})
	}
}

// refused runs what the policy does not name.
func (f *followed) refused(t *testing.T) {
	t.Helper()
	start := func(slot string, options ...string) []string {
		args := []string{"pg_recvlogical", "--slot=" + slot, "--start", "--no-loop", "--file=-"}
		for _, option := range options {
			args = append(args, "--option="+option)
		}
		return args
	}
	for _, c := range []struct {
		as   string
		args []string
		why  string
	}{
		{user, start("warehouse", "proto_version=1", "publication_names=tokens_too"), "it is for publication_names orders_only"},
		{user, start("warehouse", "proto_version=1", `publication_names=orders_only,tokens_too`), "it is for publication_names orders_only"},
		{user, start("warehouse", "proto_version=1", "publication_names=orders_only", "messages=true"), "messages belong to no publication"},
		{user, start("warehouse"), "it is for publication_names orders_only"},
		{user, start("theirs", "proto_version=1", "publication_names=orders_only"), "it is for slot warehouse"},
		{user, start("tokens", "proto_version=1", "publication_names=tokens_too"), "secret.token"},
		{user, start("part", "proto_version=1", "publication_names=part_only"), "secret.token"},
		{user, start("short", "proto_version=1", "publication_names=orders_only"), "stopped at the limit of 20 KiB of rule short-feed"},
		{user, start("raw"), "secret.token"},
		{user, []string{"pg_recvlogical", "--slot=theirs", "--drop-slot"}, "it is for slot warehouse"},
		{user, []string{"pg_recvlogical", "--slot=raw", "--drop-slot"}, "may_create"},
		{user, []string{"pg_recvlogical", "--slot=warehouse", "--create-slot", "--plugin=test_decoding"}, "it is for the plugin pgoutput"},
		{others, start("warehouse", "proto_version=1", "publication_names=orders_only"), "no entry under replication names this user"},
		{user, []string{"pg_basebackup", "--pgdata=backup"}, "physical replication connections are not let through"},
		{user, []string{"pg_receivewal", "--directory=."}, "physical replication"},
	} {
		out, ok := f.run(t, c.as, c.args[0], c.args[1:]...)
		if ok || !strings.Contains(out, "sluice: ") || !strings.Contains(out, c.why) {
			t.Errorf("%s %q (%v): %s", c.as, c.args, ok, out)
		}
	}
}

// commands sends commands over one replication connection, which lives on after
// what is refused.
func (f *followed) commands(t *testing.T) {
	t.Helper()
	c := f.place.connect(t, "replication=database")
	for _, s := range []struct{ text, code string }{
		{"IDENTIFY_SYSTEM", ""},
		{"SHOW wal_level", ""},
		{"SELECT current_user", ""},
		{"SELECT count(*) FROM orders", ""},
		{"SELECT count(*) FROM tokens", "42501"},
		{"COPY public.orders TO STDOUT", ""},
		{"COPY public.tokens TO STDOUT", "42501"},
		{"DISCARD ALL", ""},
		{"SELECT 1/(current_user = '" + feeders + "')::int", ""},
		{"BEGIN; SELECT 1", ""},
		{"SELECT 1/0", "22012"},
		{"ROLLBACK", ""},
		{"BASE_BACKUP", "42501"},
		{"BASE_BACKUP (LABEL 'x', TARGET 'client')", "42501"},
		{"START_REPLICATION 0/0", "42501"},
		{"START_REPLICATION SLOT warehouse PHYSICAL 0/0", "42501"},
		{"TIMELINE_HISTORY 1", "42501"},
		{"READ_REPLICATION_SLOT warehouse", "42501"},
		{"CREATE_REPLICATION_SLOT mine TEMPORARY LOGICAL pgoutput", "42501"},
		{"CREATE_REPLICATION_SLOT warehouse PHYSICAL", "42501"},
		{"DROP_REPLICATION_SLOT theirs", "42501"},
		{"START_REPLICATION SLOT warehouse LOGICAL 0/0 (nonsense", "42601"},
		{"SELECT pg_create_logical_replication_slot('x', 'pgoutput')", "42501"},
		{"identify_system", "42601"},
		{"IDENTIFY_SYSTEM; DROP_REPLICATION_SLOT warehouse", "42601"},
		{"SELECT 1", ""},
	} {
		if err := run(t, c, s.text); code(err) != s.code || err != nil && s.code == "" {
			t.Errorf("%s: %v, want %q", s.text, err, s.code)
		}
	}
	if _, err := c.ExecParams(t.Context(), "SELECT 1", nil, nil, nil, nil).Close(); err == nil {
		t.Error("the extended protocol works on a replication connection")
	}
	mustRun(t, c, "SELECT 1")
}

// recorded looks for the stream in the trail: the decision, and what it came to.
func (f *followed) recorded(t *testing.T) {
	t.Helper()
	f.place.end(t)()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(f.place.dir, "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	decided, ended := false, false
	for line := range strings.Lines(text.String()) {
		if strings.Contains(line, "order 500") || strings.Contains(line, "the token") {
			t.Errorf("a value is on record: %s", line)
		}
		decided = decided || strings.Contains(line, `"rule":"order-feed"`) && strings.Contains(line, "START_REPLICATION")
		ended = ended || strings.Contains(line, `"type":"result"`) && strings.Contains(line, `"rows":50`)
	}
	if !decided || !ended {
		t.Errorf("the stream is not on record: decision %v, result %v\n%s", decided, ended, text.String())
	}
}

// TestReplicationEnds: a stream ends with its credential, with the policy that
// allowed it, and with the proxy.
func TestReplicationEnds(t *testing.T) {
	for name, c := range map[string]struct {
		ttl time.Duration
		end func(t *testing.T, f *followed)
		say string
	}{
		"lease": {4 * time.Second, func(*testing.T, *followed) {}, "its credential has reached its end"},
		"policy": {0, func(t *testing.T, f *followed) {
			p, err := policy.Parse("policy.yaml", []byte("version: 1\n"))
			if err != nil {
				t.Fatal(err)
			}
			f.place.server.SetPolicy(p)
		}, "does not allow this stream of changes any more"},
		"proxy": {0, func(t *testing.T, f *followed) { f.place.end(t)() }, "the proxy is stopping"},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, 0, setup{ttl: c.ttl})
			if out, ok := f.run(t, user, "pg_recvlogical", "--slot=warehouse", "--create-slot", "--plugin=pgoutput"); !ok {
				t.Fatal(out)
			}
			var out bytes.Buffer
			cmd := f.command(t, user, "pg_recvlogical", "--slot=warehouse", "--start", "--no-loop", "--file=-", "--status-interval=1",
				"--option=proto_version=1", "--option=publication_names=orders_only")
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			f.await(t, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
			c.end(t, f)
			if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), c.say) {
				t.Errorf("%v: %s", err, out.String())
			}
			f.await(t, "SELECT count(*) FROM pg_stat_replication", "0")
		})
	}
}

// await waits until a question has an answer.
func (f *followed) await(t *testing.T, sql, want string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for f.value(t, sql) != want {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not %s", sql, want)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// Without a group for it there is no login for replication, and what the client
// reads says whose turn it is.
func TestReplicationWithoutLogin(t *testing.T) {
	f := follow(t, 0, setup{change: func(c *proxy.Config) { c.Databases[0].Credential.Builtin.ReplicationGroup = "" }})
	out, ok := f.run(t, user, "pg_recvlogical", "--slot=warehouse", "--create-slot", "--plugin=pgoutput")
	if ok || !strings.Contains(out, "replication_group") {
		t.Errorf("%v: %s", ok, out)
	}
}

// TestReplicationOnOneRoad: a session that is none of replication gets none of
// its commands.
func TestReplicationOnOneRoad(t *testing.T) {
	f := follow(t, 0, setup{})
	c := f.place.connect(t, "")
	for _, text := range []string{"IDENTIFY_SYSTEM", "START_REPLICATION SLOT warehouse LOGICAL 0/0"} {
		var pg *pgconn.PgError
		if err := run(t, c, text); !errors.As(err, &pg) || pg.Code != "42601" {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := f.place.try("replication=true"); code(err) != "42501" {
		t.Errorf("a physical replication connection: %v", err)
	}
	if _, err := os.Stat(filepath.Join(f.client, "pg_recvlogical")); err != nil {
		t.Error(err)
	}
}

// TestSubscription: another server subscribes through the proxy, and what is
// written here arrives there.
func TestSubscription(t *testing.T) {
	for _, version := range harness.Versions(t) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			f := follow(t, version, setup{})
			there, err := pgserver.Start(t.Context(), pgserver.Options{Version: version, Database: database})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := there.Stop(); err != nil {
					t.Error(err)
				}
			})
			host, port, _ := strings.Cut(f.place.address, ":")
			for _, sql := range []string{
				"CREATE TABLE orders (id int PRIMARY KEY, note text)",
				fmt.Sprintf("CREATE SUBSCRIPTION warehouse CONNECTION 'host=%s port=%s dbname=%s user=%s password=''%s'' sslmode=disable' PUBLICATION orders_only WITH (copy_data = false)",
					host, port, database, user, strings.ReplaceAll(password, "'", "''")),
			} {
				if err := there.Exec(t.Context(), database, sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			f.exec(t, "INSERT INTO orders VALUES (7, 'across')")
			deadline := time.Now().Add(20 * time.Second)
			for {
				rows, err := there.Query(t.Context(), database, "SELECT note FROM orders")
				if err != nil {
					t.Fatal(err)
				}
				if len(rows) == 1 && rows[0][0] == "across" {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("what was written did not arrive: %v", rows)
				}
				time.Sleep(30 * time.Millisecond)
			}
			if err := there.Exec(t.Context(), database, "DROP SUBSCRIPTION warehouse"); err != nil {
				t.Error(err)
			}
			if n := f.value(t, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'warehouse'"); n != "0" {
				t.Error("the slot was not dropped with its subscription")
			}
		})
	}
}
