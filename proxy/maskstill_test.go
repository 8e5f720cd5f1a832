package proxy

import (
	"errors"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A COPY that is about to send its rows is stopped if what it names was changed
// since it was judged, was changed and changed back, or is behind another
// relation now.
func TestCopyOfWhatHasChangedIsStopped(t *testing.T) {
	people := func(schema string, written uint64, columns ...string) *catalog.Relation {
		r := &catalog.Relation{OID: catalog.OID(len(schema)), Schema: schema, Name: "people", Kind: catalog.Table, Written: written}
		for i, name := range columns {
			r.Columns = append(r.Columns, catalog.Column{Num: int16(i + 1), Name: name})
		}
		return r
	}
	book := func(relations ...*catalog.Relation) *policy.Book {
		return policy.NewBook(catalog.NewSnapshot(relations, nil))
	}
	before := people("crm", 7, "id", "email")
	for name, c := range map[string]struct {
		now    *policy.Book
		schema string
		want   error
	}{
		"as it was":                               {now: book(before), want: nil},
		"other columns":                           {now: book(people("crm", 8, "email", "id")), want: errCatalogChanged},
		"changed and changed back":                {now: book(people("crm", 9, "id", "email")), want: errCatalogChanged},
		"gone":                                    {now: book(), want: errCatalogChanged},
		"another in front of it":                  {now: book(before, people("front", 9, "email", "id")), want: errCatalogChanged},
		"another in front of one with a schema":   {now: book(before, people("front", 9, "email", "id")), schema: "crm", want: nil},
		"another behind it":                       {now: book(before, people("behind", 9, "email", "id")), want: nil},
		"another in a schema outside of the path": {now: book(before, people("elsewhere", 9, "email", "id")), want: nil},
	} {
		r := &resultMasks{reading: reading{
			book: book(before), fact: &policy.StatementFact{Relations: []policy.RelationFact{{Schema: "crm", Name: "people"}}},
			named: []statement.Relation{{Schema: c.schema, Name: "people"}}, path: []string{"pg_catalog", "front", "crm", "behind"},
		}}
		k := newTestKeeper(func(*policy.Book) (*policy.Book, error) { return c.now, nil })
		if err := r.still(t.Context(), k); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
