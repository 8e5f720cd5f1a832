package policy_test

import (
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The server's errors are withheld where they may quote a class that only the
// database knows of, or that is reached through a view.
func TestErrorsThatMayQuote(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	book := maskBook()
	byDocument := parse(t, "version: 1\nclasses: {contact.email: {}}\ncolumns:\n  - {columns: [public.orders.mail], class: contact.email}\n"+
		"  - {columns: [public.people.phone, public.people.email], class: none}\n")
	byDatabase := parse(t, "version: 1\nclasses: {contact.phone: {}}\n")
	linked := parse(t, "version: 1\nclasses: {contact.email: {}}\ncolumns:\n  - {columns: [public.people.email], class: contact.email}\n")
	for _, c := range []struct {
		p    *policy.Policy
		text string
		want bool
	}{
		{byDatabase, "SELECT id FROM people WHERE phone::int = 1", true},
		{byDatabase, "UPDATE people SET id = 1", true},
		{byDatabase, "INSERT INTO people (id) VALUES (1)", true},
		{byDatabase, "SELECT address::int FROM addresses", true},
		{byDatabase, "SELECT id::text::date FROM orders", false},
		{byDatabase, "SELECT 1/0", false},
		{byDocument, "SELECT id FROM orders", true},
		{byDocument, "SELECT id FROM addresses", false}, // the document has the say
		{linked, "SELECT id FROM addresses WHERE address::int = 1", true},
		{linked, "SELECT 'x'::date FROM events", false},
	} {
		a := analyzer.Analyze(t.Context(), c.text)
		req := request()
		req.Kind, req.Problem, req.Statements = a.Kind, a.Problem, a.Statements
		req.Facts.Catalog = c.p.CatalogFact(book, catalog.Sight{Snapshot: book.Snapshot, Path: []string{"pg_catalog", "public"}}, nil, a.Statements)
		if d := decideBothWays(t, c.p, req); (d.Discreet || d.Reticent) != c.want {
			t.Errorf("%s: discreet is %v", c.text, (d.Discreet || d.Reticent))
		}
	}
}
