package script

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/script"
)

// copyBits are what random \copy lines are made of.
var copyBits = []string{
	"t", "t ", " t", "s1.t", `"t x"`, `s1 . "t"`, "binary ", "(", ")", "(a, b)", "( a ,b )", "(select 1)", "(select 'a''b)' , \"c)\")", `(select E'it\'s )')`,
	"(values (1), (2))", "select", " from ", " to ", " FROM ", " To", " program ", "'cat'", "'/dev/null'", "/dev/null", " stdout", "stdin", " pstdout ", " '", "''", `"`,
	" csv", " with (format csv, delimiter ';')", " header", ";", "; ", ",", ".", "  ", "\t", "E'", `e'\'`, "$$", ":x", ":'x'", `\`, "--", "/*", "é",
}

// Lines of \copy made at random are taken apart as psql takes them apart.
func TestRandomCopyLinesAsPsqlSendsThem(t *testing.T) {
	const lines = 1500
	s := newStage(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, *seed))
	var text strings.Builder
	for range lines {
		var line strings.Builder
		for range 1 + random.IntN(3) {
			line.WriteString(copyBits[random.IntN(len(copyBits))])
		}
		line.WriteString([]string{" to ", " to", "to ", ""}[random.IntN(4)])
		for range random.IntN(5) {
			line.WriteString(copyBits[random.IntN(len(copyBits))])
		}
		// What would read the file for data, or write into it, is not for
		// this test; nor are programs, but one.
		lower := strings.ToLower(line.String())
		if strings.Contains(lower, "from") || strings.Contains(lower, "program") && !strings.Contains(lower, "program 'cat'") {
			continue
		}
		text.WriteString(`\copy ` + line.String() + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "copies.sql"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	want := s.sent(t, dir, []string{"copies.sql"})["copies.sql"]
	items := found(t, dir, "copies.sql")
	within(t, "copies.sql", textsOf(items), want)
	// The other way round, all are sent whose file psql can open for sure.
	var open []script.Item
	for _, item := range items {
		if item.Local.Kind != script.LocalFile || item.Local.Name == "/dev/null" {
			open = append(open, item)
		}
	}
	within(t, "psql on copies.sql", want, textsOf(open))
	t.Logf("%d messages", len(want))
	if len(want) < lines/20 {
		t.Errorf("only %d lines are sent", len(want))
	}
}
