package house

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The verdict files of the examples hold, and every rule of their policies
// decides a case of theirs: analyst.cases is about analyst.yaml.
func TestExampleVerdicts(t *testing.T) {
	folder := filepath.Join(root, "examples", "policies")
	found, err := filepath.Glob(filepath.Join(folder, "*.cases*"))
	if err != nil || len(found) < 3 {
		t.Fatalf("only %d verdict files: %v", len(found), err)
	}
	files := map[string][]string{}
	for _, path := range found {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		files[name] = append(files[name], filepath.Base(path))
	}
	for name, verdicts := range files {
		args := append([]string{"policy", "test", "--policy", name + ".yaml", "--min-coverage", "100"}, verdicts...)
		if got := start(t, folder, sluice, args...); got.code != 0 || !strings.Contains(got.stdout, "all as expected") {
			t.Errorf("%s: exit code %d\n%s%s", name, got.code, got.stdout, got.stderr)
		}
	}
}

// An update changes the verdicts of a one-line file and nothing else, and
// keeps who may read it.
func TestPolicyTestUpdates(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\n")
	write(t, filepath.Join(dir, "mine.cases"), "# mine\nallow  anna \"COPY users TO STDOUT\"  # hm\nallow anna \"SELECT 1\"\n")
	if err := os.Chmod(filepath.Join(dir, "mine.cases"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("mine.cases", filepath.Join(dir, "link.cases")); err != nil {
		t.Fatal(err)
	}
	got := start(t, dir, sluice, "policy", "test", "--policy", "policy.yaml", "--update", "link.cases")
	if got.code != 0 || !strings.Contains(got.stderr, "1 verdict changed") {
		t.Fatalf("%+v", got)
	}
	data, err := os.ReadFile(filepath.Join(dir, "mine.cases"))
	if want := "# mine\ndeny  anna \"COPY users TO STDOUT\"  # hm\nallow anna \"SELECT 1\"\n"; err != nil || string(data) != want {
		t.Errorf("%q, %v, want %q", data, err, want)
	}
	info, err := os.Lstat(filepath.Join(dir, "link.cases"))
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is a file now", err)
	}
	if info, err = os.Stat(filepath.Join(dir, "mine.cases")); err != nil || info.Mode().Perm() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".sluice-*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	write(t, filepath.Join(dir, "more.cases"), "allow anna rule=nobody kind=ddl \"COPY users TO STDOUT\"\n")
	got = start(t, dir, sluice, "policy", "test", "--policy", "policy.yaml", "--update", "more.cases")
	if got.code != 3 || !strings.Contains(got.stderr, "2 differences left") {
		t.Errorf("%+v", got)
	}
}

// A text too deep for this process is parsed in a worker, as live, and a
// text from standard input is explained like one on the command line.
func TestPolicyCommandsParseAsLive(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "version: 1\n")
	deep := "SELECT " + strings.Repeat("1 + ", 300) + "1"
	write(t, filepath.Join(dir, "deep.cases"), fmt.Sprintf("allow anna kind=ordinary_read %q\n", deep))
	if got := start(t, dir, sluice, "policy", "test", "--policy", "policy.yaml", "deep.cases"); got.code != 0 {
		t.Errorf("%+v", got)
	}
	// The house's start gives every program one line on standard input,
	// which is no SQL.
	got := start(t, dir, sluice, "policy", "explain", "--policy", "policy.yaml", "--as", "anna", "-")
	if got.code != 0 || !strings.Contains(got.stdout, "| an unreadable text\n") || !strings.Contains(got.stdout, "verdict   deny by rule builtin:parse\n") {
		t.Errorf("%+v", got)
	}
	got = start(t, dir, sluice, "policy", "explain", "--policy", "policy.yaml", "--as", "anna", "--database", "shop", "--tls", "no",
		"--declared", "reason=one, two", "--time", "2026-11-27T10:00:00+01:00", "COPY users TO STDOUT")
	for _, want := range []string{
		"who       anna on shop, from 127.0.0.1 without TLS", "when      2026-11-27T09:00:00Z",
		"export_to_client: COPY TO STDOUT", "verdict   deny by rule builtin:default-deny", "HINT      Select the rows you need",
	} {
		if got.code != 0 || !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in %+v", want, got)
		}
	}
}

// The machine-readable report is one JSON object a line, and only that.
func TestPolicyTestForPrograms(t *testing.T) {
	folder := filepath.Join(root, "examples", "policies")
	got := start(t, folder, sluice, "policy", "test", "--policy", "demo.yaml", "--format", "ndjson", "demo.cases")
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	if got.code != 0 || got.stderr != "" || len(lines) < 10 {
		t.Fatalf("%+v", got)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"type":"`) || !strings.HasSuffix(line, "}") {
			t.Errorf("not an object: %s", line)
		}
	}
}

// The schema that the program prints is the one beside the examples.
func TestSchemaIsPrinted(t *testing.T) {
	got := start(t, root, sluice, "policy", "schema")
	if want := read(t, "examples/policies/policy.schema.json"); got.code != 0 || got.stdout != want {
		t.Errorf("exit code %d, %d bytes of schema, want the %d of the example", got.code, len(got.stdout), len(want))
	}
}
