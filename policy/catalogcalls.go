package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// mostReachedColumns is how many columns functions may add to the fact about a
// statement, since facts are recorded.
const mostReachedColumns = 2000

// Reach says what a call of a function may do in a session, as Code.Reach of
// package catalog does. A nil one can follow no code.
type Reach func(function catalog.OID) *catalog.Reached

func (r Reach) of(function catalog.OID) *catalog.Reached {
	if r == nil {
		return &catalog.Reached{Opaque: []string{"nobody looks at its code here"}}
	}
	return r(function)
}

// calls adds the columns that the functions which a statement calls look at, as
// if it looked at them itself. What cannot be followed is unknown.
func (b *factBuilder) calls(reach Reach, st *statement.Statement, found *catalog.Provenance) {
	if found.Opaque {
		b.fact.Unknown = append(b.fact.Unknown, "it calls a function of PostgreSQL that may return anything")
	}
	if len(found.Calls) == 0 {
		return
	}
	comesOut := map[catalog.OID]bool{}
	for _, out := range found.Outputs {
		for _, oid := range out.Calls {
			comesOut[oid] = true
		}
	}
	for _, w := range found.Writes {
		for _, oid := range w.Value.Calls {
			comesOut[oid] = true
		}
	}
	// Without columns of a result, such as those of CALL, nobody can tell where
	// that of a function goes.
	open := found.Open || st.Query == nil
	b.fact.Open = open
	for _, oid := range found.Calls {
		b.call(reach.of(oid), oid, comesOut[oid] || open)
		b.ownRow(found, oid)
	}
}

// call adds what one function reaches. out is true if its result may come out of
// the statement.
func (b *factBuilder) call(r *catalog.Reached, oid catalog.OID, out bool) {
	why := b.seen.Moved(r)
	switch {
	case len(r.Opaque) > 0:
		why = r.Opaque[0]
	case why == "" && len(b.fact.Columns)+len(r.Reads) > mostReachedColumns:
		why = "it reaches more columns than are judged one by one"
	}
	if why != "" {
		b.fact.Unknown = append(b.fact.Unknown, "it calls "+quote.Short(b.function(oid), maxSubject)+": "+quote.Short(why, maxReason))
		return
	}
	// What it sends out itself comes out, whatever becomes of its result.
	out = out || slices.ContainsFunc(r.Effects, func(e catalog.CodeEffect) bool { return SendsOut(e.Kind) })
	b.reached[oid] = []catalog.ColumnID{}
	for _, read := range r.Reads {
		b.reach(catalog.Reading{Column: read.Column, Output: read.Output && out})
		if read.Output {
			b.reached[oid] = append(b.reached[oid], read.Column)
		}
	}
}

// reach adds a column that is read, or that its values may come out.
func (b *factBuilder) reach(read catalog.Reading) {
	at, listed := b.at[read.Column]
	if !listed {
		b.column(read)
		return
	}
	b.fact.Columns[at].Output = b.fact.Columns[at].Output || read.Output
}

// ownRow: a trigger function may put values of its row into other columns, which
// RETURNING shows.
func (b *factBuilder) ownRow(found *catalog.Provenance, oid catalog.OID) {
	f := b.book.Function(oid)
	columns, followed := b.reached[oid]
	shown := slices.ContainsFunc(found.Outputs, func(o catalog.Output) bool { return slices.Contains(o.Calls, oid) })
	if f == nil || !followed || !shown {
		return
	}
	for _, id := range b.book.RowsOf(oid, found.Relations) {
		r := b.seen.Relation(id)
		for i := range r.Columns {
			if read := (catalog.Reading{Column: catalog.ColumnID{Relation: id, Num: r.Columns[i].Num}, Output: true}); f.MovesOfRow(r.Columns[i].Name) {
				b.reach(read)
				columns = append(columns, read.Column)
			}
		}
	}
	b.reached[oid] = columns
}

// function is what a function is called.
func (b *factBuilder) function(oid catalog.OID) string {
	if f := b.book.Function(oid); f != nil {
		return f.Signature
	}
	return "a function that is not PostgreSQL's own"
}

// output adds a column of the result. What comes from a column that is not
// listed, such as ctid, has no origin.
func (b *factBuilder) output(out catalog.Output) {
	f := OutputFact{Name: out.Name, Exact: out.Exact && len(out.Origins) == 1 && len(out.Calls) == 0, Open: out.Open}
	add := func(ids []catalog.ColumnID) {
		for _, id := range ids {
			if at, listed := b.at[id]; !listed {
				f.Exact = false
			} else if !slices.Contains(f.Origins, at) {
				f.Origins = append(f.Origins, at)
			}
		}
	}
	add(out.Origins)
	add(out.Through)
	for _, oid := range out.Calls {
		columns, followed := b.reached[oid]
		f.Open = f.Open || !followed
		add(columns)
	}
	b.fact.Outputs = append(b.fact.Outputs, f)
}
