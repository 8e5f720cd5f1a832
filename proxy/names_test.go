package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

func st(kind statement.Kind) *statement.Statement { return &statement.Statement{Kind: kind} }

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
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(name, want string) {
		t.Helper()
		if got := kinds(n, name); got != want {
			t.Errorf("%q means %q, want %q", name, got, want)
		}
	}
	must(n.propose("a", meaning{statement: read, sequence: 1}))
	must(n.propose("a", meaning{statement: write, sequence: 2}))
	is("a", "ordinary_read ordinary_write")
	n.withdraw("a", write)
	is("a", "ordinary_read")
	must(n.propose("a", meaning{statement: write, sequence: 3}))
	must(n.propose("a", meaning{statement: ddl, sequence: 4}))
	n.confirm("a", write)
	is("a", "ordinary_write ddl")
	n.drop("a", 3)
	is("a", "ddl")
	n.dropAll(4)
	is("a", "")

	// The unnamed one is replaced within a segment, kept across segments.
	must(n.propose("", meaning{statement: read, sequence: 5, segment: 1}))
	must(n.propose("", meaning{statement: write, sequence: 6, segment: 1}))
	must(n.propose("", meaning{statement: ddl, sequence: 7, segment: 2}))
	is("", "ordinary_write ddl")

	// The server keeps 63 bytes of a name.
	long := strings.Repeat("x", 63)
	must(n.propose(long+"tail", meaning{statement: read, sequence: 8}))
	is(long, "ordinary_read")
	is(long+"other", "ordinary_read")

	must(n.propose("held", meaning{statement: read, sequence: 9, hold: true}))
	n.endTransaction()
	is("held", "ordinary_read")
	is("", "")
}

func TestNamesAreBounded(t *testing.T) {
	n := newNames()
	for i := range maxMeanings {
		if err := n.propose("a", meaning{statement: st(statement.DDL), sequence: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.propose("a", meaning{statement: st(statement.DDL)}); err != errTooManyMeanings {
		t.Errorf("got %v", err)
	}
	for i := range maxNames - 1 {
		if err := n.propose(fmt.Sprint(i), meaning{statement: st(statement.DDL)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.propose("one more", meaning{statement: st(statement.DDL)}); err != errTooManyNames {
		t.Errorf("got %v", err)
	}
}
