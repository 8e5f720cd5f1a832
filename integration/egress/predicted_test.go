package egress

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	roads "github.com/sluice-pg/sluice/policy/egress"
	"github.com/sluice-pg/sluice/proxy/egress"
)

// predict asks sluice egress about a lane, as somebody would type it.
func predict(t *testing.T, binary string, l *lane) *egress.Report {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "egress", "--config", "sluice.yaml", "--as", l.target.User, "-o", "json", l.database)
	cmd.Dir = l.gate.Dir() // as the program itself has it: the passfile is named from there
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report egress.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatalf("sluice egress %s: %v\n%s", l.database, err, stderr.String())
	}
	if open := report.Count(roads.Open) > 0; open != (cmd.ProcessState.ExitCode() == 3) {
		t.Errorf("sluice egress %s ended with %d, and a road is open: %t", l.database, cmd.ProcessState.ExitCode(), open)
	}
	if len(report.About) != 1 || report.About[0] != (egress.About{Class: class, Relation: "public.people", Column: "email"}) {
		t.Errorf("sluice egress %s was about %+v", l.database, report.About)
	}
	return &report
}

// compare holds what was predicted for a lane against what happened on it.
func compare(t *testing.T, version int, l *lane, report *egress.Report, seen cells) {
	t.Helper()
	predicted := map[string]egress.Road{}
	for _, r := range report.Roads {
		predicted[r.ID] = r
	}
	for id, lanes := range seen {
		direct, sluice := lanes[ways[0].name+"_"+l.shape], lanes[l.database]
		road, found := predicted[id]
		if !found {
			t.Errorf("PostgreSQL %d, %s: nothing is predicted for %s", version, l.database, id)
			continue
		}
		// What a mask can do is only known when the server has described a result,
		// so there more may be closed than is predicted, but nothing less.
		if !agree(road.State, direct, sluice) && (l.way.name == harness.ThroughSluice || misleads(road.State, sluice)) {
			t.Errorf("PostgreSQL %d, %s: %s is %q (%s), and was %q directly, %q through Sluice", version, l.database, id, road.State, road.Answers[0].Why, direct, sluice)
		}
	}
}

// misleads reports whether a road that leads out was predicted to be closed, or to
// be less open than it is.
func misleads(state roads.State, sluice string) bool {
	counted := strings.HasPrefix(sluice, "counted")
	switch state {
	case roads.Open:
		return false
	case roads.Counted:
		return sluice == open
	case roads.Masked, roads.Passes:
		return sluice == open || counted
	}
	return sluice == open || counted || sluice == "masked" || sluice == "passes"
}

// agree reports whether a road can be in a state when this happened on it.
func agree(state roads.State, direct, sluice string) bool {
	out := direct == "leaves" || direct == "gone"
	refused := strings.HasPrefix(sluice, "refused") || sluice == withheld
	switch state {
	case roads.ByPrivileges, roads.Absent:
		return !out && sluice != open
	case roads.ByPolicy, roads.ByProxy:
		return out && refused
	case roads.Counted:
		return out && (strings.HasPrefix(sluice, "counted") || sluice == "stopped at the limit")
	case roads.Open:
		return out && sluice == open
	case roads.Masked:
		return out && (sluice == "masked" || sluice == "stopped at the limit" || strings.HasPrefix(sluice, "counted"))
	case roads.Passes:
		return out && sluice == "passes"
	}
	return false
}
