package answer

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func rowOf(s *Strings, values ...string) *Row {
	list := make([][]byte, len(values))
	for i, v := range values {
		if v != "NULL" {
			list[i] = []byte(v)
		}
	}
	r := s.Row(list)
	return &r
}

func TestRow(t *testing.T) {
	r := rowOf(NewStrings(1<<20), "a", "NULL", "NULL", "", "42", "NULL", "t", "NULL", "r", "NULL", `["x","y z"]`, "NULL", "as it came")
	if one, none := r.Text(), r.Text(); one != "a" || none != "" {
		t.Errorf("texts %q and %q", one, none)
	}
	_, none := r.Optional()
	text, some := r.Optional()
	if none || !some || text != "" {
		t.Errorf("an optional text is %q, %v, and NULL is one: %v", text, some, none)
	}
	if r.Number(MaxOID) != 42 || r.Number(MaxOID) != 0 || !r.Bool() || r.Bool() || r.Char() != 'r' || r.Char() != 0 {
		t.Error("a value is another")
	}
	if list := r.Texts(); !slices.Equal(list, []string{"x", "y z"}) || r.Texts() != nil {
		t.Errorf("a list is %q", list)
	}
	if string(r.Next()) != "as it came" || r.Err() != nil {
		t.Errorf("the last: %v", r.Err())
	}
	if r.Next() != nil || r.Err() == nil {
		t.Error("there is a value behind the last")
	}
}

// The first mistake is the one that is told.
func TestRowKeepsItsFirstMistake(t *testing.T) {
	for value, read := range map[string]func(*Row){
		"1e3":        func(r *Row) { r.Number(MaxOID) },
		"4294967296": func(r *Row) { r.Number(MaxOID) },
		`["x"`:       func(r *Row) { r.Texts() },
		`{"x": "y"}`: func(r *Row) { r.Texts() },
		"and so on":  func(r *Row) { r.Fail("and %s on", r.Text()) },
	} {
		r := rowOf(NewStrings(1<<20), value)
		read(r)
		first := r.Err()
		r.Next()
		if first == nil || r.Err() != first || !strings.HasPrefix(first.Error(), "a row of the server: ") {
			t.Errorf("%s: %v, and then %v", value, first, r.Err())
		}
	}
}

func TestStringsAreBounded(t *testing.T) {
	s := NewStrings(200)
	value := []byte(strings.Repeat("x", longestShared))
	for range 5 {
		if kept := s.Keep(value); kept != string(value) {
			t.Fatal(kept)
		}
	}
	value[0] = 'y'
	if s.Keep(value)[0] != 'y' || s.Keep([]byte(strings.Repeat("x", longestShared)))[0] != 'x' {
		t.Error("what is kept changes with what it was made of")
	}
	if err := s.Full(); err != nil {
		t.Errorf("equal strings are kept more than once: %v", err)
	}
	long := strings.Repeat("z", 100)
	r := rowOf(s, `["`+long+`"]`)
	if r.Texts(); r.Err() == nil {
		t.Error("more is kept than may be")
	}
}

// FuzzNumber holds numbers against those of the library.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"", "0", "007", "42", "-1", "+1", "1_000", "4294967296", "9223372036854775807", "20000000000000000000", "18446744073709551616"} {
		for _, most := range []uint64{5, math.MaxInt16, MaxOID, math.MaxInt64, math.MaxUint64} {
			f.Add(text, most)
		}
	}
	f.Fuzz(func(t *testing.T, text string, most uint64) {
		got, err := Number([]byte(text), most)
		want, wrong := strconv.ParseUint(text, 10, 64)
		if text == "" {
			wrong = nil
		}
		if fails := wrong != nil || want > most; fails != (err != nil) || !fails && got != want {
			t.Errorf("%q of at most %d is %d: %v", text, most, got, err)
		}
	})
}
