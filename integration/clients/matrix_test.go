package clients

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

// client is one case of the matrix.
type client struct {
	name string
	// from is the first server version that the case is meant for and before
	// the first that it is not; zero means no bound.
	from, before int
	// differs says why the two ways are not compared; the case then judges
	// each by itself.
	differs string
	// fills is the database besides shop that the case changes.
	fills []string
	// run works on the target and tells everything it saw. dir is an empty
	// folder for its files.
	run func(t *testing.T, target harness.Target, dir string) string
}

// matrix is all cases, in the order in which they run.
func matrix(t *testing.T) []client {
	return slices.Concat(psqlCases(t), pgbenchCases(), dumpCases(), goCases(), pythonCases(), nodeCases(), javaCases(t), libpq18Cases(t))
}

// debian is the version that every client meets in every run.
const debian = 15

// matrixOn is what is run on a version: all on Debian's and wherever versions are
// asked for; else what PostgreSQL's own programs and Go's drivers do, which know
// what is new in a server.
func matrixOn(t *testing.T, version int) []client {
	if version == debian || os.Getenv("SLUICE_TEST_VERSIONS") != "" {
		return matrix(t)
	}
	return slices.Concat(psqlCases(t), goCases(), libpq18Cases(t))
}

// TestMatrix compares every client on the direct way and through Sluice.
func TestMatrix(t *testing.T) {
	binary := harness.BuildSluice(t)
	for _, version := range harness.VersionsOr(t, debian, 18) {
		t.Run(fmt.Sprintf("postgresql-%d", version), func(t *testing.T) {
			t.Parallel() // most of the time clients wait
			world := harness.NewWorld(t, version)
			gate := harness.StartGate(t, world, binary, harness.AllowKnown)
			compareWays(t, world, matrixOn(t, version), world.Direct(), gate.Target())
		})
	}
}

// TestCasesAreRepeatable runs every case twice on the direct way, so that a
// difference that TestMatrix finds is the proxy's doing and not chance.
func TestCasesAreRepeatable(t *testing.T) {
	t.Parallel()
	world := harness.NewWorld(t, debian)
	compareWays(t, world, matrix(t), world.Direct(), world.Direct())
}

func compareWays(t *testing.T, world *harness.World, cases []client, first, second harness.Target) {
	for _, c := range cases {
		if world.Version < c.from || c.before != 0 && world.Version >= c.before {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			world.Reset(t, c.fills...)
			want := c.run(t, first, t.TempDir())
			if strings.TrimSpace(want) == "" {
				t.Fatal("the case tells nothing")
			}
			world.Reset(t, c.fills...)
			got := c.run(t, second, t.TempDir())
			if c.differs != "" {
				return
			}
			if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
				t.Errorf("%s and %s differ (-%s +%s):\n%s", first.Name, second.Name, first.Name, second.Name, diff)
			}
		})
	}
}

// lines makes differences readable.
func lines(text string) []string { return strings.Split(text, "\n") }

// expect fails the test unless text contains every fragment.
func expect(t *testing.T, target harness.Target, text string, fragments ...string) {
	t.Helper()
	for _, f := range fragments {
		if !strings.Contains(text, f) {
			t.Errorf("%s: no %q in\n%s", target.Name, f, excerpt(text))
		}
	}
}

// excerpt keeps messages short.
func excerpt(text string) string {
	const limit = 6000
	if len(text) <= limit {
		return text
	}
	return text[:limit/2] + "\n...\n" + text[len(text)-limit/2:]
}
