package doctor

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/doctor"
)

// state is the state of the only check with a name and a subject.
func state(t *testing.T, r *doctor.Report, name, subject string) (doctor.State, string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name && strings.HasPrefix(c.Subject, subject) {
			return c.State, c.Evidence
		}
	}
	t.Errorf("there is no check %s (%s)", name, subject)
	return doctor.Unknown, ""
}

// TestRunning looks at a proxy while it runs, and after.
func TestRunning(t *testing.T) {
	world := harness.NewWorld(t, 15)
	binary := harness.BuildSluice(t)
	gate := harness.StartGate(t, world, binary, harness.AllowAll)
	// The passfile of the gate is found from the folder that it was started in.
	t.Chdir(gate.Dir())
	const config = "sluice.yaml"
	await(t, "trail/latest")
	r := examine(t, config)
	for name, evidence := range map[string]string{
		"trail.writable":   "a running proxy writes it",
		"trail.key":        "trail.key is sluice-trail/",
		"trail.checkpoint": "the latest signs",
		"listen.address":   "in use by the running proxy, which shows the certificate of the file",
	} {
		if s, got := state(t, r, name, ""); s != doctor.OK || !strings.Contains(got, evidence) {
			t.Errorf("%s is %s: %s", name, s, got)
		}
	}
	for name, want := range map[string]doctor.State{
		"issuer.rights": doctor.Problem, "group.ownership": doctor.Warning, "group.logins": doctor.Warning,
	} {
		if s, got := state(t, r, name, "shop"); s != want {
			t.Errorf("%s is %s: %s", name, s, got)
		}
	}
	noTrace(t)
	exitCodes(t, binary, config)
	gate.Stop(t)
	afterwards(t, config)
	noTrace(t)
}

// await waits until a file is there.
func await(t *testing.T, path string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no %s", path)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// noTrace fails if the doctor left a file in the trail.
func noTrace(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob("trail/.doctor*")
	if err != nil || len(left) > 0 {
		t.Errorf("left in the trail: %v %v", left, err)
	}
}

// afterwards looks at the trail of a proxy that has ended, then at one whose
// latest checkpoint was changed, and at one without its key.
func afterwards(t *testing.T, config string) {
	t.Helper()
	if s, got := state(t, examine(t, config), "trail.writable", ""); s != doctor.OK || !strings.Contains(got, "written and synced") {
		t.Errorf("trail.writable is %s: %s", s, got)
	}
	latest, err := os.ReadFile("trail/latest")
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(latest), "\n", "\n1", 1) // more records than were signed
	if err := os.WriteFile("trail/latest", []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, got := state(t, examine(t, config), "trail.checkpoint", ""); s != doctor.Problem {
		t.Errorf("a forged checkpoint is %s: %s", s, got)
	}
	if err := os.Remove("trail.key"); err != nil {
		t.Fatal(err)
	}
	if s, got := state(t, examine(t, config), "trail.key", ""); s != doctor.Problem || !strings.Contains(got, "was begun with it") {
		t.Errorf("a missing key is %s: %s", s, got)
	}
	if _, err := os.Stat("trail.key"); err == nil {
		t.Error("the doctor made a key")
	}
}

// exitCodes runs the program itself.
func exitCodes(t *testing.T, binary, config string) {
	t.Helper()
	for _, c := range []struct {
		code int
		args []string
	}{
		{3, []string{"--config", config}},
		{3, []string{"--config", config, "--quiet", "-o", "json"}},
		{5, []string{"--config", "none.yaml"}},
		{2, []string{"--config", config, "-o", "xml"}},
		{2, []string{"--config", config, "shop"}},
	} {
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"doctor"}, c.args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, _ := cmd.Output()
		secrets.Show(t.Name(), string(out)+stderr.String())
		if code := cmd.ProcessState.ExitCode(); code != c.code {
			t.Errorf("sluice doctor %v: exit code %d, want %d\n%s", c.args, code, c.code, out)
		}
		if strings.Contains(strings.Join(c.args, " "), "json") {
			var r doctor.Report
			if err := json.Unmarshal(out, &r); err != nil || r.SchemaVersion != doctor.SchemaVersion || len(r.Checks) < 20 {
				t.Errorf("sluice doctor -o json: %v\n%s", err, out)
			}
		}
	}
}
