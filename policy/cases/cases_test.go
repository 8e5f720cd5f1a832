package cases_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden runs a function on every "input, ----, expected, ====" of a file
// and compares, or writes, what the function makes of it. An input has parts
// separated by ++++.
func golden(t *testing.T, name string, render func(parts []string) string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for part := range strings.SplitAfterSeq(string(data), "\n====\n") {
		if part == "" {
			continue
		}
		input, _, found := strings.Cut(part, "\n----\n")
		if !found {
			t.Fatalf("a case without ----: %q", part)
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n====\n", input, strings.TrimRight(render(strings.Split(input, "\n++++\n")), "\n"))
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != string(data) {
		t.Error(cmp.Diff(string(data), out.String()))
	}
}

func analyzer(t testing.TB) *statement.Analyzer {
	t.Helper()
	a := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, name, text string) *cases.File {
	t.Helper()
	f, err := cases.Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRead shows what is read of both forms, and every mistake in its place.
func TestRead(t *testing.T) {
	for file, name := range map[string]string{"lines.txt": "a.cases", "yaml.txt": "a.yaml"} {
		golden(t, file, func(parts []string) string {
			f, err := cases.Read(name, []byte(strings.Join(parts, "\n++++\n")))
			if err != nil {
				var located *strictyaml.Error
				if !errors.As(err, &located) || f != nil {
					t.Errorf("not a located error, or a file beside it: %v", err)
				}
				return err.Error()
			}
			var out strings.Builder
			for i := range f.Cases {
				out.WriteString(f.At(&f.Cases[i]) + " " + told(&f.Cases[i]))
			}
			return out.String()
		})
	}
}

// told writes a case with all its facts.
func told(c *cases.Case) string {
	var out strings.Builder
	q, x := &c.Question, &c.Expect
	fmt.Fprintf(&out, "%s %s/%s@%s from %s tls %v", x.Verdict, q.Identity.User, q.Identity.Method, q.Session.Database, q.Session.Address, q.Session.TLS)
	for _, field := range []struct{ name, value string }{
		{"name", c.Name},
		{"time", q.Time},
		{"application", q.Session.ApplicationName}, {"password", map[bool]string{true: "shared"}[q.Session.SharedPassword]},
		{"rule", x.Rule},
		{"kind", x.Kind},
		{"subject", x.Subject},
		{"reason", x.ReasonContains},
	} {
		if field.value != "" {
			fmt.Fprintf(&out, " %s %q", field.name, field.value)
		}
	}
	if id := q.Identity; id.Subject != "" {
		fmt.Fprintf(&out, " token of %q at %q in %q by %q %q", id.Subject, id.Issuer, id.Groups, id.ACR, id.AMR)
	}
	if x.Classes != nil {
		fmt.Fprintf(&out, " classes %q", x.Classes)
	}
	if q.Session.Declared != nil {
		fmt.Fprintf(&out, " declared %v", q.Session.Declared)
	}
	for _, place := range q.Places {
		fmt.Fprintf(&out, " place %+v", place)
	}
	for _, f := range q.Functions {
		fmt.Fprintf(&out, " function %+v", f)
	}
	for _, text := range q.Texts {
		fmt.Fprintf(&out, "\n    %q", text)
	}
	return out.String() + "\n"
}

// TestReport shows reports for people. The parts are a policy, the name of
// a verdict file, and the file.
func TestReport(t *testing.T) {
	a := analyzer(t)
	golden(t, "report.txt", func(parts []string) string {
		report, err := cases.Run(t.Context(), parse(t, parts[0]), a, []*cases.File{read(t, parts[1], parts[2])})
		if err != nil {
			return "refused: " + err.Error()
		}
		var out bytes.Buffer
		if err := report.WriteText(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	})
}

// TestNDJSON shows reports for programs.
func TestNDJSON(t *testing.T) {
	a := analyzer(t)
	golden(t, "ndjson.txt", func(parts []string) string {
		report, err := cases.Run(t.Context(), parse(t, parts[0]), a, []*cases.File{read(t, parts[1], parts[2])})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := report.WriteNDJSON(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	})
}

// TestExplain shows the way of decisions. The parts are a policy, facts as
// key=value lines, and SQL.
func TestExplain(t *testing.T) {
	a := analyzer(t)
	golden(t, "explain.txt", func(parts []string) string {
		q := cases.NewQuestion()
		for line := range strings.SplitSeq(parts[1], "\n") {
			key, value, _ := strings.Cut(line, "=")
			if key == "as" {
				q.Identity.User = value
			} else if err := q.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
		q.Texts = []string{parts[2]}
		var out bytes.Buffer
		p := parse(t, parts[0])
		d, err := cases.Explain(t.Context(), &out, p, a, q)
		if err != nil {
			return "refused: " + err.Error()
		}
		if !strings.Contains(out.String(), "\nverdict   "+d.Verdict.String()+" by rule "+d.Rule+"\n") {
			t.Errorf("the explanation and the decision %+v differ:\n%s", d, out.String())
		}
		return out.String()
	})
}
