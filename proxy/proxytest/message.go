package proxytest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// ParseMessage turns one line of a script into the bytes it stands for:
//
//	Query "SQL"
//	Parse "statement" "SQL" [OID ...]
//	Bind "portal" "statement" [params VALUE ...] [formats F ...] [results F ...]
//	Describe S|P "name"
//	Execute "portal" [ROWS]
//	Close S|P "name"
//	Sync, Flush, Terminate, CopyDone
//	CopyData "bytes"
//	CopyFail "message"
//	FunctionCall OID [params VALUE ...] [formats F ...] [result F]
//	Password "text"
//	Startup VERSION [NAME=VALUE ...]
//	SSLRequest, GSSENCRequest
//	CancelRequest PID "key bytes"
//	Frame T "body" [length=N]
//	Raw HEX ...
//
// A VALUE is text in quotes, NULL, or length:N for an announced length that
// no value follows. F is text, binary or a number. Frame makes a message of
// type T whose length may lie; Raw is bytes as they are. Names and texts
// are in quotes, with Go's escapes.
func ParseMessage(line string) ([]byte, error) {
	tokens, err := tokenize(line)
	if err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, errors.New("the line is empty")
	}
	build, ok := builders[tokens[0].text]
	if !ok || tokens[0].quoted {
		return nil, fmt.Errorf("%q is no message; messages are %s", tokens[0].text, strings.Join(messageNames(), ", "))
	}
	a := &arguments{rest: tokens[1:]}
	out := build(a)
	if a.err == nil && len(a.rest) > 0 {
		a.fail("%q is left over", a.rest[0].text)
	}
	if a.err != nil {
		return nil, fmt.Errorf("%s: %w", tokens[0].text, a.err)
	}
	return out, nil
}

var builders = map[string]func(*arguments) []byte{
	"Query":         textMessage('Q'),
	"CopyFail":      textMessage('f'),
	"Password":      textMessage('p'),
	"Parse":         buildParse,
	"Bind":          buildBind,
	"Describe":      targetMessage('D'),
	"Close":         targetMessage('C'),
	"Execute":       buildExecute,
	"Sync":          bareMessage('S'),
	"Flush":         bareMessage('H'),
	"Terminate":     bareMessage('X'),
	"CopyDone":      bareMessage('c'),
	"CopyData":      func(a *arguments) []byte { return Frame{'d', []byte(a.text())}.Bytes() },
	"FunctionCall":  buildFunctionCall,
	"Startup":       buildStartup,
	"SSLRequest":    func(*arguments) []byte { return TLSRequest() },
	"GSSENCRequest": func(*arguments) []byte { return GSSRequest() },
	"CancelRequest": func(a *arguments) []byte { return CancelPacket(uint32(a.number()), []byte(a.text())) },
	"Frame":         buildFrame,
	"Raw":           buildRaw,
}

func messageNames() []string {
	var all []string
	for name := range builders {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

func textMessage(kind byte) func(*arguments) []byte {
	return func(a *arguments) []byte { return Frame{kind, appendCString(nil, a.text())}.Bytes() }
}

func bareMessage(kind byte) func(*arguments) []byte {
	return func(*arguments) []byte { return Frame{Type: kind}.Bytes() }
}

func targetMessage(kind byte) func(*arguments) []byte {
	return func(a *arguments) []byte {
		what := a.word()
		if what != "S" && what != "P" {
			a.fail("wants S for a statement or P for a portal")
			return nil
		}
		return Frame{kind, appendCString([]byte(what), a.text())}.Bytes()
	}
}

func buildParse(a *arguments) []byte {
	body := appendCString(nil, a.text())
	body = appendCString(body, a.text())
	var types []int
	for len(a.rest) > 0 && a.err == nil {
		types = append(types, a.number())
	}
	body = appendInt16(body, len(types))
	for _, oid := range types {
		body = appendInt32(body, oid)
	}
	return Frame{'P', body}.Bytes()
}

func buildBind(a *arguments) []byte {
	body := appendCString(nil, a.text())
	body = appendCString(body, a.text())
	values, formats := a.values()
	body = append(append(body, formats...), values...)
	return Frame{'B', a.formats(body, "results")}.Bytes()
}

func buildFunctionCall(a *arguments) []byte {
	body := appendInt32(nil, a.number())
	values, formats := a.values()
	body = append(append(body, formats...), values...)
	result := 0
	if f := a.section("result"); len(f) == 1 {
		result = formatCode(a, f[0])
	}
	return Frame{'F', appendInt16(body, result)}.Bytes()
}

func buildExecute(a *arguments) []byte {
	body := appendCString(nil, a.text())
	rows := 0
	if len(a.rest) > 0 {
		rows = a.number()
	}
	return Frame{'E', appendInt32(body, rows)}.Bytes()
}

func buildStartup(a *arguments) []byte {
	version, err := parseVersion(a.word())
	if err != nil {
		a.fail("%v", err)
		return nil
	}
	var pairs []Parameter
	for _, t := range a.rest {
		if t.key == "" {
			a.fail("%q is not NAME=VALUE", t.text)
			return nil
		}
		pairs = append(pairs, Parameter{t.key, t.text})
	}
	a.rest = nil
	return StartupPacket(version, pairs...)
}

func buildFrame(a *arguments) []byte {
	kind := a.word()
	if len(kind) != 1 {
		a.fail("wants the message type as one character")
		return nil
	}
	out := Frame{kind[0], []byte(a.text())}.Bytes()
	if len(a.rest) == 1 && a.rest[0].key == "length" {
		n, err := strconv.ParseUint(a.rest[0].text, 10, 32)
		if err != nil {
			a.fail("length %q is no number of 32 bits", a.rest[0].text)
			return nil
		}
		out = append(appendInt32(out[:1:1], int(n)), out[5:]...)
		a.rest = nil
	}
	return out
}

func buildRaw(a *arguments) []byte {
	var out []byte
	for _, t := range a.rest {
		b, err := hex.DecodeString(t.text)
		if err != nil || t.quoted || t.key != "" {
			a.fail("%q is not hexadecimal", t.text)
			return nil
		}
		out = append(out, b...)
	}
	a.rest = nil
	return out
}
