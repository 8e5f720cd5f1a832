package proxy

import (
	"context"
	"errors"
	"reflect"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
)

var errCatalogChanged = errors.New("what the statement reads was changed after it was judged; run it again")

// still returns nil if what the statement reads is at this moment still what the
// masks were decided by.
func (r *resultMasks) still(ctx context.Context, keeper *catalogKeeper) error {
	book, err := keeper.latest(ctx)
	if err != nil || book == r.book {
		return err
	}
	same := func(schema, name string) bool {
		return sameRelation(find(r.book, schema, name), find(book, schema, name))
	}
	for i := range r.fact.Columns {
		if c := &r.fact.Columns[i]; !same(c.Schema, c.Relation) {
			return errCatalogChanged
		}
	}
	for i, named := range r.fact.Relations {
		if !same(named.Schema, named.Name) || r.hidden(book, i) {
			return errCatalogChanged
		}
	}
	return nil
}

// hidden reports whether a relation that is named without a schema is behind
// another one now, which was made since in a schema further to the front of the
// path. One that was made and dropped again in the meantime leaves no trace.
func (r *resultMasks) hidden(now *policy.Book, at int) bool {
	if at >= len(r.named) || r.named[at].Schema != "" {
		return false
	}
	meant := r.fact.Relations[at]
	for _, schema := range r.path {
		if schema == meant.Schema {
			return false
		}
		if find(r.book, schema, meant.Name) == nil && find(now, schema, meant.Name) != nil {
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
		reflect.DeepEqual(before.Columns, now.Columns) &&
		reflect.DeepEqual(before.Parents, now.Parents) && reflect.DeepEqual(before.Children, now.Children)
}
