package strictyaml_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

// sample has one field of every sort the package decodes.
type sample struct {
	strictyaml.Position `json:",omitzero"`
	Version             int                     `yaml:"version" json:",omitzero"`
	Name                string                  `yaml:"name" json:",omitzero"`
	Label               *string                 `yaml:"label" json:",omitzero"`
	Loud                bool                    `yaml:"loud" json:",omitzero"`
	Small               int8                    `yaml:"small" json:",omitzero"`
	Port                uint16                  `yaml:"port" json:",omitzero"`
	Wait                time.Duration           `yaml:"wait" json:",omitzero"`
	From                []netip.Prefix          `yaml:"from" json:",omitzero"`
	Names               []strictyaml.Text       `yaml:"names" json:",omitzero"`
	Words               []string                `yaml:"words,nullable" json:",omitzero"`
	Places              map[string]samplePlace  `yaml:"places" json:",omitzero"`
	Inner               samplePlace             `yaml:"inner" json:",omitzero"`
	Size                strictyaml.Scalar       `yaml:"size" json:",omitzero"`
	Refs                map[string]*samplePlace `yaml:"refs" json:",omitzero"`
}

type samplePlace struct {
	strictyaml.Position `json:",omitzero"`
	Host                string `yaml:"host"`
	Ignored             string `yaml:"-" json:",omitzero"`
}

func TestFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { runFile(t, path) })
	}
}

// runFile reads cases of the form "input, ----, expected, ====".
func runFile(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for part := range strings.SplitAfterSeq(string(data), "====\n") {
		if part == "" {
			continue
		}
		input, want, found := strings.Cut(part, "\n----\n")
		if !found {
			t.Fatalf("%s: a case without ----: %q", path, part)
		}
		got := outcome(input) + "\n====\n"
		fmt.Fprintf(&out, "%s\n----\n%s", input, got)
		if want != got && !*rewrite {
			t.Errorf("%s\n%s", input, cmp.Diff(want, got))
		}
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func outcome(input string) string {
	var s sample
	if err := strictyaml.DecodeStrict("doc.yaml", []byte(input), &s); err != nil {
		return err.Error()
	}
	shown, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(shown)
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	var steps strings.Builder
	for i := range 500 {
		steps.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, c := range map[string]struct{ text, want string }{
		"size":       {strings.Repeat("# c\n", 10<<20/4), "at most 1048576"},
		"line":       {"name: " + strings.Repeat("x", 5000), "doc.yaml:1:1: this line has 5006 bytes"},
		"flow":       {"words: " + deep, "nested deeper than 32 levels"},
		"block":      {steps.String(), "nested deeper than 32 levels"},
		"dashes":     {strings.Repeat("- ", 1000) + "a", "nested deeper than 32 levels"},
		"alias bomb": {"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "anchors (&name) are not accepted"},
		"not UTF-8":  {"name: \xff", "not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			err := strictyaml.DecodeStrict("doc.yaml", []byte(c.text), new(sample))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if spent := time.Since(start); spent > 2*time.Second {
				t.Errorf("took %v", spent)
			}
		})
	}
}

func TestManyMistakesAreCounted(t *testing.T) {
	text := strings.Repeat("- 1\n", 100)
	err := strictyaml.DecodeStrict("doc.yaml", []byte(text), new([]string))
	if err == nil || !strings.HasSuffix(err.Error(), "doc.yaml: and 60 more mistakes") {
		t.Errorf("got %v", err)
	}
}

func TestTargets(t *testing.T) {
	var nothing *sample
	for _, into := range []any{sample{}, nothing, nil} {
		if err := strictyaml.DecodeStrict("doc.yaml", []byte("name: x"), into); err == nil {
			t.Errorf("decoding into %T succeeded", into)
		}
	}
	var c struct {
		Name chan int `yaml:"name"`
	}
	if err := strictyaml.DecodeStrict("doc.yaml", []byte("name: x"), &c); err == nil {
		t.Error("decoding into a channel succeeded")
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"effect", "kinds", "relations", "databases", "export_to_client"}
	for got, want := range map[string]string{
		"efect": "effect", "kind": "kinds", "relation": "relations", "relatoins": "relations",
		"DATABASES": "databases", "export_client": "export_to_client", "rel": "relations",
		"zzz": "", "": "", strings.Repeat("effect", 20): "",
	} {
		if best := strictyaml.Suggest(got, names); best != want {
			t.Errorf("Suggest(%q) = %q, want %q", got, best, want)
		}
	}
}

func TestInside(t *testing.T) {
	const text = "names:\n  - plain words\n  - 'quoted words'\n  - \"tab\\there\"\n  - |\n    first line\n      second line\n  - >-\n    folded\n    words\n  - 'it''s here'\n  - \"ä ö ü\"\n"
	document, err := strictyaml.Open("doc.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var s sample
	if err := document.Decode(&s); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		entry, line, column int
		want                string
	}{
		{0, 1, 1, "2:5"},
		{0, 1, 7, "2:11"},
		{0, 1, 12, "2:16"},
		{1, 1, 8, "3:13"},
		{2, 1, 3, "4:8"},
		{2, 1, 7, "4:5"},
		{3, 1, 7, "6:11"},
		{3, 2, 3, "7:7"},
		{3, 2, 10, "7:14"},
		{4, 1, 3, "8:5"},
		{5, 1, 2, "11:7"},
		{5, 1, 6, "11:5"},
		{6, 1, 5, "12:10"},
		{0, 2, 1, "2:5"},
		{0, 0, 0, "2:5"},
		{3, 9, 1, "5:5"},
	} {
		at := document.Inside(s.Names[c.entry], c.line, c.column)
		if got := fmt.Sprintf("%d:%d", at.Line, at.Column); got != c.want {
			t.Errorf("line %d, column %d of %q: %s, want %s", c.line, c.column, s.Names[c.entry].Value, got, c.want)
		}
	}
}
