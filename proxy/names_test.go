package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

func st(kind statement.Kind) *statement.Statement { return &statement.Statement{Kind: kind} }

func means(st *statement.Statement) meaning { return meaning{admitted: &admitted{statement: st}} }

func kinds(n *names, name string) string {
	var out []string
	for _, m := range n.lookup(name) {
		out = append(out, m.statement.Kind.String())
	}
	return strings.Join(out, " ")
}

func TestNames(t *testing.T) {
	read, write, ddl := st(statement.OrdinaryRead), st(statement.OrdinaryWrite), st(statement.DDL)
	n := newNames()
	must := func(order uint64, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return order
	}
	is := func(name, want string) {
		t.Helper()
		if got := kinds(n, name); got != want {
			t.Errorf("%q means %q, want %q", name, got, want)
		}
	}
	must(n.propose("a", means(read)))
	second := must(n.propose("a", means(write)))
	is("a", "ordinary_read ordinary_write")
	n.withdraw("a", second)
	is("a", "ordinary_read")
	third := must(n.propose("a", means(write)))
	must(n.propose("a", means(ddl)))
	n.confirm("a", third)
	is("a", "ordinary_write ddl")
	n.drop("a", third)
	is("a", "ddl")
	n.dropAll(n.last)
	is("a", "")

	// What may have two meanings keeps both when it is confirmed.
	both := must(n.propose("c", means(read), means(ddl)))
	n.confirm("c", both)
	is("c", "ordinary_read ddl")

	// A statement that a name is given twice stays when the second time
	// fails, and goes when the first does too.
	first := must(n.propose("d", means(read)))
	again := must(n.propose("d", means(read)))
	n.withdraw("d", again)
	is("d", "ordinary_read")
	n.withdraw("d", first)
	is("d", "")
	first = must(n.propose("d", means(read)))
	again = must(n.propose("d", means(read)))
	n.confirm("d", first)
	n.withdraw("d", again)
	is("d", "ordinary_read")
	again = must(n.propose("d", means(read)))
	n.drop("d", again-1)
	is("d", "ordinary_read")

	// What turns out impossible goes, unless nothing would be left; what
	// was defined later is not looked at.
	wide := must(n.propose("e", means(read), means(write)))
	later := must(n.propose("e", means(ddl)))
	n.narrow("e", wide, []meaning{means(write)})
	is("e", "ordinary_write ddl")
	n.narrow("e", wide, nil)
	is("e", "ordinary_write ddl")
	n.narrow("e", later, []meaning{means(write)})
	is("e", "ordinary_write ddl")

	// The unnamed portal is replaced within a segment, kept across segments.
	must(n.propose("", meaning{admitted: &admitted{statement: read}, segment: 1}))
	must(n.propose("", meaning{admitted: &admitted{statement: write}, segment: 1}))
	must(n.propose("", meaning{admitted: &admitted{statement: ddl}, segment: 2}))
	is("", "ordinary_write ddl")

	// The server keeps 63 bytes of a name.
	long := strings.Repeat("x", 63)
	must(n.propose(long+"tail", means(read)))
	is(long, "ordinary_read")
	is(long+"other", "ordinary_read")

	must(n.propose("held", meaning{admitted: &admitted{statement: read, hold: true}}))
	must(n.propose("next", meaning{admitted: &admitted{statement: write}, segment: 3}))
	n.endTransaction(3)
	is("held", "ordinary_read")
	is("", "")
	is("next", "ordinary_write") // of the segment that has begun since
	n.endTransaction(4)
	is("next", "")
}

// TestUnnamedStatements: a Parse that an error keeps from being reached leaves
// the statement before it, for what comes after the Sync.
func TestUnnamedStatements(t *testing.T) {
	n := newStatements()
	propose := func(segment uint64, kind statement.Kind) uint64 {
		t.Helper()
		order, err := n.propose("", meaning{admitted: &admitted{statement: st(kind)}, segment: segment})
		if err != nil {
			t.Fatal(err)
		}
		return order
	}
	is := func(segment uint64, want string) {
		t.Helper()
		var got []string
		for _, m := range n.meant("", segment) {
			got = append(got, m.statement.Kind.String())
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("in segment %d it means %q, want %q", segment, got, want)
		}
	}
	first := propose(1, statement.OrdinaryRead)
	second := propose(1, statement.OrdinaryWrite)
	is(1, "ordinary_write")
	is(2, "ordinary_read ordinary_write")
	third := propose(2, statement.DDL)
	is(2, "ddl")
	is(3, "ordinary_read ordinary_write ddl")
	n.confirm("", first)
	n.withdraw("", second)
	is(2, "ddl")
	is(3, "ordinary_read ddl")
	n.withdraw("", third)
	is(3, "ordinary_read")
	last := propose(3, statement.DDL)
	n.confirm("", last)
	is(4, "ddl")

	for range 3 * maxMeanings {
		propose(5, statement.OrdinaryRead)
	}
	is(5, "ordinary_read")
	if all := n.meant("", 6); len(all) != maxMeanings || !all[0].lost || policy.Weight(all[0].statement) == 0 {
		t.Errorf("of many %+v are left", all)
	}
	n.confirm("", n.last)
	is(6, "ordinary_read")
	if n.weight != policy.Weight(n.meant("", 6)[0].statement) {
		t.Errorf("the weight is %d", n.weight)
	}
}

func TestNamesAreBounded(t *testing.T) {
	n := newNames()
	for range maxMeanings {
		if _, err := n.propose("a", means(st(statement.DDL))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.propose("a", means(st(statement.DDL))); err != errTooManyMeanings {
		t.Errorf("got %v", err)
	}
	for i := range maxNames - 1 {
		if _, err := n.propose(fmt.Sprint(i), means(st(statement.DDL))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.propose("one more", means(st(statement.DDL))); err != errTooManyNames {
		t.Errorf("got %v", err)
	}
}

func TestMeaningsAreBounded(t *testing.T) {
	n := newNames()
	wide := func() meaning {
		return means(&statement.Statement{Relations: make([]statement.Relation, 10000)})
	}
	var err error
	count := 0
	for ; err == nil && count < maxNames; count++ {
		_, err = n.propose(fmt.Sprint(count), wide())
	}
	if err != errTooManyNames || count > maxWeight/10000+2 {
		t.Errorf("%d wide statements, then %v", count, err)
	}
	n.dropAll(n.last)
	if n.weight != 0 {
		t.Errorf("nothing is known and weighs %d", n.weight)
	}
}
