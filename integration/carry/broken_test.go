package carry

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/faults"
	"github.com/sluice-pg/sluice/integration/harness"
)

// broken is a stage on which things go wrong: both servers are reached through
// relays.
type broken struct {
	*stage
	source, place *faults.Relay
	// size is how many bytes come from the source once the staging schema is
	// made.
	size int64
}

// theSet is a copy of two tables with a foreign key between them.
const theSet = "COPY crm.people TO 'sluice://analytics/crm.people?existing=swap'; COPY crm.orders TO 'sluice://analytics/crm.orders?existing=swap'"

func newBroken(t *testing.T, source, destination int) *broken {
	t.Helper()
	s := &broken{stage: newEnds(t, source, destination)}
	s.source, s.place = relayTo(t, s.world.Server.Port()), relayTo(t, s.there.Port())
	s.way = s.place.Port()
	if err := s.there.Exec(t.Context(), "postgres", "ALTER SYSTEM SET synchronous_commit = on; "); err != nil {
		t.Fatal(err)
	}
	if err := s.there.Exec(t.Context(), "postgres", "SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	s.start(t, harness.Setup{Policy: s.policy(t), Ways: map[string]int{"shop": s.source.Port()}, Limits: "drain: 5s, unreachable: 2s"})
	s.weigh(t)
	return s
}

func relayTo(t *testing.T, port int) *faults.Relay {
	t.Helper()
	r, err := faults.StartRelay(t.Context(), "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// weigh makes a copy with nothing broken, and counts the bytes of the source.
func (s *broken) weigh(t *testing.T) {
	t.Helper()
	c := &client{stage: s.stage, text: theSet}
	before := int64(0)
	s.behindLock(t, s.there, "copies", "pg_catalog.pg_namespace IN SHARE MODE", c, func() { before = s.source.Passed(faults.Back) })
	c.end(t)
	s.size = s.source.Passed(faults.Back) - before
	if c.exit() != 0 || s.size < 100_000 {
		t.Fatalf("nothing is broken, and yet, after %d bytes: %s\n%s", s.size, c.said(), s.gate.Log())
	}
}

// client is psql with one text.
type client struct {
	stage  *stage
	text   string
	cmd    *exec.Cmd
	output harness.Buffer
	ended  chan struct{}
}

// begin starts it, once.
func (c *client) begin(t *testing.T) {
	t.Helper()
	if c.cmd != nil {
		return
	}
	c.cmd, c.ended = exec.Command("psql", "-X", "-c", c.text), make(chan struct{})
	c.cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + t.TempDir()}, c.stage.gate.Target().Env()...)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); <-c.ended })
	go func() {
		_ = c.cmd.Wait() // the exit code says it
		close(c.ended)
	}()
}

func (c *client) hasEnded() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// end waits for its end.
func (c *client) end(t *testing.T) {
	t.Helper()
	await(t, "the client to end", c.hasEnded)
}

func (c *client) exit() int {
	if !c.hasEnded() {
		return -2
	}
	return c.cmd.ProcessState.ExitCode()
}

// awaitServers waits until both servers answer.
func (s *broken) awaitServers(t *testing.T) {
	t.Helper()
	for _, server := range []*pgserver.Server{s.world.Server, s.there} {
		await(t, "a server to answer", func() bool { return ask(t.Context(), server, "SELECT 1") == "1" })
	}
}

// killBackend ends a server process of the copy with SIGKILL: the one that began
// first or last. The whole server then starts anew.
func killBackend(t *testing.T, server *pgserver.Server, order string) {
	t.Helper()
	pid, err := strconv.Atoi(ask(t.Context(), server, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'sluice/copy%' ORDER BY backend_start "+order+" LIMIT 1"))
	if err != nil {
		t.Fatal("the copy has no connection there at this moment")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// copies is what the trail says about all copies, in their order.
func (s *stage) copies(t *testing.T) []*ledger.Copy {
	t.Helper()
	l, err := ledger.Read(t.Context(), s.gate.Dir()+"/trail", ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems, _ := l.Problems(); len(problems) > 0 {
		t.Errorf("the ledger has problems: %v", problems)
	}
	return l.Copies(ledger.Query{All: true})
}

// published is the id of the copy that both tables of the set are of, by the
// policies on them; empty if neither is there.
func (s *stage) published(t *testing.T) string {
	t.Helper()
	of := s.at(t, `SELECT c.relname || ' ' || coalesce((SELECT string_agg(substr(p.polname, 14), ',') FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname LIKE 'sluice\_lease\_%'), 'unprotected')
FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' ORDER BY 1`)
	if of == "" {
		return ""
	}
	id := of[strings.LastIndexByte(of, ' ')+1:]
	if want := "orders " + id + "\npeople " + id; of != want || len(id) != 26 {
		t.Errorf("the destination has not one whole set:\n%s", of)
	}
	return id
}

// whole makes sure that the set is what the source has.
func (s *stage) whole(t *testing.T) {
	t.Helper()
	const orders = "SELECT count(*) || ' ' || md5(string_agg(o::text, ';' ORDER BY id)) FROM crm.orders o"
	const people = "SELECT count(*) || ' ' || md5(string_agg(id || coalesce(country, '-') || born, ';' ORDER BY id)) FROM crm.people"
	for _, sql := range []string{orders, people} {
		s.holds(t, sql, s.world.Query(t, "shop", sql)[0][0])
	}
	s.holds(t, "SELECT count(*) FROM crm.orders o JOIN crm.people p ON p.id = o.person", "5000")
	s.holds(t, "SELECT count(*), count(token), count(DISTINCT email) FROM crm.people WHERE email LIKE '%@m.invalid'", "2000|0|2000")
	s.holds(t, "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'crm.orders'::regclass AND contype = 'f'", "orders_person_fkey|t")
	s.holds(t, "SELECT count(*) FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity AND relowner = 'sluice_owner'::regrole)", "0")
}

// closed makes sure that nobody but the owner can do anything with what was not
// published.
func (s *stage) closed(t *testing.T) {
	t.Helper()
	s.holds(t, `WITH stage AS (SELECT * FROM pg_namespace WHERE nspname LIKE 'sluice\_stage\_%')
SELECT n.nspname || ' owned by ' || n.nspowner::regrole FROM stage n WHERE n.nspowner <> 'sluice_owner'::regrole
UNION ALL SELECT n.nspname || ' for ' || x.grantee::regrole FROM stage n, aclexplode(n.nspacl) x WHERE x.grantee <> n.nspowner
UNION ALL SELECT c.oid::regclass || ' for ' || x.grantee::regrole FROM stage n JOIN pg_class c ON c.relnamespace = n.oid, aclexplode(c.relacl) x WHERE x.grantee <> c.relowner
UNION ALL SELECT c.oid::regclass || ' readable' FROM stage n JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r' WHERE has_schema_privilege('anna', n.oid, 'USAGE') OR has_table_privilege('anna', c.oid, 'SELECT')`, "")
}

// staged are the copies of which a staging schema is there.
func (s *stage) staged(t *testing.T) string {
	t.Helper()
	return s.at(t, `SELECT DISTINCT substr(nspname, 14, 26) FROM pg_namespace WHERE nspname LIKE 'sluice\_stage\_%' ORDER BY 1`)
}

// loginsLeft are short-lived logins of copies at one of the servers.
func loginsLeft(t *testing.T, server *pgserver.Server) string {
	t.Helper()
	rows, err := server.Query(t.Context(), "postgres", `SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice\_alice%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(rows)
}
