package mask

import (
	"fmt"
	"strings"
	"testing"
)

// Each case is a mask, a type, and values as the type prints them. The binary
// form must come to the same as the text.
func TestValues(t *testing.T) {
	golden(t, "testdata/values.txt", func(t *testing.T, question string) string {
		lines := strings.Split(question, "\n")
		m, typ := readMask(t, lines[0]), readType(t, lines[1])
		if err := m.Fits(typ); err != nil {
			return "does not fit: " + err.Error()
		}
		var out []string
		for _, quoted := range lines[2:] {
			out = append(out, answerValue(t, m, typ, strings.Trim(quoted, `"`)))
		}
		return strings.Join(out, "\n")
	})
}

func answerValue(t *testing.T, m Mask, typ Type, value string) string {
	t.Helper()
	ch, err := newChanger(m, typ)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ch.text([]byte("before "), []byte(value))
	if err != nil {
		return "error: " + err.Error()
	}
	after := strings.TrimPrefix(string(got), "before ")
	checkBinary(t, ch, typ.family(), value, after)
	return fmt.Sprintf("%q", after)
}

// checkBinary holds the binary form to the text.
func checkBinary(t *testing.T, ch changer, f family, value, after string) {
	t.Helper()
	if f.isText() {
		got, err := ch.binary(nil, []byte(value))
		if err != nil || string(got) != after {
			t.Errorf("%q becomes %q (%v) in binary, and %q as text", value, got, err, after)
		}
		return
	}
	in, err := binaryOf([]byte(value), f)
	if err != nil {
		t.Errorf("%q has no binary form: %v", value, err)
		return
	}
	want, err := binaryOf([]byte(after), f)
	if err != nil {
		t.Errorf("%q becomes %q, which has no binary form: %v", value, after, err)
		return
	}
	got, err := ch.binary(nil, in)
	if err != nil || string(got) != string(want) {
		// A numeric may differ in the digits it shows, not in its value.
		if f == numeric && err == nil && sameNumeric(got, want) {
			return
		}
		t.Errorf("%q becomes %x (%v) in binary, and %x as text", value, got, err, want)
	}
}

func sameNumeric(a, b []byte) bool {
	return string(a[:6])+string(a[8:]) == string(b[:6])+string(b[8:])
}

// Each case is a mask and types.
func TestFits(t *testing.T) {
	golden(t, "testdata/fits.txt", func(t *testing.T, question string) string {
		lines := strings.Split(question, "\n")
		m := readMask(t, lines[0])
		var out []string
		for _, line := range lines[1:] {
			word := "fits"
			if err := m.Fits(readType(t, line)); err != nil {
				word = err.Error()
			}
			out = append(out, line+": "+word)
		}
		return strings.Join(out, "\n")
	})
}
