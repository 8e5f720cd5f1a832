package catalog

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

//go:embed data/builtin_rows.txt
var builtinRowsText string

// builtinRows are the columns of PostgreSQL's own functions that return more
// than a plain value; nil for those whose columns depend on their arguments,
// on the overload or on the version.
var builtinRows = readRows(builtinRowsText)

// readRows reads lines of a name and its columns, or ? for unknown ones.
func readRows(text string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2 || words[0] == "#":
		case words[1] == "?":
			all[words[0]] = nil
		default:
			all[words[0]] = words[1:]
		}
	}
	return all
}

// functions resolves functions in FROM.
func (r *resolver) functions(i *statement.Item, sc scope) fromItem {
	var out table
	for k := range i.Functions {
		f := &i.Functions[k]
		v := r.expr(&f.Call, sc)
		plain := f.Plain && len(v.types) == 0 && !slices.ContainsFunc(f.Call.Refs, func(ref statement.Ref) bool { return !isColumn(&ref, sc) })
		v.exact = false
		name := f.Name
		if len(i.Functions) == 1 && i.Alias != "" {
			name = i.Alias
		}
		out = out.joined(r.returned(f, v, plain, name))
	}
	if i.Ordinality {
		out.columns = append(out.columns, column{name: "ordinality"})
	}
	it := called(i, out)
	if i.Alias == "" && len(i.Functions) > 0 {
		it.items[0].alias = i.Functions[0].Name
	}
	return it
}

// isColumn reports whether a name surely means a column, and not a row.
func isColumn(ref *statement.Ref, sc scope) bool {
	switch {
	case ref.Field != "" || ref.Star || len(ref.Names) == 0:
		return false
	case len(ref.Names) == 1:
		_, found := sc.level.column(ref.Names[0])
		return found == Known
	}
	i := sc.level.item(ref.Names[:len(ref.Names)-1])
	return i != nil && i.table.has(ref.Names[len(ref.Names)-1])
}

// returned is what a function in FROM returns; plain says that its argument is
// made of columns of PostgreSQL's types, name what it is called if it is one
// column.
func (r *resolver) returned(f *statement.Rows, v value, plain bool, name string) table {
	if len(f.Columns) > 0 {
		return listed(f.Columns, v)
	}
	one := listed([]string{name}, v)
	if f.Function == "" {
		return one
	}
	if users, doubt := r.functionsNamed(f.Schema, f.Function); len(users) > 0 || doubt {
		if len(users) == 1 && !doubt && !r.own(f.Schema, f.Function) {
			return r.userRows(users[0], v, one)
		}
		return openTable(v)
	}
	if !r.own(f.Schema, f.Function) {
		return openTable(v)
	}
	names, special := builtinRows[f.Function]
	switch {
	case !special, f.Function == "unnest" && (f.Scalar || plain):
		return one
	case names == nil:
		return openTable(v)
	}
	return listed(names, v)
}

// pseudo-types that stand for what the arguments are, or for rows of any kind.
var shapeless = map[OID]bool{
	2249: true, 2283: true, 2277: true, 2776: true, 3500: true, 3831: true, 4537: true,
	5077: true, 5078: true, 5079: true, 5080: true, 4538: true,
}

// userRows is what a function of a user returns.
func (r *resolver) userRows(f *Function, v value, one table) table {
	rel := f.ResultRelation
	if t := r.sight.Snapshot.Type(f.Result); t != nil && rel == 0 {
		rel = t.Relation
	}
	switch of := r.sight.Snapshot.Relation(rel); {
	case of != nil:
		names := make([]string, len(of.Columns))
		for i := range of.Columns {
			names[i] = of.Columns[i].Name
		}
		return listed(names, v)
	case rel != 0 || f.Result == 0 || shapeless[f.Result]:
		return openTable(v)
	case r.sight.Snapshot.Type(f.Result) == nil:
		return openTable(v) // an array, or the row of a table that is not known
	}
	return one
}

// listed is a table of columns that hold the same.
func listed(names []string, v value) (t table) {
	for _, name := range names {
		t.columns = append(t.columns, column{name: name, value: v})
	}
	return t
}
