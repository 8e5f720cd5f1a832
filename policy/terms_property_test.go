package policy

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestWatchingRulesChangeNothing: a rule that does not act changes neither
// the verdict nor the limits, only what is said beside them.
func TestWatchingRulesChangeNothing(t *testing.T) {
	said := 0
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		more := drawRule(rapid.SampledFrom([]Verdict{Deny, Hold, Carry, Mask, Allow}).Draw(t, "effect")).Draw(t, "more")
		if more.mode = rapid.SampledFrom([]Mode{Warn, Shadow}).Draw(t, "mode"); more.acts() {
			more.mode = Shadow
		}
		if rapid.Bool().Draw(t, "wide") {
			more.users, more.addresses, more.relations, more.functions, more.classes = nil, nil, nil, nil, nil
		}
		before, after := p.Decide(req), with(p, more).Decide(req)
		said += len(after.Notices) + len(after.Shadow) - len(before.Notices) - len(before.Shadow)
		before.Notices, before.Shadow, before.Volatile = nil, nil, false
		after.Notices, after.Shadow, after.Volatile = nil, nil, false
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
	})
	if said == 0 {
		t.Error("no watching rule ever said anything: the test shows nothing")
	}
}

// within reports whether a limit is not above what a rule gives.
func within(limit int64, rule *int64) bool {
	return rule == nil || *rule == 0 || limit != 0 && limit <= *rule
}

func TestLimitsAreNeverAboveTheRule(t *testing.T) {
	met := 0
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		if rapid.Bool().Draw(t, "open") {
			p.deny, p.columns, p.hasClients = nil, newColumnTable(nil), false
			wide := drawRule(Allow).Draw(t, "wide")
			*wide = rule{id: wide.id, effect: Allow, kinds: everyKind, limits: wide.limits, position: "p:1:1"}
			p.leave = append(p.leave, wide)
		}
		d := p.Decide(req)
		if d.Verdict == Deny {
			if d.Limits != (Limits{}) || d.LimitsRule != "" {
				t.Fatalf("a refusal with limits: %+v", d)
			}
			return
		}
		if d.LimitsRule == "" {
			t.Fatalf("nobody gave the limits: %+v", d)
		}
		for _, r := range p.leave {
			if r.id != d.Rule {
				continue
			}
			met++
			if !within(d.Limits.Rows, r.limits.rows) || !within(d.Limits.Bytes, r.limits.bytes) {
				t.Fatalf("limits %+v are above those of rule %+v", d.Limits, r)
			}
		}
		if d.Rule == ruleEveryday && (!within(d.Limits.Rows, p.defaults.rows) || !within(d.Limits.Bytes, p.defaults.bytes)) {
			t.Fatalf("limits %+v are above the defaults", d.Limits)
		}
	})
	if met == 0 {
		t.Error("no rule ever decided: the test shows nothing")
	}
}

// TestSecretsNeverComeOut: no rule opens a class of the family secret.
func TestSecretsNeverComeOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		entry := &columnEntry{relation: pattern{schema: "public", name: "a"}, column: part{name: "b"}, class: "secret.key", text: "public.a.b", position: "p:3:3"}
		p.columns = newColumnTable(append(slices.Clone(p.columns.entries), entry))
		st := drawStatement(0).Draw(t, "leak")
		st.Columns = append(st.Columns, statement.Column{
			Schema: rapid.SampledFrom([]string{"", "public"}).Draw(t, "schema"), Relation: "a", Name: "b", Use: statement.Output, Position: 3,
		})
		if rapid.Bool().Draw(t, "star") {
			last := &st.Columns[len(st.Columns)-1]
			last.Name, last.Star = "", true
		}
		if keepsToItself[st.Node] && !goesOutward(&st) {
			return
		}
		req.Statements = append(req.Statements, st)
		req.Kind = statement.Worst(req.Kind, st.Kind)
		if d := p.Decide(req); d.Verdict != Deny {
			t.Fatalf("%+v", d)
		}
	})
}

// TestDenyBeatsEverything: whatever else a policy says.
func TestDenyBeatsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		wall := &rule{id: "wall", effect: Deny, kinds: everyKind, position: "p:9:9", when: rapid.SampledFrom([]*condition.Condition{
			nil, compiled("true"), compiled(`session.declared["no such key"] == ""`),
		}).Draw(t, "when")}
		if d := with(p, wall).Decide(req); d.Verdict != Deny {
			t.Fatalf("%+v", d)
		}
	})
}

// TestDeclarationsChangeNothing: what a session declares is a claim. Only a
// condition, which somebody wrote to look at it, sees it, and the words of a refusal
// speak of it.
func TestDeclarationsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		for _, r := range append(slices.Clone(p.deny), p.leave...) {
			r.when = nil
		}
		before := p.Decide(req)
		req.Session.Declared = rapid.SampledFrom(someDeclarations).Draw(t, "other")
		req.Session.ApplicationName = "another"
		after := p.Decide(req)
		if before.Verdict == Deny && after.Verdict == Deny {
			before.Reasons, before.Hint, after.Reasons, after.Hint = nil, "", nil, ""
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestWhatIsNotVolatileCanBeKept: without the mark, neither the time nor a
// fact matters.
func TestWhatIsNotVolatileCanBeKept(t *testing.T) {
	kept := 0
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		before := p.Decide(req)
		if before.Volatile {
			return
		}
		kept++
		req.Facts, req.Time = drawFacts(t), rapid.SampledFrom(someTimes).Draw(t, "other time")
		if diff := cmp.Diff(before, p.Decide(req)); diff != "" {
			t.Fatal(diff)
		}
	})
	if kept == 0 {
		t.Error("every decision was volatile: the test shows nothing")
	}
}

// TestClientsSeeOnlyWhatTheirEndpointAccepts: whatever rules say.
func TestClientsSeeOnlyWhatTheirEndpointAccepts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		p.hasClients = true
		d := p.Decide(req)
		if d.Verdict == Deny {
			return
		}
		client := p.View(req.Identity, req.Session).client
		for i := range req.Statements {
			c := &ruling{judge: newTestJudge(p, req), st: &req.Statements[i]}
			c.withKnown()
			for _, entry := range c.toClient() {
				if client == nil || !hasClass(client.accepts, entry.class) {
					t.Fatalf("%s goes to a client that does not accept it: %+v", entry.class, d)
				}
			}
		}
	})
}

func newTestJudge(p *Policy, req *Request) *judge {
	return &judge{view: p.View(req.Identity, req.Session), policy: p, req: req}
}
