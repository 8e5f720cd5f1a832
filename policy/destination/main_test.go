package destination

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests got into testdata")

// runCases runs every case of a file: input, "----", expected output, an empty
// line.
func runCases(t *testing.T, file string, run func(*testing.T, string) string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(raw)), "\n\n") {
		input, want, _ := strings.Cut(block+"\n", "----\n")
		name, _, _ := strings.Cut(strings.TrimPrefix(input, "# "), "\n")
		var got string
		t.Run(name, func(t *testing.T) {
			got = run(t, input)
			if diff := cmp.Diff(want, got); diff != "" && !*rewrite {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
		out = append(out, input+"----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
