package proxy

import (
	"context"
	"errors"
	"reflect"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

var errCatalogChanged = errors.New("what the statement reads was changed after it was judged; run it again")

// reading is what the names of a statement were taken to mean.
type reading struct {
	book *policy.Book
	fact *policy.StatementFact
	// named are the relations as the text names them, path is what names
	// without a schema were looked up in.
	named []statement.Relation
	path  []string
}

// still returns nil if what the statement reads is at this moment still what the
// masks were decided by.
func (r *resultMasks) still(ctx context.Context, keeper *catalogKeeper) error {
	book, err := keeper.latest(ctx)
	switch {
	case err != nil:
		return notLooked(err)
	case !r.same(book):
		return errCatalogChanged
	}
	return nil
}

// notLooked is why nobody could look whether a result is what was judged, in words
// for the client.
func notLooked(err error) error {
	return errors.New("the database's catalog could not be read: " + catalogProblem(err))
}

// same reports whether the names mean the same in another catalog.
func (m *reading) same(now *policy.Book) bool {
	if now == m.book {
		return true
	}
	same := func(schema, name string) bool {
		return sameRelation(find(m.book, schema, name), find(now, schema, name))
	}
	for i := range m.fact.Columns {
		if c := &m.fact.Columns[i]; !same(c.Schema, c.Relation) {
			return false
		}
	}
	for _, r := range m.fact.Beneath {
		if !same(r.Schema, r.Name) {
			return false
		}
	}
	for i, r := range m.fact.Relations {
		if !same(r.Schema, r.Name) || m.hidden(now, i) {
			return false
		}
	}
	return true
}

// hidden reports whether a relation that is named without a schema is behind
// another one now, which was made since in a schema further to the front of the
// path. One that was made and dropped again in the meantime leaves no trace.
func (m *reading) hidden(now *policy.Book, at int) bool {
	if at >= len(m.named) || m.named[at].Schema != "" {
		return false
	}
	meant := m.fact.Relations[at]
	for _, schema := range m.path {
		if schema == meant.Schema {
			return false
		}
		if find(m.book, schema, meant.Name) == nil && find(now, schema, meant.Name) != nil {
			return true
		}
	}
	return false
}

// find is the relation of a name, nil for one that only the session sees.
func find(book *policy.Book, schema, name string) *catalog.Relation {
	found, _ := catalog.Sight{Snapshot: book.Snapshot, Path: []string{}}.Find(schema, name)
	return found
}

// sameRelation reports whether a relation has the same columns, with what is said
// of them, and the same rows as before, and had them all the while: a short COPY is
// over before the catalog is looked at, and its locks are gone.
func sameRelation(before, now *catalog.Relation) bool {
	if before == nil || now == nil {
		return before == now
	}
	return before.OID == now.OID && before.Kind == now.Kind && before.Query == now.Query && before.Written == now.Written &&
		reflect.DeepEqual(before.Columns, now.Columns) && reflect.DeepEqual(before.Triggers, now.Triggers) && reflect.DeepEqual(before.Code, now.Code) &&
		reflect.DeepEqual(before.Parents, now.Parents) && reflect.DeepEqual(before.Children, now.Children)
}
