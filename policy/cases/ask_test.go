package cases_test

import (
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestAsk: texts are those of one session, in which a name means what an earlier
// text made of it, if that one was let pass.
func TestAsk(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := policy.Parse("p.yaml", []byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	q := cases.NewQuestion()
	q.Identity.User = "alice"
	q.Texts = []string{
		"EXECUTE s", "PREPARE s AS SELECT 1", "EXECUTE s",
		"PREPARE x AS SELECT lo_get(1)", "EXECUTE x",
	}
	decisions, err := cases.Ask(t.Context(), p, analyzer, &q, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []policy.Verdict{policy.Deny, policy.Allow, policy.Allow, policy.Deny, policy.Deny}
	for i, d := range decisions {
		if d.Verdict != want[i] {
			t.Errorf("%s: %s", q.Texts[i], d.Verdict)
		}
	}
	if len(decisions) != len(want) {
		t.Errorf("%d decisions about %d texts", len(decisions), len(want))
	}
	q.Places = []policy.Place{{Name: "nowhere"}}
	if _, err := cases.Ask(t.Context(), p, analyzer, &q, nil); err == nil {
		t.Error("a place that the policy does not name is taken")
	}
}
