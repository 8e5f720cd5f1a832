package catalog

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

var rewrite = flag.Bool("rewrite", false, "write what the test sees into testdata/changes.txt")

// A session is a script of statements, each on a line, and of names after a
// question mark; then a line ----, and what each name is found to mean. A line
// that begins with # is a comment, an empty line ends a session.
const changesFile = "testdata/changes.txt"

// What a session has changed so far means what the server itself says to that
// session, or is said to be unknown; and what is said is on file.
func TestChangesMeanWhatTheServerSays(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(changesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range harness.VersionsOr(t, 15) {
		server := newServer(t, version)
		root := connect(t, server.SuperuserDSN("postgres"))
		var out []string
		for i, record := range strings.Split(strings.TrimSpace(string(content)), "\n\n") {
			name := fmt.Sprintf("session_%d", i)
			root.must(t, "CREATE DATABASE "+name+" TEMPLATE "+database)
			session, side := connect(t, server.SuperuserDSN(name)), connect(t, server.SuperuserDSN(name))
			out = append(out, runSession(t, session, side, version, record))
			for _, c := range []connection{session, side} {
				if err := c.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			root.must(t, "DROP DATABASE "+name)
		}
		if *rewrite {
			if err := os.WriteFile(changesFile, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// runSession runs a record and returns it with what it found.
func runSession(t *testing.T, c, side connection, version int, record string) string {
	t.Helper()
	script, want, _ := strings.Cut(record, "\n----")
	s := &play{connection: c, side: side, Sight: c.sight(t, load(t, side))}
	var got []string
	for line := range strings.SplitSeq(script, "\n") {
		switch name, asks := strings.CutPrefix(line, "? "); {
		case strings.HasPrefix(line, "#"):
		case asks:
			got = append(got, s.ask(t, version, name))
		default:
			s.run(t, line)
		}
	}
	if have := strings.Join(got, "\n"); have != strings.TrimPrefix(want, "\n") && !*rewrite {
		t.Errorf("PostgreSQL %d:\n%s\ngot:\n%s\nwant:%s", version, script, have, want)
	}
	return script + "\n----\n" + strings.Join(got, "\n")
}

// play is a session with its sight, kept as a proxy would, and the connection
// that snapshots come over.
type play struct {
	connection
	side connection
	catalog.Sight
}

// run notes a statement and has it run; it may fail.
func (s *play) run(t *testing.T, sql string) {
	t.Helper()
	a := analyze(t, sql)
	path := false
	for i := range a.Statements {
		s.Sight = s.Note(&a.Statements[i], false)
		path = path || slices.ContainsFunc(a.Statements[i].Settings, func(v statement.Setting) bool { return v.Name == "search_path" || v.Name == "*" })
	}
	err := s.Query(t.Context(), sql, func([][]byte) error { return nil })
	switch s.TxStatus() {
	case 'I':
		s.Overlay = s.Overlay.End(err == nil && !strings.HasPrefix(sql, "ROLLBACK"))
		path = true
	case 'E':
		path = false
	}
	if path {
		s.Path = s.path(t)
	}
}

// ask says what a name means, and that it is true.
func (s *play) ask(t *testing.T, version int, name string) string {
	t.Helper()
	if name == "renew" {
		s.Snapshot = load(t, s.side)
		s.Overlay = s.Overlay.Renew()
		return "renewed"
	}
	schema, bare := written(t, name)
	r, found := s.Find(schema, bare)
	oid := s.meaning(t, name)
	switch {
	case found == catalog.Missing && oid != 0, found == catalog.Known && oid == 0:
		t.Errorf("PostgreSQL %d: %s is %v, but the server's is %d", version, name, found, oid)
	case found == catalog.Known:
		s.compare(t, version, name, r, oid)
	}
	return name + ": " + words(r, found)
}

// compare holds a relation against what the server has.
func (s *play) compare(t *testing.T, version int, name string, r *catalog.Relation, oid catalog.OID) {
	t.Helper()
	if s.Snapshot.Relation(r.OID) != nil && r.OID != oid {
		t.Errorf("PostgreSQL %d: %s is %d, but the server's is %d", version, name, r.OID, oid)
	}
	is := fmt.Sprintf("WHERE c.oid OPERATOR(pg_catalog.=) %d", oid)
	if kind := s.one(t, "SELECT c.relkind FROM pg_catalog.pg_class c "+is); kind != string(rune(r.Kind)) {
		t.Errorf("PostgreSQL %d: %s is of the kind %c, but the server's is %s", version, name, r.Kind, kind)
	}
	schema := s.one(t, "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "+is)
	if schema != r.Schema && !(strings.HasPrefix(schema, "pg_temp_") && r.Schema == "pg_temp") {
		t.Errorf("PostgreSQL %d: %s is in %s, but the server's is in %s", version, name, r.Schema, schema)
	}
	if r.Open || r.Kind == catalog.Index {
		return
	}
	have := s.one(t, fmt.Sprintf("SELECT pg_catalog.string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) %d AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped", oid))
	if have != strings.Join(columnsOf(r), " ") {
		t.Errorf("PostgreSQL %d: %s has the columns %v, but the server's has %s", version, name, columnsOf(r), have)
	}
}

func columnsOf(r *catalog.Relation) (names []string) {
	for _, c := range r.Columns {
		names = append(names, c.Name)
	}
	return names
}

// words print a relation without its OID.
func words(r *catalog.Relation, found catalog.Found) string {
	if r == nil {
		return found.String()
	}
	columns := strings.Join(columnsOf(r), " ")
	if r.Open {
		columns += " ..."
	}
	out := fmt.Sprintf("%c %s.%s (%s)", r.Kind, r.Schema, r.Name, strings.TrimSpace(columns))
	if r.Made != nil {
		out += " made"
	}
	if r.Recoded {
		out += " recoded"
	}
	return out
}
