package policy_test

import (
	"slices"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

const knowsTwo = `version: 1
functions:
  known:
    - {signature: public.normalize(text), body: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", effect: ordinary_read, why: read}
    - {signature: 'app."Load x"()', body: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", effect: ordinary_write, why: read}
`

// TestFunctionsToMeasure: the names that the policy knows, wherever the
// statements call them, once each, and no others.
func TestFunctionsToMeasure(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	p := parse(t, knowsTwo)
	for text, want := range map[string][]string{
		"SELECT 1":                  nil,
		"SELECT pg_catalog.now()":   nil,
		"SELECT public.other('a')":  nil,
		"SELECT normalize_x('a')":   nil,
		"SELECT x.normalize('a')":   {"normalize"},
		`SELECT public."Load x"()`:  {"Load x"},
		"SELECT public.normalize()": {"normalize"},
		`SELECT public.normalize('a'), app."Load x"(); SELECT public.normalize('b')`:                               {"Load x", "normalize"},
		"PREPARE p AS SELECT public.normalize('a')":                                                                {"normalize"},
		"BEGIN; DECLARE c CURSOR FOR SELECT 1 FROM t WHERE a = (SELECT public.normalize(b))":                       {"normalize"},
		"INSERT INTO t SELECT 1 UNION SELECT 2 WHERE EXISTS (SELECT 1 FROM public.normalize('a') AS f WHERE true)": {"normalize"},
	} {
		a := analyzer.Analyze(t.Context(), text)
		if a.Problem != nil {
			t.Fatalf("%s: %+v", text, a.Problem)
		}
		if got := p.FunctionsToMeasure(a.Statements); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		var none *policy.Policy
		if none.FunctionsToMeasure(a.Statements) != nil || parse(t, "version: 1").FunctionsToMeasure(a.Statements) != nil {
			t.Errorf("%s: a policy that knows no function wants some measured", text)
		}
	}
}

// TestSignature: what is measured is written as policies have it, whatever the
// names are.
func TestSignature(t *testing.T) {
	for _, s := range []struct {
		schema, name string
		types        []string
		want         string
	}{
		{"public", "f", nil, "public.f()"},
		{"public", "f", []string{"text", "character varying[]"}, "public.f(text, character varying[])"},
		{"Shop", `a"b`, []string{`"char"`}, `"Shop"."a""b"("char")`},
		{"public", "select", nil, "public.select()"},
		{"public", "ä", nil, `public."ä"()`},
	} {
		if got := policy.Signature(s.schema, s.name, s.types); got != s.want {
			t.Errorf("%s, want %s", got, s.want)
		}
	}
}

// TestAllowedChangesOfCode: what may change a function says so, so that no
// fact outlives it.
func TestAllowedChangesOfCode(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	p := parse(t, knowsTwo+"rules:\n  - {id: all, effect: allow, kinds: ['*'], limits: {rows: unlimited}}\n")
	for text, want := range map[string]bool{
		"SELECT 1":                     false,
		"BEGIN":                        false,
		"INSERT INTO t VALUES (1)":     false,
		"INSERT INTO t SELECT 1":       false,
		"COPY public.t TO STDOUT":      false,
		"SET search_path = a":          false,
		"SELECT public.normalize('a')": false,
		"SELECT public.other('a')":     true,
		"CREATE TABLE t (a int)":       true,
		"SELECT 1; DROP TABLE t":       true,
		"ALTER FUNCTION public.normalize(text) RENAME TO b":                  true,
		"CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS 'SELECT 1'": true,
		"DO $$ BEGIN END $$":                     true,
		"CALL public.p()":                        true,
		"CREATE MATERIALIZED VIEW v AS SELECT 1": true,
	} {
		req := request()
		a := analyzer.Analyze(t.Context(), text)
		req.Kind, req.Problem, req.Statements = a.Kind, a.Problem, a.Statements
		req.Facts.Functions = []policy.FunctionFact{{
			Signature: "public.normalize(text)", Body: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		}}
		if d := decideBothWays(t, p, req); d.Verdict != policy.Allow || d.ChangesCode != want {
			t.Errorf("%s: %s, changes code: %v, want %v", text, d.Verdict, d.ChangesCode, want)
		}
	}
}

// TestNamesWithSpaces: an effect belongs to the function whose whole name is in
// its words.
func TestNamesWithSpaces(t *testing.T) {
	p := parse(t, knowsTwo)
	req := request()
	req.Kind = statement.OpaqueCode
	req.Statements = []statement.Statement{{
		Kind: statement.OpaqueCode, Node: "ExecuteStmt",
		Effects: []statement.Effect{
			{Kind: statement.OpaqueCode, What: "function public.normalize (outside the known set)", Position: -1},
			{Kind: statement.OpaqueCode, What: "function public.normalize x (outside the known set)", Position: -1},
		},
		Functions: []statement.Function{{Schema: "public", Name: "normalize", Position: -1}, {Schema: "public", Name: "normalize x", Position: -1}},
	}}
	req.Facts.Functions = []policy.FunctionFact{{
		Signature: "public.normalize(text)", Body: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	}}
	if d := p.Decide(req); d.Verdict != policy.Deny {
		t.Errorf("%+v", d)
	}
	req.Statements[0].Effects, req.Statements[0].Functions = req.Statements[0].Effects[:1], req.Statements[0].Functions[:1]
	if d := p.Decide(req); d.Verdict != policy.Allow {
		t.Errorf("%+v", d)
	}
}
