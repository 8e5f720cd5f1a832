package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// copyStmt judges COPY. In the parse tree an absent field is the zero value:
// without is_from it is COPY TO, without a file name the client's stream.
func (w *walker) copyStmt(s *pg.CopyStmt) {
	access := Read
	if s.IsFrom {
		access = Write
	}
	w.mark(s.Relation, access)
	w.copied(s)
	w.options(s.Options)
	at := w.st.Start
	switch {
	case w.carried(s):
	case s.IsProgram:
		w.effect(ExportToProgram, copyWords(s.IsFrom)+" PROGRAM", at)
		w.destination(Destination{Type: ToProgram, Path: firstWord(s.Filename), Position: at})
	case s.Filename != "" && s.IsFrom:
		w.effect(ServerRead, "COPY FROM a file of the server", at)
		w.destination(fileDestination(s.Filename, at))
	case s.Filename != "":
		w.effect(ExportToServerFile, "COPY TO a file of the server", at)
		w.destination(fileDestination(s.Filename, at))
	case s.IsFrom:
		w.effect(OrdinaryWrite, "COPY FROM STDIN", at)
		w.st.CopyIn = &CopyIn{Columns: len(s.Attlist), Binary: binaryCopy(s.Options)}
	default:
		w.effect(ExportToClient, "COPY TO STDOUT", at)
		w.st.CopyOut = w.copyOut(s.Options)
		w.destination(Destination{Type: ToClient, Position: at})
	}
	w.over(s.Relation, func() { w.children(s) })
}

// copied notes the columns a COPY of a relation takes: those listed, or all.
func (w *walker) copied(s *pg.CopyStmt) {
	use := Output
	if s.IsFrom {
		use = Written
	}
	if len(s.Attlist) == 0 {
		w.allOf(s.Relation, use)
	}
	if s.Relation != nil {
		w.columnsOf(s.Relation, strs(s.Attlist), use)
	}
}

func copyWords(from bool) string {
	if from {
		return "COPY FROM"
	}
	return "COPY TO"
}

func binaryCopy(options []*pg.Node) bool {
	for _, o := range options {
		d := o.GetDefElem()
		if d.GetDefname() == "format" && strings.EqualFold(d.GetArg().GetString_().GetSval(), "binary") {
			return true
		}
	}
	return false
}

// destination notes where data would go, at most once each.
func (w *walker) destination(d Destination) {
	for _, have := range w.st.Destinations {
		have.Position = d.Position
		if have == d {
			return
		}
	}
	const most = 100
	if len(w.st.Destinations) >= most {
		w.fail("statement names more than %d destinations", most)
		return
	}
	d.Position = max(d.Position, -1)
	w.st.Destinations = append(w.st.Destinations, d)
}

// firstWord is the program of a shell command; its arguments may hold
// secrets, and so may a variable assignment in front of it.
func firstWord(command string) string {
	for _, word := range strings.Fields(command) {
		if strings.ContainsAny(word, `'"`) {
			return "" // a quoted value may go on after the space
		}
		if strings.Contains(word, "=") {
			continue
		}
		return clip(word)
	}
	return ""
}

// clip bounds a name that goes to the trail.
func clip(s string) string {
	const most = 1024
	if len(s) <= most {
		return s
	}
	return s[:wholeRunes(s, most)]
}
