package transfer

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/mask"
)

// trim leaves out what cannot hold in the copy, with a warning each: what is
// about columns that are not copied, and foreign keys to tables that are not.
func (rd *reader) trim(all []*relation, items []Item) {
	for _, root := range all {
		without := items[root.item].Without
		for _, r := range root.all() {
			r.constraints = slices.DeleteFunc(r.constraints, func(k *constraint) bool { return slices.Contains(without, k.name) })
			r.indexes = slices.DeleteFunc(r.indexes, func(x *index) bool {
				if slices.Contains(without, x.name) {
					return true
				}
				missing := !r.has(x.columns)
				if missing {
					rd.warn("index %s of %s is about columns that are not copied and is not carried", printable(x.name), r.title())
				}
				return missing
			})
			r.constraints = slices.DeleteFunc(r.constraints, func(k *constraint) bool { return rd.falls(r, k) })
		}
	}
}

// falls tells whether a constraint is left out.
func (rd *reader) falls(r *relation, k *constraint) bool {
	leave := func(why string) bool {
		rd.warn("constraint %s of %s %s and is not carried", printable(k.name), r.title(), why)
		return true
	}
	switch {
	case !r.has(k.columns):
		return leave("is about columns that are not copied")
	case k.kind != "f":
		return false
	case k.inherited:
		return true // it comes with the parent's
	}
	to := rd.byOID[k.refers]
	switch {
	case to == nil || to.item < 0:
		return leave("refers to a table that is not part of the copy")
	case !to.has(k.refersTo):
		return leave("refers to columns that are not copied")
	case to.where != "":
		return leave("refers to " + to.title() + ", of which not all rows are copied,")
	case to.existing == Append || r.existing == Append:
		return leave("is one of a table that rows are added to")
	}
	return false
}

// checkMasks says what would keep masked rows from being stored.
func checkMasks(all []*relation, byOID map[string]*relation) []string {
	var tables []mask.Table
	for _, root := range all {
		if !slices.ContainsFunc(all, (*relation).masked) {
			return nil
		}
		tables = append(tables, maskTable(root, byOID))
	}
	return mask.Check(tables)
}

func maskTable(r *relation, byOID map[string]*relation) mask.Table {
	t := mask.Table{Name: r.title()}
	for _, c := range r.columns {
		if c.generated != "" {
			continue // it is computed anew, of masked values
		}
		t.Columns = append(t.Columns, maskColumn(c))
		if c.typ.def.kind == "e" || c.typ.def.kind == "d" {
			t.Constraints = append(t.Constraints, mask.Constraint{Kind: mask.Domain, Name: c.typ.name, Columns: []string{c.name}})
		}
	}
	for _, k := range r.constraints {
		out := mask.Constraint{Name: k.name, Columns: k.columns}
		switch k.kind {
		case "c":
			if slices.Contains(r.keeps, k.name) {
				continue
			}
			out.Kind, out.Expression = mask.CheckExpression, k.expression
		case "x":
			out.Kind = mask.Exclude
		case "f":
			out.Kind, out.Refers, out.RefersTo, out.MatchFull = mask.ForeignKey, byOID[k.refers].title(), k.refersTo, k.match == "f"
		default:
			continue // their indexes follow
		}
		t.Constraints = append(t.Constraints, out)
	}
	for _, x := range r.indexes {
		if !x.unique {
			continue
		}
		out := mask.Constraint{Kind: mask.Unique, Name: x.name, Columns: x.keys, NullsNotDistinct: x.nullsEqual, Expression: x.expression, Where: x.where}
		if x.keys == nil {
			out.Columns = x.columns
		}
		for _, k := range r.constraints {
			if k.index == x.oid && k.kind == "p" {
				out.Kind = mask.PrimaryKey
			}
		}
		t.Constraints = append(t.Constraints, out)
	}
	return t
}

func maskColumn(c *column) mask.Column {
	return mask.Column{Name: c.name, Type: mask.Type{OID: c.typ.oid, Name: c.typ.name}, NotNull: c.notNull, Mask: c.mask}
}

// shapesOf says which values the destination changes when it stores them.
func shapesOf(columns []*column) []shape {
	const bpchar, numeric = 1042, 1700
	out := make([]shape, len(columns))
	for i, c := range columns {
		switch {
		case !c.mask.Masks():
		case c.typ.oid == bpchar:
			out[i] = padded
		case c.typ.oid == numeric:
			out[i] = scaled
		}
	}
	return out
}
