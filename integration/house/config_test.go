package house

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runIn runs the program in a folder with an environment of its own.
func runIn(t *testing.T, dir string, env []string, args ...string) ended {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), sluice, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// A flag is stronger than a variable, and that than the file; the program
// says which it was.
func TestConfigShowsOrigins(t *testing.T) {
	dir := t.TempDir()
	path := configuration(t, dir, "policy.yaml")
	env := []string{"SLUICE_CONFIG=" + path, "SLUICE_LIMITS_CONNECTIONS=7", "SLUICE_LIMITS_IDLE=1h", "SLUICE_LISTEN_0_ADDRESS=127.0.0.1:9", "SLUICE_SERVICE_HOST=10.0.0.1"}
	got := runIn(t, dir, env, "config", "show", "--origin", "-o", "table", "--set", "limits.connections=8", "--listen", "127.0.0.1:10", "--log-level", "warn")
	if got.code != 0 || got.stderr != "" {
		t.Fatal(got)
	}
	words := strings.Join(strings.Fields(got.stdout), " ")
	for _, want := range []string{
		`listen[0].address "127.0.0.1:10" flag --listen `, "limits.connections 8 flag --set ", "limits.idle 1h env SLUICE_LIMITS_IDLE ",
		"limits.drain 30s default ", "trail.dir " + dir + "/trail-of-serve " + path + ":12:14 ", "log.level warn flag --log-level",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	shown := runIn(t, dir, env, "config", "show")
	write(t, filepath.Join(dir, "again.yaml"), shown.stdout)
	if again := runIn(t, dir, nil, "config", "show", "--config", "again.yaml"); again.stdout != shown.stdout {
		t.Errorf("what is shown is not the same configuration:\n%s\n%s", shown.stdout, again.stdout+again.stderr)
	}
}

// serve takes what config show shows: the address it listens at is that of the
// flag, which no machine has, so it stops there; a variable that means nothing
// stops it as well.
func TestServeHasTheLayers(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\n")
	write(t, filepath.Join(dir, "users.scram"), "")
	path := configuration(t, dir, "policy.yaml")
	const nowhere = "listen[0].address=192.0.2.1:6432"
	for _, c := range []struct {
		env  []string
		args []string
		says string
		code int
	}{
		{[]string{"SLUICE_LIMITS_CONECTIONS=7"}, nil, "did you mean SLUICE_LIMITS_CONNECTIONS?", 5},
		{[]string{"SLUICE_POLICY=elsewhere.yaml"}, nil, dir + "/elsewhere.yaml", 5},
		{[]string{"SLUICE_POLICY=elsewhere.yaml"}, []string{"--set", "policy=nowhere.yaml"}, dir + "/nowhere.yaml", 5},
		{nil, []string{"--set", "databases[0].name=other", "--set", nowhere}, "database=other", 1},
		{nil, []string{"--log-level", "error", "--set", nowhere}, "192.0.2.1:6432", 1},
	} {
		got := runIn(t, dir, c.env, append([]string{"serve", "--config", path}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s %s: exit code %d and %q, want %d and %q", c.env, c.args, got.code, got.stderr, c.code, c.says)
		}
		if quiet := len(c.args) > 0 && c.args[0] == "--log-level"; c.code == 1 && quiet == strings.Contains(got.stderr, "level=WARN") {
			t.Errorf("%s: the log is %q", c.args, got.stderr)
		}
	}
}

// Programs read the result of a check as JSON.
func TestConfigCheckAsJSON(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "wrong.yaml"), "listne: []\nusers: 5\n")
	type mistake struct {
		File         string
		Line, Column int
		Message      string
	}
	var result struct {
		SchemaVersion int `json:"schema_version"`
		File          string
		Valid         bool
		Mistakes      []mistake
		Warnings      []string
	}
	got := runIn(t, dir, nil, "config", "check", "-o", "json", "wrong.yaml")
	if err := json.Unmarshal([]byte(got.stdout), &result); err != nil || got.code != 5 || result.SchemaVersion != 1 || result.Valid || len(result.Mistakes) != 2 {
		t.Fatal(err, got)
	}
	if m := result.Mistakes[1]; m.File != "wrong.yaml" || m.Line != 2 || m.Column != 8 || m.Message != "key users must be text, not a number: put it in quotes" {
		t.Errorf("%+v", m)
	}
	good := runIn(t, dir, nil, "config", "check", "-o", "json", "--set", "listen[0].plaintext=any", configuration(t, dir, "policy.yaml"))
	if err := json.Unmarshal([]byte(good.stdout), &result); err != nil || good.code != 0 || !result.Valid || len(result.Mistakes) != 0 || len(result.Warnings) != 1 {
		t.Fatal(err, good)
	}
	two := runIn(t, dir, nil, "config", "check", "-o", "json", "--set", "limits.idle=-1s", "--set", "log.level=x", configuration(t, dir, "policy.yaml"))
	if err := json.Unmarshal([]byte(two.stdout), &result); err != nil || two.code != 5 || len(result.Mistakes) != 2 {
		t.Fatal(err, two)
	}
}

// Warnings are talk: they go to standard error, --quiet keeps them back, and
// colors come when somebody insists, a flag before a variable.
func TestTalkAndColors(t *testing.T) {
	dir := t.TempDir()
	path := configuration(t, dir, "policy.yaml")
	odd := []string{"--set", "listen[0].plaintext=any"}
	check := func(env []string, args ...string) ended {
		return runIn(t, dir, env, append(append([]string{"config", "check"}, append(odd, args...)...), path)...)
	}
	if got := check(nil); got.code != 0 || !strings.Contains(got.stderr, "sluice: warning: flag --set: listen[0].plaintext: any") || strings.Contains(got.stdout, "warning") {
		t.Error(got)
	}
	if got := check(nil, "--quiet"); got.code != 0 || got.stderr != "" || !strings.Contains(got.stdout, "in order") {
		t.Error(got)
	}
	for _, c := range []struct {
		colors bool
		env    []string
		args   []string
	}{
		{false, nil, nil},
		{true, []string{"CLICOLOR_FORCE=1"}, nil},
		{true, []string{"CLICOLOR_FORCE=1", "TERM=dumb"}, nil},
		{false, []string{"CLICOLOR_FORCE=1", "NO_COLOR=1"}, nil},
		{false, []string{"CLICOLOR_FORCE=0"}, nil},
		{true, []string{"NO_COLOR=1", "TERM=dumb"}, []string{"--color", "always"}},
		{false, []string{"CLICOLOR_FORCE=1"}, []string{"--color=never"}},
	} {
		got := check(c.env, c.args...)
		if strings.Contains(got.stdout, "\x1b[32m") != c.colors || strings.Contains(got.stderr, "\x1b[33mwarning:") != c.colors {
			t.Errorf("%s %s: %q %q", c.env, c.args, got.stdout, got.stderr)
		}
		if got := runIn(t, dir, c.env, append(append([]string{"config", "check"}, c.args...), "missing.yaml")...); strings.HasPrefix(got.stderr, "\x1b[31msluice:") != c.colors {
			t.Errorf("%s %s: %q", c.env, c.args, got.stderr)
		}
	}
}
