package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

func TestPathOfAFunction(t *testing.T) {
	callers := []string{"pg_catalog", "own"}
	for setting, want := range map[string]string{
		"":                              "pg_catalog own",
		"work_mem=1MB":                  "pg_catalog own",
		"search_path=app":               "pg_temp pg_catalog app",
		"search_path=app, pg_temp":      "pg_catalog app pg_temp",
		"search_path=app, pg_catalog":   "pg_temp app pg_catalog",
		`Search_Path="My ""App""", B`:   `pg_temp pg_catalog My "App" b`,
		`search_path=""`:                "pg_temp pg_catalog",
		`search_path="$user", public`:   "nil",
		`search_path="never closed`:     "nil",
		`search_path=pg_catalog, "a,b"`: "pg_temp pg_catalog a,b",
	} {
		var settings []string
		if setting != "" {
			settings = []string{setting}
		}
		got := pathOf(settings, callers)
		if words := strings.Join(got, " "); words != want && (got != nil || want != "nil") {
			t.Errorf("%s gives %s, want %s", setting, words, want)
		}
	}
}

// callsNext reads every body as a call of the function that the body names.
type callsNext struct {
	mu    sync.Mutex
	reads int
}

func (r *callsNext) AnalyzeCode(_ context.Context, code statement.Code) *statement.CodeAnalysis {
	r.mu.Lock()
	r.reads++
	r.mu.Unlock()
	a := &statement.CodeAnalysis{}
	a.Statement.Effects = []statement.Effect{{Kind: statement.OpaqueCode, What: "function " + code.Text + " (outside the known set)"}}
	a.Statement.Functions = []statement.Function{{Name: code.Text}}
	return a
}

// chain is a snapshot of functions of which each calls the next, and the last
// the first.
func chain(n int) *Snapshot {
	var functions []*Function
	for i := range n {
		functions = append(functions, &Function{
			OID: FirstUser + OID(i), Schema: "app", Name: fmt.Sprintf("f%d", i), Signature: fmt.Sprintf("app.f%d()", i),
			Kind: 'f', Language: "sql", Body: fmt.Sprintf("f%d", (i+1)%n),
		})
	}
	return NewSnapshot(nil, functions)
}

func TestReachOfACycleEnds(t *testing.T) {
	reader := &callsNext{}
	c := NewCode(chain(100), reader, nil)
	r := c.Reach(t.Context(), FirstUser, nil)
	if len(r.Calls) != 100 || len(r.Opaque) != 0 {
		t.Errorf("%d calls, opaque %v", len(r.Calls), r.Opaque)
	}
	if again := c.Reach(t.Context(), FirstUser, nil); again != r {
		t.Error("the same question was answered anew")
	}
	if other := c.Reach(t.Context(), FirstUser, []string{"pg_catalog"}); len(other.Opaque) == 0 {
		t.Error("a function that is not in the path was found")
	}
	if reader.reads != 100 {
		t.Errorf("100 bodies were read %d times", reader.reads)
	}
}

func TestReachIsBounded(t *testing.T) {
	r := NewCode(chain(mostReached+10), &callsNext{}, nil).Reach(t.Context(), FirstUser, nil)
	if len(r.Opaque) != 1 || !strings.Contains(r.Opaque[0], "more than") || r.Kind() != statement.OpaqueCode {
		t.Errorf("%v", r.Opaque)
	}
}

func TestReachBrokenOffIsNotKept(t *testing.T) {
	c := NewCode(chain(3), &callsNext{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Reach(ctx, FirstUser, nil); len(r.Opaque) == 0 {
		t.Error("broken off, and understood")
	}
	if r := c.Reach(t.Context(), FirstUser, nil); len(r.Opaque) != 0 {
		t.Errorf("afterwards: %v", r.Opaque)
	}
}

func TestReachFromManySides(t *testing.T) {
	c := NewCode(chain(50), &callsNext{}, nil)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			r := c.Reach(t.Context(), FirstUser+OID(i), nil)
			if len(r.Calls) != 50 || !slices.IsSorted(r.Calls) {
				t.Errorf("%v", r.Calls)
			}
		})
	}
	group.Wait()
}

// What the snapshot does not have is not understood.
func TestReachOfTheUnknown(t *testing.T) {
	c := NewCode(NewSnapshot(nil, nil), &callsNext{}, nil)
	for name, r := range map[string]*Reached{
		"a function":    c.Reach(t.Context(), FirstUser, nil),
		"a relation":    c.ReachOfRead(t.Context(), FirstUser, nil),
		"a written one": c.ReachOfWrite(t.Context(), FirstUser, AnyWrite, nil),
	} {
		if len(r.Opaque) == 0 {
			t.Errorf("%s that is not there is understood", name)
		}
	}
}

// What somebody has stated of a function is what it does, and nothing behind
// it counts; but only for the body that was read.
func TestStatedFunctions(t *testing.T) {
	s := chain(3)
	s.functions[FirstUser+1].Digest = "sha256:read"
	stated := func(signature, digest string) (statement.Kind, bool) {
		return statement.OrdinaryWrite, signature == "app.f1()" && digest == "sha256:read"
	}
	r := NewCode(s, &callsNext{}, stated).Reach(t.Context(), FirstUser, nil)
	if len(r.Calls) != 2 || r.Kind() != statement.OrdinaryWrite {
		t.Errorf("%+v", r)
	}
	s.functions[FirstUser+1].Note = "it is SECURITY DEFINER"
	if r := NewCode(s, &callsNext{}, stated).Reach(t.Context(), FirstUser, nil); len(r.Calls) != 3 {
		t.Errorf("a body that does not say what a call does: %+v", r)
	}
}

// An operator of a user's on PostgreSQL's own types may stand behind USING,
// BETWEEN and their like, whose text has no operator.
func TestUnwrittenOperators(t *testing.T) {
	s := chain(2)
	s.addFunction(&Function{OID: FirstUser + 50, Schema: "app", Name: "same", Signature: "app.same(text, integer)", Kind: 'f', Language: "sql", Body: "f0"})
	s.addOperator(&Operator{OID: FirstUser + 51, Schema: "app", Name: "=", Left: 25, Right: 23, Function: FirstUser + 50})
	s.addFunction(&Function{OID: FirstUser + 60, Schema: "app", Name: "boxed", Signature: "app.boxed()", Kind: 'f', Language: "c"})
	s.addOperator(&Operator{OID: FirstUser + 61, Schema: "app", Name: "=", Left: FirstUser + 70, Right: FirstUser + 70, Function: FirstUser + 60})
	r := NewCode(s, &callsNext{}, nil).Reach(t.Context(), FirstUser, nil)
	if !slices.Contains(r.Calls, FirstUser+50) {
		t.Errorf("the operator on text and integer is left out: %v", r.Calls)
	}
	if slices.Contains(r.Calls, FirstUser+60) {
		t.Errorf("an operator on a type that is nowhere is called: %v", r.Calls)
	}
}

// Code that was locked when the catalog was read may do anything.
func TestUnreadCode(t *testing.T) {
	s := NewSnapshot([]*Relation{{OID: FirstUser, Schema: "app", Name: "users", Kind: Table, Columns: []Column{{Num: 1, Name: "id", Type: 23}}}}, nil)
	if r := NewCode(s, &callsNext{}, nil).ReachOfWrite(t.Context(), FirstUser, Inserts, nil); len(r.Opaque) != 0 {
		t.Errorf("%v", r.Opaque)
	}
	s.unread[FirstUser] = true
	if r := NewCode(s, &callsNext{}, nil).ReachOfWrite(t.Context(), FirstUser, Inserts, nil); len(r.Opaque) != 1 {
		t.Errorf("%v", r.Opaque)
	}
	if r := NewCode(s, &callsNext{}, nil).ReachOfWrite(t.Context(), FirstUser, Deletes, nil); len(r.Opaque) != 0 {
		t.Errorf("a deletion runs no default: %v", r.Opaque)
	}
}
