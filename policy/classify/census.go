package classify

// kinds of bytes, as far as the validators care.
const (
	isDigit = 1 << iota
	isLower
	isUpper
	isHexLetter
	isSign  // of e-mail addresses, base64 and URLs: . _ - + / =
	isSpace // blanks and control characters
	isOther
)

// kindOf holds the kind of every byte.
var kindOf = func() (table [256]uint8) {
	for i := range table {
		b := byte(i)
		switch {
		case b >= '0' && b <= '9':
			table[i] = isDigit
		case b >= 'a' && b <= 'f':
			table[i] = isLower | isHexLetter
		case b >= 'A' && b <= 'F':
			table[i] = isUpper | isHexLetter
		case b >= 'a' && b <= 'z':
			table[i] = isLower
		case b >= 'A' && b <= 'Z':
			table[i] = isUpper
		case b == '.' || b == '_' || b == '-' || b == '+' || b == '/' || b == '=':
			table[i] = isSign
		case b <= ' ':
			table[i] = isSpace
		default:
			table[i] = isOther
		}
	}
	return table
}()

// counts is how many bytes of some sorts a value has: most validators need
// no more to say no.
type counts struct {
	length               int
	digits, letters, hex int
	lower, upper         int
	dots, colons, dashes int
	ats, dollars         int
	blanks               int
	rest                 int // neither digit nor letter
}

func census(value []byte) counts {
	c := counts{length: len(value)}
	for _, b := range value {
		k := kindOf[b]
		switch {
		case k&isDigit != 0:
			c.digits++
			continue
		case k&isLower != 0:
			c.lower++
		case k&isUpper != 0:
			c.upper++
		default:
			c.rest++
			c.sign(b)
			continue
		}
		if k&isHexLetter != 0 {
			c.hex++
		}
	}
	c.letters = c.lower + c.upper
	return c
}

func (c *counts) sign(b byte) {
	switch b {
	case '.':
		c.dots++
	case ':':
		c.colons++
	case '-':
		c.dashes++
	case '@':
		c.ats++
	case '$':
		c.dollars++
	case ' ', '\t', '\n', '\r':
		c.blanks++
	}
}

func isAlnum(b byte) bool { return kindOf[b]&(isDigit|isLower|isUpper) != 0 }

func isLetter(b byte) bool { return kindOf[b]&(isLower|isUpper) != 0 }

func isHex(b byte) bool { return kindOf[b]&(isDigit|isHexLetter) != 0 }

func digit(b byte) bool { return b >= '0' && b <= '9' }
