package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// bodies says whether and how the bodies of functions and DO are read. A body
// is text inside a string constant, whose escapes can hide what the crude
// count of the text looks for, and its parser is C as well: bodies are read in
// a worker process only.
type bodies struct {
	// limit is the exact limit of operators and nesting; 0 means that
	// bodies are not read here.
	limit int
	// unread is set if there was one.
	unread bool
	// depth is how many bodies this one stands in.
	depth int
	// mentioned gathers names for AnalyzeCode; nil for nobody.
	mentioned *mentions
}

// maxBodies is how deep bodies may stand in one another.
const maxBodies = 4

// What the text of a body does not tell.
const (
	untoldLanguage = "the body is in a language that is not read"
	untoldBody     = "the body could not be read"
	untoldPart     = "a part of the body could not be read"
	untoldDeep     = "the body is nested too deep to be read"
	untoldUnread   = "the body was not read, which needs a worker process"
)

// doStmt judges DO. It stays opaque whatever its body says; what the body
// says comes on top.
func (w *walker) doStmt(s *pg.DoStmt) {
	w.effectHere(OpaqueCode, "DO")
	language, body, at := "plpgsql", "", w.st.Start
	for _, a := range s.Args {
		switch e := a.GetDefElem(); e.GetDefname() {
		case "language":
			language = e.GetArg().GetString_().GetSval()
		case "as":
			body, at = e.GetArg().GetString_().GetSval(), w.place(e.GetLocation())
		}
	}
	w.code(language, doHeader, body, at, true)
}

// place is a byte offset of the text for a location of the tree.
func (w *walker) place(location int32) int {
	if w.inBody() {
		return -1 // of a body, not of the text
	}
	return int(location)
}

// code reads a body; header is the one that PL/pgSQL needs. runs is true if it
// runs now, so that what it does to the session counts too.
func (w *walker) code(language, header, body string, at int, runs bool) {
	w.literalsMatter()
	language = strings.ToLower(language)
	if language != "sql" && language != "plpgsql" {
		w.untold(untoldLanguage)
		return
	}
	b := w.bodies
	if b == nil || b.limit == 0 {
		if b != nil {
			b.unread = true
		}
		w.untold(untoldUnread)
		return
	}
	if why := b.unreadable(body); why != "" {
		w.untold(why)
		return
	}
	b.depth++
	if language == "sql" {
		w.sqlBody(body, at, runs)
	} else {
		w.plpgsqlBody(header, body, at, runs)
	}
	b.depth--
}

// unreadable holds a body against the limits of texts.
func (b *bodies) unreadable(body string) string {
	if b.depth >= maxBodies || deepComment(body) >= 0 {
		return untoldDeep
	}
	tokens, err := scan(body)
	if err != nil {
		return untoldBody
	}
	if tooDeep(tokens, b.limit) != nil {
		return untoldDeep
	}
	return ""
}

// sqlBody judges the statements of a body in SQL.
func (w *walker) sqlBody(body string, at int, runs bool) {
	tree, err := pg.Parse(body)
	if err != nil {
		w.untold(untoldBody)
		return
	}
	for _, raw := range tree.GetStmts() {
		w.bodyPart(raw.GetStmt(), at, runs)
	}
}

// bodyPart judges one statement of a body.
func (w *walker) bodyPart(node *pg.Node, at int, runs bool) {
	in := newWalker(-1)
	in.bodies, in.variables = w.bodies, w.variables
	in.statement(node)
	st, problem := in.finish()
	if problem != nil {
		w.untold(untoldPart)
		return
	}
	st.moveTo(at)
	w.absorb(st)
	for _, s := range st.Settings {
		if runs || s.Breaks {
			w.setting(s)
		}
	}
	if runs {
		for _, n := range st.Names {
			w.name(n)
		}
	}
}

// moveTo gives everything in a statement one place: that of the body.
func (s *Statement) moveTo(at int) {
	for i := range s.Effects {
		s.Effects[i].Position = at
	}
	for i := range s.Relations {
		s.Relations[i].Position = at
	}
	for i := range s.Columns {
		s.Columns[i].Position = at
	}
	for i := range s.Functions {
		s.Functions[i].Position = at
	}
	for i := range s.Operators {
		s.Operators[i].Position = at
	}
	for i := range s.Destinations {
		s.Destinations[i].Position = at
	}
	for i := range s.Settings {
		s.Settings[i].Position = at
	}
	for i := range s.Created {
		s.Created[i].Position = at
	}
	for i := range s.Names {
		if inner := s.Names[i].Inner; inner != nil {
			inner.Start, inner.End = at, at
			inner.moveTo(at)
		}
	}
}

// absorb adds what a statement inside this one does. Its settings and names
// are the caller's affair.
func (w *walker) absorb(st *Statement) {
	for _, e := range st.Effects {
		w.effect(e.Kind, e.What, e.Position)
	}
	for _, r := range st.Relations {
		w.touched++
		w.relation(r)
	}
	for _, c := range st.Columns {
		w.columnAgain(c)
	}
	for _, f := range st.Functions {
		w.function(f)
	}
	for _, o := range st.Operators {
		w.operatorNamed(o)
	}
	for _, d := range st.Destinations {
		w.destination(d)
	}
	for _, c := range st.Created {
		w.created(c)
	}
	for _, u := range st.Unresolved {
		w.untold(u)
	}
	if st.LiteralsMatter {
		w.literalsMatter()
	}
}
