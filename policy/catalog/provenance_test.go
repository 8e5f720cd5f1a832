package catalog

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests see into testdata")

// builder makes a snapshot of testdata/provenance/schema.txt.
type builder struct {
	t    testing.TB
	s    *Snapshot
	next OID
}

// plain is text, the type of all columns that have no other.
const plain OID = 25

func readSchema(t testing.TB) *Snapshot {
	t.Helper()
	content, err := os.ReadFile("testdata/provenance/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{t, newSnapshot(), FirstUser}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			b.line(line)
		}
	}
	own := b.s.in("pg_catalog")
	for _, name := range []string{"lower", "upper", "count", "coalesce", "setval", "ascii", "pg_try_advisory_lock", "unnest", "jsonb_each_text", "to_jsonb", "row_to_json", "pg_read_file", "generate_series", "max", "lo_get"} {
		own.ownFunctions[name] = true
	}
	return b.s
}

func (b *builder) line(line string) {
	head, text, _ := strings.Cut(line, ": ")
	words := strings.Fields(head)
	schema, name, _ := strings.Cut(words[1], ".")
	b.next++
	switch words[0] {
	case "table", "view", "matview":
		kind := map[string]RelationKind{"table": Table, "view": View, "matview": MaterializedView}[words[0]]
		b.relation(&Relation{OID: b.next, Schema: schema, Name: name, Kind: kind, Query: text}, words[2:])
	case "child":
		parent := b.s.named(schema, name)
		schema, name, _ = strings.Cut(words[2], ".")
		b.relation(&Relation{OID: b.next, Schema: schema, Name: name, Kind: Table, Parents: []OID{parent.OID}}, words[3:])
		parent.Children = append(parent.Children, b.next)
	case "generated":
		c := b.column(b.s.named(schema, name), words[2])
		c.Generated, c.Default = 's', text
	case "typed":
		c := b.column(b.s.named(schema, name), words[2])
		typeSchema, typeName, _ := strings.Cut(words[3], ".")
		c.Type = b.s.schemas[typeSchema].types[typeName]
		c.BaseType = c.Type
	case "type":
		b.s.addType(&Type{OID: b.next, Schema: schema, Name: name, Kind: 'e'})
	case "function":
		b.s.addFunction(&Function{OID: b.next, Schema: schema, Name: name, Types: words[2:], Result: plain})
	case "trigger":
		rel := b.s.named(schema, name)
		schema, name, _ = strings.Cut(words[2], ".")
		b.s.addFunction(&Function{OID: b.next, Schema: schema, Name: name})
		rel.Triggers = append(rel.Triggers, Trigger{Name: "t", Function: b.next, Enabled: 'O'})
	case "uses":
		rel := b.s.named(schema, name)
		for _, word := range words[2:] {
			parts := strings.Split(word, ".")
			of := b.s.named(parts[0], parts[1])
			rel.Uses = append(rel.Uses, ColumnID{of.OID, of.columnNum(parts[2])})
		}
	case "operator":
		o := &Operator{OID: b.next, Schema: schema, Name: name, Left: plain, Right: plain, Function: b.next}
		if len(words) > 3 {
			typeSchema, typeName, _ := strings.Cut(words[3], ".")
			o.Left = b.s.schemas[typeSchema].types[typeName]
		}
		functionSchema, function, _ := strings.Cut(words[2], ".")
		b.s.addOperator(o)
		b.s.functions[b.next] = &Function{OID: b.next, Schema: functionSchema, Name: function}
	default:
		b.t.Fatalf("schema has %q", line)
	}
}

func (b *builder) relation(r *Relation, columns []string) {
	for i, name := range columns {
		r.Columns = append(r.Columns, Column{Num: int16(i + 1), Name: name, Type: plain, BaseType: plain})
	}
	b.s.addRelation(r)
}

func (b *builder) column(r *Relation, name string) *Column {
	return &r.Columns[r.columnNum(name)-1]
}

// wordings describes a provenance, one line for each thing said.
type wordings struct {
	s   *Snapshot
	out bytes.Buffer
}

func (w *wordings) columns(list []ColumnID) string {
	var names []string
	for _, c := range list {
		rel := w.s.Relation(c.Relation)
		names = append(names, rel.Schema+"."+rel.Name+"."+rel.columnName(c.Num))
	}
	return strings.Join(names, " ")
}

func (w *wordings) calls(list []OID) string {
	var names []string
	for _, oid := range list {
		f := w.s.Function(oid)
		names = append(names, f.Schema+"."+f.Name)
	}
	return strings.Join(names, " ")
}

func (w *wordings) output(o Output) {
	fmt.Fprintf(&w.out, "%s:", o.Name)
	for _, part := range []struct{ label, words string }{{"", w.columns(o.Origins)}, {" through", w.columns(o.Through)}, {" calls", w.calls(o.Calls)}} {
		if part.words != "" {
			fmt.Fprintf(&w.out, "%s %s", part.label, part.words)
		}
	}
	if o.Exact {
		w.out.WriteString(" exact")
	}
	if o.Open {
		w.out.WriteString(" OPEN")
	}
	w.out.WriteString("\n")
}

func (w *wordings) readings(label string, list []Reading) {
	var seen []ColumnID
	for _, r := range list {
		if !r.Output {
			seen = append(seen, r.Column)
		}
	}
	if len(seen) > 0 {
		fmt.Fprintf(&w.out, "- %s %s\n", label, w.columns(seen))
	}
}

func describe(s *Snapshot, p *Provenance) string {
	w := &wordings{s: s}
	if p.Open {
		w.out.WriteString("OPEN\n")
	}
	for _, o := range p.Outputs {
		w.output(o)
	}
	for _, x := range p.Writes {
		w.out.WriteString("- writes ")
		x.Value.Name = x.Name
		if rel := s.Relation(x.Relation); rel != nil {
			x.Value.Name = rel.Name + "." + x.Name
			if rel.Kind == View {
				x.Value.Name += " into " + w.columns(x.Into)
			}
		}
		w.output(x.Value)
	}
	w.readings("looks at", p.Reads)
	if len(p.Calls) > 0 {
		fmt.Fprintf(&w.out, "- calls %s\n", w.calls(p.Calls))
	}
	for _, u := range p.Unknown {
		fmt.Fprintf(&w.out, "- %s\n", u)
	}
	if p.Opaque {
		w.out.WriteString("- opaque\n")
	}
	if w.out.Len() == 0 {
		return "nothing"
	}
	return strings.TrimSpace(w.out.String())
}

func analyzed(t testing.TB, text string) *statement.Statement {
	t.Helper()
	a := small().Analyze(context.Background(), text)
	if a.Problem != nil || len(a.Statements) != 1 {
		t.Fatalf("%s: %+v", text, a.Problem)
	}
	return &a.Statements[0]
}

// Each record of the files is a statement, ----, and what is said of it.
func TestProvenance(t *testing.T) {
	files, err := filepath.Glob("testdata/provenance/*_cases.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	s := readSchema(t)
	sight := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for record := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
			text, want, _ := strings.Cut(record, "\n----\n")
			lines := strings.Split(text, "\n")
			query := lines[slices.IndexFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "#") })]
			got := describe(s, sight.Provenance(analyzed(t, query)))
			if got != strings.TrimSpace(want) && !*rewrite {
				t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", file, query, got, want)
			}
			out = append(out, text+"\n----\n"+got+"\n")
		}
		if *rewrite {
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A session whose path is not known sees no relation without a schema, and any
// function of a name.
func TestProvenanceWithoutPath(t *testing.T) {
	s := readSchema(t)
	p := Sight{Snapshot: s}.Provenance(analyzed(t, "SELECT email FROM users"))
	if len(p.Unknown) == 0 || !p.Outputs[0].Open {
		t.Errorf("said: %s", describe(s, p))
	}
	p = Sight{Snapshot: s}.Provenance(analyzed(t, "SELECT lower(email) FROM app.users"))
	if len(p.Outputs) != 1 || len(p.Outputs[0].Calls) != 1 {
		t.Errorf("said: %s", describe(s, p))
	}
	p = Sight{}.Provenance(analyzed(t, "SELECT lower(email) FROM app.users"))
	if len(p.Unknown) == 0 || !p.Outputs[0].Open {
		t.Errorf("said without a snapshot: %s", describe(s, p))
	}
}

// What a name stands for is united position by position; other numbers of
// columns are open.
func TestProvenanceBehindNames(t *testing.T) {
	s := readSchema(t)
	sight := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}
	run := func(behind ...string) string {
		st := *analyzed(t, "EXECUTE p")
		for _, text := range behind {
			st.Behind = append(st.Behind, analyzed(t, text).Query)
		}
		return describe(s, sight.Provenance(&st))
	}
	if got := run("SELECT id, email FROM users", "SELECT name, sku FROM users, items"); got != "id: app.users.id app.users.name\nemail: app.users.email app.items.sku" {
		t.Error(got)
	}
	for _, got := range []string{run("SELECT id FROM users", "SELECT id, name FROM users"), run()} {
		if !strings.HasPrefix(got, "OPEN") {
			t.Error(got)
		}
	}
}

func TestSameColumns(t *testing.T) {
	s := readSchema(t)
	logs, part := s.named("app", "logs"), s.named("app", "logs_a")
	want := map[ColumnID]ColumnID{
		{logs.OID, 3}: {part.OID, 1}, {logs.OID, 1}: {part.OID, 3},
		{part.OID, 1}: {logs.OID, 3}, {part.OID, 2}: {logs.OID, 2},
	}
	for c, other := range want {
		if got := s.SameColumns(c); !slices.Equal(got, []ColumnID{c, other}) {
			t.Errorf("%v: %v", c, got)
		}
	}
	if got := s.SameColumns(ColumnID{1, 1}); len(got) != 1 {
		t.Error(got)
	}
}

// Whatever the text is, finding out its provenance ends, and says no more
// outputs than there are.
func FuzzProvenance(f *testing.F) {
	files, err := filepath.Glob("testdata/provenance/*_cases.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			f.Add(line)
		}
	}
	s := readSchema(f)
	f.Fuzz(func(t *testing.T, text string) {
		a := small().Analyze(context.Background(), text)
		for i := range a.Statements {
			p := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}.Provenance(&a.Statements[i])
			if p.Open && len(p.Outputs) > 0 {
				t.Errorf("open, with outputs: %q", text)
			}
			for _, o := range p.Outputs {
				for _, c := range o.Origins {
					if !slices.ContainsFunc(p.Reads, func(r Reading) bool { return r.Column == c }) {
						t.Errorf("an origin is not read: %q", text)
					}
				}
			}
		}
	})
}

// What a session has made of a query holds what that returned, also when it is
// made of something made before.
func TestProvenanceOfWhatWasMade(t *testing.T) {
	s := readSchema(t)
	sight := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}
	for _, text := range []string{
		"CREATE TABLE kept (k, e) AS SELECT id, email FROM users",
		"CREATE VIEW seen AS SELECT k, e || 'x' AS x FROM kept WHERE k = '1'",
	} {
		sight = sight.Note(analyzed(t, text), true)
	}
	p := sight.Provenance(analyzed(t, "SELECT x, k FROM seen"))
	if p.Open || len(p.Outputs) != 2 || len(p.Unknown) > 0 {
		t.Fatalf("%+v", p)
	}
	users := s.named("app", "users")
	for i, name := range []string{"email", "id"} {
		if want := (ColumnID{users.OID, users.columnNum(name)}); !slices.Contains(p.Outputs[i].Origins, want) {
			t.Errorf("%s is not of users.%s: %v", p.Outputs[i].Name, name, p.Outputs[i].Origins)
		}
	}
}

// What the session alters keeps what it is made of, or is unknown.
func TestProvenanceOfWhatWasAltered(t *testing.T) {
	s := readSchema(t)
	users := s.named("app", "users")
	email := ColumnID{users.OID, users.columnNum("email")}
	for _, c := range []struct {
		changes, query string
		unknown        bool
	}{
		{"ALTER VIEW v_users ALTER COLUMN name SET DEFAULT 'x'", "SELECT mail FROM v_users", false},
		{"ALTER VIEW v_users RENAME COLUMN mail TO address", "SELECT address FROM v_users", false},
		{"ALTER TABLE made ADD COLUMN more text", "SELECT low FROM made", false},
		{"ALTER TABLE users ADD COLUMN twin text GENERATED ALWAYS AS (email) STORED", "SELECT twin FROM users", true},
		{"CREATE TABLE k AS SELECT id, email FROM users; ALTER TABLE k ALTER id TYPE text USING email", "SELECT id FROM k", true},
		{"CREATE TABLE k AS SELECT id, email FROM users; ALTER TABLE k RENAME email TO mail", "SELECT mail FROM k", true},
	} {
		sight := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}
		for change := range strings.SplitSeq(c.changes, "; ") {
			sight = sight.Note(analyzed(t, change), true)
		}
		p := sight.Provenance(analyzed(t, c.query))
		want := email
		if made := s.named("app", "made"); strings.HasSuffix(c.query, "made") {
			want = ColumnID{made.OID, made.columnNum("email")}
		}
		if len(p.Outputs) != 1 || len(p.Unknown) > 0 != c.unknown || !c.unknown && !slices.Contains(slices.Concat(p.Outputs[0].Origins, p.Outputs[0].Through), want) {
			t.Errorf("%s; %s: %+v", c.changes, c.query, p)
		}
	}
}

// What is too large to be followed is not followed, wherever the bound is met.
func TestTooMuchToFollow(t *testing.T) {
	var from strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&from, ", users a%d", i)
	}
	sight := Sight{Snapshot: readSchema(t), Path: []string{"pg_catalog", "app"}}
	for _, text := range []string{
		"DELETE FROM users USING " + from.String()[2:] + " RETURNING 1",
		"UPDATE users SET id = '1' FROM " + from.String()[2:] + " RETURNING *",
	} {
		p := sight.Provenance(analyzed(t, text))
		if len(p.Unknown) == 0 {
			t.Errorf("%.60s: all is known", text)
		}
	}
}

func BenchmarkProvenance(b *testing.B) {
	s := readSchema(b)
	sight := Sight{Snapshot: s, Path: []string{"pg_catalog", "app"}}
	for name, text := range map[string]string{
		"small": "SELECT id, email FROM users WHERE id = $1 ORDER BY 1 LIMIT 10",
		"view":  "SELECT v.mail, lower(o.note) FROM v_orders v JOIN orders o USING (id) WHERE o.user_id IN (SELECT id FROM users)",
	} {
		st := analyzed(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if sight.Provenance(st).Open {
					b.Fatal("open")
				}
			}
		})
	}
}
