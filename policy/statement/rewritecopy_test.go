package statement

import (
	"encoding/json"
	"strings"
	"testing"
)

// A case of "rewrite" has a line with the source in words, "table shop.users",
// "relation shop.parts" without ONLY or "query", then a line for each column,
// "name; type; base; mask as JSON" with empty parts left out at the end, then a
// line "sql" and the text.
func init() {
	directives["rewrite"] = func(t *testing.T, input string) string {
		source, columns, text := readRewrite(t, input)
		got, err := NewAnalyzer(Options{}).RewriteCopy(text, source, columns)
		if err != nil {
			return "error: " + err.Error()
		}
		return got
	}
}

func readRewrite(t testing.TB, input string) (source CopySource, columns []MaskedColumn, text string) {
	t.Helper()
	head, text, found := strings.Cut(input, "\nsql\n")
	if !found {
		t.Fatalf("no line sql in %q", input)
	}
	lines := strings.Split(head, "\n")
	words := strings.SplitN(lines[0], " ", 2)
	if words[0] != "query" {
		source.Schema, source.Name, _ = strings.Cut(words[1], ".")
		source.Only = words[0] == "table"
	}
	for _, line := range lines[1:] {
		parts := append(strings.SplitN(line, "; ", 4), "", "", "")
		c := MaskedColumn{Name: parts[0], Type: parts[1], Base: parts[2]}
		if parts[3] != "" {
			if err := json.Unmarshal([]byte(parts[3]), &c.Mask); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		columns = append(columns, c)
	}
	return source, columns, text
}

// FuzzRewriteCopy: whatever the text, the type and the constant, what comes out
// is one COPY to the client that reads nothing but what the text reads.
func FuzzRewriteCopy(f *testing.F) {
	for _, c := range parseCases(f, "testdata/rewrite.txt") {
		_, columns, text := readRewrite(f, c.input)
		f.Add(text, columns[0].Name, columns[0].Type, columns[0].Mask.Value)
	}
	for _, line := range corpus(f, "destinations", "columns") {
		f.Add(line, "email", "text", "x")
	}
	a := NewAnalyzer(Options{CacheBytes: -1})
	f.Fuzz(func(t *testing.T, text, name, typed, constant string) {
		source := CopySource{Schema: "public", Name: "t", Only: true}
		mask := StaticMask{Kind: MaskConstant, Value: constant}
		got, err := a.RewriteCopy(text, source, []MaskedColumn{{Name: name, Type: typed, Mask: mask}})
		if err != nil {
			return
		}
		before, after := judge(text), judge(got)
		if after.Problem != nil || len(after.Statements) != 1 || after.Kind != ExportToClient {
			t.Fatalf("%q is %s", got, describe(after))
		}
		for _, r := range after.Statements[0].Relations {
			if r.Access != Read || r.Name != "t" && !reads(before, r) {
				t.Errorf("%q: %s %s", got, r.Access, r)
			}
		}
	})
}

func reads(a *Analysis, want Relation) bool {
	for _, r := range a.Statements[0].Relations {
		if r.Schema == want.Schema && r.Name == want.Name {
			return true
		}
	}
	return false
}

// A text that has to be read in a worker process is not parsed here either.
func TestRewriteOnlySmall(t *testing.T) {
	a := NewAnalyzer(Options{})
	columns := []MaskedColumn{{Name: "a", Type: "text", Mask: StaticMask{Kind: MaskNull}}}
	for _, text := range []string{
		"COPY (SELECT " + strings.Repeat("(", 60) + "1" + strings.Repeat(")", 60) + ") TO STDOUT",
		"COPY (SELECT '" + strings.Repeat("x", 70<<10) + "') TO STDOUT",
	} {
		_, err := a.RewriteCopy(text, CopySource{}, columns)
		if err == nil || !strings.Contains(err.Error(), "parsed in this process") {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

// As many columns as a table can have are no deeper than one.
func TestRewriteManyColumns(t *testing.T) {
	a := NewAnalyzer(Options{})
	var columns []MaskedColumn
	for range 1600 {
		columns = append(columns, MaskedColumn{Name: "a", Type: "text", Mask: StaticMask{Kind: MaskPartial, With: "*"}})
	}
	got, err := a.RewriteCopy("COPY public.t TO STDOUT", CopySource{Schema: "public", Name: "t"}, columns)
	if err != nil || strings.Count(got, " AS a") != len(columns) {
		t.Errorf("%.100s, %v", got, err)
	}
}
