package egress

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"testing"
)

// canary is the one value of a database that nobody may carry away unseen. It has
// what PostgreSQL's types, XML and URLs leave as it is.
const canary = "canary.7f3a9c@example.net"

// forms are the canary in every code that it is looked for in.
var forms = canaryForms()

func canaryForms() [][]byte {
	plain := []byte(canary)
	all := [][]byte{
		plain,
		[]byte(hex.EncodeToString(plain)),
		bytes.ToUpper([]byte(hex.EncodeToString(plain))),
	}
	// In base64 a text looks in three ways, by where in a group of three bytes it
	// begins. What depends on its neighbours is left out.
	for shift := range 3 {
		coded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), plain...))
		from, to := (shift*8+5)/6, (shift+len(plain))*8/6
		all = append(all, []byte(coded[from:to]))
	}
	return all
}

// holdsCanary reports whether bytes have the canary, in one code or another. Line
// ends are looked through: encode() breaks lines.
func holdsCanary(b []byte) bool {
	b = bytes.ReplaceAll(b, []byte("\n"), nil)
	for _, form := range forms {
		if bytes.Contains(b, form) {
			return true
		}
	}
	return false
}

func TestHoldsCanary(t *testing.T) {
	for _, before := range []string{"", "a", "ab", "abc"} {
		text := []byte(before + canary + "zz")
		wrapped := base64.StdEncoding.EncodeToString(text)
		wrapped = wrapped[:10] + "\n" + wrapped[10:]
		for _, coded := range []string{string(text), wrapped, hex.EncodeToString(text), string(bytes.ToUpper([]byte(hex.EncodeToString(text))))} {
			if !holdsCanary([]byte("..." + coded)) {
				t.Errorf("not found in %q", coded)
			}
		}
	}
	for _, other := range []string{"", "canary.7f3a9d@example.net", base64.StdEncoding.EncodeToString([]byte("person2@example.org"))} {
		if holdsCanary([]byte(other)) {
			t.Errorf("found in %q", other)
		}
	}
}
