package masked

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// canaries are what the values of columns with a class can be known by, in lower
// case, in the formats text and binary. What a mask leaves of a value has none of
// them.
var canaries = [][]byte{
	[]byte("canary"), []byte("yranac"), // also backwards
	[]byte("1977-07"), []byte("775377"), []byte("664577"), []byte("77537"), []byte("77537753"), []byte("725372537253"),
	[]byte("202.154.23.202"), []byte("ca9a17ca"), []byte("ca9a17-"), []byte("ca:9a:17:ca"), []byte("ca9a-17ca"),
	{0xca, 0x9a, 0x17, 0xca},             // uuid, bytea, macaddr and inet
	{0, 0, 0, 4, 0xff, 0xff, 0xdf, 0xeb}, // date: 1977-07-07
	{0, 0x19, 0xc5, 0x2f, 0x75, 0xe3},    // bigint
	{0, 0x0b, 0xd4, 0xd1},                // integer
}

// shapes are how bytes are written as text, each with what reads it.
var shapes = []struct {
	like *regexp.Regexp
	read func([]byte) [][]byte
}{
	{regexp.MustCompile(`(?i)(?:[0-9a-f]{2}){6,}`), func(b []byte) [][]byte { return [][]byte{unhex(b), unhex(b[1:])} }},
	{regexp.MustCompile(`[A-Za-z0-9+/\n]{8,}`), func(b []byte) (out [][]byte) {
		b = bytes.ReplaceAll(b, []byte("\n"), nil)
		for cut := range min(4, len(b)) {
			out = append(out, unbase64(b[cut:]))
		}
		return out
	}},
	{regexp.MustCompile(`(?:\\{1,2}[0-7]{3}|\\u[0-9a-fA-F]{4}|&#[0-9]+;){3,}`), func(b []byte) [][]byte { return [][]byte{unescape(b)} }},
	{regexp.MustCompile(`(?:[0-9]{2,3}[,; ]+){5,}[0-9]{2,3}`), func(b []byte) [][]byte { return [][]byte{codes(b)} }},
}

func unhex(b []byte) []byte {
	out := make([]byte, len(b)/2)
	n, _ := hex.Decode(out, b[:len(b)/2*2]) // what is before the error counts
	return out[:n]
}

func unbase64(b []byte) []byte {
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(b)))
	n, _ := base64.RawStdEncoding.Decode(out, b)
	return out[:n]
}

var number = regexp.MustCompile(`[0-9a-fA-F]{2,4}`)

// unescape reads escapes of bytea, JSON and XML.
func unescape(b []byte) (out []byte) {
	base := map[byte]int{'\\': 8, 'u': 16, '#': 10}
	for _, at := range number.FindAllIndex(b, -1) {
		n, err := strconv.ParseUint(string(b[at[0]:at[1]]), base[b[at[0]-1]], 16)
		if err == nil {
			out = append(out, byte(n))
		}
	}
	return out
}

// codes reads a list of character codes.
func codes(b []byte) (out []byte) {
	for _, digits := range number.FindAll(b, -1) {
		if n, err := strconv.ParseUint(string(digits), 10, 8); err == nil {
			out = append(out, byte(n))
		}
	}
	return out
}

// canaryIn finds a canary in bytes, whatever they were encoded in, and returns
// what is around it; empty for none.
func canaryIn(heard []byte) string {
	if found := plainCanary(heard); found != "" {
		return found
	}
	for _, shape := range shapes {
		for _, part := range shape.like.FindAll(heard, -1) {
			for _, bytes := range shape.read(part) {
				if found := plainCanary(bytes); found != "" {
					return found + " in " + string(part)
				}
			}
		}
	}
	return ""
}

func plainCanary(in []byte) string {
	low := bytes.ToLower(in)
	for _, canary := range canaries {
		for _, b := range [][]byte{in, low} {
			if at := bytes.Index(b, canary); at >= 0 {
				return strconv.Quote(string(in[max(0, at-30):min(len(in), at+len(canary)+30)]))
			}
		}
	}
	return ""
}

// What looks for canaries finds them.
func TestCanariesAreFound(t *testing.T) {
	const value = "canary1@example.net"
	backwards := []byte(value)
	slices.Reverse(backwards)
	for _, in := range []string{
		"D\x00\x01" + value, "CANARY1@EXAMPLE.NET", string(backwards), `\x` + hex.EncodeToString([]byte(value)), base64.StdEncoding.EncodeToString([]byte("xy" + value)),
		`\143\141\156\141\162\171`, `\u0063\u0061\u006e\u0061\u0072\u0079`, "{99,97,110,97,114,121}", "&#99;&#97;&#110;&#97;&#114;&#121;", "1977-07-08", "7253725372530001", "ca:9a:17:ca:9a:01",
	} {
		if canaryIn([]byte(in)) == "" {
			t.Errorf("nothing is found in %q", in)
		}
	}
	for _, in := range []string{"sodvvkotu3u2ppu7@m.invalid", "C************", "1977-01-01", "77530.0", "664570", "a9e45b35-32b4-87c1-a3cd-630e7d5871f0"} {
		if found := canaryIn([]byte(in)); found != "" {
			t.Errorf("%s is found in %q", found, in)
		}
	}
}
