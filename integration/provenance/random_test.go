package provenance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/provenance/queries"
)

// number is what an environment variable says, or otherwise.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	word := os.Getenv(name)
	if word == "" {
		return otherwise
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// watched is how many queries there are for one whose values are followed,
// which takes much longer.
const watched = 5

// Queries that nobody thought of.
func TestRandomQueries(t *testing.T) {
	count, seed := number(t, "SLUICE_PROVENANCE_QUERIES", 300), number(t, "SLUICE_PROVENANCE_SEED", 1)
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			j := newJudge(t, version)
			j.exec(t, "SET statement_timeout = '200ms'")
			m := &queries.Maker{Rand: rand.New(rand.NewPCG(uint64(seed), uint64(version)))}
			taken, open, columns := 0, 0, 0
			for range count {
				query := m.Statement()
				p, fields, refusal := j.described(t, query)
				if refusal != nil {
					continue
				}
				taken++
				columns += len(fields)
				if p.Open || len(p.Unknown) > 0 {
					open++
					t.Logf("open: %s: %s", query, j.words(p))
				}
				if t.Failed() {
					t.FailNow()
				}
				if taken%watched == 0 {
					j.canaries(t, query, p, canaryTables[m.IntN(len(canaryTables))])
				}
				if t.Failed() {
					t.FailNow() // one at a time is enough to mend
				}
			}
			t.Logf("%d of %d queries were taken, with %d columns; %d of them open", taken, count, columns, open)
			if taken < count/3 {
				t.Errorf("only %d of %d queries were taken", taken, count)
			}
			if open > taken/20 {
				t.Errorf("%d of %d queries are open", open, taken)
			}
		})
	}
}
