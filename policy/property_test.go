package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/statement"
)

func TestMoreDenyRulesNeverAllowMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		before, after := p.Decide(req), with(p, drawRule(Deny).Draw(t, "more")).Decide(req)
		if after.Verdict > before.Verdict {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

func TestMoreAllowRulesNeverDenyMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		before, after := p.Decide(req), with(p, drawRule(Allow).Draw(t, "more")).Decide(req)
		if after.Verdict < before.Verdict {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

func TestOrderChangesNoVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		// Of rules that ask for more than allow, the first names the terms.
		p.leave = slices.DeleteFunc(p.leave, func(r *rule) bool { return r.effect != Allow })
		turned := *p
		turned.deny, turned.leave = slices.Clone(p.deny), slices.Clone(p.leave)
		slices.Reverse(turned.deny)
		slices.Reverse(turned.leave)
		if a, b := p.Decide(req), turned.Decide(req); a.Verdict != b.Verdict {
			t.Fatalf("%+v and, turned round, %+v", a, b)
		}
	})
}

// allEffects lists the effects of statements and of those in them.
func allEffects(list []statement.Statement) []statement.Effect {
	var out []statement.Effect
	for _, st := range list {
		out = append(out, st.Effects...)
		for _, use := range st.Names {
			if use.Inner != nil {
				out = append(out, allEffects([]statement.Statement{*use.Inner})...)
			}
		}
	}
	return out
}

func TestNothingIsAllowedWithoutARuleForIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		if p.Decide(req).Verdict != Allow {
			return
		}
		leave := everyday
		for _, r := range p.leave {
			leave |= r.kinds
		}
		for _, e := range allEffects(req.Statements) {
			if !leave.has(e.Kind) && !(p.known != nil && e.Kind == statement.OpaqueCode) {
				t.Fatalf("%s is allowed though no rule allows it", e.Kind)
			}
			if (&Policy{}).Decide(req).Verdict == Allow && !everyday.has(e.Kind) {
				t.Fatalf("%s is allowed by an empty policy", e.Kind)
			}
		}
	})
}

func TestParseErrorsAreNeverAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			req.Problem = &statement.Problem{SQLSTATE: "54001", Message: "m", Position: -1}
		case 1:
			req.Kind = statement.ParseError
		case 2:
			st := drawStatement(0).Draw(t, "broken")
			st.Effects[0].Kind = statement.ParseError
			req.Statements = append(req.Statements, st)
		}
		if d := p.Decide(req); d.Verdict != Deny {
			t.Fatalf("%+v", d)
		}
	})
}

func TestDecisionsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, req := drawPolicy(t), drawRequest(t)
		d := p.Decide(req)
		if diff := cmp.Diff(d, p.Decide(req)); diff != "" {
			t.Fatal("the same question had two answers", diff)
		}
		checkWhole(t, d)
		if diff := cmp.Diff(d, p.View(req.Identity, req.Session).Decide(req)); diff != "" {
			t.Fatal("a view decides differently", diff)
		}
		data, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		again := new(Request)
		if err := json.Unmarshal(data, again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, p.Decide(again)); diff != "" {
			t.Fatal("the recorded request is decided differently", diff)
		}
	})
}

// checkWhole checks what every decision holds.
func checkWhole(t interface{ Fatalf(string, ...any) }, d Decision) {
	if (d.Verdict == Allow) != (d.SQLSTATE == "") {
		t.Fatalf("verdict and SQLSTATE contradict each other: %+v", d)
	}
	if len(d.Reasons) == 0 || d.Reasons[0].Rule != d.Rule || d.Rule == "" || d.Subject == "" {
		t.Fatalf("a decision without its rule, reason or subject: %+v", d)
	}
	message, detail, _ := Explain(d, "7k2mq9xw")
	if utf8.RuneCountInString(message) > maxPrimary || !utf8.ValidString(message+detail) {
		t.Fatalf("unfit words: %q %q", message, detail)
	}
}

// TestCoveredRulesDecideNothing checks the ground on which a document with
// an unreachable rule is refused. A rule that asks for more than allow, behind
// an allow rule, still holds back what only may be meant, so such pairs are
// left out here.
func TestCoveredRulesDecideNothing(t *testing.T) {
	met := 0
	rapid.Check(t, func(t *rapid.T) {
		effects := []Verdict{Deny, Allow, Hold}
		wide := drawRule(rapid.SampledFrom(effects).Draw(t, "wide")).Draw(t, "wide rule")
		narrow := drawRule(rapid.SampledFrom(effects).Draw(t, "narrow")).Draw(t, "narrow rule")
		wide.mode, narrow.mode, narrow.limits = Enforce, Enforce, limitSet{}
		if wide.when = nil; rapid.Bool().Draw(t, "alike") {
			id, effect := narrow.id, narrow.effect
			*narrow = *wide
			narrow.id, narrow.effect, narrow.limits = id, effect, limitSet{}
			narrow.users, narrow.methods = someUsers[:1], methodNames
			narrow.when = rapid.SampledFrom(someConditions).Draw(t, "narrow when")
		}
		if wide.effect != Deny && narrow.effect == Deny || wide.effect > narrow.effect || !wide.covers(narrow) {
			return
		}
		met++
		p := &Policy{places: []*place{{PlaceDef: PlaceDef{Name: "here", Host: "10.0.0.1", Port: defaultPort}}}}
		both := with(with(p, wide), narrow)
		req := drawRequest(t)
		a, b := with(p, wide).Decide(req), both.Decide(req)
		if a.Verdict != b.Verdict || a.Rule != b.Rule && b.Rule == narrow.id {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
	if met == 0 {
		t.Error("no rule ever covered another: the test shows nothing")
	}
}

func TestKindNames(t *testing.T) {
	if got := fmt.Sprint(kindNames()); everyKind.has(statement.ParseError) || len(kindNames()) != len(statement.Kinds())-1 {
		t.Error(got)
	}
}
