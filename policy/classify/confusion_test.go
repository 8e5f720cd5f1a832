package classify_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/classify"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into testdata")

const perColumn = 2000

// shapeNames are the heads of the table, in the order of the forms.
var shapeNames = []string{
	"email", "inside", "phone", "ipv4", "ipv6", "mac", "card", "iban", "ssn", "token", "pwhash", "privkey", "login", "uuid", "digest", "random", "latlon", "pair",
}

// TestConfusion measures which forms are seen in columns of every kind, and what
// follows for a column that has no name. testdata holds the table; a change in
// it is to be understood before it is written with -rewrite.
func TestConfusion(t *testing.T) {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d synthetic values a column; the part of them with each form, and what is\n# suggested for the column without its name. Written by -rewrite.\n\n", perColumn)
	head := fmt.Sprintf("%-36s", "column")
	for _, name := range shapeNames {
		head += fmt.Sprintf(" %7s", name)
	}
	fmt.Fprintf(&b, "%s  suggested\n", head)
	for i, c := range columns() {
		s := synthetic{rand.New(rand.NewPCG(7, uint64(i)))}
		var tally classify.Tally
		for range perColumn {
			tally.Add([]byte(c.make(s)))
		}
		fmt.Fprintf(&b, "%-36s", c.name)
		for shape := range shapeNames {
			fmt.Fprintf(&b, " %7s", percent(tally.Hits[shape]))
		}
		fmt.Fprintf(&b, "  %s\n", suggested(classify.Suggest(classify.Column{}, &tally)))
	}
	compare(t, "testdata/confusion.txt", b.String())
}

func percent(hits uint32) string {
	if hits == 0 {
		return "."
	}
	return fmt.Sprintf("%.1f%%", float64(hits)*100/perColumn)
}

func suggested(list []classify.Suggestion) string {
	var words []string
	for _, s := range list {
		words = append(words, s.Class+" "+s.Strength.String())
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-rewrite writes it):\n%s", path, diff)
	}
}
