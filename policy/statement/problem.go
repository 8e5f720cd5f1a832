package statement

import (
	"errors"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Grammar is the major version of PostgreSQL whose grammar the parser reads.
const Grammar = 17

const grammarHint = "Sluice reads PostgreSQL 17 grammar; newer syntax is refused."

// parserProblem turns an error of the parser or of decoding its answer into
// words without literals of the text. tokens may be nil.
func parserProblem(text string, tokens []token, err error) *Problem {
	pe, ok := parserError(err)
	if !ok {
		return decodeProblem(err)
	}
	at := byteOffset(text, pe.Cursorpos)
	if strings.Contains(pe.Message, "memory exhausted") || strings.Contains(pe.Message, "stack depth") {
		return &Problem{
			SQLSTATE: "54001",
			Message:  "statement is nested deeper than the parser can follow",
			Hint:     "Use fewer levels of brackets and sub-selects, or several statements.",
			Position: at,
		}
	}
	message, near := withoutLiterals(text, tokens, pe.Message, at)
	hint := lookalikeHint(text, tokens, at)
	if hint == "" {
		hint = grammarHint
	}
	return &Problem{SQLSTATE: "42601", Message: message, Near: near, Hint: hint, Position: at}
}

// decodeProblem is for errors that are not the parser's: the tree's encoding
// has a limit of depth of its own.
func decodeProblem(err error) *Problem {
	if strings.Contains(err.Error(), "recursion depth") {
		return &Problem{
			SQLSTATE: "54001",
			Message:  "statement is nested deeper than its parse tree can be read",
			Hint:     "Use fewer levels of brackets and sub-selects, or several statements.",
			Position: -1,
		}
	}
	return &Problem{SQLSTATE: "XX000", Message: "the parser's answer could not be read", Position: -1}
}

// byteOffset turns the parser's position, counted in characters from 1, into
// a byte offset; 0 means unknown.
func byteOffset(text string, position int) int {
	if position <= 0 {
		return -1
	}
	n := 1
	for i := range text {
		if n == position {
			return i
		}
		n++
	}
	return len(text)
}

// withoutLiterals keeps the words of a parser message, and of what it quotes
// only keywords and punctuation: in a text that is no SQL a name may be a
// value. A name is returned apart, for its author alone.
func withoutLiterals(text string, tokens []token, message string, at int) (words, name string) {
	words, _, quotes := strings.Cut(message, ` at or near "`)
	words = dropQuoted(words)
	if !quotes {
		return words, ""
	}
	i := firstFrom(tokens, at)
	if at < 0 || i >= len(tokens) || tokens[i].start != at || tokens[i].end-at > 64 {
		return words + " at or near a value", ""
	}
	switch t := tokens[i]; {
	case t.literal() || t.kind == pg.Token_PARAM || t.comment():
		return words + " at or near a value", ""
	case t.name():
		return words + " at or near a name", text[t.start:t.end]
	default:
		return words + ` at or near "` + text[t.start:t.end] + `"`, ""
	}
}

// dropQuoted replaces everything from the first double quote to the last.
func dropQuoted(s string) string {
	open, end := strings.IndexByte(s, '"'), strings.LastIndexByte(s, '"')
	switch {
	case open < 0:
		return s
	case open == end:
		return s[:open] + "..."
	}
	return s[:open] + "..." + s[end+1:]
}

var (
	errNoWorker = errors.New("no worker process is configured")
	errClosed   = errors.New("the analyzer is closed")
	errTimeout  = errors.New("the parser took too long")
	errDied     = errors.New("the parser process died")
)

// workerProblem is what a client reads when the worker had no answer.
func workerProblem(err error) *Problem {
	p := &Problem{SQLSTATE: "XX000", Message: "the statement could not be read: " + err.Error(), Position: -1}
	switch {
	case errors.Is(err, errDied), errors.Is(err, errTimeout):
		p.SQLSTATE = "54001"
		p.Hint = "The statement is too deep or too costly for the parser; use a flatter or shorter one."
	case errors.Is(err, errNoWorker):
		p.Hint = "A statement as large or as deep as this one is only read in a worker process."
	}
	return p
}
