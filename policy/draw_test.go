package policy

import (
	"net/netip"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The small worlds from which rules and requests are drawn, so that they
// meet often.
var (
	someSchemas   = []string{"", "public", "s"}
	someNames     = []string{"a", "b", "lo_get"}
	someUsers     = []string{"alice", "bob"}
	someGroups    = []string{"dba", "support"}
	somePrefixes  = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")}
	someAddresses = []string{"10.1.2.3", "10.9.9.9", "::1", "::ffff:10.1.0.1", "192.0.2.1", "unknown", ""}
	someHosts     = []string{"10.0.0.1", "db.example", "x.example", ""}
	someClasses   = []string{"c.one", "c.two", "secret.key"}
	someTimes     = []string{"", "2026-11-22T06:00:00Z", "2026-11-22T18:00:00Z"}
)

// someConditions are true, false, neither, and dependent on what requests
// differ in.
var someConditions = []*condition.Condition{
	nil, nil, nil, compiled(`"dba" in identity.groups`), compiled("true"), compiled("false"), compiled("now.getHours() > 12"), compiled("destination.measured"),
	compiled(`session.declared["destination"] == "here"`), compiled(`statement.kind == "ordinary_read"`), compiled("statement.classes.size() > 0"),
}

func compiled(text string) *condition.Condition {
	c, err := condition.Compile(text)
	if err != nil {
		panic(err)
	}
	return c
}

func drawClasses(t *rapid.T) []classPattern {
	class := rapid.Custom(func(t *rapid.T) classPattern {
		family, name, _ := strings.Cut(rapid.SampledFrom(someClasses).Draw(t, "class"), ".")
		return classPattern{family: family, name: name, anyName: rapid.Bool().Draw(t, "any name"), anyFamily: rapid.IntRange(0, 5).Draw(t, "any family") == 0}
	})
	return rapid.SliceOfN(class, 0, 2).Draw(t, "classes")
}

func drawLimits(t *rapid.T) limitSet {
	if rapid.Bool().Draw(t, "no limits") {
		return limitSet{}
	}
	size := func(name string) *int64 {
		return rapid.SampledFrom([]*int64{nil, new(int64), pointer(1), pointer(100), pointer(1 << 30)}).Draw(t, name)
	}
	return limitSet{rows: size("rows"), bytes: size("bytes")}
}

func pointer(n int64) *int64 { return &n }

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
			groups:   rapid.SliceOfN(rapid.SampledFrom(someGroups), 0, 1).Draw(t, "groups"),
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
		r.classes = drawClasses(t)
		r.when = rapid.SampledFrom(someConditions).Draw(t, "when")
		r.mode = rapid.SampledFrom([]Mode{Enforce, Enforce, Enforce, Warn, Shadow}).Draw(t, "mode")
		if effect != Deny {
			r.limits = drawLimits(t)
		}
		r.addresses = rapid.SliceOfN(rapid.SampledFrom(somePrefixes), 0, 1).Draw(t, "addresses")
		return r
	})
}

func drawPolicy(t *rapid.T) *Policy {
	p := &Policy{
		name: "p",
		places: []*place{
			{PlaceDef: PlaceDef{Name: "here", Host: "10.0.0.1", Port: defaultPort}, accepts: drawClasses(t)},
			{PlaceDef: PlaceDef{Name: "wild", Port: defaultPort}, hosts: []hostPattern{{host: ".example", wild: true}}, floor: drawFloor(t)},
		},
		deny:     rapid.SliceOfN(drawRule(Deny), 0, 2).Draw(t, "deny"),
		defaults: drawLimits(t),
	}
	effects := []Verdict{Allow, Allow, Allow, Mask, Carry, Hold}
	p.leave = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *rule {
		return drawRule(rapid.SampledFrom(effects).Draw(t, "effect")).Draw(t, "rule")
	}), 0, 4).Draw(t, "leave")
	p.columns = newColumnTable(rapid.SliceOfN(rapid.Custom(drawColumnEntry), 0, 3).Draw(t, "columns"))
	if p.hasClients = rapid.IntRange(0, 3).Draw(t, "has clients") == 0; p.hasClients {
		p.clients = []client{{name: "near", networks: somePrefixes[:1], accepts: drawClasses(t)}}
	}
	if rapid.Bool().Draw(t, "knows") {
		p.known = map[string][]*knownFunction{"b": {{schema: "s", name: "b", signature: "s.b()", body: "x", effect: statement.OrdinaryRead}}}
	}
	return p
}

func drawFloor(t *rapid.T) *floor {
	if rapid.Bool().Draw(t, "no floor") {
		return nil
	}
	return &floor{
		tls: rapid.IntRange(0, 3).Draw(t, "tls"), authentication: rapid.IntRange(0, 3).Draw(t, "authentication"),
		replication: rapid.IntRange(0, 1).Draw(t, "replication"),
	}
}

func drawColumnEntry(t *rapid.T) *columnEntry {
	return &columnEntry{
		relation: drawPattern(t, Allow), column: part{name: rapid.SampledFrom(someNames).Draw(t, "column"), any: rapid.Bool().Draw(t, "any column")},
		class: rapid.SampledFrom(someClasses).Draw(t, "class"), text: "x.y.z", position: "p:2:2",
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
		st.Columns = rapid.SliceOfN(rapid.Custom(drawColumn), 0, 2).Draw(t, "columns")
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

func drawColumn(t *rapid.T) statement.Column {
	uses := []statement.ColumnUse{statement.Output, statement.Used, statement.Written}
	r := drawRelation(t)
	c := statement.Column{Schema: r.Schema, Relation: r.Name, Use: rapid.SampledFrom(uses).Draw(t, "use"), Position: r.Position}
	if rapid.Bool().Draw(t, "unresolved") {
		c.Schema, c.Relation, c.Unresolved = "", "", true
	}
	if c.Star = rapid.Bool().Draw(t, "star"); !c.Star {
		c.Name = rapid.SampledFrom(someNames).Draw(t, "name")
	}
	return c
}

func drawDestination(t *rapid.T) statement.Destination {
	kinds := []statement.DestinationType{statement.ToClient, statement.ToServer, statement.ToURL}
	return statement.Destination{Type: rapid.SampledFrom(kinds).Draw(t, "type"), Host: rapid.SampledFrom(someHosts).Draw(t, "host")}
}

func drawPlace(t *rapid.T) Place {
	return Place{
		Name: rapid.SampledFrom([]string{"here", ""}).Draw(t, "name"), Address: rapid.SampledFrom([]string{"10.0.0.1:5432", "db.example:5432", "x"}).Draw(t, "address"),
		MeasuredAt: rapid.SampledFrom([]string{"2026-11-22T14:03:07Z", ""}).Draw(t, "when"),
		Findings:   rapid.SliceOfN(rapid.Just("is open"), 0, 1).Draw(t, "findings"),
		TLS:        rapid.SampledFrom([]string{"", "none", "required", "verified"}).Draw(t, "tls"), Authentication: rapid.SampledFrom([]string{"", "trust", "scram"}).Draw(t, "authentication"),
		Replication: rapid.SampledFrom([]string{"", "open", "closed"}).Draw(t, "replication"),
		Problem:     rapid.SampledFrom([]string{"", "", "no answer"}).Draw(t, "problem"),
	}
}

var someDeclarations = []map[string]string{nil, {"destination": "here"}, {"destination": "elsewhere", "reason": "T-1"}}

func drawFacts(t *rapid.T) Facts {
	functions := rapid.SampledFrom([]string{"x", "y"})
	return Facts{
		Places: rapid.SliceOfN(rapid.Custom(drawPlace), 0, 2).Draw(t, "places"),
		Functions: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) FunctionFact {
			return FunctionFact{Signature: "s.b()", Body: functions.Draw(t, "body")}
		}), 0, 1).Draw(t, "functions"),
	}
}

func drawRequest(t *rapid.T) *Request {
	req := &Request{
		Identity: Identity{
			User: rapid.SampledFrom(someUsers).Draw(t, "user"), Method: "cert",
			Groups: rapid.SliceOfNDistinct(rapid.SampledFrom(someGroups), 0, 2, rapid.ID).Draw(t, "groups"),
		},
		Session: Session{Database: "shop", Address: rapid.SampledFrom(someAddresses).Draw(t, "address")},
		Kind:    statement.OrdinaryRead,
	}
	req.Statements = rapid.SliceOfN(drawStatement(2), 0, 3).Draw(t, "statements")
	for _, st := range req.Statements {
		req.Kind = statement.Worst(req.Kind, st.Kind)
	}
	req.Facts, req.Time = drawFacts(t), rapid.SampledFrom(someTimes).Draw(t, "time")
	req.Session.Declared = rapid.SampledFrom(someDeclarations).Draw(t, "declared")
	return req
}
