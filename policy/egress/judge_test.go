package egress

import (
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/cases"
	"github.com/sluice-pg/sluice/policy/statement"
)

const judgePolicy = `version: 1
defaults: {limits: {rows: 30}}
classes: {contact.email: {description: x}, secret.token: {description: y}}
columns:
  - {columns: [public.people.email], class: contact.email}
  - {columns: [public.tokens.token], class: secret.token}
rules:
  - {id: exports, effect: allow, kinds: [export_to_client], relations: [public.people], limits: {rows: 7}}
  - {id: held, effect: hold, kinds: [internal_copy]}
`

// TestJudge asks about one road at a time.
func TestJudge(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(judgePolicy))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	}()
	people := Names{"table": "public.people", "column": "email"}
	tokens := Names{"table": "public.tokens", "column": "token"}
	for _, c := range []struct {
		name, lines string
		names       Names
		class       string
		state       State
		rule        string
		rows        int64
	}{
		{"an allowed export", "leaves client\nsql COPY {table} TO STDOUT", people, "contact.email", Counted, "exports", 7},
		{"credentials", "leaves client\nsql SELECT {column} FROM {table}", tokens, "secret.token", ByPolicy, "builtin:secret-class", 0},
		{"a read within limits", "leaves client\nsql SELECT {column} FROM {table}", people, "contact.email", Counted, "defaults", 30},
		{"a read of no class", "leaves client\nsql SELECT x FROM public.other", people, "contact.email", Open, "defaults", 30},
		{"a copy that is held", "leaves elsewhere\nsql CREATE TABLE x AS SELECT * FROM {table}", people, "contact.email", ByPolicy, "held", 0},
		{"the first refusal closes", "leaves client\nsql BEGIN\nsql DO $$ $$\nsql COMMIT", people, "contact.email", ByPolicy, "builtin:default-deny", 0},
		{"a name that an earlier text made", "leaves client\nsql PREPARE s AS SELECT {column} FROM {table}\nsql EXECUTE s", people, "contact.email", Counted, "defaults", 30},
		{"a name that nobody made", "leaves client\nsql EXECUTE s", people, "contact.email", ByPolicy, "builtin:default-deny", 0},
		{"messages", "leaves client\nsend Parse \"s\" \"SELECT {column} FROM {table}\"\nsend Sync\nsql EXECUTE s", people, "contact.email", Counted, "defaults", 30},
		{"a large object", "leaves client\nsend FunctionCall 3458 params \"1\"", people, "", ByPolicy, "builtin:default-deny", 0},
		{"any other function", "leaves client\nsend FunctionCall 1 params \"1\"", people, "", ByPolicy, "builtin:function-call", 0},
		{"a wall", "leaves protection\nsql CREATE INDEX ON public.other (x)", people, "", Open, "", 0},
		{"what may pass", "leaves protection\npasses it is a test\nsql SELECT 1", people, "", Passes, "", 0},
		{"the proxy itself", "leaves client\nalways so it is\nsql SELECT 1", people, "", ByProxy, "", 0},
		{"words of an error about data", "leaves error\nsql SELECT {column}::int FROM {table}", people, "contact.email", ByPolicy, "builtin:everyday", 0},
		{"words about no class", "leaves words\nsql SELECT x::int FROM public.other", people, "", Open, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			roads, err := Read("section 1 One\n\nroad a b\n" + c.lines + "\n")
			if err != nil {
				t.Fatal(err)
			}
			q := cases.NewQuestion()
			q.Identity.User = "alice"
			got, err := Judge(t.Context(), p, analyzer, q, nil, &roads[0], c.names, c.class)
			if err != nil {
				t.Fatal(err)
			}
			if got.State != c.state || got.Rule != c.rule || got.Limits.Rows != c.rows || got.Why == "" {
				t.Errorf("got %+v; want %s by %q with %d rows", got, c.state, c.rule, c.rows)
			}
		})
	}
}

// TestJudgeUnnamed wants an error for a road whose names mean nothing.
func TestJudgeUnnamed(t *testing.T) {
	roads, err := Read("section 1 One\n\nroad a b\nleaves client\nsql TABLE {tabel}\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Judge(t.Context(), nil, nil, cases.NewQuestion(), nil, &roads[0], Names{}, "")
	if err == nil || !strings.Contains(err.Error(), "{tabel}") {
		t.Errorf("the error is %v", err)
	}
}

// TestJudgeWithoutPolicy wants everything closed that a policy is asked about.
func TestJudgeWithoutPolicy(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	}()
	names := Names{}
	for _, r := range Roads() {
		for _, name := range r.Names() {
			names[name] = "x"
		}
	}
	names["blob"], names["telloid"], names["teller"] = "1", "2", "x()"
	for _, r := range Roads() {
		got, err := Judge(t.Context(), nil, analyzer, cases.NewQuestion(), nil, &r, names, "")
		if err != nil {
			t.Fatal(err)
		}
		if got.State != ByPolicy && got.State != ByProxy {
			t.Errorf("%s is %q without a policy", r.ID, got.State)
		}
	}
}

// TestCredentials takes every road under a policy that allows all it can. None may
// bring credentials to the client, other than by bits: those look at a value and
// tell something about it.
func TestCredentials(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(`version: 1
classes: {secret.token: {description: y}}
columns:
  - {columns: [public.tokens.token], class: secret.token}
rules:
  - {id: everything, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	}()
	names := Names{}
	for _, r := range Roads() {
		for _, name := range r.Names() {
			names[name] = "x"
		}
	}
	names["many"] = "SELECT 1; "
	names["table"], names["column"], names["blob"], names["telloid"], names["teller"] = "public.tokens", "token", "1", "2", "x()"
	for _, r := range Roads() {
		if (r.Leaves != ToClient && r.Leaves != Words && r.Leaves != DataError) || !slices.Contains(r.Names(), "table") {
			continue
		}
		got, err := Judge(t.Context(), p, analyzer, cases.NewQuestion(), nil, &r, names, "secret.token")
		if err != nil {
			t.Fatal(err)
		}
		if (got.State == Open || got.State == Counted || got.State == Passes) && r.Suite.Shows == "" {
			t.Errorf("%s is %q for credentials: %s", r.ID, got.State, got.Why)
		}
	}
}
