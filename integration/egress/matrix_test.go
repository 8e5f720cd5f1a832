package egress

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/egress"
	proxyegress "github.com/sluice-pg/sluice/proxy/egress"
	_ "github.com/sluice-pg/sluice/proxy/proxytest" // the flag -rewrite
)

// pageVersions are the servers of the page.
var pageVersions = []int{15, 18}

const (
	matrixFile = "MATRIX.md"
	openFile   = "testdata/open.txt"
)

// open marks what should not be, withheld an error without its words.
const (
	open     = "**open**"
	withheld = "words withheld"
)

// cells are what happened on every road, by its id and then by the lane's
// database.
type cells map[string]map[string]string

// TestEgress travels every road on every lane, on each server version.
func TestEgress(t *testing.T) {
	binary := harness.BuildSwiftSluice(t)
	versions := harness.VersionsOr(t, pageVersions...)
	seen := make([]cells, len(versions))
	t.Run("on", func(t *testing.T) {
		for i, version := range versions {
			t.Run(fmt.Sprintf("PostgreSQL %d", version), func(t *testing.T) {
				t.Parallel()
				seen[i] = travelAll(t, version, binary, i > 0 && !everything())
			})
		}
	})
	if slices.ContainsFunc(seen, func(c cells) bool { return c == nil }) {
		return // -run left one out, or its stage could not be set
	}
	findings(t, versions, seen)
	if rewriting() && slices.Equal(versions, pageVersions) {
		write(t, matrix(seen, known(t)))
		return
	}
	holdCells(t, versions, seen)
}

// everything reports whether all lanes are travelled on all versions, as the page
// needs it. Otherwise the later versions see those of one role.
func everything() bool { return rewriting() || os.Getenv("SLUICE_TEST_VERSIONS") != "" }

func rewriting() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// travelAll travels every road of a server version, all lanes side by side; few
// of them are those of one role.
func travelAll(t *testing.T, version int, binary string, few bool) cells {
	t.Helper()
	began := time.Now()
	of := shapes
	if few {
		of = slices.DeleteFunc(slices.Clone(shapes), func(s shape) bool { return s.name != "app" })
	}
	lanes := lanes(t, newWorld(t, version), binary, of)
	roads := slices.DeleteFunc(egress.Roads(), func(r egress.Road) bool { return !r.On(version) })
	predicted := make([]*proxyegress.Report, len(lanes))
	journeys := make([]map[string]journey, len(lanes))
	var all sync.WaitGroup
	for i, l := range lanes {
		journeys[i] = map[string]journey{}
		if l.gate != nil {
			predicted[i] = predict(t, binary, l)
		}
		all.Go(func() {
			beside, err := l.stand(t)
			if err != nil {
				t.Error(err)
				return
			}
			defer beside.leave()
			for _, road := range roads {
				journeys[i][road.ID] = l.travel(t, road, beside)
			}
		})
	}
	all.Wait()
	out := cells{}
	for _, road := range roads {
		out[road.ID] = map[string]string{}
	}
	for i, l := range lanes {
		var accounts map[string]account
		if l.gate != nil {
			l.gate.Stop(t) // the trail is whole then
			accounts = onTrail(t, l)
		}
		for _, road := range roads {
			out[road.ID][l.database] = l.say(road, journeys[i][road.ID], accounts[road.ID])
		}
	}
	for i, l := range lanes {
		if predicted[i] != nil {
			compare(t, version, l, predicted[i], out)
		}
	}
	t.Logf("%d roads, %d lanes: %s", len(roads), len(lanes), time.Since(began).Round(time.Second))
	return out
}

// say says what came of a road.
func (l *lane) say(road egress.Road, j journey, a account) string {
	if l.gate == nil {
		return directly(road, j)
	}
	return through(road, j, a)
}

// directly says what came of a road without Sluice.
func directly(road egress.Road, j journey) string {
	switch {
	case j.worked() && road.Leaves == egress.Protection:
		return "gone"
	case j.worked():
		return "leaves"
	case j.code != "":
		return "server " + j.code
	case j.cut:
		return "cut off"
	}
	return "nothing"
}

// through says what came of a road through Sluice.
func through(road egress.Road, j journey, a account) string {
	refused := strings.HasPrefix(j.message, "sluice: ")
	limited := refused && strings.Contains(j.message, "stopped at the limit")
	counts := road.Leaves == egress.ToClient || road.Leaves == egress.Words
	masked := slices.ContainsFunc(a.decisions, func(r ruling) bool { return r.Verdict == "mask" })
	switch {
	case j.worked() && road.Passes != "":
		return "passes"
	case j.worded && (masked || !counts || !a.counted(road.Leaves == egress.Words)) || j.arrived && masked:
		return open
	case j.worked() && counts && a.counted(j.arrived) && limited:
		return "counted, stopped at the limit"
	case j.worked() && counts && a.counted(j.arrived):
		return "counted"
	case j.worked():
		return open
	case strings.Contains(j.message, "failed in the server with SQLSTATE") || strings.Contains(j.detail, "Sluice left out"):
		return withheld
	case masked && j.code == "":
		return "masked"
	case limited:
		return "stopped at the limit"
	case refused && len(a.decisions) == 0:
		return "refused at once"
	case refused:
		return "refused: " + refusal(a.decisions)
	case j.code != "":
		return "server " + j.code
	case j.cut:
		return "cut off"
	}
	return "nothing"
}

// refusal is the rule of the first refusal.
func refusal(decisions []ruling) string {
	for _, r := range decisions {
		if r.Verdict != "allow" {
			return strings.TrimPrefix(r.Rule, "builtin:")
		}
	}
	return "protocol"
}

// known reads the roads that are known to be open, with the reason.
func known(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(openFile)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, why, found := strings.Cut(line, " ")
		if !found {
			t.Errorf("%s: %s has no reason", openFile, id)
		}
		all[id] = why
	}
	return all
}

// findings fails for every road that is open through Sluice and not known to be,
// for those that are known and closed, and for roads that lead nowhere at all.
func findings(t *testing.T, versions []int, seen []cells) {
	t.Helper()
	known := known(t)
	isOpen := map[string]bool{}
	for i, version := range versions {
		for id, lanes := range seen[i] {
			for database, cell := range lanes {
				if cell != open {
					continue
				}
				if isOpen[id] = true; known[id] == "" {
					t.Errorf("PostgreSQL %d: %s is open in %s", version, id, database)
				}
			}
		}
	}
	for id := range known {
		if !isOpen[id] {
			t.Errorf("%s: %s is not open; take it out", openFile, id)
		}
	}
}

// write writes the page.
func write(t *testing.T, page string) {
	t.Helper()
	if err := os.WriteFile(matrixFile, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}
