package classify_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/classify"
)

// TestNames shows what names and types say. A line of testdata/names.txt is
// relation.column, its type, and behind an arrow what follows; -rewrite writes
// that.
func TestNames(t *testing.T) {
	const path = "testdata/names.txt"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			b.WriteString(line + "\n")
			continue
		}
		question, _, _ := strings.Cut(line, " -> ")
		name, kind, _ := strings.Cut(strings.TrimSpace(question), " ")
		relation, column, found := strings.Cut(name, ".")
		if !found {
			t.Fatalf("no relation in %q", line)
		}
		c := classify.Column{Schema: "public", Relation: relation, Name: column, Type: strings.TrimSpace(kind)}
		b.WriteString(strings.TrimSpace(question) + " -> " + suggested(classify.Suggest(c, nil)) + "\n")
	}
	compare(t, path, b.String())
}

// TestClasses shows that every class has words, and that the list is sorted.
func TestClasses(t *testing.T) {
	last := ""
	for _, c := range classify.Classes() {
		if c.Name <= last || c.About == "" || classify.About(c.Name) != c.About {
			t.Errorf("%q after %q, about %q", c.Name, last, c.About)
		}
		last = c.Name
	}
	if classify.About("no.class") != "" {
		t.Error("there are words about a class that is none")
	}
}
