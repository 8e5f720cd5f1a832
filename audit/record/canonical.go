package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxInteger is the largest magnitude of a number: the integers that every
// JSON reader holds exactly (RFC 7493 section 2.2).
const maxInteger = 1<<53 - 1

// digestSuffix ends the name of a member that refers to the store.
const digestSuffix = "_digest"

// CheckCanonical returns an error unless data is exactly one JSON value in
// the trail's canonical form.
func CheckCanonical(data []byte) error {
	c := cursor{data: data}
	if err := c.value(0); err != nil {
		return err
	}
	return c.end()
}

// Digests returns the digests a canonical value refers to: the strings of
// members whose name ends in "_digest", in order of appearance.
func Digests(data []byte) ([]string, error) {
	c := cursor{data: data, collect: true}
	if err := c.value(0); err != nil {
		return nil, err
	}
	return c.digests, c.end()
}

// ValidDigest tells whether s is a SHA-256 in 64 lower-case hexadecimal
// digits.
func ValidDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// cursor walks over canonical JSON and stops at the first byte that is not
// canonical.
type cursor struct {
	data    []byte
	pos     int
	collect bool
	digests []string
}

func (c *cursor) fail(format string, args ...any) error {
	return fmt.Errorf("at byte %d of the text: %w", c.pos, fmt.Errorf(format, args...))
}

func (c *cursor) end() error {
	if c.pos != len(c.data) {
		return c.fail("%d bytes follow the value", len(c.data)-c.pos)
	}
	return nil
}

// literal consumes exactly text.
func (c *cursor) literal(text string) error {
	if !strings.HasPrefix(string(c.data[c.pos:min(len(c.data), c.pos+len(text))]), text) {
		return c.fail("expected %s", text)
	}
	c.pos += len(text)
	return nil
}

func (c *cursor) peek() byte {
	if c.pos < len(c.data) {
		return c.data[c.pos]
	}
	return 0
}

func (c *cursor) value(depth int) error {
	if depth > MaxDepth {
		return c.fail("nested more than %d deep", MaxDepth)
	}
	switch b := c.peek(); {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '"':
		_, err := c.str()
		return err
	case b == '-' || b >= '0' && b <= '9':
		_, err := c.integer()
		return err
	case b == 't':
		return c.literal("true")
	case b == 'f':
		return c.literal("false")
	case b == 'n':
		return c.literal("null")
	}
	return c.fail("no JSON value begins here")
}

func (c *cursor) array(depth int) error {
	c.pos++
	if c.peek() == ']' {
		c.pos++
		return nil
	}
	for {
		if err := c.value(depth + 1); err != nil {
			return err
		}
		if c.peek() == ']' {
			c.pos++
			return nil
		}
		if err := c.literal(","); err != nil {
			return err
		}
	}
}

func (c *cursor) object(depth int) error {
	c.pos++
	if c.peek() == '}' {
		c.pos++
		return nil
	}
	var previous []uint16
	for n := 0; ; n++ {
		name, err := c.str()
		if err != nil {
			return err
		}
		// RFC 8785 section 3.2.3: names are ordered as UTF-16 code units.
		units := utf16.Encode([]rune(name))
		if n > 0 && slices.Compare(previous, units) >= 0 {
			return c.fail("member %q is out of order or there twice", name)
		}
		previous = units
		if err := c.literal(":"); err != nil {
			return err
		}
		if err := c.member(name, depth); err != nil {
			return err
		}
		if c.peek() == '}' {
			c.pos++
			return nil
		}
		if err := c.literal(","); err != nil {
			return err
		}
	}
}

// member reads a member's value, and keeps it if it refers to the store.
func (c *cursor) member(name string, depth int) error {
	if !c.collect || !strings.HasSuffix(name, digestSuffix) {
		return c.value(depth + 1)
	}
	if c.peek() != '"' {
		return c.fail("%s is not a string", name)
	}
	digest, err := c.str()
	if err != nil {
		return err
	}
	if !ValidDigest(digest) {
		return c.fail("%s is not 64 lower-case hexadecimal digits", name)
	}
	c.digests = append(c.digests, digest)
	return nil
}

var errBareMinus = errors.New("a minus sign without a number")

// integer reads a whole number within ±(2^53-1).
func (c *cursor) integer() (int64, error) {
	start, negative := c.pos, false
	if c.peek() == '-' {
		negative = true
		c.pos++
	}
	digits := c.pos
	var n int64
	for ; c.pos < len(c.data) && c.data[c.pos] >= '0' && c.data[c.pos] <= '9'; c.pos++ {
		if n = n*10 + int64(c.data[c.pos]-'0'); n > maxInteger {
			return 0, c.fail("the number is beyond ±(2^53-1)")
		}
	}
	switch {
	case c.pos == digits && negative:
		return 0, c.fail("%w", errBareMinus)
	case c.pos == digits:
		return 0, c.fail("expected a number")
	case c.data[digits] == '0' && (c.pos > digits+1 || negative):
		return 0, c.fail("%q is not how a number is written here", c.data[start:c.pos])
	}
	if b := c.peek(); b == '.' || b == 'e' || b == 'E' {
		return 0, c.fail("fractions and exponents are not allowed")
	}
	if negative {
		n = -n
	}
	return n, nil
}

// str reads a string and returns what it means.
func (c *cursor) str() (string, error) {
	if err := c.literal(`"`); err != nil {
		return "", err
	}
	var out strings.Builder
	for {
		if c.pos >= len(c.data) {
			return "", c.fail("the string does not end")
		}
		switch b := c.data[c.pos]; {
		case b == '"':
			c.pos++
			return out.String(), nil
		case b == '\\':
			r, err := c.escape()
			if err != nil {
				return "", err
			}
			out.WriteByte(r)
		case b < 0x20:
			return "", c.fail("the control character %#02x is not escaped", b)
		default:
			r, size := utf8.DecodeRune(c.data[c.pos:])
			if r == utf8.RuneError && size == 1 {
				return "", c.fail("not UTF-8")
			}
			out.Write(c.data[c.pos : c.pos+size])
			c.pos += size
		}
	}
}

// shortEscapes are the escapes RFC 8785 section 3.2.2.2 asks for; all other
// control characters are written \u00xx in lower case.
var shortEscapes = map[byte]byte{'"': '"', '\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (c *cursor) escape() (byte, error) {
	if c.pos+1 >= len(c.data) {
		return 0, c.fail("the string does not end")
	}
	if b, ok := shortEscapes[c.data[c.pos+1]]; ok {
		c.pos += 2
		return b, nil
	}
	const form = `\u00xx`
	if c.pos+len(form) > len(c.data) || string(c.data[c.pos:c.pos+4]) != `\u00` {
		return 0, c.fail("this character is not written with this escape")
	}
	high, low := c.data[c.pos+4], c.data[c.pos+5]
	n := strings.IndexByte("0123456789abcdef", low)
	if high != '0' && high != '1' || n < 0 {
		return 0, c.fail("this character is not written with this escape")
	}
	b := (high-'0')<<4 | byte(n)
	if strings.IndexByte("\b\f\n\r\t", b) >= 0 {
		return 0, c.fail("this character has a shorter escape")
	}
	c.pos += len(form)
	return b, nil
}
