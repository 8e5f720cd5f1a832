package check_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/check"
	"github.com/sluice-pg/sluice/policy/script"
	"github.com/sluice-pg/sluice/policy/statement"
)

// workerArgument makes the test binary a worker that parses SQL.
const workerArgument = "parse-worker"

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArgument {
		if err := statement.WorkerMain(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func analyzer(t *testing.T) *statement.Analyzer {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := statement.NewAnalyzer(statement.Options{Worker: []string{self, workerArgument}})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// options judge for the default identity by a policy.
func options(t *testing.T, document string) check.Options {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return check.Options{
		Analyzer: analyzer(t), Policy: p,
		Identity: policy.Identity{User: "check", Method: "scram-sha-256"},
		Session:  policy.Session{Database: "check", Address: "127.0.0.1", TLS: true},
	}
}

// The files of testdata are reports: a policy, "====", a file of SQL, "----",
// the report for people with all statements, "----", the lines for programs.
func TestReports(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			document, rest, _ := strings.Cut(string(data), "====\n")
			sql, want, _ := strings.Cut(rest, "----\n")
			got := reports(t, options(t, document), sql)
			if *rewrite {
				if err := os.WriteFile(path, []byte(document+"====\n"+sql+"----\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("the report is\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func reports(t *testing.T, o check.Options, sql string) string {
	t.Helper()
	var text, lines bytes.Buffer
	people := check.NewText(&text)
	people.All = true
	count := &check.Count{Sink: people}
	if err := check.New(o, count).File(t.Context(), "file.sql", strings.NewReader(sql)); err != nil {
		t.Fatal(err)
	}
	if err := people.Summary(count); err != nil {
		t.Fatal(err)
	}
	if err := check.New(o, check.NewNDJSON(&lines, io.Discard)).File(t.Context(), "file.sql", strings.NewReader(sql)); err != nil {
		t.Fatal(err)
	}
	return text.String() + "----\n" + lines.String()
}

// Every line for programs has exactly the keys that were promised, and its
// lists are lists.
func TestLinesHaveTheirKeys(t *testing.T) {
	var out bytes.Buffer
	o := options(t, "version: 1\n")
	sql := "SELECT 1;\nSELEC;\nCOPY t TO PROGRAM 'x';\n\\copy t to 'f'\nSELECT 1\\; DO ''\\; SELECT 2;\nSELECT :x;\n\\nonsense\n"
	if err := check.New(o, check.NewNDJSON(&out, io.Discard)).File(t.Context(), "f", strings.NewReader(sql)); err != nil {
		t.Fatal(err)
	}
	want := []string{"column", "columns", "destination", "effects", "file", "functions", "kind", "line", "reasons", "relations", "statement", "verdict"}
	n := 0
	for line := range strings.Lines(out.String()) {
		n++
		var keys map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &keys); err != nil {
			t.Fatal(err)
		}
		var have []string
		for key, value := range keys {
			have = append(have, key)
			if list := slices.Contains([]string{"columns", "effects", "functions", "reasons", "relations"}, key); list != (value[0] == '[') {
				t.Errorf("%s is %s", key, value)
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("keys %v, want %v", have, want)
		}
	}
	if n != 9 {
		t.Errorf("%d lines\n%s", n, out.String())
	}
}

// collect keeps findings.
type collect struct {
	findings []*check.Finding
	notes    []check.Note
}

func (c *collect) Finding(f *check.Finding) error { c.findings = append(c.findings, f); return nil }
func (c *collect) Note(n check.Note) error        { c.notes = append(c.notes, n); return nil }

func findings(t *testing.T, o check.Options, sql string) *collect {
	t.Helper()
	var c collect
	if err := check.New(o, &c).File(t.Context(), "f", strings.NewReader(sql)); err != nil {
		t.Fatal(err)
	}
	return &c
}

const allowAll = "version: 1\nrules:\n  - {id: all, effect: allow, kinds: [\"*\"]}\n"

// What the file does not tell is never judged better than code that cannot be
// judged, and a policy that allows such code allows it.
func TestWhatAFileDoesNotTellIsOpaque(t *testing.T) {
	for _, sql := range []string{
		"SELECT :x;", "SELECT 1 AS :\"x\";", "SELECT 'x' \\gexec", "EXECUTE nobody;", "FETCH ALL FROM nobody;",
		"\\if true\nSELECT 1\n\\else\n;\n\\endif\n;", "\\nonsense\n", "\\e\n", "\\i :x\n", "\\copy what\n",
		"\\restrict x\n\\copy t to 'x'\n", "SELECT 1 \\nonsense\n;", "PREPARE p AS SELECT 1; \\c\nEXECUTE p;",
		"\\bind_named nobody \\g\n", "\\if true\nCOPY t FROM STDIN;\n\\.\n\\endif\n",
	} {
		worst := func(document string) (kind statement.Kind, refused bool) {
			kind = statement.OrdinaryRead
			for _, f := range findings(t, options(t, document), sql).findings {
				kind = statement.Worst(kind, f.Statement.Kind)
				refused = refused || f.Refused()
			}
			return kind, refused
		}
		if kind, refused := worst("version: 1\n"); kind != statement.OpaqueCode || !refused {
			t.Errorf("%q is %s, refused: %t", sql, kind, refused)
		}
		if _, refused := worst(allowAll); refused {
			t.Errorf("%q is refused by a policy that allows everything", sql)
		}
	}
}

// Names that the file makes are known, and mean what they mean.
func TestNamesOfAFile(t *testing.T) {
	for sql, want := range map[string]statement.Kind{
		"PREPARE p AS SELECT 1; EXECUTE p;":                                                             statement.OrdinaryRead,
		"BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH ALL FROM c; COMMIT;":                               statement.OrdinaryRead,
		"PREPARE p AS SELECT pg_read_file('x'); EXECUTE p;":                                             statement.ServerRead,
		"PREPARE p AS SELECT pg_read_file('x'); DEALLOCATE p; PREPARE p AS SELECT 1; EXECUTE p;":        statement.ServerRead,
		"PREPARE p AS SELECT 1; PREPARE p AS SELECT pg_read_file('x'); EXECUTE p;":                      statement.ServerRead,
		"SELECT pg_read_file($1) \\parse p\nEXECUTE p('x');":                                            statement.ServerRead,
		"PREPARE p AS SELECT 1\\; EXECUTE p;":                                                           statement.OrdinaryRead,
		"PREPARE " + strings.Repeat("p", 70) + " AS SELECT 1; EXECUTE " + strings.Repeat("p", 63) + ";": statement.OrdinaryRead,
	} {
		all := findings(t, options(t, "version: 1\n"), sql).findings
		if last := all[len(all)-1]; last.Statement.Kind != want && !strings.Contains(sql, "COMMIT") {
			t.Errorf("%q ends with %s, want %s", sql, last.Statement.Kind, want)
		} else if fetch := all[max(0, len(all)-2)]; strings.Contains(sql, "COMMIT") && fetch.Statement.Kind != want {
			t.Errorf("%q: FETCH is %s, want %s", sql, fetch.Statement.Kind, want)
		}
	}
}

// With wire a file is one text: its strictest statement refuses all.
func TestWire(t *testing.T) {
	o := options(t, "version: 1\n")
	o.Script = script.Options{Wire: true}
	c := findings(t, o, "SELECT 1;\nCOPY t FROM STDIN;\nDO '';\n")
	if len(c.findings) != 3 {
		t.Fatal(len(c.findings))
	}
	for _, f := range c.findings {
		if !f.Refused() {
			t.Errorf("%q is allowed beside a statement that is refused", f.Text)
		}
	}
	if c := findings(t, o, "SELECT 1;\nCOPY t FROM STDIN;\n"); c.findings[0].Refused() || c.findings[1].Refused() {
		t.Error("refused, and nothing in it is")
	}
}

// An ignore holds for its rule and its statement only, and one that meets
// nothing is named.
func TestIgnores(t *testing.T) {
	o := options(t, "version: 1\n")
	c := findings(t, o, "-- sluice-ignore default-deny: known\nDO '';\nDO '';\n-- sluice-ignore parse: wrong rule\nDO '';\n-- sluice-ignore parse: old\nSELECT 1;\n")
	var verdicts []string
	for _, f := range c.findings {
		verdicts = append(verdicts, f.Verdict())
	}
	if got := strings.Join(verdicts, " "); got != "ignored deny deny allow" {
		t.Error(got)
	}
	if len(c.notes) != 2 || !strings.Contains(c.notes[0].Text, "no refusal") || c.notes[1].Line != 6 {
		t.Errorf("%+v", c.notes)
	}
}

// Nothing of a file reaches the terminal as a command to it, and the caret
// stands under its character.
func TestTextIsSafeAndAligned(t *testing.T) {
	var out bytes.Buffer
	o := options(t, "version: 1\n")
	sql := "SELECT '日本\x1b]0;x\x07\u202e',\tpg_read_file('x') FROM " + strings.Repeat("y, ", 100) + "z;\n"
	if err := check.New(o, check.NewText(&out)).File(t.Context(), "a\x1b.sql", strings.NewReader(sql)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
		t.Errorf("%q", out.String())
	}
	lines := strings.Split(out.String(), "\n")
	// Two wide characters stand before the call.
	at := strings.Index(strings.ReplaceAll(lines[1], "日本", "wide"), "pg_read_file")
	if strings.Index(lines[2], "^") != at || len([]rune(lines[1])) > 130 {
		t.Errorf("\n%s\n%s", lines[1], lines[2])
	}
}

// A text that is too long is refused with words, and the rest is read.
func TestLongStatement(t *testing.T) {
	o := options(t, "version: 1\n")
	c := findings(t, o, "SELECT '"+strings.Repeat("x", 5<<20)+"';\nSELECT 1;\n")
	if len(c.findings) != 2 || !c.findings[0].Refused() || c.findings[0].Decision.SQLSTATE != "54000" || c.findings[1].Refused() {
		t.Errorf("%+v", c.findings)
	}
}
