package ledger_test

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var rewriteData = flag.Bool("rewrite", false, "write what is found into the data files")

// runData runs the cases of a file: comments, a directive line, the input,
// ----, what is expected up to a line of ====.
func runData(t *testing.T, path string, run func(directive, input string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const end = "====\n"
	var out strings.Builder
	n := 0
	for part := range strings.SplitAfterSeq(string(text), end) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		n++
		head, want, found := strings.Cut(strings.TrimSuffix(part, end), "----\n")
		if !found {
			t.Fatalf("the case %q has no ----", part)
		}
		rest, comment := head, ""
		for strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "\n") {
			line, after, _ := strings.Cut(rest, "\n")
			comment, rest = comment+line+"\n", after
		}
		directive, input, _ := strings.Cut(rest, "\n")
		got := run(directive, strings.TrimSuffix(input, "\n"))
		if got != "" && !strings.HasSuffix(got, "\n") {
			got += "\n"
		}
		if got != want && !*rewriteData {
			t.Errorf("%s\n%s---- got\n%s---- expected\n%s", directive, input, got, want)
		}
		out.WriteString(comment + rest + "----\n" + got + end)
	}
	if n == 0 {
		t.Fatal("no cases")
	}
	if *rewriteData {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
