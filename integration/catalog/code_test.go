package catalog

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

var (
	//go:embed testdata/lab.sql
	labSchema string
	//go:embed testdata/atomic.sql
	atomicSchema string
)

const (
	reachedFile    = "testdata/reached.txt"
	runner         = "runner"
	runnerPassword = "runner runs"
)

// lab is a server with code of every sort.
type lab struct {
	t        *testing.T
	conn     connection
	snapshot *catalog.Snapshot
	code     *catalog.Code
	path     []string
}

func newLab(t *testing.T, version int) *lab {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, Database: database, Config: map[string]string{"autovacuum": "off"},
		InitSQL: []string{labSchema, atomicSchema},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, runnerPassword)
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	settle := fmt.Sprintf("ALTER SERVER there OPTIONS (ADD port '%d'); GRANT USAGE ON FOREIGN SERVER there TO runner;"+
		"CREATE USER MAPPING FOR PUBLIC SERVER there OPTIONS (user 'runner', password '%s')", server.Port(), runnerPassword)
	if err := server.Exec(t.Context(), database, settle); err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	t.Cleanup(func() { _ = analyzer.Close() })
	l := &lab{t: t, conn: connect(t, server.DSN(runner, runnerPassword, database))}
	exec(t, l.conn, "SET search_path = lab, public")
	l.snapshot = load(t, l.conn)
	exec(t, l.conn, "SET search_path = lab, public")
	l.code = catalog.NewCode(l.snapshot, analyzer, nil)
	for _, row := range rows(t, l.conn, "SELECT unnest(current_schemas(true))") {
		l.path = append(l.path, row[0])
	}
	return l
}

func exec(t *testing.T, c connection, sql string) {
	t.Helper()
	rows(t, c, sql)
}

func rows(t *testing.T, c connection, sql string) (all [][]string) {
	t.Helper()
	err := c.Query(t.Context(), sql, func(values [][]byte) error {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
		}
		all = append(all, row)
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return all
}

// labCase is a record of reached.txt: what is asked for, a statement that runs
// it, and what is reached.
type labCase struct{ ask, sql, want string }

func labCases(t *testing.T) (cases []labCase) {
	t.Helper()
	content, err := os.ReadFile(reachedFile)
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		head, want, _ := strings.Cut(part, "\n----")
		ask, sql, ok := strings.Cut(head, "\n")
		if !ok {
			t.Fatalf("%s has a record without a statement: %s", reachedFile, part)
		}
		cases = append(cases, labCase{ask, sql, strings.TrimSpace(want)})
	}
	return cases
}

// ask answers "function NAME", "read NAME" and "write NAME".
func (l *lab) ask(ask string) *catalog.Reached {
	l.t.Helper()
	what, name, _ := strings.Cut(ask, " ")
	name, found := strings.CutPrefix(name, "lab.")
	if !found {
		l.t.Fatalf("%q", ask)
	}
	ctx := l.t.Context()
	switch what {
	case "function":
		for f := range l.snapshot.Functions() {
			if f.Schema == "lab" && f.Name == name {
				return l.code.Reach(ctx, f.OID, l.path)
			}
		}
	case "read":
		return l.code.ReachOfRead(ctx, named(l.t, l.snapshot, "lab", name).OID, l.path)
	case "insert":
		return l.code.ReachOfWrite(ctx, named(l.t, l.snapshot, "lab", name).OID, catalog.Inserts, l.path)
	case "update":
		return l.code.ReachOfWrite(ctx, named(l.t, l.snapshot, "lab", name).OID, catalog.Updates, l.path)
	case "delete":
		return l.code.ReachOfWrite(ctx, named(l.t, l.snapshot, "lab", name).OID, catalog.Deletes, l.path)
	}
	l.t.Fatalf("nothing is meant by %q", ask)
	return nil
}

func (l *lab) relation(oid catalog.OID) string {
	if r := l.snapshot.Relation(oid); r != nil {
		return r.Schema + "." + r.Name
	}
	return fmt.Sprint(oid)
}

// words prints what was reached.
func (l *lab) words(r *catalog.Reached) string {
	var out []string
	line := func(what string, all []string) {
		if len(all) > 0 {
			slices.Sort(all)
			out = append(out, what+" "+strings.Join(all, ", "))
		}
	}
	var effects, reads, used, writes, relations, calls []string
	for _, e := range r.Effects {
		effects = append(effects, e.Kind.String()+" ("+e.What+" by "+e.By+")")
	}
	for _, c := range r.Reads {
		rel := l.snapshot.Relation(c.Column.Relation)
		name := l.relation(c.Column.Relation) + "." + rel.Column(c.Column.Num).Name
		if c.Output {
			reads = append(reads, name)
		} else {
			used = append(used, name)
		}
	}
	for _, oid := range r.Writes {
		writes = append(writes, l.relation(oid))
	}
	for _, oid := range r.Relations {
		relations = append(relations, l.relation(oid))
	}
	for _, oid := range r.Calls {
		if f := l.snapshot.Function(oid); f.Extension == "" {
			calls = append(calls, f.Signature)
		}
	}
	out = append(out, "kind "+r.Kind().String())
	line("opaque:", slices.Clone(r.Opaque))
	line("effects:", effects)
	line("reads", reads)
	line("uses", used)
	line("writes", writes)
	line("touches", relations)
	line("calls", calls)
	line("servers", slices.Clone(r.Servers))
	return strings.Join(out, "\n")
}

// What code reaches, on two versions alike; and what it really touches when it
// runs is among that, or it says that it cannot be seen.
func TestReached(t *testing.T) {
	t.Parallel()
	cases := labCases(t)
	for _, version := range harness.VersionsOr(t, 15, 18) {
		l := newLab(t, version)
		for i, c := range cases {
			r := l.ask(c.ask)
			got := l.words(r)
			if got != c.want && !*rewrite {
				t.Errorf("PostgreSQL %d: %s reaches\n%s\nwant:\n%s", version, c.ask, got, c.want)
			}
			cases[i].want = got
			if c.sql != "-" {
				l.run(c, r)
			}
		}
	}
	if *rewrite {
		var out strings.Builder
		for i, c := range cases {
			if i > 0 {
				out.WriteString("\n")
			}
			fmt.Fprintf(&out, "%s\n%s\n----\n%s\n", c.ask, c.sql, c.want)
		}
		if err := os.WriteFile(reachedFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// touched are the relations that a transaction has locked, and those whose
// rows it has changed.
const (
	touched = `SELECT DISTINCT l.relation FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace <> pg_my_temp_schema()`
	counted = `SELECT relid, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables WHERE schemaname IN ('lab', 'side')`
)

// run runs a statement in a transaction and compares.
func (l *lab) run(c labCase, r *catalog.Reached) {
	l.t.Helper()
	exec(l.t, l.conn, "BEGIN")
	defer exec(l.t, l.conn, "ROLLBACK")
	before := rows(l.t, l.conn, counted) // of earlier transactions, too
	exec(l.t, l.conn, c.sql)
	look := func(sql string, among []catalog.OID, what string) {
		for _, row := range rows(l.t, l.conn, sql) {
			if slices.ContainsFunc(before, func(b []string) bool { return slices.Equal(b, row) }) || row[len(row)-1] == "0" {
				continue
			}
			var oid catalog.OID
			if _, err := fmt.Sscan(row[0], &oid); err != nil {
				l.t.Fatal(err)
			}
			if !slices.Contains(among, oid) && len(r.Opaque) == 0 {
				l.t.Errorf("%s really %s %s, which it should not reach:\n%s", c.sql, what, l.relation(oid), l.words(r))
			}
		}
	}
	look(touched, r.Relations, "touches")
	look(counted, r.Writes, "changes")
}
