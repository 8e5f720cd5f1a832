package provenance

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// least is how many of the queries of the file every version must take.
const least = 80

// The queries that people thought of.
func TestQueries(t *testing.T) {
	content, err := os.ReadFile("testdata/queries.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			j := newJudge(t, version)
			taken, open := 0, 0
			for line := range strings.Lines(string(content)) {
				query, moving := strings.CutPrefix(strings.TrimSpace(line), "~ ")
				if query == "" || query[0] == '#' {
					continue
				}
				p, _, refusal := j.described(t, query)
				if refusal != nil {
					t.Logf("not taken by this version: %s: %v", query, refusal)
					continue
				}
				taken++
				if p.Open || len(p.Unknown) > 0 {
					open++
					t.Logf("open: %s: %s", query, j.words(p))
				}
				if !moving {
					j.canaries(t, query, p, canaryTables[taken%len(canaryTables)])
				}
			}
			if taken < least {
				t.Errorf("only %d queries were taken, not %d", taken, least)
			}
			t.Logf("%d queries compared, %d of them open", taken, open)
		})
	}
}
