package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth   = 64
	maxInteger = 1<<53 - 1
	hexDigits  = "0123456789abcdef"
)

// ErrNotCanonical is the error for a value that has no canonical form here:
// a fraction, a number beyond ±(2^53-1), a name twice in one object, text
// that is not Unicode, or nesting more than 64 deep.
var ErrNotCanonical = errors.New("no canonical form")

// Canonical marshals v with encoding/json and returns it in canonical form:
// RFC 8785, restricted to integers within ±(2^53-1), strings, booleans,
// null, arrays and objects. Equal values give equal bytes. Errors that are
// not encoding/json's own are ErrNotCanonical.
func Canonical(v any) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("audit: marshalling: %w", err)
	}
	return canonicalize(plain.Bytes())
}

// canonicalize rewrites one JSON text into canonical form.
func canonicalize(text []byte) ([]byte, error) {
	r := rewriter{in: text}
	out, err := r.value(make([]byte, 0, len(text)), 0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.pos != len(r.in) {
		return nil, r.fail("bytes follow the value")
	}
	return out, nil
}

// rewriter reads any JSON text and appends its canonical form to a buffer.
type rewriter struct {
	in  []byte
	pos int
}

func (r *rewriter) fail(format string, args ...any) error {
	return fmt.Errorf("audit: %w: %s at byte %d", ErrNotCanonical, fmt.Sprintf(format, args...), r.pos)
}

func (r *rewriter) space() {
	for r.pos < len(r.in) && strings.IndexByte(" \t\r\n", r.in[r.pos]) >= 0 {
		r.pos++
	}
}

// take consumes b if it is next, after white space.
func (r *rewriter) take(b byte) bool {
	r.space()
	if r.pos < len(r.in) && r.in[r.pos] == b {
		r.pos++
		return true
	}
	return false
}

func (r *rewriter) value(out []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, r.fail("nested more than %d deep", maxDepth)
	}
	r.space()
	if r.pos == len(r.in) {
		return nil, r.fail("the text ends")
	}
	switch b := r.in[r.pos]; b {
	case '{':
		return r.object(out, depth)
	case '[':
		return r.array(out, depth)
	case '"':
		s, err := r.str()
		if err != nil {
			return nil, err
		}
		return appendString(out, s), nil
	case 't', 'f', 'n':
		return r.word(out)
	default:
		return r.number(out)
	}
}

func (r *rewriter) word(out []byte) ([]byte, error) {
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(r.in[r.pos:], []byte(word)) {
			r.pos += len(word)
			return append(out, word...), nil
		}
	}
	return nil, r.fail("not a JSON value")
}

func (r *rewriter) number(out []byte) ([]byte, error) {
	start := r.pos
	for r.pos < len(r.in) && strings.IndexByte("+-.0123456789eE", r.in[r.pos]) >= 0 {
		r.pos++
	}
	text := string(r.in[start:r.pos])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || n > maxInteger || n < -maxInteger {
		r.pos = start
		return nil, r.fail("%.40q is not an integer within ±(2^53-1)", text)
	}
	return append(out, text...), nil
}

func (r *rewriter) array(out []byte, depth int) ([]byte, error) {
	r.pos++
	out = append(out, '[')
	if r.take(']') {
		return append(out, ']'), nil
	}
	for {
		var err error
		if out, err = r.value(out, depth+1); err != nil {
			return nil, err
		}
		if r.take(']') {
			return append(out, ']'), nil
		}
		if !r.take(',') {
			return nil, r.fail("expected , or ]")
		}
		out = append(out, ',')
	}
}

// member is one name of an object with its value in canonical form.
type member struct {
	name  string
	value []byte
}

func (r *rewriter) object(out []byte, depth int) ([]byte, error) {
	r.pos++
	members, err := r.members(depth)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b member) int { return compareUTF16(a.name, b.name) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			if members[i-1].name == m.name {
				return nil, r.fail("the name %.40q stands twice in one object", m.name)
			}
			out = append(out, ',')
		}
		out = appendString(out, m.name)
		out = append(out, ':')
		out = append(out, m.value...)
	}
	return append(out, '}'), nil
}

func (r *rewriter) members(depth int) ([]member, error) {
	var members []member
	if r.take('}') {
		return nil, nil
	}
	for {
		r.space()
		name, err := r.str()
		if err != nil {
			return nil, err
		}
		if !r.take(':') {
			return nil, r.fail("expected :")
		}
		value, err := r.value(nil, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, value})
		if r.take('}') {
			return members, nil
		}
		if !r.take(',') {
			return nil, r.fail("expected , or }")
		}
	}
}

// str reads a string and undoes its escapes.
func (r *rewriter) str() (string, error) {
	if r.pos >= len(r.in) || r.in[r.pos] != '"' {
		return "", r.fail("expected a string")
	}
	r.pos++
	start := r.pos
	for r.pos < len(r.in) && r.in[r.pos] != '"' {
		if r.in[r.pos] < 0x20 {
			return "", r.fail("a control character in a string")
		}
		if r.in[r.pos] == '\\' {
			r.pos++
		}
		r.pos++
	}
	if r.pos >= len(r.in) {
		return "", r.fail("the string does not end")
	}
	raw := r.in[start:r.pos]
	r.pos++
	if !utf8.Valid(raw) {
		return "", r.fail("a string that is not UTF-8")
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), nil
	}
	return r.unescape(raw)
}

func (r *rewriter) unescape(raw []byte) (string, error) {
	var out strings.Builder
	for len(raw) > 0 {
		if raw[0] != '\\' {
			out.WriteByte(raw[0])
			raw = raw[1:]
			continue
		}
		if i := strings.IndexByte(`"\/bfnrt`, raw[1]); i >= 0 {
			out.WriteByte("\"\\/\b\f\n\r\t"[i])
			raw = raw[2:]
			continue
		}
		first, ok := codeUnit(raw)
		if !ok {
			return "", r.fail("an unknown escape in the string before")
		}
		raw = raw[6:]
		if utf16.IsSurrogate(first) {
			second, ok := codeUnit(raw)
			if first = utf16.DecodeRune(first, second); !ok || first == utf8.RuneError {
				return "", r.fail("half a surrogate pair in the string before")
			}
			raw = raw[6:]
		}
		out.WriteRune(first)
	}
	return out.String(), nil
}

// codeUnit reads an escape of the form \uXXXX.
func codeUnit(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(n), err == nil
}

// appendString writes s as RFC 8785 section 3.2.2.2 does. s is UTF-8.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	run := 0 // of what stands for itself, up to i
	for i := range len(s) {
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' {
			continue
		}
		out = append(out, s[run:i]...)
		run = i + 1
		if j := strings.IndexByte("\"\\\b\f\n\r\t", b); j >= 0 {
			out = append(out, '\\', `"\bfnrt`[j])
			continue
		}
		out = append(out, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
	}
	return append(append(out, s[run:]...), '"')
}

// compareUTF16 orders names by their UTF-16 code units (RFC 8785 section
// 3.2.3) without converting them. The order differs from that of the code
// points only where a surrogate pair meets U+E000 to U+FFFF.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		ra, na := utf8.DecodeRuneInString(a)
		rb, nb := utf8.DecodeRuneInString(b)
		if ra != rb {
			if pa, pb := ra > 0xFFFF, rb > 0xFFFF; pa != pb {
				ra, rb = leadUnit(ra), leadUnit(rb)
			}
			return int(ra) - int(rb)
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) - len(b)
}

func leadUnit(r rune) rune {
	if r > 0xFFFF {
		r, _ = utf16.EncodeRune(r)
	}
	return r
}
