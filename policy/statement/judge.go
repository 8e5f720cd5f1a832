package statement

import (
	"errors"
	"fmt"
	"reflect"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
)

// judge parses and walks a text in this process. The caller has made sure
// that the parser's stack will do.
func judge(text string) (analysis *Analysis) {
	return judgeWith(text, &bodies{limit: Options{}.withDefaults().MaxOperators})
}

// judgeWith is judge with a say in how bodies are read.
func judgeWith(text string, b *bodies) (analysis *Analysis) {
	defer func() {
		if r := recover(); r != nil {
			analysis = refused(&Problem{
				SQLSTATE: "XX000",
				Message:  fmt.Sprintf("reading the statement failed inside Sluice (%T)", r),
				Hint:     "Please report this statement's shape; it was refused, not run.",
				Position: -1,
			})
		}
	}()
	tokens, err := scan(text)
	if err != nil {
		return refused(parserProblem(text, nil, err))
	}
	return judgeTokens(text, tokens, b)
}

// judgeTokens is judge for a text whose tokens are known.
func judgeTokens(text string, tokens []token, b *bodies) *Analysis {
	analysis := &Analysis{}
	if at := commentInside(text, tokens); at >= 0 {
		return refused(&Problem{
			SQLSTATE: "42601",
			Message:  "a comment stands within a string or name",
			Hint:     "Servers and Sluice could read this in two ways; put the comment before the whole of it, or behind.",
			Position: at,
		})
	}
	tree, err := pg.Parse(blank(text, tokens))
	if err != nil {
		analysis.Problem = parserProblem(text, tokens, err)
		analysis.Shape, analysis.ShapeDigest = unreadShape(text, tokens)
		return analysis
	}
	analysis.Shape, analysis.ShapeDigest = shape(text, tokens)
	analysis.Kind = OrdinaryRead
	for _, raw := range tree.GetStmts() {
		st, problem := judgeStatement(text, tokens, raw, b)
		if problem != nil {
			return &Analysis{Problem: problem, Shape: analysis.Shape, ShapeDigest: analysis.ShapeDigest}
		}
		analysis.Statements = append(analysis.Statements, *st)
		analysis.Kind = Worst(analysis.Kind, st.Kind)
	}
	r := replacer{f: placesOf(tokens).inShape}
	r.replace(reflect.ValueOf(analysis.Statements))
	return analysis
}

// judgeStatement judges one statement of a text.
func judgeStatement(text string, tokens []token, raw *pg.RawStmt, b *bodies) (*Statement, *Problem) {
	start, end := span(text, tokens, int(raw.GetStmtLocation()), int(raw.GetStmtLen()))
	w := newWalker(start)
	w.st.Start, w.st.End = start, end
	w.bodies = b
	w.statement(raw.GetStmt())
	st, problem := w.finish()
	if problem == nil {
		st.Changes = changesOf(raw.GetStmt())
		st.Query = queryOf(raw.GetStmt(), st)
	}
	return st, problem
}

// span is where a statement begins and ends, without the white space and
// comments around it. A length of 0 means to the end of the text.
func span(text string, tokens []token, at, length int) (start, end int) {
	at = min(max(at, 0), len(text))
	stop := len(text)
	if length > 0 {
		stop = min(at+length, len(text))
	}
	start, end = stop, at
	for i := firstFrom(tokens, at); i < len(tokens) && tokens[i].end <= stop; i++ {
		if tokens[i].comment() || tokens[i].is(';') {
			continue
		}
		start, end = min(start, tokens[i].start), max(end, tokens[i].end)
	}
	if start > end {
		return at, stop
	}
	return start, end
}

// firstFrom is the index of the first token at or after a byte offset.
func firstFrom(tokens []token, at int) int {
	lo, hi := 0, len(tokens)
	for lo < hi {
		mid := (lo + hi) / 2
		if tokens[mid].start < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// parserError takes the parser's own error out of err.
func parserError(err error) (*parser.Error, bool) {
	var pe *parser.Error
	ok := errors.As(err, &pe)
	return pe, ok
}
