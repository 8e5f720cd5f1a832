package proxy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// decidingSession is as much of a session as a decision needs.
func decidingSession(t testing.TB, document string) (*session, *policy.Policy) {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	a := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = a.Close() })
	server := &Server{analyzer: a, now: func() time.Time { return time.Unix(1764230400, 0) }}
	server.policy.Store(p)
	s := &session{
		server: server, identity: identity.Identity{User: "alice", Method: "scram-sha-256"}, startup: &startup{},
		database: &database{config: Database{Name: "shop"}, catalog: &catalogKeeper{}}, address: "10.20.0.7", pending: newPending('I', time.Time{}),
	}
	return s, p
}

// decideOnce is what the gate does with a text before it records it.
func (s *session) decideOnce(ctx context.Context, text string) *decided {
	p := s.server.policy.Load()
	a := s.server.analyzer.Analyze(ctx, text)
	if known := s.decided.find(a, p); known != nil {
		return known
	}
	return s.decideText(ctx, a, p)
}

// thousandRules speak about everything but users.
func thousandRules() string {
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - {id: r%d, effect: allow, kinds: [ordinary_read, export_to_client], relations: [public.t%d], limits: {rows: %d}}\n", i, i, i+1)
	}
	return b.String()
}

const orm = "SELECT id, email FROM public.users WHERE id = %d AND name = '%s' ORDER BY id LIMIT 10"

// A decision that is kept is the one that would be taken now.
func TestKeptDecisionsAreRight(t *testing.T) {
	s, p := decidingSession(t, `version: 1
rules:
  - {id: no-tokens, effect: deny, relations: [public.tokens]}
  - {id: hours, effect: allow, kinds: [export_to_client], when: "now.getHours() < 30"}
  - {id: code, effect: allow, kinds: [opaque_code], limits: {rows: 7}}
`)
	kept := 0
	for i := range 3000 {
		for _, form := range []string{
			orm, "SELECT %d, '%s' FROM public.tokens", "COPY public.users TO STDOUT -- %d %s", "DO '%d %s'",
			"PREPARE p%d AS SELECT '%s'", "SELECT f(%d, '%s')", "SELEC %d '%s'", "EXECUTE p(%d, '%s')",
		} {
			text := fmt.Sprintf(form, i%40, strings.Repeat("x", i%7))
			a := s.server.analyzer.Analyze(t.Context(), text)
			if s.decided.find(a, p) != nil {
				kept++
			}
			got := s.decideOnce(t.Context(), text)
			want := s.decide(t.Context(), s.request(s.resolve(a.Statements), a.Kind, a.Problem), p)
			if diff := cmp.Diff(want.decision, got.decision); diff != "" {
				t.Fatalf("%s:\n%s", text, diff)
			}
			if len(s.decided.kept) > maxKept {
				t.Fatalf("%d decisions are kept", len(s.decided.kept))
			}
		}
	}
	if kept < 2900 {
		t.Errorf("only %d decisions were kept ones", kept)
	}
	other, err := policy.Parse("other.yaml", []byte("version: 1\nrules:\n  - {id: none, effect: deny}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.server.policy.Store(other)
	if d := s.decideOnce(t.Context(), fmt.Sprintf(orm, 1, "x")); d.decision.Rule != "none" {
		t.Errorf("under a new policy: %+v", d.decision)
	}
}

// What depends on the time, on a place, on a name or is refused is not kept.
func TestWhatIsNotKept(t *testing.T) {
	s, p := decidingSession(t, `version: 1
rules:
  - {id: hours, effect: allow, kinds: [export_to_client], when: "now.getHours() < 30"}
`)
	for _, text := range []string{"COPY public.users TO STDOUT", "SELEC", "COPY users TO '/x'", "PREPARE p AS SELECT 1", "EXECUTE p"} {
		s.decideOnce(t.Context(), text)
		if s.decided.find(s.server.analyzer.Analyze(t.Context(), text), p) != nil {
			t.Errorf("%s is kept", text)
		}
	}
}

func TestKeptDecisionsAllocateNothing(t *testing.T) {
	s, _ := decidingSession(t, thousandRules())
	texts := []string{fmt.Sprintf(orm, 1, "a"), fmt.Sprintf(orm, 22, "bb")}
	s.decideOnce(t.Context(), texts[0])
	i := 0
	if n := testing.AllocsPerRun(1000, func() {
		i++
		if s.decideOnce(t.Context(), texts[i%2]).decision.Verdict != policy.Allow {
			t.Error("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkDecision compares what a text costs that was seen before with one
// that was not, without rules and with a thousand.
func BenchmarkDecision(b *testing.B) {
	for _, c := range []struct{ name, document string }{{"no rules", "version: 1\n"}, {"1000 rules", thousandRules()}} {
		b.Run("seen, "+c.name, func(b *testing.B) {
			s, _ := decidingSession(b, c.document)
			texts := []string{fmt.Sprintf(orm, 1, "a"), fmt.Sprintf(orm, 22, "bb")}
			s.decideOnce(b.Context(), texts[0])
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.decideOnce(b.Context(), texts[i%2])
			}
		})
		b.Run("new, "+c.name, func(b *testing.B) {
			s, _ := decidingSession(b, c.document)
			for i := 0; b.Loop(); i++ {
				s.decideOnce(b.Context(), fmt.Sprintf("SELECT id, email AS e%d FROM public.users WHERE id = $1 ORDER BY id LIMIT 10", i))
			}
		})
	}
}

// maskingSession is a session under a policy that masks, in a database with one
// table.
func maskingSession(t testing.TB) *session {
	s, _ := decidingSession(t, `version: 1
classes: {contact.email: {}}
columns: [{columns: [public.people.email], class: contact.email}]
masks: [{classes: [contact.email], mask: constant, value: gone}]
rules: [{id: masked, effect: mask, kinds: [ordinary_read]}]
`)
	text := catalog.Column{Type: 25, BaseType: 25, TypeName: "text"}
	id, email := text, text
	id.Num, id.Name, email.Num, email.Name = 1, "id", 2, "email"
	book := policy.NewBook(catalog.NewSnapshot([]*catalog.Relation{
		{OID: 16384, Schema: "public", Name: "people", Kind: catalog.Table, Persistence: 'p', Columns: []catalog.Column{id, email}},
	}, nil))
	s.database.catalog = newTestKeeper(func(*policy.Book) (*policy.Book, error) { return book, nil })
	s.lease = &credential.Lease{}
	s.sight = sight{path: []string{"pg_catalog", "public"}, known: true, book: book}
	return s
}

// A text that is masked is decided once, for as long as what was seen of the
// catalog is so.
func TestMaskedDecisionsAreKept(t *testing.T) {
	s := maskingSession(t)
	const text = "SELECT id, email FROM people WHERE id = '7'"
	first := s.decideOnce(t.Context(), text)
	if first.decision.Verdict != policy.Mask || first.masks == nil {
		t.Fatalf("decided is %+v", first.decision)
	}
	again := s.decideOnce(t.Context(), text)
	if again != first || !s.seesSame(t.Context(), again.sight) {
		t.Error("decided again although nothing has changed")
	}
	s.sight.generation++
	if s.seesSame(t.Context(), first.sight) {
		t.Error("another path is taken for the same")
	}
}

// BenchmarkSeesSame measures what a kept decision costs that looked at the
// catalog.
func BenchmarkSeesSame(b *testing.B) {
	s := maskingSession(b)
	made := s.decideOnce(b.Context(), "SELECT id, email FROM people")
	b.ReportAllocs()
	for b.Loop() {
		if !s.seesSame(b.Context(), made.sight) {
			b.Fatal("it does not hold")
		}
	}
}
