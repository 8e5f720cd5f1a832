package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDocExample makes the trail of the package comment's example and holds
// every byte of it against the comment.
func TestDocExample(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	clock := time.Date(2026, 12, 4, 9, 30, 0, 0, time.UTC)
	tr := mustOpen(t, dir, Options{
		Key:             testKey(t, "trail.example/doc"),
		CheckpointEvery: time.Hour,
		Now:             func() time.Time { clock = clock.Add(time.Second); return clock },
	})
	mustAppend(t, tr, Event{Type: "decision", ID: "K7Q2M4XA", Session: "s1", Body: struct {
		Verdict string   `json:"verdict"`
		Rows    int      `json:"rows"`
		Why     []string `json:"reasons"`
	}{"deny", 0, []string{"no <rule> allows\tit"}}})
	mustClose(t, tr)

	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0000000000000000.seg", "checkpoints"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want := asComment(strings.TrimSuffix(string(data), "\n\n"))
		if !strings.Contains(string(source), want) {
			t.Errorf("doc.go does not show %s as it is:\n%s", name, want)
		}
	}
}

// asComment indents text as an example in a package comment.
func asComment(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(text, "\n") + "\n") {
		if line == "\n" {
			b.WriteString("//\n")
			continue
		}
		b.WriteString("//\t" + line)
	}
	return b.String()
}
