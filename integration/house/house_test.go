package house

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
)

const module = "github.com/sluice-pg/sluice"

// root is the repository as seen from this package.
const root = "../.."

// sluice and sluiceVerify are the programs, built by TestMain.
var sluice, sluiceVerify string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "house")
	if err != nil {
		panic(err)
	}
	sluice, sluiceVerify = filepath.Join(dir, "sluice"), filepath.Join(dir, "sluice-verify")
	for path, pkg := range map[string]string{sluice: "./cmd/sluice", sluiceVerify: "./cmd/sluice-verify"} {
		if out, err := run("go", "build", "-o", path, pkg); err != nil {
			os.RemoveAll(dir)
			panic(err.Error() + "\n" + out)
		}
	}
	stop := secrets.StartWatch()
	code := m.Run()
	stop()
	os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a program in the repository and returns what it wrote to standard
// output. The error holds what it wrote to standard error.
func run(program string, args ...string) (string, error) { return runWith(nil, program, args...) }

func runWith(env []string, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = errors.Join(err, errors.New(strings.TrimSpace(stderr.String())))
	}
	return string(out), err
}

// goList returns the lines that go list prints.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := run("go", append([]string{"list"}, args...)...)
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Fields(out)
}

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// section returns the part of a document under a heading of the second level.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no section %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// code is what stands between back quotes.
var code = regexp.MustCompile("`([^`]+)`")

// table returns the cells of each row of the first table under a header row
// that begins with the given cell.
func table(t *testing.T, text, firstHeader string) [][]string {
	t.Helper()
	var rows [][]string
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			in = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == firstHeader && rows == nil:
			in = true
		case in && !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("there is no table with the header %q", firstHeader)
	}
	return rows
}

// unquoted returns the first thing between back quotes in a cell.
func unquoted(t *testing.T, cell string) string {
	t.Helper()
	m := code.FindStringSubmatch(cell)
	if m == nil {
		t.Fatalf("nothing in back quotes in %q", cell)
	}
	return m[1]
}
