package leases

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/integration/harness"
	_ "github.com/sluice-pg/sluice/proxy/proxytest" // the flag -rewrite
)

const tableFile = "TABLE.md"

var tableHead = fmt.Sprintf(`# What becomes of leases

Written by `+"`go test ./integration/leases -rewrite`"+` and compared by every run, with a real
Vault 1.21 that examples/vault has set up, on PostgreSQL 15; where versions are asked for
(SLUICE_TEST_VERSIONS), they have to be alike. Leases of the role
shop-migrate last %s here, %s with every renewal, those of shop-feed %s and %s.
"Afterwards" is what the server and Vault have of the leases when the sessions have ended.

No clock of this machine is set: both cases about one are simulated. Vault's jumps in what it
says, as every time in its answers is moved on their way to Sluice, by %g hours ahead and
back by turns. The database's is ahead in the ends of its logins, which are written %g hours
earlier than Vault has them.

| case | what the person saw | what the trail says | afterwards |
|---|---|---|---|
`, briefTTL, briefMax, feedTTL, feedMax, skew.Hours(), skew.Hours())

// TestLeases does every case, and holds what happened against the table, which is
// the same for all versions.
func TestLeases(t *testing.T) {
	binary := harness.BuildSluice(t)
	versions := harness.VersionsOr(t, 15)
	tables := make([]string, len(versions))
	t.Run("on", func(t *testing.T) {
		for i, version := range versions {
			t.Run(fmt.Sprintf("PostgreSQL %d", version), func(t *testing.T) {
				t.Parallel()
				s := setStage(t, binary, version, "drain: 5s, startup: 60s, connections: 250, lease_grace: 2s")
				tables[i] = s.doAll(t)
				s.noSecret(t)
				s.noSecretInStacks(t)
			})
		}
	})
	for i, table := range tables {
		if table == "" {
			continue // -run left some out, or a case failed
		}
		if diff := cmp.Diff(tables[0], table); diff != "" && tables[0] != "" {
			t.Errorf("PostgreSQL %d differs from %d:\n%s", versions[i], versions[0], diff)
		}
	}
	if tables[0] != "" {
		hold(t, tables[0])
	}
}

// doAll does every case, and returns the table if none was left out.
func (s *stage) doAll(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(tableHead)
	done := 0
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			application := fmt.Sprintf("case-%d", i)
			saw := c.do(t, s, application)
			trail := s.elsewhere
			if s.elsewhere = ""; trail == "" {
				trail = s.onTrail(t, s.gate, application)
			}
			left := s.awaitNothingLeft(t)
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.name, cell(saw), cell(trail), left)
			t.Logf("%s: %s", c.name, time.Since(began).Round(10*time.Millisecond))
			done++
		})
		if t.Failed() {
			t.Log(s.gate.Log())
			return ""
		}
	}
	if done < len(cases) {
		return ""
	}
	return b.String()
}

func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }

// hold compares with the file, or writes it.
func hold(t *testing.T, got string) {
	t.Helper()
	if flag.Lookup("rewrite").Value.String() == "true" {
		if err := os.WriteFile(tableFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s says otherwise (-rewrite writes it):\n%s", tableFile, diff)
	}
}

// onTrail is what a gate's trail says of a case's last session, when it has ended,
// and of the credential it had.
func (s *stage) onTrail(t *testing.T, gate *harness.Gate, application string) string {
	t.Helper()
	var said []string
	await(t, "the end of session "+application+" in the trail", func() bool {
		said = look(t, gate, application)
		return slices.ContainsFunc(said, isClose)
	})
	// What could not be revoked then may be soon after.
	return strings.Join(said[:slices.IndexFunc(said, isClose)+1], "; ")
}

func isClose(event string) bool { return strings.HasPrefix(event, "session.close") }

// event is what is looked at of an event in a trail.
type event struct {
	Type, Session string
	Body          struct {
		Application, Reason, Problem string
		VaultRole                    string `json:"vault_role"`
		Rule                         string
		Shared                       bool `json:"shared_password"`
	}
}

// String is the event in a cell of the table.
func (e event) String() string {
	switch e.Type {
	case "credential.issued":
		said := "role " + e.Body.VaultRole
		if e.Body.Rule != "" { // the configuration names the role of a feed
			said += " by rule " + e.Body.Rule
		}
		if e.Body.Shared {
			said += ", shared_password"
		}
		return fmt.Sprintf("%s (%s)", e.Type, said)
	case "session.close":
		if e.Body.Problem != "" {
			return fmt.Sprintf("%s: %s; %s", e.Type, e.Body.Reason, e.Body.Problem)
		}
		return e.Type + ": " + e.Body.Reason
	}
	return e.Type
}

// events are those of the newest session with an application name.
func events(t *testing.T, gate *harness.Gate, application string) []event {
	t.Helper()
	var out bytes.Buffer
	if err := read.Show(&out, filepath.Join(gate.Dir(), "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	var of []event
	for line := range bytes.Lines(out.Bytes()) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		switch {
		case e.Type == "session.open" && e.Body.Application == application:
			of = []event{e}
		case of != nil && e.Session == of[0].Session:
			of = append(of, e)
		}
	}
	return of
}

// look lists what a trail says of the credential and the end of the newest session
// with an application name.
func look(t *testing.T, gate *harness.Gate, application string) []string {
	t.Helper()
	var said []string
	for _, e := range events(t, gate, application) {
		if strings.HasPrefix(e.Type, "credential.") || e.Type == "session.close" {
			said = append(said, e.String())
		}
	}
	return said
}
