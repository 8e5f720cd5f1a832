package audit

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/audit/record"
)

var rewriteData = flag.Bool("rewrite", false, "write what is found into the data files")

// dataCase is one case of a data file: a directive, its input, what is
// expected, and the comment lines before it.
type dataCase struct{ comment, directive, input, want string }

// runData runs the cases of a file: comments, a directive line, the input,
// ----, what is expected, an empty line.
func runData(t *testing.T, path string, run func(directive, input string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := parseData(t, string(text))
	var out strings.Builder
	for _, c := range cases {
		got := run(c.directive, c.input)
		if got != c.want && !*rewriteData {
			t.Errorf("%s\n%s\n---- got\n%s\n---- expected\n%s", c.directive, c.input, got, c.want)
		}
		out.WriteString(c.comment + c.directive + "\n" + c.input + "\n----\n" + got + "\n\n")
	}
	if *rewriteData {
		if err := os.WriteFile(path, []byte(strings.TrimSuffix(out.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseData(t *testing.T, text string) []dataCase {
	t.Helper()
	var cases []dataCase
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		var c dataCase
		for i < len(lines) && (lines[i] == "" || strings.HasPrefix(lines[i], "#")) {
			if c.comment += lines[i] + "\n"; lines[i] == "" && c.comment == "\n" {
				c.comment = ""
			}
			i++
		}
		if i == len(lines) {
			break
		}
		c.directive = lines[i]
		end := i + 1
		for end < len(lines) && lines[end] != "----" {
			end++
		}
		if end == len(lines) {
			t.Fatalf("the case %q has no ----", c.directive)
		}
		c.input = strings.Join(lines[i+1:end], "\n")
		i = end + 1
		for end = i; end < len(lines) && lines[end] != ""; end++ {
		}
		c.want = strings.Join(lines[i:end], "\n")
		i = end
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	return cases
}

func TestCanonical(t *testing.T) {
	runData(t, "testdata/canonical.txt", func(directive, input string) string {
		if directive != "canonical" {
			t.Fatalf("unknown directive %q", directive)
		}
		out, err := canonicalize([]byte(input))
		if err == nil {
			return string(out)
		}
		if !errors.Is(err, ErrNotCanonical) {
			t.Errorf("%s: an error of another kind: %v", input, err)
		}
		return "error: " + strings.TrimPrefix(err.Error(), "audit: "+ErrNotCanonical.Error()+": ")
	})
}

// FuzzCanonical holds the writer's canonical form against the reader's rules,
// which are written separately, and against encoding/json.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":1,"a":[true,null,"\u00e9\n"]}`, `"\ud83d\ude00"`, `[-1,0,9007199254740991]`, `{"a":{"a":{}}}`, `1.5`, ` {"x_digest":"00"} `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := canonicalize(text)
		if err != nil {
			if record.CheckCanonical(text) == nil {
				t.Fatalf("the reader takes %q, the writer does not: %v", text, err)
			}
			return
		}
		if err := record.CheckCanonical(out); err != nil {
			t.Fatalf("%q becomes %q: %v", text, out, err)
		}
		if same := record.CheckCanonical(text) == nil; same != (string(text) == string(out)) {
			t.Fatalf("%q becomes %q; the reader calls the input canonical: %v", text, out, same)
		}
		var before, after any
		if json.Unmarshal(text, &before) != nil || json.Unmarshal(out, &after) != nil || !reflect.DeepEqual(before, after) {
			t.Fatalf("%q becomes %q, which means something else", text, out)
		}
	})
}

// TestCanonicalProperties brings any value that can be written into canonical
// form: that is stable and means the same.
func TestCanonicalProperties(t *testing.T) {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		kinds := []*rapid.Generator[any]{
			rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
			rapid.Int64Range(-maxInteger, maxInteger).AsAny(),
		}
		if depth > 0 {
			kinds = append(kinds, rapid.SliceOfN(value(depth-1), 0, 4).AsAny(), rapid.MapOfN(rapid.String(), value(depth-1), 0, 4).AsAny())
		}
		return rapid.OneOf(kinds...)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := value(3).Draw(t, "value")
		out, err := Canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := record.CheckCanonical(out); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		again, err := Canonical(json.RawMessage(out))
		if err != nil || string(again) != string(out) {
			t.Fatalf("%s becomes %s, %v", out, again, err)
		}
	})
}
