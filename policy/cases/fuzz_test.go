package cases_test

import (
	"bytes"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
)

// FuzzReadLines: whatever the file, reading it ends, with cases or with
// mistakes; and an update of its verdicts gives a file that reads as the
// same cases with the other verdicts.
func FuzzReadLines(f *testing.F) {
	for _, seed := range []string{
		"deny a \"SELECT 1\"\n", "allow \"a b\" database=x tls=no \"\\\"\\\\\" # c\n", "mask a $$\nx\n$$\nhold b $t$$$$t$",
		"defaults place.p=\"a; b\"\ncarry a rule=r kind=ddl \"x\"", "\uFEFFdeny a \"x\"\r\n", "deny a \"", "deny a $", "deny a x=", "#", "\"", "=",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := cases.Read("f.cases", data)
		if err != nil {
			if file != nil {
				t.Fatal("a file beside an error")
			}
			return
		}
		results := make([]cases.Result, len(file.Cases))
		for i := range file.Cases {
			c := &file.Cases[i]
			if c.Question.Identity.User == "" || len(c.Question.Texts) != 1 || file.Excerpt(c) == "" {
				t.Fatalf("%+v", c)
			}
			results[i] = cases.Result{File: file, Case: c, Decision: policy.Decision{Verdict: (c.Expect.Verdict + 1) % 5}}
		}
		changed, err := cases.Read("f.cases", file.Update(results))
		if err != nil || len(changed.Cases) != len(file.Cases) {
			t.Fatalf("the updated file reads as %v, %v", changed, err)
		}
		for i := range changed.Cases {
			before, after := &file.Cases[i], &changed.Cases[i]
			if after.Expect.Verdict != results[i].Decision.Verdict || after.Question.Texts[0] != before.Question.Texts[0] ||
				after.Question.Identity.User != before.Question.Identity.User {
				t.Fatalf("%+v became %+v", before, after)
			}
			results[i].Case, results[i].Decision.Verdict = after, before.Expect.Verdict
		}
		if back := changed.Update(results); !bytes.Equal(back, data) {
			t.Fatalf("changed and changed back: %q", back)
		}
	})
}
