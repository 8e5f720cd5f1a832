package script

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/script"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a server with psql on the way to it through a relay.
type stage struct {
	relay  *relay
	target harness.Target
}

func newStage(t *testing.T) *stage {
	t.Helper()
	world := harness.NewWorld(t, 15)
	world.Reset(t)
	target := world.Direct().WithSSLMode("disable")
	r := startRelay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(target.Port)))
	target.Host, target.Port = "127.0.0.1", r.port()
	return &stage{r, target}
}

func endOf(name string) string { return "SELECT 'the end of " + name + "'" }

// sent runs files in one psql and returns what it sent for each. After every
// file the session forgets what the file has made.
func (s *stage) sent(t *testing.T, dir string, names []string) map[string][]string {
	t.Helper()
	args := []string{"-X", "-q", "-o", "/dev/null"}
	for _, name := range names {
		args = append(args, "-f", name, "-c", endOf(name), "-c", "ROLLBACK", "-c", "DISCARD ALL")
	}
	result := harness.Run(t, s.target, harness.Command{Program: "/usr/bin/psql", Args: args, Env: []string{"PGGSSENCMODE=disable"}, Dir: dir})
	texts, err := s.relay.taken()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string][]string{}
	for _, name := range names {
		n := 0
		for n < len(texts) && texts[n] != endOf(name) {
			n++
		}
		if n+2 >= len(texts) {
			t.Fatalf("psql did not come to the end of %s\n%s", name, result)
		}
		sent[name], texts = texts[:n], texts[n+3:]
	}
	return sent
}

// found reads a file with the reader under test.
func found(t *testing.T, dir, name string) []script.Item {
	t.Helper()
	open := func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) }
	in, err := open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r := script.NewReader(name, in, script.Options{Open: open})
	var items []script.Item
	for {
		item, err := r.Next()
		if errors.Is(err, io.EOF) {
			return items
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
}

func textsOf(items []script.Item) []string {
	var texts []string
	for _, item := range items {
		if item.Text != "" && (item.Command == nil || !item.Command.Refused) {
			texts = append(texts, item.Text)
		}
	}
	return texts
}

// withoutResults leaves out the texts that \gexec made of rows: the files mark
// them.
func withoutResults(texts []string) []string {
	var left []string
	for _, text := range texts {
		if !strings.Contains(text, "out of a row") || strings.Contains(text, "format(") {
			left = append(left, text)
		}
	}
	return left
}

func TestFilesAsPsqlSendsThem(t *testing.T) {
	s := newStage(t)
	paths, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(paths) < 10 {
		t.Fatal(len(paths), err)
	}
	dir := t.TempDir()
	var names []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, ".part.sql") {
			names = append(names, name)
		}
	}
	messages := 0
	for name, want := range s.sent(t, dir, names) {
		want = withoutResults(want)
		messages += len(want)
		got := textsOf(found(t, dir, name))
		if strings.HasSuffix(name, ".branches.sql") {
			within(t, name, got, want)
			continue
		}
		same(t, name, got, want)
	}
	t.Logf("%d files, %d messages", len(names), messages)
}

func same(t *testing.T, name string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = strconv.Quote(got[i])
		}
		if i < len(want) {
			w = strconv.Quote(want[i])
		}
		if g != w {
			n := 0
			for n < min(len(g), len(w)) && g[n] == w[n] {
				n++
			}
			from := max(0, n-30)
			t.Errorf("%s: text %d is alike up to ...%s, then %s, and psql sends %s", name, i, g[from:n], g[n:], w[n:])
			return
		}
	}
}

func within(t *testing.T, name string, got, want []string) {
	t.Helper()
	for _, w := range want {
		i := 0
		for i < len(got) && got[i] != w {
			i++
		}
		if i == len(got) {
			t.Errorf("%s: %q is on the one side and not on the other, or not in this order", name, w)
			return
		}
		got = got[i+1:]
	}
}

// Every byte of a text that the file holds is found at its place.
func TestPlacesAreTrue(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, item := range found(t, "testdata", filepath.Base(path)) {
			if item.Command != nil && (item.Command.Name == "copy" || item.Command.Name == "encoding") {
				continue // made up by psql
			}
			if item.File != filepath.Base(path) {
				continue
			}
			files[item.File] = string(text)
			for i := range len(item.Text) {
				at := item.OffsetOf(i)
				if c := item.Text[i]; c != text[at] {
					t.Fatalf("%s: byte %d of %q is said to be at %d, where there is %q", path, i, item.Text, at, text[at])
				}
			}
			line, column := item.Place(0)
			if before := string(text[:item.OffsetOf(0)]); line != strings.Count(before, "\n")+1 || !atColumn(before, column) {
				t.Fatalf("%s: %q is said to be at %d:%d", path, item.Text, line, column)
			}
		}
	}
}

func atColumn(before string, column int) bool {
	line := strings.TrimPrefix(before[strings.LastIndex(before, "\n")+1:], "\ufeff")
	return len([]rune(line)) == column-1
}
