package catalog

// column is a column of something in FROM, or of a result.
type column struct {
	name  string
	value value
	num   int16
	// generated columns are not in a COPY of their relation.
	generated bool
}

// table is what the rows of an item or of a query are made of.
type table struct {
	columns []column
	// open means that it may have other columns, or the listed ones in other
	// places; rest is what those may hold.
	open bool
	rest value
}

// openTable has any columns, which hold v.
func openTable(v value) table { return table{open: true, rest: v} }

// unknownTable has any columns, which hold anything.
func unknownTable() table { return openTable(value{open: true}) }

// all is what a row of it holds.
func (t *table) all() value {
	v := t.rest
	for i := range t.columns {
		v = v.and(t.columns[i].value)
	}
	v.exact = false
	return v
}

// find is the column of a name, the union of several.
func (t *table) find(name string) (v value, found bool) {
	for i := range t.columns {
		if t.columns[i].name != name {
			continue
		}
		if found {
			v = v.and(t.columns[i].value)
		} else {
			v, found = t.columns[i].value, true
		}
	}
	return v, found
}

func (t *table) has(name string) bool {
	_, found := t.find(name)
	return found
}

// renamed gives the first columns the names of an alias.
func (t table) renamed(names []string) table {
	if len(names) == 0 {
		return t
	}
	out := table{open: t.open, rest: t.rest}
	if t.open { // which ones get the names is not known
		v := t.all()
		for _, name := range names {
			out.columns = append(out.columns, column{name: name, value: v})
		}
		out.columns = append(out.columns, t.columns...)
		return out
	}
	out.columns = append(out.columns, t.columns...)
	for i, name := range names {
		if i < len(out.columns) {
			out.columns[i].name = name
		}
	}
	return out
}

// joined puts the columns of another behind its own.
func (t table) joined(u table) table {
	out := table{open: t.open || u.open, rest: t.rest.and(u.rest)}
	out.columns = append(append(make([]column, 0, len(t.columns)+len(u.columns)), t.columns...), u.columns...)
	return out
}

// united is a set operation of both, under the names of t.
func (t table) united(u table) table {
	if t.open || u.open || len(t.columns) != len(u.columns) {
		v := t.all().and(u.all())
		out := openTable(v)
		for _, c := range t.columns { // their names may be used
			out.columns = append(out.columns, column{name: c.name, value: v})
		}
		return out
	}
	out := table{columns: make([]column, len(t.columns))}
	for i := range t.columns {
		out.columns[i] = column{name: t.columns[i].name, value: t.columns[i].value.and(u.columns[i].value)}
	}
	return out
}

// equal reports whether two tables of the same query hold the same.
func (t table) equal(u table) bool {
	if t.open != u.open || len(t.columns) != len(u.columns) || !t.rest.equal(u.rest) {
		return false
	}
	for i := range t.columns {
		if !t.columns[i].value.equal(u.columns[i].value) {
			return false
		}
	}
	return true
}
