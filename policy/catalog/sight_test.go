package catalog

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

func statementsIn(t testing.TB, sql string) []statement.Statement {
	t.Helper()
	a := statement.NewAnalyzer(statement.Options{}).Analyze(t.Context(), sql)
	if a.Problem != nil {
		t.Fatalf("%.100s: %s", sql, a.Problem.Message)
	}
	return a.Statements
}

// shop has a table in two schemas, a view over one, and a partitioned table.
func shop() Sight {
	table := func(oid OID, schema, name string, columns ...string) *Relation {
		r := &Relation{OID: oid, Schema: schema, Name: name, Kind: Table}
		for i, c := range columns {
			r.Columns = append(r.Columns, Column{Num: int16(i + 1), Name: c})
		}
		return r
	}
	view := table(20003, "app", "mails", "email")
	view.Kind, view.Uses = View, []ColumnID{{20001, 2}}
	parent, child, grandchild := table(20004, "app", "orders", "id"), table(20005, "app", "orders_1", "id"), table(20006, "app", "orders_1_1", "id")
	parent.Kind, child.Kind = PartitionedTable, PartitionedTable
	parent.Children, child.Parents, child.Children, grandchild.Parents = []OID{20005}, []OID{20004}, []OID{20006}, []OID{20005}
	return Sight{
		Snapshot: NewSnapshot([]*Relation{table(20001, "app", "users", "id", "email"), table(20002, "public", "users", "id"), view, parent, child, grandchild},
			[]*Function{{OID: 21000, Schema: "app", Name: "f"}, {OID: 21001, Schema: "public", Name: "f"}, {OID: 21002, Schema: "pg_temp_3", Name: "g"}}),
		Path: []string{"pg_catalog", "app", "public"},
	}
}

// What is not known is never said to be missing.
func TestNothingIsKnownWithoutAPath(t *testing.T) {
	for name, s := range map[string]Sight{"nothing": {}, "no path": {Snapshot: shop().Snapshot}, "no snapshot": {Path: shop().Path}} {
		if r, found := s.Find("", "users"); r != nil || found != Unknown {
			t.Errorf("with %s users is %v", name, found)
		}
		if _, found := s.Functions("", "f"); found != Unknown {
			t.Errorf("with %s the function f is %v", name, found)
		}
		if _, found := s.Find("pg_temp", "users"); found != Unknown {
			t.Errorf("with %s pg_temp.users is %v", name, found)
		}
		if again := s.Note(&statementsIn(t, "CREATE TABLE t (a int)")[0], false); s.Snapshot == nil && again.Overlay != nil {
			t.Errorf("with %s something was noted", name)
		}
	}
	empty := Sight{Snapshot: shop().Snapshot, Path: []string{}}
	if _, found := empty.Find("", "users"); found != Missing {
		t.Errorf("with an empty path users is %v", found)
	}
}

func TestFunctionsAreNotFoundAmongTemporaryObjects(t *testing.T) {
	s := shop()
	s.Path = []string{"pg_temp_3", "app", "public"}
	for _, c := range []struct {
		schema, name string
		want         []OID
	}{
		{"", "f", []OID{21000, 21001}}, {"public", "f", []OID{21001}}, {"", "g", nil}, {"pg_temp", "g", []OID{21002}}, {"", "nothing", nil},
	} {
		functions, found := s.Functions(c.schema, c.name)
		var got []OID
		for _, f := range functions {
			got = append(got, f.OID)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || (found == Known) != (len(c.want) > 0) || found == Unknown {
			t.Errorf("%s.%s is %v %v", c.schema, c.name, got, found)
		}
	}
	s = s.Note(&statementsIn(t, "CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")[0], false)
	if _, found := s.Functions("", "f"); found != Unknown || !s.Overlay.CallablesInDoubt() {
		t.Errorf("a function that was just made is %v", found)
	}
	if _, found := s.Functions("", "nothing"); found != Missing {
		t.Errorf("another function is %v", found)
	}
}

func TestPartitionsUpAndDown(t *testing.T) {
	s := shop().Snapshot
	for _, c := range []struct {
		got  []OID
		want string
	}{
		{s.Ancestors(20006), "[20004 20005]"}, {s.Descendants(20004), "[20005 20006]"}, {s.Roots(20006), "[20004]"}, {s.Leaves(20004), "[20006]"},
		{s.Roots(20001), "[20001]"}, {s.Leaves(20001), "[20001]"}, {s.Leaves(1), "[]"}, {s.Ancestors(20004), "[]"},
	} {
		if fmt.Sprint(c.got) != c.want {
			t.Errorf("got %v, want %s", c.got, c.want)
		}
	}
}

// A generation stands for one content, also after what came before it was
// undone.
func TestGenerations(t *testing.T) {
	s := shop()
	one := s.Note(&statementsIn(t, "CREATE TABLE t (a int)")[0], false)
	if one.Overlay.Generation() == 0 || s.Overlay.Generation() != 0 {
		t.Error("a change has no generation of its own")
	}
	undone := one
	undone.Overlay = one.Overlay.End(false)
	if undone.Overlay.Generation() != 0 {
		t.Error("what was undone has left something")
	}
	other := undone.Note(&statementsIn(t, "CREATE TABLE t (b int)")[0], false)
	if other.Overlay.Generation() == one.Overlay.Generation() {
		t.Error("two contents have one generation")
	}
	if same := other.Note(&statementsIn(t, "SELECT 1")[0], false); same.Overlay != other.Overlay {
		t.Error("a statement that changes nothing has made a new overlay")
	}
}

// A flood of statements ends in doubt, not in memory.
func TestTooManyChanges(t *testing.T) {
	s := shop()
	st := statementsIn(t, "CREATE TABLE app.t (a int)")[0]
	create := st.Changes[0]
	st.Changes = nil
	for i := range mostChanged + 2 {
		create.Name = fmt.Sprintf("t_%d", i)
		st.Changes = append(st.Changes, create)
	}
	s = s.Note(&st, false)
	if !s.Overlay.AnyInDoubt() || len(s.Overlay.relations) > mostChanged {
		t.Errorf("%d relations, everything in doubt: %v", len(s.Overlay.relations), s.Overlay.AnyInDoubt())
	}
	if _, found := s.Find("app", "users"); found != Unknown {
		t.Errorf("app.users is %v", found)
	}
}

// Sights are values: any number of goroutines may look through one while
// others go on from it. The race detector watches.
func TestSightsAreShared(t *testing.T) {
	s := shop()
	changes := statementsIn(t, "CREATE TABLE t (a int); ALTER TABLE users ADD b int; ALTER TABLE orders ADD c int; DROP VIEW mails; CREATE TEMP TABLE users (x int); DISCARD TEMP; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
	base := s.Note(&changes[0], false)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			mine := base
			for i := range changes {
				mine = mine.Note(&changes[i], false)
				mine.Find("", "users")
				base.Find("", "t")
				base.Functions("", "f")
				mine.Overlay.End(i%2 == 0).Renew()
			}
		})
	}
	wait.Wait()
	if r, found := base.Find("", "t"); found != Known || len(r.Columns) != 1 {
		t.Errorf("t is %v", found)
	}
	if r, _ := base.Find("", "users"); len(r.Columns) != 2 {
		t.Error("somebody else's change is seen")
	}
}

// answers is a server that answers each question with rows or a failure.
type answers func(sql string) ([][][]byte, error)

func (a answers) Query(_ context.Context, sql string, row func([][]byte) error) error {
	rows, err := a(sql)
	for _, r := range rows {
		if err := row(r); err != nil {
			return err
		}
	}
	return err
}

// Whatever goes wrong, there is no snapshot, and the transaction is left.
func TestLoadFails(t *testing.T) {
	broken := fmt.Errorf("the connection is gone")
	for name, fails := range map[string]func(string) ([][][]byte, error){
		"no connection": func(string) ([][][]byte, error) { return nil, broken },
		"an answer cut short": func(sql string) ([][][]byte, error) {
			if strings.Contains(sql, "nspname FROM") {
				return [][][]byte{{[]byte("11")}}, nil
			}
			return [][][]byte{{[]byte("15")}}, nil
		},
		"a number that is none": func(sql string) ([][][]byte, error) {
			return [][][]byte{{[]byte("4294967296")}}, nil
		},
	} {
		var asked []string
		s, err := Load(t.Context(), answers(func(sql string) ([][][]byte, error) {
			asked = append(asked, sql)
			return fails(sql)
		}))
		if s != nil || err == nil {
			t.Errorf("with %s there is a snapshot", name)
		}
		if len(asked) > 1 && asked[len(asked)-1] != askUndo {
			t.Errorf("with %s the transaction is left open", name)
		}
	}
}
