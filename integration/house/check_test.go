package house

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkRun is a run of sluice check.
type checkRun struct {
	args  string
	stdin string
	env   []string
}

func (c checkRun) in(t *testing.T, dir string) ended {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), sluice, append([]string{"check"}, strings.Fields(c.args)...)...)
	cmd.Dir = dir
	cmd.Env = c.env
	cmd.Stdin = strings.NewReader(c.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Data go to standard output and talk to standard error, files that are
// included are followed, and a long statement finds its worker.
func TestCheckTheProgram(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\nrules:\n  - {id: anna, effect: allow, kinds: [export_to_client], users: [anna], databases: [shop], addresses: [10.0.0.0/8]}\n")
	write(t, filepath.Join(dir, "main.sql"), "\\ir part.sql\n\\! ls\nSELECT 1;\n")
	write(t, filepath.Join(dir, "part.sql"), "\\copy t to 'f'\n")
	write(t, filepath.Join(dir, "long.sql"), "SELECT ARRAY["+strings.Repeat("1, ", 40000)+"2];\n")
	write(t, filepath.Join(dir, "batch.sql"), "SELECT 1; COPY t TO STDOUT;\n")
	anna := "--policy policy.yaml --as anna --database shop --address 10.1.2.3 "
	for _, c := range []struct {
		run            checkRun
		code           int
		stdout, stderr string
	}{
		{checkRun{args: "main.sql"}, 3, "part.sql:1:1: refused: export_to_client\n", "sluice: 1 of 2 statements would be refused"},
		{checkRun{args: anna + "main.sql"}, 0, "main.sql:2:1: note: ", ""},
		{checkRun{args: strings.Replace(anna, "10.1", "11.1", 1) + "main.sql"}, 3, "refused", ""},
		{checkRun{args: "--format ndjson main.sql"}, 3, `{"file":"part.sql","line":1,"column":1,"kind":"export_to_client","effects":["export_to_client"],"relations":["t"],`, "main.sql:2:1: note: "},
		{checkRun{args: "-", stdin: "SELECT 1;\n\nDROP OWNED BY x"}, 3, "stdin:3:1: refused", ""},
		{checkRun{args: "-", stdin: "SELECT 1;\n"}, 0, "1 statement: 1 allowed, 0 refused\n", ""},
		{checkRun{args: "-", stdin: ""}, 0, "0 statements: 0 allowed, 0 refused\n", ""},
		{checkRun{args: "--all long.sql"}, 0, "long.sql:1:1: allowed: ordinary_read", ""},
		{checkRun{args: "--wire batch.sql"}, 3, "batch.sql:1:1: refused: ordinary_read\n  it is sent in one text with", "2 of 2"},
		{checkRun{args: "main.sql batch.sql long.sql"}, 3, "5 statements: 3 allowed, 2 refused\n", ""},
	} {
		got := c.run.in(t, dir)
		if got.code != c.code || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
			t.Errorf("sluice check %s: exit code %d, want %d\n--- stdout\n%s--- stderr\n%s", c.run.args, got.code, c.code, got.stdout, got.stderr)
		}
		if strings.Contains(got.stdout, "\x1b") {
			t.Errorf("sluice check %s: colors in a pipe", c.run.args)
		}
	}
}

// Colors come when somebody insists, and never when somebody objects.
func TestCheckColors(t *testing.T) {
	dir := t.TempDir()
	for colors, env := range map[bool][]string{
		true:  {"CLICOLOR_FORCE=1", "TERM=dumb"},
		false: {"CLICOLOR_FORCE=1", "NO_COLOR=1"},
	} {
		got := checkRun{args: "-", stdin: "DO '';", env: env}.in(t, dir)
		if got.code != 3 || strings.Contains(got.stdout, "\x1b[31m") != colors {
			t.Errorf("with %v: %q", env, got.stdout)
		}
	}
}
