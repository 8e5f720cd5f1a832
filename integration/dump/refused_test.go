package dump

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// mayNotTake has the rules that let everything through, and says of one column
// that it holds credentials: those never leave, whatever a rule says.
const mayNotTake = mayDump + `
classes:
  secret.token: {description: what logs people in}
columns:
  - {columns: [public.people.token, public.staff.token], class: secret.token}
`

// TestRefusedDumpSaysWhy: whatever the format, the program ends with a status
// and the reason, and what it has written by then holds no value of the column.
func TestRefusedDumpSaysWhy(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	gate := harness.StartGate(t, world, harness.BuildSluice(t), mayNotTake)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			direct := t.TempDir()
			if r := w.dump(t, world.Direct(), direct); r.Exit != 0 || len(leaks(written(t, world.Direct(), direct), canary+"-token")) == 0 {
				t.Fatalf("without Sluice nothing leaves:\n%s", r)
			}
			dir := t.TempDir()
			r := w.dump(t, gate.Target(), dir)
			if r.Exit == 0 {
				t.Fatal("the dump succeeds")
			}
			for _, want := range []string{"refused by rule secret-class", "credentials", "people"} {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("nothing of %q in\n%s", want, r.Stderr)
				}
			}
			if found := leaks(written(t, gate.Target(), dir), canary+"-token"); len(found) > 0 {
				t.Errorf("what was refused has left: %q", found)
			}
		})
	}
}

// TestPartOfTheDatabase: what needs no leave, or has it, is dumped beside what
// has none.
func TestPartOfTheDatabase(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	gate := harness.StartGate(t, world, harness.BuildSluice(t), mayNotTake)
	for name, c := range map[string]struct {
		args    []string
		refused string // "" if it succeeds
	}{
		"schema only":             {args: []string{"--schema-only"}},
		"one table":               {args: []string{"--table=logins"}},
		"one schema":              {args: []string{"--schema=sales", "--inserts"}},
		"without the table":       {args: []string{"--exclude-table-data=people", "--exclude-table-data=staff"}},
		"the table":               {args: []string{"--table=public.people"}, refused: "rule secret-class"},
		"the table's child":       {args: []string{"--table=public.staff", "--column-inserts"}, refused: "rule secret-class"},
		"without the definitions": {args: []string{"--data-only", "--table=people"}, refused: "rule secret-class"},
	} {
		t.Run(name, func(t *testing.T) {
			r := harness.Run(t, gate.Target(), harness.Command{Program: pgDump, Args: c.args, Dir: t.TempDir()})
			switch {
			case c.refused == "" && (r.Exit != 0 || !strings.Contains(r.Stdout, "PostgreSQL database dump complete")):
				t.Errorf("not dumped: exit %d\n%s", r.Exit, r.Stderr)
			case c.refused != "" && (r.Exit == 0 || !strings.Contains(r.Stderr, c.refused)):
				t.Errorf("exit %d without %s\n%s", r.Exit, c.refused, r.Stderr)
			}
			if found := leaks(map[string][]byte{"stdout": []byte(r.Stdout)}, canary+"-token"); len(found) > 0 {
				t.Errorf("what was refused has left: %q", found)
			}
		})
	}
}

// onlyTables is mayDump without the rule about large objects.
var onlyTables, _, _ = strings.Cut(mayDump, "  - id: large-objects")

// TestLargeObjectsNeedLeave: their content is nobody's column.
func TestLargeObjectsNeedLeave(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	world.Exec(t, "shop", "SET ROLE shop_app; SELECT lo_from_bytea(70003, 'canary-object')")
	gate := harness.StartGate(t, world, harness.BuildSluice(t), onlyTables)
	for _, w := range []way{{name: "plain", dumps: [][]string{{}}}, {name: "custom", dumps: [][]string{{"-Fc"}}, archive: true}} {
		t.Run(w.name, func(t *testing.T) {
			direct, dir := t.TempDir(), t.TempDir()
			if w.dump(t, world.Direct(), direct); len(leaks(written(t, world.Direct(), direct), canary+"-object")) == 0 {
				t.Fatal("without Sluice nothing leaves")
			}
			r := w.dump(t, gate.Target(), dir)
			if r.Exit == 0 || !strings.Contains(r.Stderr, "loread") || !strings.Contains(r.Stderr, "default-deny") {
				t.Errorf("exit %d\n%s", r.Exit, r.Stderr)
			}
			if found := leaks(written(t, gate.Target(), dir), canary+"-object"); len(found) > 0 {
				t.Errorf("what was refused has left: %q", found)
			}
			if r := w.dump(t, gate.Target(), t.TempDir(), "--no-blobs"); r.Exit != 0 {
				t.Errorf("without large objects:\n%s", r)
			}
		})
	}
}
