package catalog

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// targets resolves a select list. Stored leaves generated columns out of *.
func (r *resolver) targets(list []statement.Target, sc scope, stored bool) (out table) {
	for i := range list {
		t := &list[i]
		if t.Star {
			r.star(&out, t, sc, stored)
			continue
		}
		name := t.Name
		v := value{}
		if len(t.Value.Refs) == 1 && t.Plain {
			v = r.ref(&t.Value.Refs[0], sc)
		} else {
			v, name = r.namedExpr(t, sc)
		}
		out.columns = append(out.columns, column{name: name, value: v})
	}
	return out
}

// namedExpr is an expression that is not a column as it is, with its name.
func (r *resolver) namedExpr(t *statement.Target, sc scope) (value, string) {
	name := t.Name
	v := r.exprWith(&t.Value, sc, func(number int, result *table) {
		if number == t.NameOf && len(result.columns) > 0 {
			name = result.columns[0].name
		}
	})
	v.exact = false
	return v, name
}

// star expands * and name.*.
func (r *resolver) star(out *table, t *statement.Target, sc scope, stored bool) {
	if len(t.Value.Refs) != 1 || len(t.Value.Queries)+len(t.Value.Calls) > 0 {
		r.widen(out, r.expr(&t.Value, sc))
		return
	}
	ref := &t.Value.Refs[0]
	var row *table
	switch {
	case len(ref.Names) == 0 && sc.level != nil:
		row = &sc.level.table
	case len(ref.Names) > 0:
		if i := r.row(ref, sc); i != nil {
			row = &i.table
		}
	}
	if row == nil {
		v := r.ref(ref, sc)
		if names := r.attributes(v); len(names) > 0 && !v.open {
			v.exact, v.types = false, nil
			*out = out.joined(listed(names, v))
			return
		}
		r.widen(out, v)
		return
	}
	r.busy(len(row.columns))
	for _, c := range row.columns {
		if stored && c.generated {
			continue
		}
		r.read(c.value, false)
		out.columns = append(out.columns, column{name: c.name, value: c.value, num: c.num})
	}
	if row.open {
		r.widen(out, row.rest)
	}
}

// attributes are those of a value of a composite type, if its type is known.
func (r *resolver) attributes(v value) (names []string) {
	if len(v.types) != 1 {
		return nil
	}
	t := r.sight.Snapshot.Type(v.types[0])
	if t == nil {
		return nil
	}
	if rel := r.sight.Snapshot.Relation(t.Relation); rel != nil {
		for i := range rel.Columns {
			names = append(names, rel.Columns[i].Name)
		}
	}
	return names
}

// widen adds an unknown number of columns.
func (r *resolver) widen(out *table, v value) {
	v.exact = false
	r.read(v, false)
	out.open = true
	out.rest = out.rest.and(v)
}

// row is the item that name.* or (name).* means, nil if it is a column or not
// known.
func (r *resolver) row(ref *statement.Ref, sc scope) *named {
	if ref.Field != "" && len(ref.Names) == 1 {
		if _, found := sc.level.column(ref.Names[0]); found != Missing {
			return nil
		}
	}
	return sc.level.item(ref.Names)
}

// looks resolves what decides which rows come. Names of columns of the result
// read nothing more.
func (r *resolver) looks(list []statement.Expr, sc scope, out *table) {
	for i := range list {
		e := &list[i]
		kept := *e
		kept.Refs = nil
		for _, ref := range e.Refs {
			if ref.Label && out != nil && out.names(ref.Names[0]) {
				v, _ := sc.level.column(ref.Names[0])
				r.read(v, false)
				continue
			}
			kept.Refs = append(kept.Refs, ref)
		}
		r.read(r.expr(&kept, sc), false)
	}
}

// names reports whether a result has a column of a name.
func (t *table) names(name string) bool {
	return t.has(name) || t.open
}

// expr is what an expression may hold. Everything it looks at is noted.
func (r *resolver) expr(e *statement.Expr, sc scope) value { return r.exprWith(e, sc, nil) }

// exprWith tells each about the results of the sub-selects in it, with their
// numbers from 1.
func (r *resolver) exprWith(e *statement.Expr, sc scope, each func(int, *table)) (v value) {
	if e == nil || r.busy(len(e.Refs)+len(e.Calls)) {
		return value{open: e != nil}
	}
	for i := range e.Refs {
		w := r.ref(&e.Refs[i], sc)
		if v = v.and(w); len(e.Refs) == 1 {
			v.exact = w.exact
		}
	}
	for i, q := range e.Queries {
		t := r.query(q, sc)
		r.readAll(&t, false)
		if each != nil {
			each(i+1, &t)
		}
		v = v.and(t.all())
		v.open = v.open || t.open && t.rest.open
	}
	looked := r.expr(e.Looks, sc)
	v.types = value{types: v.types}.and(value{types: looked.types}).types
	result := v
	for i := range e.Calls {
		if kept := e.Calls[i].Keeps; kept != nil {
			r.keep(&e.Calls[i], r.expr(kept, sc))
		}
		result = result.and(r.call(&e.Calls[i], v, looked))
	}
	if len(e.Calls) > 0 || len(e.Refs)+len(e.Queries) > 1 { // CASE and COALESCE cast, too
		result.exact = false
		result = result.and(r.casts(result))
	} else {
		result.exact = v.exact
	}
	return result
}

// ref is what a name in an expression may hold.
func (r *resolver) ref(ref *statement.Ref, sc scope) value {
	v := r.meaning(ref, sc)
	r.read(v, false)
	return v
}

func (r *resolver) meaning(ref *statement.Ref, sc scope) value {
	names := ref.Names
	switch {
	case ref.Star && ref.Field == "":
		return r.whole(names, sc)
	case len(names) == 0:
		return r.missing("a name")
	case ref.Field != "":
		return r.field(ref, sc)
	case len(names) == 1:
		v, found := sc.level.column(names[0])
		if i := sc.level.item(names); found != Known && i != nil && !i.hidden {
			return v.and(i.table.all())
		}
		if found != Missing {
			return v
		}
		return r.missing(names[0])
	}
	if i := sc.level.item(names[:len(names)-1]); i != nil {
		return r.attribute(i, names[len(names)-1])
	}
	return r.missing(strings.Join(names, "."))
}

// missing is a name that means nothing in sight.
func (r *resolver) missing(name string) value {
	r.note("column %s is not in the catalog", name)
	return value{open: true}
}

// whole is what * or name.* holds in an expression.
func (r *resolver) whole(names []string, sc scope) value {
	switch {
	case len(names) == 0 && sc.level != nil:
		return sc.level.table.all()
	case len(names) > 0:
		if i := sc.level.item(names); i != nil {
			return i.table.all()
		}
	}
	return r.missing(strings.Join(append(names[:len(names):len(names)], "*"), "."))
}

// attribute is item.name: a column, or a function of the row.
func (r *resolver) attribute(i *named, name string) value {
	if v, found := i.table.find(name); found {
		return v
	}
	if systemColumns[name] && i.hasSystemColumns() {
		return value{}
	}
	v := i.table.all()
	if i.table.open {
		return v.and(i.table.rest)
	}
	return v.and(r.function(statement.Call{Name: name, Args: 1, Known: statement.Computes("", name, 1), Attribute: true}, v))
}

// field is (name).field: a column of a row, or of a composite value.
func (r *resolver) field(ref *statement.Ref, sc scope) value {
	v, found := value{}, Missing
	if len(ref.Names) == 1 {
		v, found = sc.level.column(ref.Names[0])
	}
	if i := sc.level.item(ref.Names); i != nil && found != Known {
		if ref.Star {
			return v.and(i.table.all())
		}
		w := r.attribute(i, ref.Field)
		if found == Missing {
			return w
		}
		v = v.and(w)
	} else if found == Missing {
		plain := statement.Ref{Names: ref.Names}
		v = r.meaning(&plain, sc)
	}
	v.exact = false
	if ref.Star {
		return v
	}
	return v.and(r.function(statement.Call{Name: ref.Field, Args: 1, Known: true, Attribute: true}, v))
}
