package proxy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// statementTexts are the statements of the analysis' own tests.
func statementTexts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, file := range []string{"kinds", "settings", "scope", "everyday", "names"} {
		data, err := os.ReadFile(filepath.Join("..", "policy", "statement", "testdata", file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range strings.Split(string(data), "\n\n") {
			input, _, _ := strings.Cut(record, "\n----\n")
			_, texts, _ := strings.Cut(input, "\n")
			all = append(all, strings.Split(texts, "\n")...)
		}
	}
	return all
}

// All sessions share one analysis of a shape. Resolving its names, deciding
// and pointing at a place leave it as it was.
func TestSharedAnalysesStayAsTheyAre(t *testing.T) {
	shared := statement.NewAnalyzer(statement.Options{})
	fresh := statement.NewAnalyzer(statement.Options{CacheBytes: -1})
	t.Cleanup(func() {
		_ = shared.Close()
		_ = fresh.Close()
	})
	source, err := os.ReadFile(filepath.Join("..", "examples", "policies", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Parse("demo.yaml", source)
	if err != nil {
		t.Fatal(err)
	}
	texts := statementTexts(t)
	if len(texts) < 300 {
		t.Fatalf("only %d texts", len(texts))
	}
	names := "; EXECUTE shared; FETCH shared"
	for _, text := range texts {
		for _, text := range []string{text, "PREPARE shared AS " + text + names, "DECLARE shared CURSOR FOR " + text + names} {
			a := shared.Analyze(context.Background(), text)
			s := &session{pending: newPending('I', time.Now())}
			space := s.pending.statements
			for i := range a.Statements {
				if _, err := space.propose("shared", means(&a.Statements[i])); err != nil {
					break // more meanings than a name may have
				}
			}
			resolved := s.resolve(a.Statements)
			copyIns(resolved)
			d := p.Decide(&policy.Request{Kind: a.Kind, Problem: a.Problem, Statements: resolved})
			refuse(d, "a", text, nearOf(a.Problem))
			if diff := cmp.Diff(fresh.Analyze(context.Background(), text), a); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
		}
	}
}

// A client sees the place in its own text, whoever had the shape first.
func TestRefusalPointsIntoTheText(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	var first *statement.Analysis
	for _, text := range []string{
		"SELECT 'a', pg_read_file($1)",
		"/* ü */ SELECT 'üü and much more',\n  pg_read_file($1)",
		"SELECT\t'', /* pg_read_file */ pg_read_file($1)",
	} {
		a := analyzer.Analyze(context.Background(), text)
		if first == nil {
			first = a
		} else if a != first {
			t.Errorf("%s: has an analysis of its own", text)
		}
		d := policy.Decision{Rule: "r", Position: a.Statements[0].Functions[0].Position}
		got := refuse(d, "a", text, "").position
		runes := []rune(text)
		if rest := string(runes[got-1:]); !strings.HasPrefix(rest, "pg_read_file($1)") {
			t.Errorf("%s: points at %q", text, rest)
		}
	}
	wrong := "SELECT 'a' /* b */ FROM WHERE"
	a := analyzer.Analyze(context.Background(), wrong)
	r := refuse((&policy.Policy{}).Decide(&policy.Request{Kind: a.Kind, Problem: a.Problem}), "a", wrong, "")
	if r.position < 1 || !strings.HasPrefix(wrong[r.position-1:], "WHERE") {
		t.Errorf("the mistake is at %d", r.position)
	}
}
