package masked

import (
	"fmt"
	"os"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// All of the suite works in front of one server of each version. What depends on
// Sluice more than on the server is done on the first of them alone, unless versions
// are named.
func TestMasked(t *testing.T) {
	for i, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newStage(t, version)
			t.Run("queries", s.queries)
			t.Run("errors", s.errors)
			t.Run("told", s.told)
			t.Run("names", s.names)
			t.Run("random", s.random)
			t.Run("psql", s.psql)
			if i > 0 && os.Getenv("SLUICE_TEST_VERSIONS") == "" {
				return
			}
			t.Run("reloads", s.reloads)
			t.Run("comments", s.comments)
			t.Run("catalog lost", s.catalogLost)
			t.Run("changed over Sluice", s.changedOver)
			t.Run("changed in flight", s.changedInFlight)
			t.Run("changed beside Sluice", s.changedBeside)
			t.Run("changed back", s.changedBack)
			t.Run("storms", s.storms)
			t.Run("stopped", s.stopped)
		})
	}
}
