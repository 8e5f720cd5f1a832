package policy

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// How much of a name or sentence goes into words for people, in characters.
const (
	maxSubject = 80
	maxReason  = 200
)

// subject says in a few words what an effect is: "COPY of public.users to
// the client".
func subject(st *statement.Statement, effect statement.Effect, j *judge) string {
	if st.Node == "CopyStmt" {
		if where := copyWords(effect); where != "" {
			if st.Carry != nil && st.Carry.Place != "" && effect.Kind == statement.ExportRemote {
				where = " to " + quote.Short(st.Carry.Place, maxName)
			}
			return "COPY" + withRelation(" of ", st) + where
		}
	}
	words, _ := split(effect.What)
	if words == "" {
		words = effect.Kind.String()
	}
	switch {
	case st.Node == "FunctionCall":
		words += " by a function call message"
	case len(serverDestinations(st)) > 0:
		words += towards(st, j)
	case effect.Kind == statement.OpaqueCode, strings.HasPrefix(effect.What, functionEffect), strings.HasPrefix(effect.What, codeEffect):
	case effect.Kind == statement.InternalCopy:
		words += withRelation(" of ", st)
	default:
		words += withRelation(" on ", st)
	}
	return words
}

// split parts the words of an effect into what it is and, in parentheses
// at the end, what is known about it.
func split(what string) (words, known string) {
	words, known, found := strings.Cut(what, " (")
	if !found || !strings.HasSuffix(known, ")") {
		return quote.Short(what, maxSubject), ""
	}
	return quote.Short(words, maxSubject), quote.Short(strings.TrimSuffix(known, ")"), maxReason)
}

// copyWords tells where the data of a COPY goes or comes from; "" if the
// effect is another one in the same statement.
func copyWords(effect statement.Effect) string {
	if !strings.HasPrefix(effect.What, "COPY") {
		return ""
	}
	from := strings.Contains(effect.What, "FROM")
	switch effect.Kind {
	case statement.ExportToClient:
		return " to the client"
	case statement.ExportToServerFile:
		return " to a file on the server"
	case statement.ServerRead:
		return " from a file on the server"
	case statement.ExportRemote:
		return " to a place"
	case statement.ExportToProgram:
		if from {
			return " from a program on the server"
		}
		return " to a program on the server"
	}
	return ""
}

// withRelation adds the main relation to a subject.
func withRelation(join string, st *statement.Statement) string {
	main := mainRelation(st)
	if main == nil {
		return ""
	}
	words := join + quote.Short(main.String(), maxSubject)
	if len(st.Relations) > 1 {
		words += " and others"
	}
	return words
}

// mainRelation is the relation people care about: the first that is read,
// or else the first.
func mainRelation(st *statement.Statement) *statement.Relation {
	for i := range st.Relations {
		if st.Relations[i].Access == statement.Read {
			return &st.Relations[i]
		}
	}
	for i := range st.Relations {
		if st.Relations[i].Position >= 0 {
			return &st.Relations[i] // of a rename, what is there and not what it will be
		}
	}
	if len(st.Relations) == 0 {
		return nil
	}
	return &st.Relations[0]
}

// towards names the place a statement reaches for, if the policy names it.
// An address stays out: it comes from a literal of the text.
func towards(st *statement.Statement, j *judge) string {
	for _, d := range serverDestinations(st) {
		if def, _ := j.place(d); def != nil {
			return " towards " + def.Name
		}
	}
	return " towards another server"
}
