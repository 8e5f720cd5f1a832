package policy

import (
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// comment adds that a COMMENT on a column takes away the class that the one it
// has gives, which its text does not show. One that gives a class is known by
// its text.
func (b *factBuilder) comment(st *statement.Statement) {
	if !ReplacesComment(st) {
		return
	}
	for _, c := range st.Columns {
		r, found := b.seen.Find(c.Schema, c.Relation)
		if found != catalog.Known {
			continue
		}
		for i := range r.Columns {
			if _, from := labels(&r.Columns[i]); from == FromComment && r.Columns[i].Name == ShortName(c.Name) {
				b.fact.Effects = append(b.fact.Effects, statement.Effect{Kind: statement.WeakenProtection, What: "COMMENT in the place of one with a class", Position: -1})
			}
		}
	}
}

// ReplacesComment reports whether a statement writes the comment of a column. What
// it takes away is in the catalog alone, so that only the catalog of this moment can
// tell whether it may.
func ReplacesComment(st *statement.Statement) bool {
	return st.Node == "CommentStmt" && len(st.Columns) > 0
}
