package catalog

// named is an item that a qualified name can mean.
type named struct {
	// alias is the name it goes by; schema is that of a relation without an
	// alias, which goes by a name with its schema too.
	alias, schema string
	table         table
	// relation is nil for what is none.
	relation *Relation
	// hidden items do not stand for their row under a bare name.
	hidden bool
}

// level is what one query can name in its expressions, and behind it what the
// queries around it can.
type level struct {
	outer *level
	// table has the columns that bare names and * mean.
	table table
	items []*named
}

// fromItem is an item of FROM: its columns, and the names it can be called by.
type fromItem struct {
	table table
	items []*named
}

// with is the level with another item in it.
func (l *level) with(i fromItem) *level {
	return &level{outer: l.outer, table: l.table.joined(i.table), items: append(l.items[:len(l.items):len(l.items)], i.items...)}
}

// item finds what a qualified name means, from the inside out.
func (l *level) item(names []string) *named {
	name, schema := names[len(names)-1], ""
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	for ; l != nil; l = l.outer {
		for _, i := range l.items {
			if i.alias == name && (schema == "" || i.schema == schema) {
				return i
			}
		}
	}
	return nil
}

// column finds what a bare name means: the column of the innermost query that
// has one. What has columns that are not known may have it, too: Unknown is
// that only such have been found.
func (l *level) column(name string) (v value, found Found) {
	found = Missing
	for ; l != nil; l = l.outer {
		inner, has := l.table.find(name)
		if !has {
			inner, has = l.systemColumn(name)
		}
		switch {
		case has && found == Unknown:
			return v.and(inner), Known
		case has:
			return inner, Known
		case l.table.open:
			v, found = v.and(l.table.rest), Unknown
		}
	}
	return v, found
}

// systemColumns are the columns that every table has besides its own.
var systemColumns = map[string]bool{"ctid": true, "tableoid": true, "xmin": true, "xmax": true, "cmin": true, "cmax": true}

// systemColumn is a column that is none of the table's own: it holds nothing
// of what the table holds.
func (l *level) systemColumn(name string) (value, bool) {
	if !systemColumns[name] {
		return value{}, false
	}
	for _, i := range l.items {
		if i.hasSystemColumns() {
			return value{}, true
		}
	}
	return value{}, false
}

func (i *named) hasSystemColumns() bool {
	return i.relation != nil && i.relation.Kind != View
}
