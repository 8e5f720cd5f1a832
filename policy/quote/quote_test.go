package quote

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestIdentifier(t *testing.T) {
	for name, want := range map[string]string{`a`: `"a"`, `a"b`: `"a""b"`, ``: `""`, `"; DROP`: `"""; DROP"`, `a\`: `"a\"`, `user`: `"user"`, `é`: `"é"`} {
		if got := Identifier(name); got != want {
			t.Errorf("%s is quoted %s", name, got)
		}
	}
	if got := Qualified(`a.b`, `c"`); got != `"a.b"."c"""` {
		t.Error(got)
	}
	if got := Identifiers([]string{"a", `b, "c`}); got != `"a", "b, ""c"` {
		t.Error(got)
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]string{`a`: `'a'`, ``: `''`, `it's`: `'it''s'`, `\'`: ` E'\\'''`, `a'b\`: ` E'a''b\\'`, "a\nb": "'a\nb'", `é`: `'é'`} {
		if got := Literal(text); got != want {
			t.Errorf("%s is quoted %s", text, got)
		}
	}
	if got := Literals([]string{"a", `b\`, "', '"}); got != `'a',  E'b\\', ''', '''` {
		t.Error(got)
	}
	if Identifiers(nil) != "" || Literals(nil) != "" {
		t.Error("an empty list is not empty")
	}
}

func TestName(t *testing.T) {
	for want, parts := range map[string][]string{
		`public.users`: {"public", "users"}, `_a1$`: {"_a1$"}, `"1a"`: {"1a"}, `"$a"`: {"$a"}, `"Users"`: {"Users"}, `"é"`: {"é"}, `""`: {""},
		`"a.b"."c""d".e`: {"a.b", `c"d`, "e"}, `select`: {"select"},
	} {
		if got := Name(parts...); got != want {
			t.Errorf("%q is %s, want %s", parts, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "plain é": "plain é", "a\nb\tc\x00": "a b c ", "\x1b[31m\u009b": " [31m ", "\u2028\u202e\u2066": "   ", "\xff": "\uFFFD",
	} {
		if got := Line(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for _, c := range []struct {
		text string
		most int
		want string
	}{{"abc", 3, "abc"}, {"abc", 2, "ab…"}, {"é\n\xff!", 3, "é \uFFFD…"}, {"", 0, ""}, {"a", 0, "…"}} {
		if got := Short(c.text, c.most); got != c.want {
			t.Errorf("%q of at most %d is %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

// FuzzQuote has a server read back what was quoted, with more SQL behind it:
// the same text, and then that SQL.
func FuzzQuote(f *testing.F) {
	for _, text := range []string{"", "a", `"`, `'`, `\`, `\'`, `'\`, `\\''""`, "E'", "--", "/*", "$$", "a\nb", "é\xff", "\u202e"} {
		f.Add(text, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, most uint8) {
		const behind = ", x"
		if got, rest, err := readIdentifier(Identifier(text) + behind); err != nil || got != text || rest != behind {
			t.Errorf("the identifier %q is read as %q, then %q: %v", text, got, rest, err)
		}
		for _, conforming := range []bool{true, false} {
			if got, rest, err := readLiteral(Literal(text)+behind, conforming); err != nil || got != text || rest != behind {
				t.Errorf("the string %q is read as %q, then %q: %v", text, got, rest, err)
			}
		}
		if first := Literal(text)[0]; first != ' ' && first != '\'' {
			t.Errorf("%q could end a word", Literal(text))
		}
		if name := Name(text); name != text && name != Identifier(text) || name == text && strings.ContainsAny(name, `"'\. `) {
			t.Errorf("%q has the name %q", text, name)
		}
		short := []rune(Short(text, int(most)))
		if len(short) > int(most)+1 || slices.ContainsFunc(short, func(r rune) bool { return r < ' ' || r == 0x7F }) {
			t.Errorf("%q of at most %d is %q", text, most, string(short))
		}
		if utf8.RuneCountInString(Line(text)) != utf8.RuneCountInString(text) || !utf8.ValidString(Line(text)) {
			t.Errorf("%q on one line is %q", text, Line(text))
		}
	})
}
