package proxytest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// arguments are the words after the name of a message, taken from the front.
// The first thing that is wrong stays in err.
type arguments struct {
	rest []token
	err  error
}

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

func (a *arguments) next(what string) token {
	if len(a.rest) == 0 {
		a.fail("%s is missing", what)
	}
	if a.err != nil {
		return token{}
	}
	t := a.rest[0]
	a.rest = a.rest[1:]
	return t
}

// text takes text in quotes.
func (a *arguments) text() string {
	t := a.next("text in quotes")
	if a.err == nil && (!t.quoted || t.key != "") {
		a.fail("%q should be in quotes", t.text)
	}
	return t.text
}

func (a *arguments) word() string {
	t := a.next("a word")
	if a.err == nil && (t.quoted || t.key != "") {
		a.fail("%q should be a plain word", t.text)
	}
	return t.text
}

// number takes a number that fits 32 bits, signed or not.
func (a *arguments) number() int {
	w := a.word()
	if a.err != nil {
		return 0
	}
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil || n < -1<<31 || n >= 1<<32 {
		a.fail("%q is no number of 32 bits", w)
	}
	return int(n)
}

// section takes the words after a section's name up to the next section.
func (a *arguments) section(name string) []token {
	if len(a.rest) == 0 || a.rest[0].quoted || a.rest[0].text != name {
		return nil
	}
	a.rest = a.rest[1:]
	var all []token
	for len(a.rest) > 0 && (a.rest[0].quoted || !isSection(a.rest[0].text)) {
		all = append(all, a.rest[0])
		a.rest = a.rest[1:]
	}
	return all
}

func isSection(word string) bool {
	return word == "params" || word == "formats" || word == "results" || word == "result"
}

// values takes "params" and "formats" and returns both as they stand in Bind
// and FunctionCall, each with its count.
func (a *arguments) values() (values, formats []byte) {
	params := a.section("params")
	values = appendInt16(nil, len(params))
	for _, p := range params {
		values = appendValue(a, values, p)
	}
	return values, a.formats(nil, "formats")
}

func appendValue(a *arguments, b []byte, t token) []byte {
	switch {
	case t.quoted:
		return append(appendInt32(b, len(t.text)), t.text...)
	case t.text == "NULL":
		return appendInt32(b, -1)
	case strings.HasPrefix(t.text, "length:"):
		n, err := strconv.ParseInt(t.text[len("length:"):], 10, 32)
		if err != nil {
			a.fail("%q is no length", t.text)
		}
		return appendInt32(b, int(n))
	}
	a.fail("%q is no value: text in quotes, NULL or length:N", t.text)
	return b
}

// formats takes a section of format codes and appends them with their count.
func (a *arguments) formats(b []byte, name string) []byte {
	codes := a.section(name)
	b = appendInt16(b, len(codes))
	for _, f := range codes {
		b = appendInt16(b, formatCode(a, f))
	}
	return b
}

func formatCode(a *arguments, t token) int {
	switch t.text {
	case "text":
		return 0
	case "binary":
		return 1
	}
	n, err := strconv.ParseInt(t.text, 10, 16)
	if err != nil {
		a.fail("%q is no format: text, binary or a number", t.text)
	}
	return int(n)
}

func appendInt16(b []byte, n int) []byte { return binary.BigEndian.AppendUint16(b, uint16(n)) }

func appendInt32(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }
