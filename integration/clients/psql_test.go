package clients

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/integration/harness"
)

// script is one entry of testdata/psql.txt.
type script struct {
	name  string
	args  []string
	env   []string
	exit  int
	files []string
	blank *regexp.Regexp
	text  string
	want  []string
	// differs says why Sluice answers otherwise here, wantThere what its
	// answer must contain.
	differs   string
	wantThere []string
}

// psqlCases reads testdata/psql.txt. An entry begins with directive lines
// ("case NAME", then "args ...", "env NAME=VALUE", "exit N", "file NAME" for a
// file whose content belongs to the result, "blank REGEXP" for what is random in
// the output), has the script after "----", the
// fragments that the output must contain after "====", one a line, and ends at
// a line "####". A line "==== differs REASON" begins the fragments that the
// output through Sluice must contain instead; such an accepted difference is
// the only case where the two are not compared.
func psqlCases(t *testing.T) []client {
	t.Helper()
	text, err := os.ReadFile("testdata/psql.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []client
	for entry := range strings.SplitSeq(string(text), "####\n") {
		s, err := parseScript(entry)
		if err != nil {
			t.Fatalf("testdata/psql.txt: %v", err)
		}
		out = append(out, client{name: "psql/" + s.name, differs: s.differs, run: s.run})
	}
	return out
}

func parseScript(entry string) (script, error) {
	var s script
	head, rest, ok := strings.Cut(entry, "----\n")
	body, want, ok2 := strings.Cut(rest, "====\n")
	if !ok || !ok2 {
		return s, fmt.Errorf("entry without ---- and ====: %q", entry)
	}
	s.text = body
	want, there, differs := strings.Cut(want, "==== differs ")
	s.want = fragments(want)
	if differs {
		s.differs, there, _ = strings.Cut(there, "\n")
		s.wantThere = fragments(there)
	}
	for line := range strings.Lines(head) {
		word, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch word {
		case "case":
			s.name = value
		case "args":
			s.args = append(s.args, strings.Fields(value)...)
		case "command":
			s.args = append(s.args, "-c", value)
		case "env":
			s.env = append(s.env, value)
		case "file":
			s.files = append(s.files, value)
		case "blank":
			blank, err := regexp.Compile(value)
			if err != nil {
				return s, fmt.Errorf("case %s: %w", s.name, err)
			}
			s.blank = blank
		case "exit":
			if _, err := fmt.Sscan(value, &s.exit); err != nil {
				return s, fmt.Errorf("case %s: exit %q: %w", s.name, value, err)
			}
		case "", "#":
		default:
			return s, fmt.Errorf("unknown directive %q", word)
		}
	}
	if s.name == "" {
		return s, fmt.Errorf("entry without a name: %q", entry)
	}
	return s, nil
}

func (s script) run(t *testing.T, target harness.Target, dir string) string {
	r := harness.Run(t, target, harness.Command{
		Program: "/usr/bin/psql", Args: append([]string{"-X"}, s.args...), Env: s.env, Stdin: s.text, Dir: dir,
	})
	out := r.String()
	for _, name := range s.files {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatalf("%s: %v\n%s", target.Name, err, out)
		}
		out += "--- file " + name + "\n" + readable(content)
	}
	if s.blank != nil {
		out = s.blank.ReplaceAllString(out, "BLANK")
	}
	if r.Exit != s.exit {
		t.Errorf("%s: exit %d, want %d", target.Name, r.Exit, s.exit)
	}
	if s.differs != "" && target.Name == harness.ThroughSluice {
		expect(t, target, out, s.wantThere...)
		return out
	}
	expect(t, target, out, s.want...)
	return out
}

func fragments(text string) []string {
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// readable is a file's text, or the digest of what is not text.
func readable(content []byte) string {
	if utf8.Valid(content) && !bytes.ContainsRune(content, 0) {
		return string(content)
	}
	return fmt.Sprintf("%d bytes, SHA-256 %x\n", len(content), sha256.Sum256(content))
}
