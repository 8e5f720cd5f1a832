package policy

import (
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/statement"
)

// maxInner is how deep statements may stand in one another: a cursor or
// prepared statement holds one that holds none.
const maxInner = 4

// unsound says what keeps a request from being judged, or "". Rules look at
// names and kinds, so a request in which those are missing, contradict each
// other or cannot be written to the trail as they are is refused.
func unsound(req *Request) string {
	switch {
	case req.Identity.User == "":
		return "the request names no proven user"
	case req.Session.Database == "":
		return "the request names no database"
	case !req.Identity.valid() || !utf8.ValidString(req.Session.Database):
		return "the identity or the database has a name that is not valid UTF-8"
	}
	worst := statement.OrdinaryRead
	for i := range req.Statements {
		if why := unsoundStatement(&req.Statements[i], 0); why != "" {
			return why
		}
		worst = statement.Worst(worst, req.Statements[i].Kind)
	}
	if worst != req.Kind {
		return "the kind of the text is not the worst kind of its statements"
	}
	return unsoundCatalog(req)
}

func unsoundStatement(st *statement.Statement, depth int) string {
	switch {
	case depth > maxInner:
		return "statements stand too deep in one another"
	case len(st.Effects) == 0:
		return "the analysis found no effect of a statement"
	case worstOf(st.Effects) != st.Kind:
		return "the kind of a statement is not the worst of its effects"
	case !everyKind.has(st.Kind):
		return "a statement could not be read"
	}
	if why := unsoundFeed(st); why != "" {
		return why
	}
	for _, r := range st.Relations {
		if r.Name == "" || !utf8.ValidString(r.Schema) || !utf8.ValidString(r.Name) {
			return "a relation has no name, or one that is not valid UTF-8"
		}
	}
	for _, c := range st.Columns {
		if why := unsoundColumn(c); why != "" {
			return why
		}
	}
	for _, f := range st.Functions {
		if f.Name == "" || !utf8.ValidString(f.Schema) || !utf8.ValidString(f.Name) {
			return "a function has no name, or one that is not valid UTF-8"
		}
	}
	for _, o := range st.Operators {
		if o.Name == "" || !utf8.ValidString(o.Schema) || !utf8.ValidString(o.Name) {
			return "an operator has no name, or one that is not valid UTF-8"
		}
	}
	for _, d := range st.Created {
		if d.Name == "" || d.Signature == "" || !utf8.ValidString(d.Signature) {
			return "a definition has no name or signature, or one that is not valid UTF-8"
		}
	}
	for _, use := range st.Names {
		if use.Inner == nil {
			continue
		}
		if why := unsoundStatement(use.Inner, depth+1); why != "" {
			return why
		}
	}
	return ""
}

// unsoundColumn: a column has a name or stands for all, and a relation or the
// mark that it is not known.
func unsoundColumn(c statement.Column) string {
	switch {
	case (c.Name == "") != c.Star, (c.Relation == "") != c.Unresolved:
		return "a column has no name or no relation"
	case c.Use != statement.Output && c.Use != statement.Used && c.Use != statement.Written:
		return "the use of a column is not known"
	case !utf8.ValidString(c.Schema) || !utf8.ValidString(c.Relation) || !utf8.ValidString(c.Name):
		return "a column has a name that is not valid UTF-8"
	}
	return ""
}
