package cases_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/cases"
)

const updatePolicy = "version: 1\nrules:\n  - {id: products, effect: allow, kinds: [export_to_client], relations: [public.products]}\n"

// An update touches the verdict words that differ and nothing else: not the
// comments, the spaces, the line ends, nor a text that looks like a case.
func TestUpdate(t *testing.T) {
	a := analyzer(t)
	for name, c := range map[string]struct{ before, after string }{
		"nothing differs": {
			"# why\n\ndeny  anna \"COPY users TO STDOUT\" # because\n",
			"# why\n\ndeny  anna \"COPY users TO STDOUT\" # because\n",
		},
		"some differ": {
			"allow\tanna   \"COPY users TO STDOUT\" # deny\ndeny  anna \"COPY public.products TO STDOUT\"\nallow anna \"SELECT 1\"",
			"deny\tanna   \"COPY users TO STDOUT\" # deny\nallow  anna \"COPY public.products TO STDOUT\"\nallow anna \"SELECT 1\"",
		},
		"texts are left alone": {
			"  hold anna $$\ndeny anna \"SELECT 1\"\n$$\nmask anna \"SELECT 1\"\n",
			"  deny anna $$\ndeny anna \"SELECT 1\"\n$$\nallow anna \"SELECT 1\"\n",
		},
		"line ends and marks of Windows": {
			"\uFEFFdeny anna \"SELECT 1\"\r\n# x\r\ndeny anna \"SELECT 1\"\r\n",
			"\uFEFFallow anna \"SELECT 1\"\r\n# x\r\nallow anna \"SELECT 1\"\r\n",
		},
		"an expectation about a rule stays": {
			"deny anna rule=products \"SELECT 1\"\n",
			"allow anna rule=products \"SELECT 1\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, "a.cases", c.before)
			report, err := cases.Run(t.Context(), parse(t, updatePolicy), a, []*cases.File{f})
			if err != nil {
				t.Fatal(err)
			}
			got := string(f.Update(report.Of(f)))
			if !f.Updates() || got != c.after {
				t.Fatal(cmp.Diff(c.after, got))
			}
			again := read(t, "a.cases", got)
			report, err = cases.Run(t.Context(), parse(t, updatePolicy), a, []*cases.File{again})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				if r.Case.Expect.Verdict != r.Decision.Verdict {
					t.Errorf("line %d is still not as it is", r.Case.Place.Line)
				}
			}
		})
	}
}

func TestUpdateLeavesYAMLAlone(t *testing.T) {
	const text = "version: 1\ncases:\n  - {as: anna, text: SELECT 1, expect: {verdict: deny}} # why\n"
	f := read(t, "a.yaml", text)
	report, err := cases.Run(t.Context(), parse(t, "version: 1\n"), analyzer(t), []*cases.File{f})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Update(report.Of(f))); got != text || f.Updates() {
		t.Error(cmp.Diff(text, got))
	}
}

// Several files give one report, and each its own results.
func TestSeveralFiles(t *testing.T) {
	one, two := read(t, "one.cases", "allow anna \"SELECT 1\"\ndeny anna \"SELECT 1\"\n"), read(t, "two.cases", "deny bob \"SELECT 2\"\n")
	report, err := cases.Run(t.Context(), parse(t, updatePolicy), analyzer(t), []*cases.File{one, two})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Of(one)) != 2 || len(report.Of(two)) != 1 || report.Failed() != 2 {
		t.Errorf("%d and %d results, %d failed", len(report.Of(one)), len(report.Of(two)), report.Failed())
	}
	if report.Of(two)[0].Case.Question.Identity.User != "bob" {
		t.Error("results are mixed up")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := cases.Run(ctx, parse(t, "version: 1\n"), analyzer(t), []*cases.File{read(t, "a.cases", "allow a \"SELECT 1\"\n")})
	if !errors.Is(err, context.Canceled) || report != nil {
		t.Errorf("%v, %v", report, err)
	}
}

// A policy that is not there refuses, also in a test of it.
func TestNoPolicyRefuses(t *testing.T) {
	f := read(t, "a.cases", "deny a rule=no-policy \"SELECT 1\"\n")
	report, err := cases.Run(t.Context(), nil, analyzer(t), []*cases.File{f})
	if err != nil || report.Failed() != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A text that needs a worker process is refused without one, and says so.
func TestTextForAWorker(t *testing.T) {
	deep := "SELECT " + strings.Repeat("1 + ", 300) + "1"
	f := read(t, "a.cases", "allow a \""+deep+"\"\n")
	report, err := cases.Run(t.Context(), parse(t, "version: 1\n"), analyzer(t), []*cases.File{f})
	if err != nil {
		t.Fatal(err)
	}
	d := report.Results[0].Decision
	if report.Failed() != 1 || d.Rule != "builtin:parse" || !strings.Contains(d.Hint, "worker") {
		t.Errorf("%+v", d)
	}
}
