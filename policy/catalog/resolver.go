package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// mostWork bounds what is done for one statement, in columns handled.
const mostWork = 4_000_000

// resolver finds out what the names of one statement, or of one view, mean.
type resolver struct {
	sight Sight
	// behind are the queries of the names that the statement uses.
	behind []*statement.Query
	// reads and through say of the columns looked at whether their values go
	// anywhere.
	reads, through map[ColumnID]bool
	calls          map[OID]bool
	writes         []Writing
	unknown        []string
	opaque         bool
	work           int
	// inside are the views whose queries are being followed.
	inside []OID
	// changes are the shapes of relations that the session has made or
	// changed.
	changes map[*Relation]*shape
}

func newResolver(s Sight) *resolver {
	return &resolver{sight: s, reads: map[ColumnID]bool{}, through: map[ColumnID]bool{}, calls: map[OID]bool{}, changes: map[*Relation]*shape{}}
}

// note keeps what could not be followed, in words, a bounded number of times.
func (r *resolver) note(format string, args ...any) {
	const most = 20
	words := fmt.Sprintf(format, args...)
	if len(r.unknown) < most && !slices.Contains(r.unknown, words) {
		r.unknown = append(r.unknown, words)
	}
}

// busy counts work, and reports whether it is too much.
func (r *resolver) busy(columns int) bool {
	r.work += columns + 1
	if r.work > mostWork {
		r.note("the statement is too large to be followed")
		return true
	}
	return false
}

// read notes that the values of columns are looked at; output says that they
// go somewhere.
func (r *resolver) read(v value, output bool) {
	for _, c := range v.from {
		r.reads[c] = r.reads[c] || output
	}
	for _, c := range v.through {
		r.through[c] = r.through[c] || output
	}
	r.called(v.calls)
	for _, oid := range v.types {
		if t := r.sight.Snapshot.Type(oid); t != nil {
			r.called(t.Functions) // reading, comparing and showing it
		}
	}
}

func (r *resolver) called(calls []OID) {
	for _, f := range calls {
		r.calls[f] = true
	}
}

// readAll notes a whole result.
func (r *resolver) readAll(t *table, output bool) {
	for i := range t.columns {
		r.read(t.columns[i].value, output)
	}
	r.read(t.rest, output)
}

// readings are the columns looked at, sorted.
func readings(seen map[ColumnID]bool) []Reading {
	if len(seen) == 0 {
		return nil
	}
	out := make([]Reading, 0, len(seen))
	for c, output := range seen {
		out = append(out, Reading{c, output})
	}
	slices.SortFunc(out, func(a, b Reading) int { return compareColumns(a.Column, b.Column) })
	return out
}

func sortedCalls(calls map[OID]bool) []OID {
	return slices.SortedFunc(maps.Keys(calls), cmp.Compare[OID])
}
