package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestCarry decides about rows that are to be carried. In testdata/carry a policy
// stands before ++++, and statements after it; lines between them set what was
// measured about the place analytics:
//
//	@measured               it is as it should be
//	@nothing                nobody measured it
//	@problem WORDS          it could not be measured
//	@deficit WORDS          it stays below its floor
//	@parity WORDS           somebody could read more there
//	@untold WORDS           who could read it could not be compared
//	@blocked WORDS          it is given nothing new
//	@unread                 nobody asked the catalog
func TestCarry(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	book := maskBook()
	each(t, "carry", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			p := parse(t, document)
			var out []string
			fact, read := goodPlace(), true
			for line := range strings.SplitSeq(lines, "\n") {
				out = append(out, "> "+line)
				if word, words, _ := strings.Cut(line, " "); strings.HasPrefix(line, "@") {
					fact, read = placeBy(t, word, words), word != "@unread"
					continue
				}
				req := request()
				a := analyzer.Analyze(t.Context(), line)
				req.Kind, req.Problem, req.Statements = a.Kind, a.Problem, a.Statements
				if read {
					req.Facts.Catalog = p.CatalogFact(book, catalog.Sight{Snapshot: book.Snapshot, Path: []string{"pg_catalog", "public"}}, nil, a.Statements)
				}
				if fact != nil {
					req.Facts.Places = []policy.Place{*fact}
				}
				out = append(out, carriedWords(decideBothWays(t, p, req)))
			}
			return strings.Join(out, "\n")
		})
	})
}

func goodPlace() *policy.Place {
	return &policy.Place{
		Name: "analytics", Address: "db-copy:5432", MeasuredAt: "2026-11-29T14:03:07Z", TLS: "verified", Authentication: "scram", Replication: "closed",
		SystemIdentifier: "7", Parity: &policy.Parity{MeasuredAt: "2026-11-29T14:03:08Z", Source: "a", Destination: "b"},
	}
}

func placeBy(t *testing.T, word, words string) *policy.Place {
	fact := goodPlace()
	switch word {
	case "@measured", "@unread":
	case "@nothing":
		return nil
	case "@problem":
		fact.Problem = words
	case "@deficit":
		fact.Deficits = strings.Split(words, "; ")
	case "@parity":
		fact.Parity.Deficits = strings.Split(words, "; ")
	case "@untold":
		fact.Parity.Problem = words
	case "@blocked":
		fact.Blocked = words
	default:
		t.Fatalf("a line nobody understands: %s", word)
	}
	return fact
}

func carriedWords(d policy.Decision) string {
	out := masksOf(d)
	if d.Carry != nil {
		out += fmt.Sprintf("\n  to %s for %ds", d.Carry.Place, d.Carry.Seconds)
		for _, item := range d.Carry.Items {
			out += fmt.Sprintf("\n  %d: %s.%s as %s.%s %s %v", item.Statement, item.Schema, item.Relation, item.TargetSchema, item.Target, item.Existing, item.Classes)
		}
	}
	if d.Limits != (policy.Limits{}) {
		out += fmt.Sprintf("\n  limits %+v of %s", d.Limits, d.LimitsRule)
	}
	if d.Verdict != policy.Carry {
		out += "\n  hint " + d.Hint
	}
	return out
}

// What masked values satisfy is said by the first mask for their class, for one place.
func TestKeeps(t *testing.T) {
	p := parse(t, `version: 1
classes: {contact.email: {}, contact.phone: {}}
destinations:
  analytics:
    host: localhost
    masks:
      - {classes: [contact.email], mask: pseudonym, domain: email, keeps: [people_email_check]}
      - {classes: [contact.*], mask: "null", keeps: [people_check]}
  sandbox: {host: localhost, port: 5433}
`)
	for _, c := range []struct{ place, class, want string }{
		{"analytics", "contact.email", "people_email_check"},
		{"analytics", "contact.phone", "people_check"},
		{"analytics", "secret.token", ""},
		{"sandbox", "contact.email", ""},
		{"nowhere", "contact.email", ""},
	} {
		if got := strings.Join(p.Keeps(c.place, c.class), " "); got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.class, c.place, got, c.want)
		}
	}
}
