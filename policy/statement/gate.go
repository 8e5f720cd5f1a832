package statement

// crude holds upper bounds of what makes a parse tree deep. They are counted
// over the bytes of the text, inside strings and comments too: a count that
// tried to skip those could be fooled by them, and the parser it protects
// cannot be stopped once its stack overflows.
//
// Every level of a parse tree costs at least one of the things counted. Lists
// (commas, AND and OR, statements, string continuations, array bounds) are
// flat in the grammar and are not counted.
type crude struct {
	// operators counts operator bytes, casts and the words that combine
	// or wrap expressions and tables without a bracket.
	operators int
	// nesting counts opening brackets and the words that open a level.
	nesting int
	// comments counts comment openings; each can cost time proportional
	// to the length of the text.
	comments int
}

// maxComments is how many comment openings a text may have to be parsed in
// this process, and how deep comments may nest anywhere.
const maxComments = 64

func (c crude) fits(o Options) bool {
	return c.operators <= o.InProcessOperators && c.nesting <= o.InProcessNesting && c.comments <= maxComments
}

func crudeCount(text string) crude {
	var c crude
	for i := 0; i < len(text); {
		b := text[i]
		if !wordByte(b) {
			c.add(text, i)
			i++
			continue
		}
		start := i
		for i < len(text) && wordByte(text[i]) {
			i++
		}
		c.addWord(text[start:i])
	}
	return c
}

// add counts one byte that is no part of a word.
func (c *crude) add(text string, i int) {
	switch text[i] {
	case '+', '-', '*', '/', '<', '>', '=', '~', '!', '@', '#', '%', '^', '&', '|', '`', '?':
		c.operators++
		if text[i] == '*' && i > 0 && text[i-1] == '/' {
			c.comments++
		}
	case ':':
		if i > 0 && text[i-1] == ':' {
			c.operators++
		}
	case '(', '[', '{':
		c.nesting++
	}
}

// addWord counts a run of word bytes. Digits in front are taken off: the
// lexer may end a number there.
func (c *crude) addWord(run string) {
	for len(run) > 0 && run[0] >= '0' && run[0] <= '9' {
		run = run[1:]
	}
	if len(run) < 2 || len(run) > len("intersect") {
		return
	}
	var lower [len("intersect")]byte
	for i := range len(run) {
		b := run[i]
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower[i] = b
	}
	switch string(lower[:len(run)]) {
	case "at", "in", "is", "not", "like", "ilike", "similar", "between", "isnull", "notnull", "collate",
		"join", "union", "except", "intersect", "operator", "escape", "with":
		c.operators++
	case "case", "create", "begin", "atomic":
		c.nesting++
	}
}

// wordByte reports whether the lexer may take b for a part of an identifier
// or number.
func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '$' || b >= 0x80
}
