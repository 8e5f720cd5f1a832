package script

import "strings"

// copy is \copy: psql sends a COPY TO STDOUT or FROM STDIN that it puts
// together from the tokens of the line, and reads or writes the file itself.
func (s *source) copy(c *Command, place piece) {
	parsed, ok := parseCopy(first(c.Args))
	if !ok {
		s.putCommand(c, place, Item{Doubts: []string{"psql cannot read it"}})
		return
	}
	c.RunsProgram = parsed.local.Kind == LocalProgram
	item := Item{Text: parsed.text(), Local: parsed.local}
	if parsed.from && parsed.local.Kind == "" {
		s.inlineData(&item, 1, parsed.binary())
	}
	s.putCommand(c, place, item)
}

// slashCopy is what psql understands of a \copy.
type slashCopy struct {
	before string // FROM or TO, each token after a space
	from   bool
	local  Local
	after  string
}

// text is what psql sends.
func (c slashCopy) text() string {
	if c.from {
		return "COPY " + c.before + " FROM STDIN " + c.after
	}
	return "COPY " + c.before + " TO STDOUT " + c.after
}

// binary reports whether the data may be binary. It errs on that side.
func (c slashCopy) binary() bool {
	word, _, _ := strings.Cut(strings.TrimSpace(c.before), " ")
	return strings.EqualFold(word, "binary") || strings.Contains(strings.ToLower(c.after), "binary")
}

// parseCopy reads
//
//	[BINARY] { relation [(columns)] | (query) } { FROM | TO }
//	    { 'file' | PROGRAM 'command' | STDIN | STDOUT | PSTDIN | PSTDOUT } [options]
//
// The manual says that the rest of the line is taken whole, without variables.
func parseCopy(line string) (slashCopy, bool) {
	t := &tokens{rest: line}
	var c slashCopy
	token := t.next(".,()", `"`)
	if strings.EqualFold(token, "binary") {
		c.before = token
		token = t.next(".,()", `"`)
	}
	if token == "(" {
		token = t.query(&c.before)
	}
	c.before += " " + token
	if token == "" {
		return c, false
	}
	token = t.next(".,()", `"`)
	if token == "." {
		c.before += token + t.next(".,()", `"`)
		token = t.next(".,()", `"`)
	}
	if token == "(" {
		for ; token != ")" && token != ""; token = t.next("()", `"`) {
			c.before += " " + token
		}
		c.before += " " + token
		token = t.next(".,()", `"`)
	}
	switch {
	case strings.EqualFold(token, "from"):
		c.from = true
	case !strings.EqualFold(token, "to"):
		return c, false
	}
	ok := t.end(&c)
	c.after = t.rest
	return c, ok
}

// end reads the client's end.
func (t *tokens) end(c *slashCopy) bool {
	token := t.next(";", "'")
	switch strings.ToLower(token) {
	case "":
		return false
	case "program":
		token = t.next(";", "'")
		if len(token) < 2 || token[0] != '\'' || token[len(token)-1] != '\'' {
			return false
		}
		c.local = Local{LocalProgram, unquote(token)}
	case "stdin", "stdout":
	case "pstdin", "pstdout":
		c.local = Local{Kind: LocalStdout}
		if c.from {
			c.local.Kind = LocalStdin
		}
	default:
		c.local = Local{LocalFile, unquote(token)}
	}
	return true
}

// query reads the rest of a parenthesized query, token by token, and returns
// the closing parenthesis.
func (t *tokens) query(before *string) string {
	token := "("
	for parens := 1; parens > 0; {
		*before += " " + token
		token = t.nextEscaped("()", `"'`)
		switch token {
		case "":
			return ""
		case "(":
			parens++
		case ")":
			parens--
		}
	}
	return token
}

func unquote(token string) string {
	if len(token) < 2 || token[0] != '\'' || token[len(token)-1] != '\'' {
		return token
	}
	return strings.ReplaceAll(token[1:len(token)-1], "''", "'")
}

// tokens parts a line as \copy does.
type tokens struct{ rest string }

func isBlank(b byte) bool { return strings.IndexByte(" \t\n\r", b) >= 0 }

// next returns the next token: a delimiter, a quoted run with its quotes, or
// what stands before white space, a delimiter or a quote. It is "" at the end.
func (t *tokens) next(delimiters, quotes string) string { return t.token(delimiters, quotes, false) }

// nextEscaped is next where E'...' has backslash escapes.
func (t *tokens) nextEscaped(delimiters, quotes string) string {
	return t.token(delimiters, quotes, true)
}

func (t *tokens) token(delimiters, quotes string, escapes bool) string {
	for t.rest != "" && isBlank(t.rest[0]) {
		t.rest = t.rest[1:]
	}
	if t.rest == "" {
		return ""
	}
	n := t.length(delimiters, quotes, escapes)
	token := t.rest[:n]
	t.rest = t.rest[n:]
	if t.rest != "" && isBlank(t.rest[0]) {
		t.rest = t.rest[1:] // also before the options, which are taken as they are
	}
	return token
}

func (t *tokens) length(delimiters, quotes string, escapes bool) int {
	s := t.rest
	if strings.IndexByte(delimiters, s[0]) >= 0 {
		return 1
	}
	begin := 0
	if escapes && (s[0] == 'E' || s[0] == 'e') && len(s) > 1 && s[1] == '\'' {
		begin = 1
	}
	if strings.IndexByte(quotes, s[begin]) >= 0 {
		return begin + quotedLen(s[begin:], begin == 1)
	}
	n := strings.IndexAny(s, " \t\n\r"+delimiters+quotes)
	if n < 0 {
		n = len(s)
	}
	return max(1, n)
}

// quotedLen is the length of a quoted run, doubled quotes included; one that
// does not end takes all.
func quotedLen(s string, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == s[0] && i+1 < len(s) && s[i+1] == s[0]:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}
