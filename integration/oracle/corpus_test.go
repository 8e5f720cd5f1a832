package oracle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/corpus"
)

// fewestTexts is what the corpus holds at least.
const fewestTexts = 2000

// texts is the whole corpus, each text once, in a fixed order.
func texts(t *testing.T) []string {
	t.Helper()
	var all []string
	seen := map[string]bool{}
	add := func(sql string) {
		if !seen[sql] {
			seen[sql] = true
			all = append(all, sql)
		}
	}
	for _, content := range files(t, "../../policy/statement/testdata/pool/*.txt") {
		pool, err := corpus.Pool(content)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range pool {
			add(text.SQL)
		}
	}
	for _, content := range files(t, "../../policy/testdata/egress/*.txt") {
		rows, err := corpus.Table(content)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if row.Elsewhere == "" {
				add(row.SQL)
			}
		}
	}
	for _, content := range files(t, "../../policy/statement/testdata/*.txt") {
		for _, sql := range inputs(content) {
			add(sql)
		}
	}
	if len(all) < fewestTexts {
		t.Fatalf("only %d texts were found", len(all))
	}
	return all
}

// files reads what a pattern matches, at least one.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	contents := make([]string, 0, len(paths))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(content))
	}
	return contents
}

// inputs are the texts of a testdata file of package statement, whose cases
// are a directive, the input, a line ---- and what is expected. Most
// directives judge each line; these take the whole input.
func inputs(content string) []string {
	whole := map[string]bool{"analyze": true, "shape": true}
	var all []string
	for block := range strings.SplitSeq(content, "\n\n") {
		for strings.HasPrefix(block, "#") || strings.HasPrefix(block, "\n") {
			_, block, _ = strings.Cut(block, "\n")
		}
		input, _, found := strings.Cut(block, "\n----")
		directive, input, more := strings.Cut(input, "\n")
		switch {
		case !found || !more:
		case whole[directive]:
			all = append(all, input)
		default:
			all = append(all, strings.Split(input, "\n")...)
		}
	}
	return all
}
