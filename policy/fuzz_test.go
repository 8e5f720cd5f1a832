package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/statement"
)

// examples reads the example policies as seeds.
func examples(tb testing.TB) [][]byte {
	tb.Helper()
	paths, err := filepath.Glob("../examples/policies/*.yaml")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no examples: %v", err)
	}
	var out [][]byte
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, data)
	}
	return out
}

// FuzzParsePolicy looks for panics, and for documents that read as something
// that allows what cannot be read.
func FuzzParsePolicy(f *testing.F) {
	for _, data := range examples(f) {
		f.Add(data)
	}
	f.Add([]byte("version: 1\nrules:\n  - {id: a, effect: deny, relations: ['\"A\".*', users], addresses: [::1]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p.yaml", data)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Fatalf("a policy beside an error, or an error without words: %v", err)
			}
			return
		}
		if again, err := Parse("p.yaml", data); err != nil || again.Digest() != p.Digest() {
			t.Fatalf("read once but not twice: %v", err)
		}
		req := &Request{Identity: Identity{User: "u"}, Session: Session{Database: "d"}}
		if p.Decide(req).Verdict != Deny {
			t.Fatal("a text that could not be read is allowed")
		}
		st, _ := FunctionCall(954)
		req.Kind, req.Statements = st.Kind, []statement.Statement{st}
		checkWhole(t, p.Decide(req))
	})
}

// FuzzDecide decides about requests as a trail might hold them.
func FuzzDecide(f *testing.F) {
	policies := []*Policy{nil}
	for _, data := range examples(f) {
		p, err := Parse("p.yaml", data)
		if err != nil {
			f.Fatal(err)
		}
		policies = append(policies, p)
	}
	f.Add([]byte(`{"identity":{"user":"anna"},"session":{"database":"shop","address":"10.20.0.1"},"kind":"export_to_client","statements":[` +
		`{"kind":"export_to_client","node":"CopyStmt","effects":[{"kind":"export_to_client","what":"COPY TO STDOUT","position":0}],` +
		`"relations":[{"schema":"public","name":"orders","access":"read","position":5}]}]}`))
	f.Add([]byte(`{"identity":{"user":"u"},"session":{"database":"d"},"kind":"ordinary_read"}`))
	f.Add([]byte(`{"kind":"parse_error","problem":{"sqlstate":"42601","message":"\u0000","position":-1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		req := new(Request)
		if json.Unmarshal(data, req) != nil {
			return
		}
		recorded, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		again := new(Request)
		if err := json.Unmarshal(recorded, again); err != nil {
			t.Fatal(err)
		}
		for _, p := range policies {
			d := p.Decide(req)
			checkWhole(t, d)
			if diff := cmp.Diff(d, p.Decide(again)); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// FuzzClassesInComment reads any comment: what it finds is a class or the word
// none, and a class that is added as a word of its own is found as well.
func FuzzClassesInComment(f *testing.F) {
	for _, text := range []string{"", "class:contact.email", "(class:none).", "Class:A.B, class:x", "class: prose", "\x00class:a.b\u00a0class:a.b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, comment string) {
		classes, _ := ClassesInComment(comment)
		for _, class := range classes {
			if family, name, found := strings.Cut(class, "."); class != NoClass && (!found || family == "" || name == "") {
				t.Errorf("%q has the class %q", comment, class)
			}
		}
		more, _ := ClassesInComment(comment + " class:added.here")
		if len(more) == 0 || more[len(more)-1] != "added.here" && !slices.Contains(classes, "added.here") {
			t.Errorf("%q with a class has %q", comment, more)
		}
	})
}
