package egress

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	roads "github.com/sluice-pg/sluice/policy/egress"
	"github.com/sluice-pg/sluice/proxy/egress"
)

// commandPolicy gives a database of two tables a class each; one has credentials.
const commandPolicy = `version: 1
classes: {contact.email: {description: x}, secret.token: {description: y}}
columns:
  - {columns: [public.people.email], class: contact.email}
  - {columns: [public.tokens.token], class: secret.token}
rules:
  - {id: exports, effect: allow, kinds: [export_to_client], relations: [public.people, public.tokens], limits: {rows: 7, bytes: unlimited}}
`

// TestCommand runs sluice egress as people do, on a database that nobody made for
// the roads.
func TestCommand(t *testing.T) {
	binary := harness.BuildSluice(t)
	world := harness.NewWorld(t, 15)
	world.Exec(t, "restored", `CREATE TABLE public.people (id int, email text); CREATE TABLE public.tokens (id int, token text);
GRANT SELECT ON public.people TO shop_app`)
	gate := harness.StartGate(t, world, binary, commandPolicy)
	c := &command{binary: binary, dir: gate.Dir()}

	report, code := c.report(t)
	if code != 3 || len(report.About) != 2 || report.Role != "shop_app" || report.User != "anna" {
		t.Errorf("it ended with %d: %+v", code, report)
	}
	for id, want := range map[string][2]roads.State{
		"copy-table":  {roads.Counted, roads.ByPrivileges}, // nobody gave anybody the tokens
		"select-rows": {roads.Counted, roads.ByPrivileges},
		"view":        {roads.Absent},
		"read-file":   {roads.ByPrivileges},
		"strings-off": {roads.ByProxy, roads.ByPrivileges},
	} {
		c.wants(t, report, id, want[:])
	}
	world.Exec(t, "restored", "GRANT SELECT ON public.tokens TO shop_app; CREATE VIEW public.contacts AS SELECT email FROM public.people; GRANT SELECT ON public.contacts TO shop_app")
	report, _ = c.report(t)
	c.wants(t, report, "copy-table", []roads.State{roads.Counted, roads.ByPolicy})
	c.wants(t, report, "view", []roads.State{roads.Counted})

	c.fails(t, 2, "has no database", "egress", "--config", "sluice.yaml", "--as", "anna", "shop1")
	c.fails(t, 2, "--as USER", "egress", "--config", "sluice.yaml", "restored")
	c.fails(t, 2, "not an address", "egress", "--config", "sluice.yaml", "--as", "anna", "--address", "here", "restored")
	world.Exec(t, "postgres", "ALTER ROLE shop_app RENAME TO shop_gone")
	c.fails(t, 1, "the role shop_app, as which sessions work, does not exist", "egress", "--config", "sluice.yaml", "--as", "anna", "restored")
	world.Exec(t, "postgres", "ALTER ROLE shop_gone RENAME TO shop_app")
	if err := os.WriteFile(filepath.Join(gate.Dir(), "policy.yaml"), []byte("version: 1\nrules: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.fails(t, 5, "policy.yaml:2:", "egress", "--config", "sluice.yaml", "--as", "anna", "restored")
}

// command is the program, run where its configuration is.
type command struct{ binary, dir string }

func (c *command) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.binary, args...)
	cmd.Dir = c.dir
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

func (c *command) report(t *testing.T) (*egress.Report, int) {
	t.Helper()
	stdout, stderr, code := c.run(t, "egress", "--config", "sluice.yaml", "--as", "anna", "--format", "json", "restored")
	var report egress.Report
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	return &report, code
}

// wants compares the answers about a road, one for each class; an empty state is
// none.
func (c *command) wants(t *testing.T, report *egress.Report, id string, want []roads.State) {
	t.Helper()
	for _, r := range report.Roads {
		if r.ID != id {
			continue
		}
		for i, state := range want {
			if state != "" && (i >= len(r.Answers) || r.Answers[i].State != state) {
				t.Errorf("%s: %+v; want %v", id, r.Answers, want)
			}
		}
		return
	}
	t.Errorf("%s is not in the report", id)
}

func (c *command) fails(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	stdout, stderr, got := c.run(t, args...)
	if got != code || !strings.Contains(stderr, words) || stdout != "" {
		t.Errorf("%v ended with %d, want %d with %q:\n%s%s", args, got, code, words, stdout, stderr)
	}
}
