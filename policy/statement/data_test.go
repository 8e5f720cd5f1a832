package statement

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the tests see into testdata/*.txt")

// testCase is one record of a testdata file:
//
//	directive
//	input, any number of lines
//	----
//	expected, until an empty line
//
// Lines that begin with # before a directive are comments.
type testCase struct {
	comments  []string
	directive string
	input     string
	expected  string
	line      int
}

func parseCases(t testing.TB, file string) []testCase {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	lines := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	for i := 0; i < len(lines); {
		var c testCase
		for i < len(lines) && (lines[i] == "" || strings.HasPrefix(lines[i], "#")) {
			c.comments = append(c.comments, lines[i])
			i++
		}
		if i == len(lines) {
			break
		}
		c.directive, c.line = lines[i], i+1
		i++
		start := i
		for i < len(lines) && lines[i] != "----" {
			i++
		}
		if i == len(lines) {
			t.Fatalf("%s:%d: record has no ----", file, c.line)
		}
		c.input = strings.Join(lines[start:i], "\n")
		i++
		start = i
		for i < len(lines) && lines[i] != "" {
			i++
		}
		c.expected = strings.Join(lines[start:i], "\n")
		cases = append(cases, c)
	}
	return cases
}

func writeCases(t *testing.T, file string, cases []testCase) {
	t.Helper()
	var out bytes.Buffer
	for i, c := range cases {
		if i > 0 {
			out.WriteByte('\n')
		}
		for _, line := range c.comments {
			if line != "" {
				fmt.Fprintln(&out, line)
			}
		}
		fmt.Fprintf(&out, "%s\n%s\n----\n%s\n", c.directive, c.input, c.expected)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// directives say how the input of a record is run.
var directives = map[string]func(*testing.T, string) string{
	"analyze": func(t *testing.T, input string) string { return describe(judge(input)) },
	"kinds":   func(t *testing.T, input string) string { return kindsOf(input) },
	"hints": func(t *testing.T, input string) string {
		var out []string
		for _, line := range strings.Split(input, "\n") {
			hint := "none"
			if p := judge(line).Problem; p != nil {
				hint = p.Hint
			}
			out = append(out, hint)
		}
		return strings.Join(out, "\n")
	},
	"code":  func(t *testing.T, input string) string { return codeWords(readCode(t, input)) },
	"shape": func(t *testing.T, input string) string { return judge(input).Shape },
	"replication": func(t *testing.T, input string) string {
		var out []string
		for line := range strings.Lines(input) {
			out = append(out, "- "+replicationWords(t, strings.TrimSuffix(line, "\n")))
		}
		return strings.Join(out, "\n")
	},
	"settings": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			var out []string
			for _, v := range s.Settings {
				out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s=%q %s %s %s", v.Name, v.Value, flagWord(v.Reset, "reset"), flagWord(v.Unknown, "unknown"), flagWord(v.Breaks, "BREAKS"))), " "))
			}
			if s.Instead != "" {
				out = append(out, "sent as "+s.Instead)
			}
			return append([]string{s.Kind.String()}, out...)
		})
	},
	"relations": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			var out []string
			for _, r := range s.Relations {
				out = append(out, string(r.Access)+" "+r.String())
			}
			return out
		})
	},
	"changes": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			var out []string
			for _, c := range s.Changes {
				out = append(out, changeWords(c))
			}
			return out
		})
	},
	"columns": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			var out []string
			for _, c := range s.Columns {
				out = append(out, string(c.Use)+" "+columnWords(c))
			}
			return append(out, s.Unresolved...)
		})
	},
	"carry": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			encoded, err := json.Marshal(s.Carry)
			if err != nil {
				t.Fatal(err)
			}
			return []string{s.Kind.String(), string(encoded)}
		})
	},
	"sources": func(t *testing.T, input string) string {
		var out []string
		for line := range strings.Lines(input) {
			sources, err := NewAnalyzer(Options{}).CarrySources(strings.TrimSuffix(line, "\n"))
			if err != nil {
				out = append(out, "- "+err.Error())
				continue
			}
			for _, s := range sources {
				out = append(out, fmt.Sprintf("- schema=%q name=%q columns=%q only=%t filter=%q query=%q", s.Schema, s.Name, s.Columns, s.Only, s.Filter, s.Query))
			}
		}
		return strings.Join(out, "\n")
	},
	"destinations": func(t *testing.T, input string) string {
		return eachLine(input, func(s *Statement) []string {
			var out []string
			for _, d := range s.Destinations {
				d.Position = 0
				encoded, err := json.Marshal(d)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(encoded))
			}
			return out
		})
	},
}

// TestData runs every testdata file through the functions named by the
// directives.
func TestData(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			cases := parseCases(t, file)
			for i, c := range cases {
				run := directives[c.directive]
				if run == nil {
					t.Fatalf("%s:%d: unknown directive %q", file, c.line, c.directive)
				}
				got := run(t, c.input)
				if got != c.expected && !*rewrite {
					t.Errorf("%s:%d: %s\ngot:\n%s\nwant:\n%s", file, c.line, c.input, got, c.expected)
				}
				cases[i].expected = got
			}
			if *rewrite {
				writeCases(t, file, cases)
			}
		})
	}
}

// changeWords prints a change with what is set of it.
func changeWords(c Change) string {
	words := []string{string(c.Op), c.Kind, Relation{Schema: c.Schema, Name: c.Name}.String(), c.Column}
	if c.To != "" {
		words = append(words, "to "+c.To)
	}
	for _, column := range c.Columns {
		words = append(words, strings.TrimSpace("+"+column.Name+" "+column.Type))
	}
	for _, n := range c.Parents {
		words = append(words, "of "+Relation{Schema: n.Schema, Name: n.Name}.String())
	}
	for _, n := range c.Likes {
		words = append(words, "like "+Relation{Schema: n.Schema, Name: n.Name}.String())
	}
	words = append(words, flagWord(c.Open, "open"), flagWord(c.Temporary, "temporary"), flagWord(c.DropsOnCommit, "drops-on-commit"),
		flagWord(c.IfExists, "if-exists"), flagWord(c.Replace, "replace"), flagWord(c.Cascade, "cascade"))
	return strings.Join(strings.Fields(strings.Join(words, " ")), " ")
}

// columnWords is schema.relation.column, with * for all of them and ? for a
// relation the text does not tell.
func columnWords(c Column) string {
	name, relation := c.Name, Relation{Schema: c.Schema, Name: c.Relation}.String()
	if c.Star {
		name = "*"
	}
	if c.Unresolved {
		relation = "?"
	}
	return relation + "." + name
}

// kindsOf judges each line as a text of its own: "kind: worst effect".
func kindsOf(input string) string {
	var out []string
	for _, line := range strings.Split(input, "\n") {
		a := judge(line)
		if a.Problem != nil {
			out = append(out, fmt.Sprintf("parse_error: %s %s", a.Problem.SQLSTATE, a.Problem.Message))
			continue
		}
		what := ""
		for _, st := range a.Statements {
			if st.Kind == a.Kind {
				what = st.Effects[0].What
			}
		}
		out = append(out, fmt.Sprintf("%s: %s", a.Kind, what))
	}
	return strings.Join(out, "\n")
}

// eachLine judges each line and prints what f says of its statements.
func eachLine(input string, f func(*Statement) []string) string {
	var out []string
	for _, line := range strings.Split(input, "\n") {
		a := judge(line)
		if a.Problem != nil {
			out = append(out, "parse_error: "+a.Problem.Message)
			continue
		}
		var all []string
		for i := range a.Statements {
			all = append(all, strings.Join(f(&a.Statements[i]), ", "))
		}
		out = append(out, "- "+strings.Join(all, " ; "))
	}
	return strings.Join(out, "\n")
}

func flagWord(set bool, word string) string {
	if set {
		return word
	}
	return ""
}

// describe prints an analysis for people.
func describe(a *Analysis) string {
	var b strings.Builder
	if p := a.Problem; p != nil {
		fmt.Fprintf(&b, "%s %s: %s @%d", a.Kind, p.SQLSTATE, p.Message, p.Position)
		return b.String()
	}
	fmt.Fprintf(&b, "%s", a.Kind)
	for i := range a.Statements {
		b.WriteByte('\n')
		describeStatement(&b, &a.Statements[i], "")
	}
	return b.String()
}

func describeStatement(b *strings.Builder, s *Statement, indent string) {
	fmt.Fprintf(b, "%s%s %s [%d:%d]", indent, s.Node, s.Kind, s.Start, s.End)
	indent += "  "
	line := func(format string, args ...any) {
		b.WriteString("\n" + indent)
		fmt.Fprintf(b, format, args...)
	}
	for _, e := range s.Effects {
		line("effect %s: %s @%d", e.Kind, e.What, e.Position)
	}
	for _, r := range s.Relations {
		line("relation %s %s @%d", r.Access, r, r.Position)
	}
	for _, c := range s.Columns {
		line("column %s %s @%d", c.Use, columnWords(c), c.Position)
	}
	for _, u := range s.Unresolved {
		line("unresolved %s", u)
	}
	for _, f := range s.Functions {
		line("function %s/%d @%d", strings.TrimPrefix(f.Schema+"."+f.Name, "."), f.Args, f.Position)
	}
	for _, o := range s.Operators {
		line("operator %s @%d", strings.TrimPrefix(o.Schema+"."+o.Name, "."), o.Position)
	}
	for _, o := range s.Options {
		line("option %s %q @%d", o.Name, o.Value, o.Position)
	}
	for _, c := range s.Created {
		line("created %q %q %q %s %.8s %s", c.Schema, c.Name, c.Signature, c.Language, c.BodyDigest, c.Note)
	}
	for _, d := range s.Destinations {
		line("destination %s host=%q port=%d database=%q user=%q path=%q", d.Type, d.Host, d.Port, d.Database, d.User, d.Path)
	}
	for _, v := range s.Settings {
		line("setting %s value=%q reset=%t unknown=%t breaks=%t", v.Name, v.Value, v.Reset, v.Unknown, v.Breaks)
	}
	if s.CopyIn != nil {
		line("copy in columns=%d binary=%t", s.CopyIn.Columns, s.CopyIn.Binary)
	}
	if s.Show != "" {
		line("show %s", s.Show)
	}
	if s.Instead != "" {
		line("instead %s", s.Instead)
	}
	for _, n := range s.Names {
		line("name %s %q hold=%t", n.Op, n.Name, n.Hold)
		if n.Inner != nil {
			b.WriteByte('\n')
			describeStatement(b, n.Inner, indent+"  ")
		}
	}
}
