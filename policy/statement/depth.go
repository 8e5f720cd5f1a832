package statement

import (
	"fmt"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// tooDeep refuses what would make the parse tree deeper than the parser can
// walk. It runs in the worker on the parser's own tokens, so unlike the crude
// count it may be exact: a wrong answer costs a worker, not the proxy.
func tooDeep(tokens []token, limit int) *Problem {
	d := depth{frames: []frame{{}}}
	for i := range tokens {
		d.add(tokens[i])
		if d.total > limit || len(d.frames) > limit {
			return deepProblem(limit, tokens[i].start)
		}
	}
	return nil
}

func deepProblem(limit, at int) *Problem {
	return &Problem{
		SQLSTATE: "54001",
		Message:  fmt.Sprintf("statement is nested or chained more than %d levels deep", limit),
		Hint:     "Chains of operators, casts, joins and set operations count; use IN lists, arrays, VALUES or several statements.",
		Position: at,
	}
}

// depth follows the depth of the tree along the tokens. Each open bracket or
// CASE is a frame; within a frame the chains add up until something begins an
// expression of its own.
type depth struct {
	frames []frame
	total  int
}

type frame struct {
	// expression counts the operators since the last comma, AND, OR or
	// clause; tables the joins since the last statement or set operation
	// began; sets the set operations.
	expression, tables, sets int
	isCase                   bool
}

func (f frame) sum() int { return f.expression + f.tables + f.sets }

func (d *depth) add(t token) {
	top := &d.frames[len(d.frames)-1]
	switch t.kind {
	case '(', '[', pg.Token_CASE:
		d.frames = append(d.frames, frame{isCase: t.kind == pg.Token_CASE})
	case ')', ']':
		d.pop(false)
	case pg.Token_END_P:
		d.pop(true)
	case ';':
		d.clear(&top.expression, &top.tables, &top.sets)
	case ',', pg.Token_AND, pg.Token_OR, pg.Token_WHEN, pg.Token_THEN, pg.Token_ELSE, pg.Token_SELECT, pg.Token_WHERE:
		d.clear(&top.expression)
		if t.kind == pg.Token_SELECT {
			d.clear(&top.tables)
		}
	case pg.Token_JOIN:
		top.tables++
		d.total++
	case pg.Token_UNION, pg.Token_EXCEPT, pg.Token_INTERSECT:
		top.sets++
		d.total++
	default:
		if chains(t.kind) {
			top.expression++
			d.total++
		}
	}
}

func (d *depth) clear(counts ...*int) {
	for _, c := range counts {
		d.total -= *c
		*c = 0
	}
}

// pop closes the innermost frame if it is of the asked sort. Text with
// brackets that do not match is refused by the parser anyway.
func (d *depth) pop(isCase bool) {
	last := len(d.frames) - 1
	if last == 0 || d.frames[last].isCase != isCase {
		return
	}
	d.total -= d.frames[last].sum()
	d.frames = d.frames[:last]
}

// chains reports whether a token adds a level to an expression.
func chains(kind pg.Token) bool {
	switch kind {
	case '+', '-', '*', '/', '%', '^', '<', '>', '=',
		pg.Token_Op, pg.Token_TYPECAST, pg.Token_LESS_EQUALS, pg.Token_GREATER_EQUALS, pg.Token_NOT_EQUALS,
		pg.Token_OPERATOR, pg.Token_COLLATE, pg.Token_AT, pg.Token_NOT, pg.Token_IS, pg.Token_ISNULL, pg.Token_NOTNULL,
		pg.Token_LIKE, pg.Token_ILIKE, pg.Token_SIMILAR, pg.Token_IN_P, pg.Token_BETWEEN:
		return true
	}
	return false
}

// deepComment reports where comments nest deeper than maxComments, or -1.
// The lexer needs time proportional to the square of such nesting.
func deepComment(text string) int {
	for i := 0; i < len(text); {
		switch {
		case text[i] == '\'':
			i = skipString(text, i)
		case text[i] == '"':
			i = skipTo(text, i+1, '"')
		case text[i] == '$':
			i = skipDollar(text, i)
		case hasAt(text, i, "--"):
			i = skipLine(text, i)
		case hasAt(text, i, "/*"):
			end, deep := skipComment(text, i)
			if deep >= 0 {
				return deep
			}
			i = end
		default:
			i++
		}
	}
	return -1
}

func hasAt(text string, i int, what string) bool {
	return len(text)-i >= len(what) && text[i:i+len(what)] == what
}

// skipTo returns the offset after the next c, or the end.
func skipTo(text string, i int, c byte) int {
	for ; i < len(text); i++ {
		if text[i] == c {
			return i + 1
		}
	}
	return len(text)
}

// skipString skips a string; in one that begins E' a backslash takes the next
// byte with it.
func skipString(text string, i int) int {
	escapes := i > 0 && (text[i-1] == 'e' || text[i-1] == 'E') && (i < 2 || !wordByte(text[i-2]))
	for i++; i < len(text); i++ {
		switch {
		case text[i] == '\\' && escapes:
			i++
		case text[i] == '\'':
			return i + 1
		}
	}
	return len(text)
}

// skipDollar skips a dollar-quoted string, or the dollar if it begins none.
func skipDollar(text string, i int) int {
	if i > 0 && wordByte(text[i-1]) {
		return i + 1
	}
	end := i + 1
	for end < len(text) && wordByte(text[end]) && text[end] != '$' {
		end++
	}
	if end >= len(text) || text[end] != '$' || end > i+1 && text[i+1] >= '0' && text[i+1] <= '9' {
		return i + 1
	}
	tag := text[i : end+1]
	for j := end + 1; j+len(tag) <= len(text); j++ {
		if text[j] == '$' && hasAt(text, j, tag) {
			return j + len(tag)
		}
	}
	return len(text)
}

func skipLine(text string, i int) int {
	for ; i < len(text) && text[i] != '\n' && text[i] != '\r'; i++ {
	}
	return i
}

// skipComment skips a comment with those inside it; deep is where it nests
// too deep, or -1.
func skipComment(text string, i int) (end, deep int) {
	level := 0
	for i < len(text) {
		switch {
		case hasAt(text, i, "/*"):
			if level++; level > maxComments {
				return i, i
			}
			i += 2
		case hasAt(text, i, "*/"):
			i += 2
			if level--; level == 0 {
				return i, -1
			}
		default:
			i++
		}
	}
	return len(text), -1
}
