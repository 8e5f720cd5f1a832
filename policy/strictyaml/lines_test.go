package strictyaml_test

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// A text of another form has the limits of a document and none of its
// grammar.
func TestLines(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"anything":       {"{ : [\n\t* no yaml &\r\n", ""},
		"hidden signs":   {"a\nb\u202Ec", "name:2:2: the invisible character U+202E"},
		"not UTF-8":      {"a\xff", "name:1:1: this line is not valid UTF-8"},
		"long lines":     {strings.Repeat("x", strictyaml.MaxLine+1), "name:1:1: this line has 4097 bytes"},
		"long documents": {strings.Repeat("x\n", strictyaml.MaxBytes/2+1), "name: the document has 1048578 bytes"},
	} {
		d, err := strictyaml.Lines("name", []byte(c.text))
		switch {
		case c.want == "" && (err != nil || d == nil):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	d, err := strictyaml.Lines("name", []byte("\uFEFFone\r\ntwo"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "     2 | two\n       |  ^"
	at := strictyaml.Position{Line: 2, Column: 2}
	if got := d.Excerpt(at); got != want {
		t.Errorf("of a document: %q", got)
	}
	if got := strictyaml.Excerpt("one\r\ntwo", at); got != want {
		t.Errorf("of a text: %q", got)
	}
	if got := strictyaml.Excerpt("one", at); got != "" {
		t.Errorf("of a line that is not there: %q", got)
	}
	if got := strictyaml.Excerpt("a\x1b[2Jb\u202E", strictyaml.Position{Line: 1, Column: 1}); strings.ContainsAny(got, "\x1b\u202E") {
		t.Errorf("signs that work on a terminal: %q", got)
	}
}
