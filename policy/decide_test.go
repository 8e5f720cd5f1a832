package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// request is a sound request of alice on shop with some statements.
func request(statements ...statement.Statement) *policy.Request {
	req := &policy.Request{
		Identity:   policy.Identity{User: "alice", Method: "scram-sha-256"},
		Session:    policy.Session{Database: "shop", Address: "127.0.0.1", TLS: true},
		Kind:       statement.OrdinaryRead,
		Statements: statements,
	}
	for _, st := range statements {
		req.Kind = statement.Worst(req.Kind, st.Kind)
	}
	return req
}

// single is a statement with one effect.
func single(kind statement.Kind, relations ...statement.Relation) statement.Statement {
	return statement.Statement{
		Kind: kind, Node: "SelectStmt", Relations: relations,
		Effects: []statement.Effect{{Kind: kind, What: "a thing", Position: 0}},
	}
}

func relation(schema, name string) statement.Relation {
	return statement.Relation{Schema: schema, Name: name, Access: statement.Read, Position: 7}
}

// TestWords shows what people read. A case is a policy, a line with ++++,
// and what differs from a sound request, in JSON.
func TestWords(t *testing.T) {
	each(t, "words", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, fields, found := strings.Cut(input, "\n++++\n")
			if !found {
				t.Fatalf("a case without ++++: %q", input)
			}
			req := request()
			if err := json.Unmarshal([]byte(fields), req); err != nil {
				t.Fatalf("%v in %q", err, fields)
			}
			d := parse(t, document).Decide(req)
			message, detail, hint := policy.Explain(d, "7k2mq9xw")
			if n := utf8.RuneCountInString(message); n > 120 {
				t.Errorf("%d characters in %q", n, message)
			}
			return fmt.Sprintf("%s %s\nMESSAGE %s\nDETAIL  %s\nHINT    %s\nAT      %d %q %q statement %d", d.Verdict, d.SQLSTATE,
				message, strings.ReplaceAll(detail, "\n", "\n        "), hint, d.Position, d.Schema, d.Relation, d.Statement)
		})
	})
}

func TestNothingIsDenied(t *testing.T) {
	var none *policy.Policy
	for name, d := range map[string]policy.Decision{
		"nil policy":       none.Decide(request(single(statement.OrdinaryRead))),
		"nil request":      parse(t, "version: 1\n").Decide(nil),
		"zero request":     parse(t, "version: 1\n").Decide(&policy.Request{}),
		"no policy at all": none.Decide(nil),
	} {
		if d.Verdict != policy.Deny || d.SQLSTATE == "" || len(d.Reasons) == 0 || d.Reasons[0].Rule != d.Rule {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestUnsoundRequestsAreDenied(t *testing.T) {
	all := example(t, "allow-all.yaml")
	deep := single(statement.OrdinaryRead)
	for range 10 {
		inner := deep
		deep = single(statement.OrdinaryRead)
		deep.Names = []statement.NameUse{{Op: statement.Prepare, Inner: &inner}}
	}
	noEffect := single(statement.OrdinaryRead)
	noEffect.Effects = nil
	lesser := single(statement.ExportToProgram)
	lesser.Kind = statement.OrdinaryRead
	hiding := request(lesser)
	understated := request(single(statement.ExportToProgram))
	understated.Kind = statement.OrdinaryRead
	nobody := request(single(statement.OrdinaryRead))
	nobody.Identity.User = ""
	nowhere := request(single(statement.OrdinaryRead))
	nowhere.Session.Database = ""
	beyond := single(statement.Kind(200))
	innerNoEffect := single(statement.OrdinaryRead)
	innerNoEffect.Names = []statement.NameUse{{Op: statement.Declare, Inner: &noEffect}}
	oddUser := request(single(statement.OrdinaryRead))
	oddUser.Identity.User = "a\xff"
	for name, req := range map[string]*policy.Request{
		"deep": request(deep), "no effect": request(noEffect), "statement understated": hiding, "text understated": understated,
		"nobody": nobody, "nowhere": nowhere, "no such kind": request(beyond), "inner without effect": request(innerNoEffect),
		"relation not UTF-8": request(single(statement.OrdinaryRead, relation("public", "\xff"))),
		"relation unnamed":   request(single(statement.OrdinaryRead, relation("public", ""))), "user not UTF-8": oddUser,
	} {
		if d := all.Decide(req); d.Verdict != policy.Deny {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := all.Decide(request(single(statement.ExportToProgram))); d.Verdict != policy.Allow {
		t.Errorf("a sound request is refused under allow-all: %+v", d)
	}
}

func TestEmptyPolicyAllowsThreeKinds(t *testing.T) {
	p := example(t, "empty.yaml")
	everyday := []statement.Kind{statement.DDL, statement.OrdinaryWrite, statement.OrdinaryRead}
	for _, kind := range statement.Kinds() {
		want := policy.Deny
		if slices.Contains(everyday, kind) {
			want = policy.Allow
		}
		if d := p.Decide(request(single(kind, relation("public", "users")))); d.Verdict != want {
			t.Errorf("%s: %+v, want %s", kind, d, want)
		}
	}
	if d := p.Decide(request()); d.Verdict != policy.Allow || d.Statement != -1 {
		t.Errorf("an empty text: %+v", d)
	}
}

func TestStrictestStatementDecides(t *testing.T) {
	read, export := single(statement.OrdinaryRead), single(statement.ExportToClient)
	for position := range 3 {
		list := []statement.Statement{read, read, read}
		list[position] = export
		d := parse(t, "version: 1\n").Decide(request(list...))
		if d.Verdict != policy.Deny || d.Statement != position {
			t.Errorf("export at %d: %+v", position, d)
		}
	}
	outer := single(statement.OrdinaryRead)
	outer.Names = []statement.NameUse{{Op: statement.Prepare, Name: "p", Inner: &export}}
	if d := parse(t, "version: 1\n").Decide(request(read, outer)); d.Verdict != policy.Deny || d.Statement != 1 {
		t.Errorf("a prepared export: %+v", d)
	}
}

func TestEveryEffectNeedsLeave(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {id: a, effect: allow, kinds: [export_to_client], relations: [public.products]}\n")
	st := single(statement.ExportToClient, relation("public", "products"))
	if d := p.Decide(request(st)); d.Verdict != policy.Allow || d.Rule != "a" {
		t.Fatalf("%+v", d)
	}
	st.Effects = append(st.Effects, statement.Effect{Kind: statement.OpaqueCode, What: "function f", Position: 30})
	if d := p.Decide(request(st)); d.Verdict != policy.Deny || d.Position != 30 {
		t.Errorf("leave to export was taken as leave for code: %+v", d)
	}
}

// TestFunctionsReadMoreThanIsNamed: the relations of a statement say
// nothing about what a function in it reads.
func TestFunctionsReadMoreThanIsNamed(t *testing.T) {
	byRelation := parse(t, "version: 1\nrules:\n  - {id: a, effect: allow, kinds: [export_to_client], relations: [public.products]}\n")
	byFunction := parse(t, "version: 1\nrules:\n  - {id: a, effect: allow, kinds: [export_to_client], functions: [pg_catalog.lo_get]}\n")
	denied := parse(t, "version: 1\nrules:\n  - {id: a, effect: allow, kinds: [export_to_client]}\n  - {id: d, effect: deny, relations: [public.users]}\n")
	call := func(names ...statement.Function) statement.Statement {
		st := single(statement.ExportToClient, relation("public", "products"))
		st.Effects[0].What = "function " + names[0].Name + " (why)"
		st.Functions = names
		return st
	}
	qualified, bare := statement.Function{Schema: "pg_catalog", Name: "lo_get", Position: 9}, statement.Function{Name: "lo_get", Position: 30}
	xml := statement.Function{Schema: "pg_catalog", Name: "table_to_xml", Position: 9}
	for _, c := range []struct {
		name string
		p    *policy.Policy
		st   statement.Statement
		want policy.Verdict
	}{
		{"relations do not speak for functions", byRelation, call(xml), policy.Deny},
		{"the function is named", byFunction, call(qualified), policy.Allow},
		{"the function is bare", byFunction, call(bare), policy.Deny},
		{"once named, once bare", byFunction, call(qualified, bare), policy.Deny},
		{"another function", byFunction, call(xml), policy.Deny},
		{"a denied relation could be read", denied, call(xml), policy.Deny},
		{"large objects are no relations", denied, call(qualified), policy.Allow},
	} {
		if d := c.p.Decide(request(c.st)); d.Verdict != c.want {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

func TestDenyRulesAreGenerous(t *testing.T) {
	p := parse(t, "version: 1\nrules:\n  - {id: all, effect: allow, kinds: ['*']}\n"+
		"  - {id: users-stay, effect: deny, relations: [public.users]}\n  - {id: far, effect: deny, addresses: [10.0.0.0/8]}\n"+
		"  - {id: no-f, effect: deny, functions: [f], kinds: [ordinary_read, opaque_code]}\n")
	called := single(statement.OrdinaryRead)
	called.Functions = []statement.Function{{Schema: "s", Name: "f", Position: 3}}
	for name, c := range map[string]struct {
		st   statement.Statement
		addr string
		rule string
	}{
		"written out":       {single(statement.OrdinaryRead, relation("public", "users")), "127.0.0.1", "users-stay"},
		"bare":              {single(statement.DDL, relation("", "users")), "127.0.0.1", "users-stay"},
		"other schema":      {single(statement.DDL, relation("other", "users")), "127.0.0.1", "builtin:everyday"},
		"opaque":            {single(statement.OpaqueCode), "127.0.0.1", "users-stay"},
		"replication":       {single(statement.Replication, relation("public", "x")), "127.0.0.1", "users-stay"},
		"all at once":       {single(statement.InternalCopy), "127.0.0.1", "users-stay"},
		"named others":      {single(statement.InternalCopy, relation("public", "x")), "127.0.0.1", "all"},
		"near":              {single(statement.OrdinaryRead), "11.0.0.1", "all"},
		"far":               {single(statement.OrdinaryRead), "10.9.9.9", "far"},
		"far in IPv6":       {single(statement.OrdinaryRead), "::ffff:10.9.9.9", "far"},
		"address unknown":   {single(statement.OrdinaryRead), "somewhere", "far"},
		"function anywhere": {called, "127.0.0.1", "no-f"},
	} {
		req := request(c.st)
		req.Session.Address = c.addr
		got := p.Decide(req)
		if c.rule == "builtin:everyday" { // allow-all speaks first
			c.rule = "all"
		}
		if got.Rule != c.rule {
			t.Errorf("%s: rule %s, want %s", name, got.Rule, c.rule)
		}
	}
}

func TestDestinations(t *testing.T) {
	p := parse(t, "version: 1\ndestinations:\n  sandbox: {host: 127.0.0.1, port: 5434, database: sandbox}\n"+
		"rules:\n  - {id: out, effect: allow, kinds: [export_remote, replication]}\n")
	there := statement.Destination{Type: statement.ToServer, Host: "127.0.0.1", Port: 5434, Database: "sandbox"}
	clean := policy.Place{Name: "sandbox", Address: "127.0.0.1:5434", MeasuredAt: "2026-11-22T14:03:07Z"}
	open, failed, undated := clean, clean, clean
	open.Findings = []string{"let an unknown user in without a password", "no TLS"}
	failed.Problem = "connection refused"
	undated.MeasuredAt = ""
	byAddress := clean
	byAddress.Name = ""
	elsewhere := clean
	elsewhere.Name, elsewhere.Address = "", "127.0.0.1:5433"
	otherDatabase, otherPort, url, unknown := there, there, there, statement.Destination{Type: statement.ToServer}
	otherDatabase.Database, otherPort.Port = "shop", 5433
	url.Type = statement.ToURL
	for name, c := range map[string]struct {
		to    []statement.Destination
		facts []policy.Place
		want  policy.Verdict
	}{
		"clean":                   {[]statement.Destination{there}, []policy.Place{clean}, policy.Allow},
		"clean by address":        {[]statement.Destination{there}, []policy.Place{byAddress}, policy.Allow},
		"not measured":            {[]statement.Destination{there}, nil, policy.Deny},
		"another one measured":    {[]statement.Destination{there}, []policy.Place{elsewhere}, policy.Deny},
		"open door":               {[]statement.Destination{there}, []policy.Place{open}, policy.Deny},
		"clean and open":          {[]statement.Destination{there}, []policy.Place{clean, open}, policy.Deny},
		"could not be measured":   {[]statement.Destination{there}, []policy.Place{failed}, policy.Deny},
		"measured who knows when": {[]statement.Destination{there}, []policy.Place{undated}, policy.Deny},
		"other database":          {[]statement.Destination{otherDatabase}, []policy.Place{clean}, policy.Deny},
		"other port":              {[]statement.Destination{otherPort}, []policy.Place{clean}, policy.Deny},
		"url":                     {[]statement.Destination{url}, []policy.Place{clean}, policy.Deny},
		"unknown server":          {[]statement.Destination{unknown}, []policy.Place{clean}, policy.Deny},
		"no destination":          {nil, []policy.Place{clean}, policy.Deny},
		"one of two":              {[]statement.Destination{there, otherPort}, []policy.Place{clean}, policy.Deny},
	} {
		st := single(statement.ExportRemote, relation("public", "users"))
		st.Destinations = c.to
		req := request(st)
		req.Facts.Places = c.facts
		if d := p.Decide(req); d.Verdict != c.want {
			t.Errorf("%s: %+v", name, d)
		}
	}
	slot := single(statement.Replication)
	if d := p.Decide(request(slot)); d.Verdict != policy.Allow || d.Rule != "out" {
		t.Errorf("a slot, which goes nowhere yet: %+v", d)
	}
}

func TestFunctionCall(t *testing.T) {
	lo, known := policy.FunctionCall(954)
	want := statement.Statement{
		Kind: statement.ExportToClient, Node: "FunctionCall",
		Effects:   []statement.Effect{{Kind: statement.ExportToClient, What: "function loread", Position: -1}},
		Functions: []statement.Function{{Schema: "pg_catalog", Name: "loread", Position: -1}},
	}
	if !known || !cmp.Equal(lo, want) {
		t.Error(cmp.Diff(want, lo))
	}
	for _, oid := range []uint32{0, 2100, 1598, 766, 4294967295} {
		if st, known := policy.FunctionCall(oid); known {
			t.Errorf("OID %d is judged as %+v", oid, st)
		}
	}
	empty, pictures := example(t, "empty.yaml"), example(t, "analyst.yaml")
	verdicts := func(oid uint32, user string) string {
		st, _ := policy.FunctionCall(oid)
		req := request(st)
		req.Identity.User = user
		return empty.Decide(req).Verdict.String() + " " + pictures.Decide(req).Verdict.String()
	}
	for oid, want := range map[uint32]string{
		952: "allow allow", 953: "allow allow", 954: "deny allow", 3458: "deny allow", 955: "allow allow",
		764: "deny deny", 765: "deny deny", 767: "deny deny", 964: "allow allow",
	} {
		if got := verdicts(oid, "backend"); got != want {
			t.Errorf("OID %d: %s, want %s", oid, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	outer := single(statement.OrdinaryRead)
	outer.Effects = slices.Grow(outer.Effects, 8)
	outer.Names = []statement.NameUse{{Op: statement.Execute, Name: "p"}}
	before := outer
	inner := single(statement.ExportToClient, relation("public", "users"), relation("public", "users"))
	inner.Functions = []statement.Function{{Name: "f", Position: 40}}
	inner.Destinations = []statement.Destination{{Type: statement.ToClient, Position: 3}}
	inner.Settings = []statement.Setting{{Name: "search_path", Position: 5}}
	policy.Merge(&outer, &inner, nil, &inner)
	want := statement.Statement{
		Kind: statement.ExportToClient, Node: "SelectStmt",
		Effects: []statement.Effect{
			{Kind: statement.ExportToClient, What: "a thing", Position: -1}, {Kind: statement.OrdinaryRead, What: "a thing", Position: 0},
		},
		Relations:    []statement.Relation{{Schema: "public", Name: "users", Access: statement.Read, Position: -1}},
		Functions:    []statement.Function{{Name: "f", Position: -1}},
		Destinations: []statement.Destination{{Type: statement.ToClient, Position: -1}},
		Settings:     []statement.Setting{{Name: "search_path", Position: -1}},
		Names:        outer.Names,
		Behind:       []*statement.Query{{}, {}},
	}
	if diff := cmp.Diff(want, outer); diff != "" {
		t.Error(diff)
	}
	if inner.Relations[0].Position != 7 || len(before.Effects) != 1 || before.Effects[0].Kind != statement.OrdinaryRead {
		t.Error("Merge wrote into the lists it was given")
	}
}

func TestExplainKeepsWhatMatters(t *testing.T) {
	d := policy.Decision{
		Rule: strings.Repeat("r", 40), Subject: strings.Repeat("ü", 500),
		Reasons: []policy.Reason{{Text: "one", Position: "p:1:2"}, {Text: "two"}}, Hint: "do this",
	}
	message, detail, hint := policy.Explain(d, "7k2mq9xw")
	want := "sluice: " + strings.Repeat("ü", 15) + "… refused by rule " + d.Rule + " [req 7k2mq9xw]; SHOW sluice.why_7k2mq9xw"
	if message != want || detail != "one (p:1:2)\ntwo" || hint != "do this" {
		t.Errorf("%q\n%q\n%q", message, detail, hint)
	}
	d.Rule, d.Verdict, d.Subject = "builtin:everyday", policy.Allow, "SELECT"
	if message, _, _ := policy.Explain(d, "a"); message != "sluice: SELECT allowed by rule everyday [req a]; SHOW sluice.why_a" {
		t.Errorf("%q", message)
	}
}
