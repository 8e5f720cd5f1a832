package statement

import (
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// rowTypeOf is what the text tells of the columns that a target list or
// RETURNING makes, in the query being walked.
func (w *walker) rowTypeOf(targets []*pg.Node) *rowType {
	out := &rowType{}
	for _, n := range targets {
		t := n.GetResTarget()
		ref := t.GetVal().GetColumnRef()
		if ref != nil && star(ref.Fields) {
			w.addRow(out, strs(ref.Fields))
			continue
		}
		f := field{name: t.GetName()}
		if f.name == "" {
			f.name = impliedName(t.GetVal())
		}
		if ref != nil {
			f.from = w.resolve(strs(ref.Fields), false).from
		}
		if f.name == "" {
			out.open = true
			continue
		}
		out.columns = append(out.columns, f)
	}
	return out
}

// addRow adds the columns of * or of name.*.
func (w *walker) addRow(out *rowType, names []string) {
	if len(names) > 0 {
		if i := w.lookup(names); i != nil {
			out.add(i)
		} else {
			out.open = true
		}
		return
	}
	if w.level == nil {
		out.open = true
		return
	}
	for _, i := range w.level.items {
		if !i.hidden {
			out.add(i)
		}
	}
}

func (r *rowType) add(i *item) {
	switch {
	case len(i.parts) > 0:
		for _, part := range i.parts {
			r.add(part)
		}
	case i.output != nil:
		r.columns = append(r.columns, i.output.columns...)
		r.open = r.open || i.output.open
		r.stars = append(r.stars, i.output.stars...)
	default:
		r.open = true
		r.stars = append(r.stars, origin{schema: i.relation.schema, relation: i.relation.relation})
	}
}

// impliedName is the name of a column without AS, where that is plain to see.
func impliedName(n *pg.Node) string {
	switch v := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		names := strs(v.ColumnRef.Fields)
		if len(names) > 0 {
			return names[len(names)-1]
		}
	case *pg.Node_FuncCall:
		_, name := qualified(v.FuncCall.Funcname)
		return name
	case *pg.Node_TypeCast:
		return impliedName(v.TypeCast.Arg)
	}
	return ""
}

// valuesType is the row type of VALUES: column1, column2 and so on.
func valuesType(rows []*pg.Node) *rowType {
	out := &rowType{}
	for i := range rows[0].GetList().GetItems() {
		out.columns = append(out.columns, field{name: "column" + strconv.Itoa(i+1)})
	}
	return out
}

// outputNames marks the bare names in ORDER BY and DISTINCT ON that mean a
// column of the result and not one of a relation. After a set operation
// nothing else is allowed there.
func (w *walker) outputNames(s *pg.SelectStmt, out *rowType) {
	mark := func(n *pg.Node) {
		ref := n.GetColumnRef()
		names := strs(ref.GetFields())
		if len(names) != 1 {
			return
		}
		if _, has := out.field(names[0]); has || s.Op != pg.SetOperation_SETOP_NONE {
			w.markUnread(ref)
		}
	}
	for _, n := range s.SortClause {
		mark(n.GetSortBy().GetNode())
	}
	for _, n := range s.DistinctClause {
		mark(n)
	}
}

// markUnread makes the walk pass over a name that reads no column.
func (w *walker) markUnread(ref *pg.ColumnRef) {
	if ref == nil {
		return
	}
	if w.unread == nil {
		w.unread = map[*pg.ColumnRef]bool{}
	}
	w.unread[ref] = true
}

// existence marks the targets of EXISTS, which the server does not look at.
func (w *walker) existence(link *pg.SubLink) {
	if link.SubLinkType != pg.SubLinkType_EXISTS_SUBLINK {
		return
	}
	s := link.GetSubselect().GetSelectStmt()
	if s.GetOp() != pg.SetOperation_SETOP_NONE {
		return
	}
	for _, t := range s.GetTargetList() {
		w.markUnread(t.GetResTarget().GetVal().GetColumnRef())
	}
}
