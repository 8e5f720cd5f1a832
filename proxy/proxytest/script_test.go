package proxytest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const sample = `# What this shows.
policy empty
server >=14

connect
----
ReadyForQuery I

# A remark.
send b messages
Query "x"
until ReadyForQuery
----
one
two
---- server <15: older ones say less
one
---- accepted difference: the proxy says three
three
---- accepted difference, server =18: and four there
four

# The last words.
`

func TestScriptComesBackAsItWas(t *testing.T) {
	s, err := ParseScript(sample)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Format(); got != sample {
		t.Errorf("got\n%s\nwant\n%s", got, sample)
	}
	if s.Policy != "empty" || s.Only != "" || s.Server.Holds(13) || !s.Server.Holds(14) {
		t.Errorf("header read as %+v", s)
	}
}

func TestWhichAnswerIsExpected(t *testing.T) {
	s, err := ParseScript(sample)
	if err != nil {
		t.Fatal(err)
	}
	b := s.blocks[2]
	for _, tt := range []struct {
		proxy   bool
		version int
		want    string
	}{
		{false, 14, "one"},
		{false, 15, "one two"},
		{false, 18, "one two"},
		{true, 14, "three"},
		{true, 15, "three"},
		{true, 18, "four"},
	} {
		if got := strings.Join(b.expect(tt.proxy, tt.version).lines, " "); got != tt.want {
			t.Errorf("proxy %v, version %d: %s, want %s", tt.proxy, tt.version, got, tt.want)
		}
	}
}

func TestConditions(t *testing.T) {
	for text, holds := range map[string][]int{
		"<15": {13, 14}, "<=15": {13, 14, 15}, ">15": {16, 17}, ">=15": {15, 16, 17}, "=15": {15}, "!=15": {13, 14, 16, 17},
	} {
		c, err := parseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		for v := 13; v <= 17; v++ {
			if c.Holds(v) != slices.Contains(holds, v) {
				t.Errorf("%s and %d: %v", text, v, c.Holds(v))
			}
		}
	}
}

func TestWrongScripts(t *testing.T) {
	for text, want := range map[string]string{
		"only sometimes":                            "line 1",
		"# words\nserver 14":                        "line 2",
		"server >=abc":                              "line 1",
		"connect\n---- because":                     "line 2: \"---- because\" gives no reason",
		"connect\n----\n---- server 9: x":           "line 3",
		"connect\n----\n---- accepted difference: ": "no reason",
		"connect\n---- accepted difference: why\nx": "common one",
		"# words\n---- accepted difference: x":      "line 2",
		"\n\nconnect\n----\nx\n---- other: reason":  "line 6",
	} {
		_, err := ParseScript(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// TestAllScriptsAreWellFormed reads every script of the repository: each
// directive and input line is known, each block has an answer, and the file
// is written the way -rewrite would.
func TestAllScriptsAreWellFormed(t *testing.T) {
	files, err := filepath.Glob("../testdata/wire/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseScript(string(text))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if s.Format() != string(text) {
			t.Errorf("%s is not written as -rewrite would write it", file)
		}
		for _, b := range s.blocks {
			checkBlock(t, file, b)
		}
	}
}

func checkBlock(t *testing.T, file string, b *block) {
	t.Helper()
	if b.head == "" {
		return
	}
	directive, _, _ := strings.Cut(b.head, " ")
	if !slices.Contains([]string{"connect", "dial", "send", "admin", "await"}, directive) {
		t.Errorf("%s:%d: %q is no directive", file, b.line, directive)
	}
	if len(b.answers) == 0 {
		t.Errorf("%s:%d: no answer is written down", file, b.line)
	}
	if directive == "admin" || directive == "await" {
		return
	}
	for _, line := range b.input {
		word, _, _ := strings.Cut(line, " ")
		if _, err := ParseMessage(line); err != nil && controls[word] == nil {
			t.Errorf("%s:%d: %v", file, b.line, err)
		}
	}
}

// FuzzParseScript: a script that can be read is written so that it reads the
// same again.
func FuzzParseScript(f *testing.F) {
	f.Add(sample)
	f.Add("connect\n\n\nsend\n----\n----\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScript(text)
		if err != nil {
			return
		}
		once := s.Format()
		again, err := ParseScript(once)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, once, err)
		}
		if twice := again.Format(); twice != once {
			t.Errorf("%q became %q", once, twice)
		}
	})
}
