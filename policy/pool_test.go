package policy_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/corpus"
	"github.com/sluice-pg/sluice/policy/statement"
)

// fewestTexts is what the pool holds at least; a file that is lost, or read
// as comments, would go unnoticed otherwise.
const fewestTexts = 900

// TestPool demands that nobody is stopped at everyday work: under the policy
// without rules, every text of the pool is allowed, or is of the worse kind
// that its section announces and refused for that.
func TestPool(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	empty := example(t, "empty.yaml")
	paths, err := filepath.Glob("statement/testdata/pool/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	everyday := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := corpus.Pool(string(content))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, text := range texts {
			if text.Everyday {
				everyday++
			}
			checkPooled(t, filepath.Base(path), text, analyzer.Analyze(context.Background(), text.SQL), empty)
		}
	}
	if everyday < fewestTexts {
		t.Errorf("only %d everyday texts were found", everyday)
	}
}

func checkPooled(t *testing.T, file string, text corpus.Text, analysis *statement.Analysis, empty *policy.Policy) {
	t.Helper()
	req := request(analysis.Statements...)
	req.Kind, req.Problem = analysis.Kind, analysis.Problem
	decision := empty.Decide(req)
	message, _, _ := policy.Explain(decision, "r")
	switch {
	case analysis.Problem != nil && (text.Everyday || text.Kind != statement.ParseError):
		t.Errorf("%s:%d: %s: %s", file, text.Line, text.SQL, analysis.Problem.Message)
	case text.Everyday && decision.Verdict != policy.Allow:
		t.Errorf("%s:%d: %s: %s: %s", file, text.Line, text.SQL, analysis.Kind, message)
	case !text.Everyday && analysis.Kind != text.Kind:
		t.Errorf("%s:%d: %s: is %s, not %s", file, text.Line, text.SQL, analysis.Kind, text.Kind)
	case !text.Everyday && decision.Verdict == policy.Allow:
		t.Errorf("%s:%d: %s: %s is allowed without a rule", file, text.Line, text.SQL, analysis.Kind)
	}
}
