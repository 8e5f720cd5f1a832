package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// What the text of a statement says about writing is judged by its kind. This
// file adds what only the meaning of its names tells: that rows come back from
// it, and that a value goes where its class would be lost.

// givesBack is the effect of rows that come back from a write.
const givesBack = "rows of RETURNING or of a rule"

// withRowsBack has a write that gives rows count as a read as well: what may be
// read masked only does not come back from a write as it is.
func (c *ruling) withRowsBack() {
	if written[c.st.Node] && !hasKind(c.st, statement.OrdinaryRead) && c.rowsBack() {
		c.addEffect(statement.Effect{Kind: statement.OrdinaryRead, What: givesBack, Position: c.st.Start})
	}
}

// rowsBack reports whether rows may come back from a write. Where nobody asked
// the catalog, as for a file that is checked, the text is all there is.
func (c *ruling) rowsBack() bool {
	if givesRows(c.st) || c.judge.req.Facts.Catalog == nil {
		return givesRows(c.st)
	}
	f := c.fact()
	return f == nil || f.Open || len(f.Outputs) > 0
}

// onlyWrites reports whether a statement takes values that the client has sent,
// and gives nothing back: what its triggers run does not matter for masks.
func (c *ruling) onlyWrites() bool {
	reads := func(r statement.Relation) bool { return r.Access != statement.Write }
	moves := func(col statement.Column) bool { return col.Use == statement.Output }
	return written[c.st.Node] && !c.rowsBack() && !slices.ContainsFunc(c.st.Relations, reads) && !slices.ContainsFunc(c.st.Columns, moves)
}

// withMoved has a statement that gives a value to a column without its class
// count as a copy inside the server, or as one that takes protection away if it
// makes the column anew: from there the value could be read as it is.
func (c *ruling) withMoved() {
	if hasKind(c.st, statement.InternalCopy) {
		return
	}
	kind := statement.InternalCopy
	if c.st.Node == "AlterTableStmt" {
		kind = statement.WeakenProtection
	}
	if what, why := c.moved(); what != "" {
		c.addEffect(statement.Effect{Kind: kind, What: what, Position: c.st.Start})
		c.note("", "%s", why)
	}
}

// moved says what value a statement gives to a column without its class, and why
// that is thought of it; nothing if it gives none.
func (c *ruling) moved() (what, why string) {
	f := c.fact()
	if f == nil {
		return c.movedUnseen()
	}
	writes := f.Writes
	if c.st.Node == "AlterTableStmt" {
		writes = f.retyped(c.st)
	}
	for i := range writes {
		w := &writes[i]
		from, class, loses := c.judge.policy.losesClass(f, w)
		switch {
		case loses:
			return "value of " + class + " in another column",
				columnWords(from) + " is " + class + ", and " + quote.Short(w.Name, maxSubject) + ", which is given its value, is not"
		case w.Open && len(c.judge.everyEntry()) > 0:
			return "value of any class in another column", quote.Short(w.Name, maxSubject) + " is given a value of which nobody can tell where it comes from"
		}
	}
	return "", ""
}

// movedUnseen is moved where the catalog could not be read.
func (c *ruling) movedUnseen() (what, why string) {
	looked := c.judge.req.Facts.Catalog
	if looked == nil || looked.Problem == "" || !written[c.st.Node] && c.st.Node != "AlterTableStmt" {
		return "", ""
	}
	if !slices.ContainsFunc(c.st.Columns, func(col statement.Column) bool { return col.Use == statement.Output }) {
		return "", ""
	}
	if len(c.brought()) == 0 && len(c.judge.policy.masks) == 0 {
		return "", ""
	}
	return "value of any class in another column", "the database's catalog could not be read: " + quote.Short(looked.Problem, maxReason)
}

// retyped are the columns that an ALTER TABLE gives values of others, as with
// ALTER COLUMN ... TYPE ... USING.
func (f *StatementFact) retyped(st *statement.Statement) (writes []WriteFact) {
	of := func(use statement.ColumnUse) (at []int) {
		for i := range st.Columns {
			col := &st.Columns[i]
			same := func(one ColumnFact) bool {
				return one.Schema == col.Schema && one.Relation == col.Relation && one.Name == col.Name
			}
			if j := slices.IndexFunc(f.Columns, same); j >= 0 && col.Use == use {
				at = append(at, j)
			}
		}
		return at
	}
	from := of(statement.Output)
	if len(from) == 0 {
		return nil
	}
	for _, to := range of(statement.Written) {
		writes = append(writes, WriteFact{Name: columnWords(&f.Columns[to]), Into: f.Columns[to : to+1], Origins: from})
	}
	return writes
}

// losesClass finds a class of the values that a write moves which the place does
// not have itself.
func (p *Policy) losesClass(f *StatementFact, w *WriteFact) (from *ColumnFact, class string, loses bool) {
	for _, at := range w.Origins {
		from = &f.Columns[at]
		entries, _ := p.classesOf(from)
		for _, e := range entries {
			if !p.hasClass(w, e.class) {
				return from, e.class, true
			}
		}
	}
	return nil, "", false
}

func columnWords(c *ColumnFact) string {
	return quote.Short(c.Schema+"."+c.Relation+"."+c.Name, maxSubject)
}

// addEffect adds an effect. The statement itself is not changed.
func (c *ruling) addEffect(e statement.Effect) {
	changed := *c.st
	changed.Effects = append(slices.Clone(c.st.Effects), e)
	slices.SortStableFunc(changed.Effects, func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
	changed.Kind = worstOf(changed.Effects)
	c.st = &changed
}
