package proxy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
)

// subjectOf finds the column of a result that says whose its rows are. It must be
// surely so: of rows from a single table, that the statement reads once, and of
// which every column comes as it is. Where a table is joined, or read through a
// view, a row can hold what is another's; then each row counts as a subject of
// its own.
func subjectOf(p *policy.Policy, r *policy.Request) subjectAt {
	facts := r.Facts.Catalog
	if facts == nil || len(r.Statements) != 1 || len(facts.Statements) != 1 {
		return subjectAt{}
	}
	st, fact := &r.Statements[0], &facts.Statements[0]
	form, plain := formOf(st)
	if !plain || !readsOnce(st) || fact.Open || len(fact.Unknown) > 0 || len(fact.Beneath) > 0 || len(fact.Relations) != 1 {
		return subjectAt{}
	}
	table := fact.Relations[0]
	column, named := p.SubjectColumn(table.Schema, table.Name)
	if !named {
		return subjectAt{}
	}
	found := subjectAt{}
	for i := range fact.Outputs {
		out := &fact.Outputs[i]
		switch {
		case out.Open || !out.Exact && len(out.Origins) > 0:
			return subjectAt{}
		case !out.Exact || found.column != 0:
			continue
		}
		if c := &fact.Columns[out.Origins[0]]; c.Schema == table.Schema && c.Relation == table.Name && c.Name == column {
			found = subjectAt{column: i + 1, form: form}
		}
	}
	return found
}

// readsOnce reports whether the rows of a statement are those of one relation,
// read once.
func readsOnce(st *statement.Statement) bool {
	q := st.Query
	if q != nil && q.Named && len(st.Behind) == 1 {
		q = st.Behind[0]
	}
	if q == nil || q.Open != "" || q.Named || q.Left != nil || q.Right != nil || q.Writes != nil || q.Into != nil || q.Explained != nil {
		return false
	}
	if len(q.With) > 0 || len(q.From) != 1 {
		return false
	}
	from := &q.From[0]
	return from.Name != "" && from.Query == nil && from.Join == nil && from.Functions == nil && from.Table == nil
}

// formOf says how the rows of a statement come; ok is false for a COPY with
// separators of its own.
func formOf(st *statement.Statement) (form shared.Form, ok bool) {
	if st.CopyOut == nil {
		return shared.Row, true
	}
	own := func(o statement.CopyOption) bool { return o.Name != "format" && o.Name != "header" }
	if slices.ContainsFunc(st.CopyOut.Options, own) {
		return shared.Row, false
	}
	options := make([]mask.Option, len(st.CopyOut.Options))
	for i, o := range st.CopyOut.Options {
		options[i] = mask.Option{Name: o.Name, Value: o.Value, Values: o.Values, Star: o.Star}
	}
	read, err := mask.ReadOptions(options)
	if err != nil {
		return shared.Row, false
	}
	switch read.Format {
	case mask.Text:
		return shared.CopyText, true
	case mask.CSV:
		return shared.CopyCSV, true
	case mask.Binary:
		return shared.CopyBinary, true
	}
	return shared.Row, false
}
