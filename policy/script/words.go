package script

import "strings"

// firstWords is how many words tell whether a statement makes a routine.
const firstWords = 4

// word reads an identifier or keyword. It counts the BEGIN, CASE and END of a
// routine's body, whose semicolons end no statement: psql does so only in what
// begins with CREATE [OR REPLACE] FUNCTION or PROCEDURE.
func (s *source) word(n int) {
	x := &s.lex
	word := strings.ToLower(s.at.line[s.at.pos : s.at.pos+min(n, len("procedure")+1)])
	if x.nth < firstWords {
		x.words = append(x.words, word)
	}
	x.nth++
	x.copies.word(word, x.nth == 1, x.parens)
	if x.parens == 0 && x.makesRoutine() {
		switch {
		case word == "begin", word == "case" && x.begins > 0:
			x.begins++
		case word == "end" && x.begins > 0:
			x.begins--
		}
	}
	s.take(n)
}

func (x *lexer) makesRoutine() bool {
	w := x.words
	if len(w) < 2 || w[0] != "create" {
		return false
	}
	if w[1] == "or" && len(w) == firstWords && w[2] == "replace" {
		return w[3] == "function" || w[3] == "procedure"
	}
	return w[1] == "function" || w[1] == "procedure"
}

// copyWatch counts the COPY ... FROM STDIN of a text, because their data stand
// in the file: COPY [BINARY] relation [(columns)] FROM STDIN, where STDOUT is
// as good as STDIN (the grammar takes either).
type copyWatch struct {
	state  copyState
	found  int
	binary bool
}

type copyState int

const (
	noCopy   copyState = iota
	copying            // after COPY, before FROM
	copyFrom           // right after FROM
	copyData           // after STDIN
)

func (c *copyWatch) word(word string, first bool, parens int) {
	switch {
	case first:
		c.state = noCopy
		if word == "copy" && parens == 0 {
			c.state = copying
		}
	case c.state == copying && parens == 0 && word == "from":
		c.state = copyFrom
	case c.state == copying && parens == 0 && word == "to", c.state == copyFrom && word != "stdin" && word != "stdout":
		c.state = noCopy
	case c.state == copyFrom:
		c.state = copyData
	case c.state == copyData && word == "binary":
		c.binary = true
	case c.state == copying && word == "binary" && parens == 0:
		c.binary = true
	}
}

// quoted sees a quote begin.
func (c *copyWatch) quoted(rest string) {
	if c.state == copyData && len(rest) >= 8 && strings.EqualFold(rest[:8], "'binary'") {
		c.binary = true
	}
	c.other()
}

// other sees something that is no word.
func (c *copyWatch) other() {
	if c.state == copyFrom {
		c.state = noCopy
	}
}

// end sees the end of a statement.
func (c *copyWatch) end() {
	if c.state == copyData {
		c.found++
	} else if c.found == 0 {
		c.binary = false
	}
	c.state = noCopy
}
