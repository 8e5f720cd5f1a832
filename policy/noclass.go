package policy

// NoClass stands where a class would for a column that somebody looked at and
// found to hold nothing that needs one. It is no class: a column without any
// word is unclassified, and one with this word is not.
const NoClass = "none"

// columnName is a column of a relation, all of it named.
type columnName struct{ schema, relation, column string }

// exact reports whether the entry names one column, without a wildcard.
func (e *columnEntry) exact() bool {
	return !e.relation.anySchema && !e.relation.anyName && !e.column.any
}

func (e *columnEntry) name() columnName {
	return columnName{e.relation.schema, e.relation.name, e.column.name}
}

// matches reports whether the entry is about a column. Without a schema it
// is not known which one that is, so nothing is.
func (e *columnEntry) matches(c columnName) bool {
	return e.relation.is(c.schema, c.relation) && (e.column.any || e.column.name == c.column)
}

// clear takes in an entry that says that columns hold nothing.
func (t *columnTable) clear(e *columnEntry) {
	if e.exact() {
		t.cleared[e.name()] = e
	} else {
		t.vague = append(t.vague, e)
	}
}

// isCleared reports whether an entry names this very column and says that it
// holds nothing. A relation without its schema could be another one.
func (t *columnTable) isCleared(schema, relation, column string) bool {
	return schema != "" && t.cleared[columnName{schema, relation, column}] != nil
}
