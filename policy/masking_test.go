package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// maskBook is a small database: people, what they have ordered with a foreign
// key to their address, a view of them, a partitioned table with a partition, and one
// with a trigger.
func maskBook() *policy.Book {
	column := func(num int16, name string, oid catalog.OID, typ string) catalog.Column {
		return catalog.Column{Num: num, Name: name, Type: oid, BaseType: oid, TypeName: typ}
	}
	text, integer, date := catalog.OID(25), catalog.OID(23), catalog.OID(1082)
	email := column(2, "email", text, "text")
	email.NotNull = true
	marked := column(3, "phone", 1043, "character varying(10)")
	marked.Comment = "how to call them, class:contact.phone"
	people := &catalog.Relation{
		OID: 20001, Schema: "public", Name: "people", Kind: catalog.Table,
		Columns: []catalog.Column{
			column(1, "id", integer, "integer"), email, marked, column(4, "born", date, "date"), column(5, "token", text, "text"), column(6, "note", text, "text"),
		},
		Constraints: []catalog.Constraint{
			{Name: "people_pkey", Type: 'p', Columns: []int16{1}}, {Name: "people_email_key", Type: 'u', Columns: []int16{2}},
			{Name: "born_late", Type: 'c', Columns: []int16{4}, Check: "born > '1900-01-01'"},
		},
	}
	orders := &catalog.Relation{
		OID: 20002, Schema: "public", Name: "orders", Kind: catalog.Table,
		Columns:     []catalog.Column{column(1, "id", integer, "integer"), column(2, "mail", text, "text")},
		Constraints: []catalog.Constraint{{Name: "orders_mail_fkey", Type: 'f', Columns: []int16{2}, Refers: 20001, ReferredColumns: []int16{2}}},
	}
	view := &catalog.Relation{
		OID: 20003, Schema: "public", Name: "addresses", Kind: catalog.View, Query: "SELECT people.id, people.email AS address FROM public.people",
		Columns: []catalog.Column{column(1, "id", integer, "integer"), column(2, "address", text, "text")},
		Uses:    []catalog.ColumnID{{Relation: 20001, Num: 1}, {Relation: 20001, Num: 2}},
	}
	whole := &catalog.Relation{
		OID: 20004, Schema: "public", Name: "events", Kind: catalog.PartitionedTable, Children: []catalog.OID{20005},
		Columns: []catalog.Column{column(1, "at", date, "date"), column(2, "who", text, "text")},
	}
	part := &catalog.Relation{
		OID: 20005, Schema: "old", Name: "events_2020", Kind: catalog.Table, Partition: true, Parents: []catalog.OID{20004},
		Columns: []catalog.Column{column(1, "at", date, "date"), column(2, "who", text, "text")},
	}
	odd := &catalog.Relation{
		OID: 20006, Schema: "public", Name: "odd", Kind: catalog.Table, Triggers: []catalog.Trigger{{Name: "fire", Function: 30001, Enabled: 'O'}},
		Columns: []catalog.Column{column(1, "id", integer, "integer"), column(2, "note", text, "text")},
	}
	return policy.NewBook(catalog.NewSnapshot([]*catalog.Relation{people, orders, view, whole, part, odd}, nil))
}

func TestMasks(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	book := maskBook()
	each(t, "masks", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			p := parse(t, document)
			var out []string
			for line := range strings.SplitSeq(lines, "\n") {
				req := request()
				a := analyzer.Analyze(t.Context(), line)
				req.Kind, req.Problem, req.Statements = a.Kind, a.Problem, a.Statements
				req.Facts.Catalog = p.CatalogFact(book, catalog.Sight{Snapshot: book.Snapshot, Path: []string{"pg_catalog", "public"}}, nil, a.Statements)
				out = append(out, "> "+line, masksOf(decideBothWays(t, p, req)))
			}
			return strings.Join(out, "\n")
		})
	})
}

// masksOf writes what a decision says about masks.
func masksOf(d policy.Decision) string {
	out := fmt.Sprintf("%s by %s", d.Verdict, d.Rule)
	if len(d.Classes) > 0 {
		out += fmt.Sprintf(", output %v, masked %v, used %v", d.ClassesOutput, d.ClassesMasked, d.ClassesUsed)
	}
	if d.Verdict == policy.Mask != d.Discreet && d.Verdict == policy.Mask {
		out += ", errors may quote"
	}
	for _, m := range d.Masks {
		out += fmt.Sprintf("\n  %d.%d %s, %s: %s %s", m.Statement, m.Output, m.Name, m.Class, m.Masking.Mask, m.Position)
		if m.Masking.LeavesSome() {
			out += ", which leaves some"
		}
	}
	for _, r := range d.Reasons {
		out += fmt.Sprintf("\n  because %s (%s)", r.Text, r.Position)
	}
	return out
}

// A decision that masks needs facts that fit the request: without the catalog,
// with one that could not be read, or about other statements, nothing passes.
func TestMasksNeedFacts(t *testing.T) {
	p := parse(t, "version: 1\nclasses: {contact.email: {}}\ncolumns:\n  - {columns: [public.people.email], class: contact.email}\n"+
		"masks:\n  - {classes: [contact.email], mask: constant, value: x}\nrules:\n  - {id: m, effect: mask, kinds: [ordinary_read]}\n")
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	a := analyzer.Analyze(t.Context(), "SELECT email FROM public.people")
	book := maskBook()
	sight := catalog.Sight{Snapshot: book.Snapshot, Path: []string{"pg_catalog", "public"}}
	for _, c := range []struct {
		name  string
		facts *policy.CatalogFact
		want  policy.Verdict
		masks int
	}{
		{"as it is", p.CatalogFact(book, sight, nil, a.Statements), policy.Mask, 1},
		{"nobody asked", nil, policy.Mask, 0},
		{"not read", &policy.CatalogFact{Problem: "it is away"}, policy.Deny, 0},
		{"about nothing", &policy.CatalogFact{}, policy.Deny, 0},
		{"about a statement without relations", &policy.CatalogFact{Statements: make([]policy.StatementFact, 1)}, policy.Deny, 0},
		{"an origin that is not there", &policy.CatalogFact{Statements: []policy.StatementFact{{
			Relations: []policy.RelationFact{{Schema: "public", Name: "people"}}, Outputs: []policy.OutputFact{{Origins: []int{3}}},
		}}}, policy.Deny, 0},
	} {
		req := request()
		req.Kind, req.Statements, req.Facts.Catalog = a.Kind, a.Statements, c.facts
		d := p.Decide(req)
		if d.Verdict != c.want || len(d.Masks) != c.masks {
			t.Errorf("%s: %s with %d masks, want %s with %d: %v", c.name, d.Verdict, len(d.Masks), c.want, c.masks, d.Reasons)
		}
	}
}
