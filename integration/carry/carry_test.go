package carry

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

func (s *stage) psql(t *testing.T, sql string) harness.Result {
	t.Helper()
	return harness.Run(t, s.gate.Target(), harness.Command{Program: "psql", Dir: t.TempDir(), Args: []string{"-X", "-v", "VERBOSITY=default", "-c", sql}})
}

func TestCarry(t *testing.T) {
	s := newStage(t, 15, 15)
	r := s.psql(t, "COPY crm.people TO 'sluice://analytics/crm.people'")
	t.Log(r)
	if r.Exit != 0 || !strings.Contains(r.Stdout, "COPY 2000") {
		t.Log(s.gate.Log())
		t.Fatal("not carried")
	}
}
