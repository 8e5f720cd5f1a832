package policy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/statement"
)

// The small worlds from which rules and requests are drawn, so that they
// meet often.
var (
	someSchemas   = []string{"", "public", "s"}
	someNames     = []string{"a", "b", "lo_get"}
	someUsers     = []string{"alice", "bob"}
	somePrefixes  = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")}
	someAddresses = []string{"10.1.2.3", "10.9.9.9", "::1", "::ffff:10.1.0.1", "192.0.2.1", "unknown", ""}
	someHosts     = []string{"10.0.0.1", "db.example", ""}
)

func drawPattern(t *rapid.T, effect Verdict) pattern {
	p := pattern{schema: rapid.SampledFrom(someSchemas).Draw(t, "schema"), name: rapid.SampledFrom(someNames).Draw(t, "name")}
	p.anyName = rapid.Bool().Draw(t, "any name")
	p.anySchema = p.schema == ""
	p.bare = p.anySchema && effect == Deny
	return p
}

func drawRule(effect Verdict) *rapid.Generator[*rule] {
	return rapid.Custom(func(t *rapid.T) *rule {
		r := &rule{
			id: rapid.StringMatching(`[a-z]{8}`).Draw(t, "id"), effect: effect,
			kinds:    kindSet(rapid.Uint32().Draw(t, "kinds")) & everyKind,
			users:    rapid.SliceOfN(rapid.SampledFrom(someUsers), 0, 1).Draw(t, "users"),
			link:     rapid.SampledFrom([]string{"", "https://x.example"}).Draw(t, "link"),
			message:  rapid.SampledFrom([]string{"", "words"}).Draw(t, "message"),
			position: "p:1:1",
		}
		if rapid.Bool().Draw(t, "every kind") {
			r.kinds = everyKind
		}
		patterns := rapid.Custom(func(t *rapid.T) pattern { return drawPattern(t, effect) })
		r.relations = rapid.SliceOfN(patterns, 0, 2).Draw(t, "relations")
		r.functions = rapid.SliceOfN(patterns, 0, 1).Draw(t, "functions")
		r.addresses = rapid.SliceOfN(rapid.SampledFrom(somePrefixes), 0, 1).Draw(t, "addresses")
		return r
	})
}

func drawPolicy(t *rapid.T) *Policy {
	return &Policy{
		name: "p", places: []*place{{PlaceDef: PlaceDef{Name: "here", Host: "10.0.0.1", Port: defaultPort}}},
		deny:  rapid.SliceOfN(drawRule(Deny), 0, 2).Draw(t, "deny"),
		leave: rapid.SliceOfN(drawRule(Allow), 0, 4).Draw(t, "allow"),
	}
}

func with(p *Policy, more *rule) *Policy {
	out := *p
	if more.effect == Deny {
		out.deny = append(slices.Clone(p.deny), more)
	} else {
		out.leave = append(slices.Clone(p.leave), more)
	}
	return &out
}

func drawStatement(depth int) *rapid.Generator[statement.Statement] {
	return rapid.Custom(func(t *rapid.T) statement.Statement {
		st := statement.Statement{Node: rapid.SampledFrom([]string{"SelectStmt", "CopyStmt", "DoStmt", "FunctionCall"}).Draw(t, "node")}
		st.Effects = rapid.SliceOfN(rapid.Custom(drawEffect), 1, 3).Draw(t, "effects")
		st.Kind = worstOf(st.Effects)
		st.Relations = rapid.SliceOfN(rapid.Custom(drawRelation), 0, 3).Draw(t, "relations")
		st.Functions = rapid.SliceOfN(rapid.Custom(drawFunction), 0, 2).Draw(t, "functions")
		st.Destinations = rapid.SliceOfN(rapid.Custom(drawDestination), 0, 1).Draw(t, "destinations")
		if rapid.IntRange(0, 9).Draw(t, "setting") == 0 {
			st.Settings = []statement.Setting{{Name: "role", Breaks: rapid.Bool().Draw(t, "breaks")}}
		}
		if depth > 0 && rapid.IntRange(0, 5).Draw(t, "inner") == 0 {
			inner := drawStatement(depth-1).Draw(t, "inner")
			st.Names = []statement.NameUse{{Op: statement.Prepare, Inner: &inner}}
		}
		return st
	})
}

func drawEffect(t *rapid.T) statement.Effect {
	kind := rapid.IntRange(1, len(statement.Kinds())-1)
	what := rapid.SampledFrom([]string{"a thing", "function a", "function s.b (why)", "operator +", "COPY FROM PROGRAM", ""})
	return statement.Effect{Kind: statement.Kind(kind.Draw(t, "kind")), What: what.Draw(t, "what"), Position: rapid.IntRange(-1, 3).Draw(t, "at")}
}

func drawRelation(t *rapid.T) statement.Relation {
	return statement.Relation{
		Schema: rapid.SampledFrom(someSchemas).Draw(t, "schema"), Name: rapid.SampledFrom(someNames).Draw(t, "name"),
		Access: rapid.SampledFrom([]statement.Access{statement.Read, statement.Write}).Draw(t, "access"), Position: rapid.IntRange(-1, 3).Draw(t, "at"),
	}
}

func drawFunction(t *rapid.T) statement.Function {
	r := drawRelation(t)
	return statement.Function{Schema: r.Schema, Name: r.Name, Position: r.Position}
}

func drawDestination(t *rapid.T) statement.Destination {
	kinds := []statement.DestinationType{statement.ToClient, statement.ToServer, statement.ToURL}
	return statement.Destination{Type: rapid.SampledFrom(kinds).Draw(t, "type"), Host: rapid.SampledFrom(someHosts).Draw(t, "host")}
}

func drawPlace(t *rapid.T) Place {
	return Place{
		Name: rapid.SampledFrom([]string{"here", ""}).Draw(t, "name"), Address: rapid.SampledFrom([]string{"10.0.0.1:5432", "x"}).Draw(t, "address"),
		MeasuredAt: rapid.SampledFrom([]string{"2026-11-22T14:03:07Z", ""}).Draw(t, "when"),
		Findings:   rapid.SliceOfN(rapid.Just("is open"), 0, 1).Draw(t, "findings"),
		Problem:    rapid.SampledFrom([]string{"", "", "no answer"}).Draw(t, "problem"),
	}
}

func drawRequest(t *rapid.T) *Request {
	req := &Request{
		Identity: Identity{User: rapid.SampledFrom(someUsers).Draw(t, "user"), Method: "cert"},
		Session:  Session{Database: "shop", Address: rapid.SampledFrom(someAddresses).Draw(t, "address")},
		Kind:     statement.OrdinaryRead,
	}
	req.Statements = rapid.SliceOfN(drawStatement(2), 0, 3).Draw(t, "statements")
	for _, st := range req.Statements {
		req.Kind = statement.Worst(req.Kind, st.Kind)
	}
	req.Facts.Places = rapid.SliceOfN(rapid.Custom(drawPlace), 0, 2).Draw(t, "places")
	return req
}

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
			if !leave.has(e.Kind) {
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
// an unreachable rule is refused.
func TestCoveredRulesDecideNothing(t *testing.T) {
	met := 0
	rapid.Check(t, func(t *rapid.T) {
		effects := []Verdict{Deny, Allow}
		wide := drawRule(rapid.SampledFrom(effects).Draw(t, "wide")).Draw(t, "wide rule")
		narrow := drawRule(rapid.SampledFrom(effects).Draw(t, "narrow")).Draw(t, "narrow rule")
		if wide.effect == Allow && narrow.effect == Deny || !wide.covers(narrow) {
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
