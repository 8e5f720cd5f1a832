package script

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bits are what random files are made of: whatever decides where a text ends.
var bits = []string{
	";", ";", ";", "\n", "\n", "\n\n", " ", "\t", "\r", "\v", "'", "''", `"`, "$$", "$a$", "$a", "$1", "$é$", "--", "-- x", "/*", "*/", "/", "*", "-",
	"E'", "e'", "U&'", `u&"`, "N'", "B'", "x'", `\;`, `\:`, `\'`, "(", ")", "[", "]", ":", "::", ":=", ":a", ":'a'", `:"a"`, ":'a", "1", "1e", "1.5", ".", "1e+",
	"a", "e", "select", "SELECT 1", "begin", "end", "case", "create", "or", "replace", "function", "procedure", "CREATE FUNCTION f", "BEGIN ATOMIC", "END",
	"é", "日本", "\u00a0", "a$b", "_", "+", "<", "@-", "|", "{", "}", ":{", "?",
	"\\g\n", "\\r\n", "\\p\n", "\\echo x\n", "\\echo 'x;' ", "\\\\", "\\gx\n", "\n\\g ", "\\echo \"\n", "\\g 'x' \\\\",
}

// seed chooses the random files; plain go test reads the same ones every time.
var seed = flag.Uint64("seed", 18, "which random files to read")

// Random files are read as psql reads them.
func TestRandomFilesAsPsqlSendsThem(t *testing.T) {
	const files, size = 150, 400
	s := newStage(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(15, *seed))
	var names []string
	for n := range files {
		var text strings.Builder
		for range 20 + random.IntN(size) {
			text.WriteString(bits[random.IntN(len(bits))])
			if random.IntN(4) == 0 {
				text.WriteByte(' ')
			}
		}
		name := fmt.Sprintf("random%03d.sql", n)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	messages := 0
	for name, want := range s.sent(t, dir, names) {
		messages += len(want)
		same(t, name, textsOf(found(t, dir, name)), want)
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			t.Fatalf("%s is %q", name, text)
		}
	}
	t.Logf("%d files, %d messages", files, messages)
}
