package proxytest

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// View is what of a message a script shows.
type View struct {
	// Messages shows the words of errors and notices, not only their codes.
	Messages bool
	// Peers names the connections of the script by their cancel-key number,
	// so that a notification says who sent it.
	Peers map[uint32]string
}

// longest is the most a value may take in a line, in bytes; more is shown as
// its beginning, length and digest.
const longest = 160

// Render turns a message of the server into one line that is the same on
// every run and every server: names and values as they are, object ids of
// relations, keys and positions of source code left out. Values are quoted
// as Go strings. A body that does not fit its type is shown as malformed.
func Render(f Frame, v View) string {
	r, ok := renderers[f.Type]
	if !ok {
		return fmt.Sprintf("Unknown %q %s", f.Type, quote(f.Body))
	}
	d := &decoder{rest: f.Body}
	line := r.name
	if words := r.words(d, v); words != "" {
		line += " " + words
	}
	if !d.done() {
		return fmt.Sprintf("%s malformed %s", r.name, quote(f.Body))
	}
	return line
}

type renderer struct {
	name  string
	words func(*decoder, View) string
}

var renderers = map[byte]renderer{
	'R': {"Authentication", renderAuthentication},
	'S': {"ParameterStatus", renderParameter},
	'K': {"BackendKeyData", renderKey},
	'v': {"NegotiateProtocolVersion", renderNegotiate},
	'Z': {"ReadyForQuery", func(d *decoder, _ View) string { return string(d.take(1)) }},
	'T': {"RowDescription", renderRowDescription},
	'D': {"DataRow", renderDataRow},
	'C': {"CommandComplete", func(d *decoder, _ View) string { return quoteText(d.cstring()) }},
	'E': {"ErrorResponse", renderFields},
	'N': {"NoticeResponse", renderFields},
	'A': {"NotificationResponse", renderNotification},
	't': {"ParameterDescription", renderParameterTypes},
	'G': {"CopyInResponse", renderCopy},
	'H': {"CopyOutResponse", renderCopy},
	'W': {"CopyBothResponse", renderCopy},
	'd': {"CopyData", func(d *decoder, _ View) string { return quote(d.take(len(d.rest))) }},
	'V': {"FunctionCallResponse", func(d *decoder, _ View) string { return value(d) }},
	'1': {"ParseComplete", nothing},
	'2': {"BindComplete", nothing},
	'3': {"CloseComplete", nothing},
	'n': {"NoData", nothing},
	'I': {"EmptyQueryResponse", nothing},
	's': {"PortalSuspended", nothing},
	'c': {"CopyDone", nothing},
}

// typeOf returns the type byte of a server message by the name Render uses.
func typeOf(name string) (byte, bool) {
	for kind, r := range renderers {
		if r.name == name {
			return kind, true
		}
	}
	return 0, false
}

func nothing(*decoder, View) string { return "" }

func renderAuthentication(d *decoder, _ View) string {
	switch code := d.int32(); code {
	case authOK:
		return "Ok"
	case authCleartext:
		return "CleartextPassword"
	case authSASL:
		var all []string
		for m := d.cstring(); m != ""; m = d.cstring() {
			all = append(all, m)
		}
		return "SASL " + strings.Join(all, " ")
	default:
		d.take(len(d.rest))
		if code == authSASLContinue {
			return "SASLContinue"
		}
		if code == authSASLFinal {
			return "SASLFinal"
		}
		return strconv.Itoa(code)
	}
}

// renderParameter leaves out who is logged in: behind a proxy that is a role
// made for the session.
func renderParameter(d *decoder, _ View) string {
	name, value := d.cstring(), d.cstring()
	if name == "session_authorization" {
		return name + " somebody"
	}
	return name + " " + quoteText(value)
}

func renderKey(d *decoder, _ View) string {
	d.int32()
	return fmt.Sprintf("key %d bytes", len(d.take(len(d.rest))))
}

func renderNegotiate(d *decoder, _ View) string {
	version := d.uint32()
	line := fmt.Sprintf("%d.%d", version>>16, version&0xffff)
	for n := d.int32(); n > 0 && !d.bad; n-- {
		line += " " + d.cstring()
	}
	return line
}

func renderRowDescription(d *decoder, _ View) string {
	var all []string
	for n := d.int16(); n > 0 && !d.bad; n-- {
		all = append(all, renderColumn(d))
	}
	return strings.Join(all, ", ")
}

// renderColumn shows a column's name and type; where it comes from only as
// the column's number, because the relation's id differs between runs.
func renderColumn(d *decoder) string {
	name := d.cstring()
	table, column := d.uint32(), d.int16()
	oid, size, modifier, format := d.uint32(), d.int16(), d.int32(), d.int16()
	line := fmt.Sprintf("%q %s", name, typeName(oid))
	if table != 0 {
		line += fmt.Sprintf(" of table.%d", column)
	}
	if known, ok := types[oid]; ok && known.size != size {
		line += fmt.Sprintf(" size %d", size)
	}
	if modifier != -1 {
		line += fmt.Sprintf(" modifier %d", modifier)
	}
	if format != 0 {
		line += fmt.Sprintf(" format %d", format)
	}
	return line
}

func renderDataRow(d *decoder, _ View) string {
	var all []string
	for n := d.int16(); n > 0 && !d.bad; n-- {
		all = append(all, value(d))
	}
	return strings.Join(all, " ")
}

func value(d *decoder) string {
	n := d.int32()
	if n == -1 {
		return "NULL"
	}
	return quote(d.take(n))
}

func renderParameterTypes(d *decoder, _ View) string {
	var all []string
	for n := d.int16(); n > 0 && !d.bad; n-- {
		all = append(all, typeName(d.uint32()))
	}
	return strings.Join(all, " ")
}

func renderCopy(d *decoder, _ View) string {
	line := fmt.Sprintf("format %d columns", d.byte())
	for n := d.int16(); n > 0 && !d.bad; n-- {
		line += fmt.Sprintf(" %d", d.int16())
	}
	return line
}

func renderNotification(d *decoder, v View) string {
	pid := d.uint32()
	sender, ok := v.Peers[pid]
	if !ok {
		sender = "somebody else"
	}
	return fmt.Sprintf("%s %s from %s", quoteText(d.cstring()), quoteText(d.cstring()), sender)
}

// requestID is the part of a refusal that differs from run to run.
var requestID = regexp.MustCompile(`\[req [0-9A-Za-z]{8,}\]`)

func renderFields(d *decoder, v View) string {
	fields := map[byte]string{}
	for {
		kind := d.byte()
		if kind == 0 {
			break
		}
		fields[kind] = d.cstring()
	}
	line := fields['S'] + " " + fields['C']
	if strings.HasPrefix(fields['M'], "sluice: ") {
		line += " by sluice"
	}
	if !v.Messages {
		return line
	}
	for _, kind := range []byte("MDHWPstcdn") {
		if text, ok := fields[kind]; ok {
			line += fmt.Sprintf(" %c=%s", kind, quoteText(requestID.ReplaceAllString(text, "[req ID]")))
		}
	}
	return line
}

func quoteText(s string) string { return quote([]byte(s)) }

func quote(b []byte) string {
	if len(b) <= longest {
		return strconv.Quote(string(b))
	}
	return fmt.Sprintf("%q...%d bytes, sha256 %.6x", b[:32], len(b), sha256.Sum256(b))
}
