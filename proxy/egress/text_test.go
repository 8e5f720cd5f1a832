package egress

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy/egress"
)

func sample() *Report {
	return &Report{
		Database: "shop", User: "al\x1bice", Role: "shop_app", Server: "18.1",
		About: []About{{"contact.email", "public.users", "email"}, {"secret.token", "public.tokens", "token"}},
		Roads: []Road{
			{ID: "select", Section: "2.3 Reads", What: "all rows", State: egress.Counted, Answers: []Answer{
				{Class: "contact.email", State: egress.Counted, Why: "counts as contact.email", Rule: "defaults", Rows: 30, Bytes: 4096},
				{Class: "secret.token", State: egress.ByPolicy, Why: "it never leaves", Rule: "builtin:secret-class"},
			}},
			{ID: "view", Section: "2.3 Reads", What: "a view", State: egress.Open, Answers: []Answer{{State: egress.Open, Why: "nothing counts it"}}},
			{ID: "file", Section: "2.2 COPY", What: "a file", State: egress.ByPrivileges, Answers: []Answer{{State: egress.ByPrivileges, Why: "no right", Rule: "builtin:default-deny"}}},
		},
	}
}

func TestText(t *testing.T) {
	const open = `shop as al?ice, who works as shop_app on PostgreSQL 18.1
  public.users.email: contact.email
  public.tokens.token: secret.token

open: 1
  2.3   view                     a view
                                 nothing counts it

counted: 1
  2.3   select                   all rows
                                 contact.email: counts as contact.email; up to 30 rows and 4096 bytes a statement (rule defaults)
                                 secret.token: closed by policy: it never leaves (rule builtin:secret-class)

closed by privileges: 1
`
	const file = `  2.2   file                     a file
                                 no right
`
	for _, c := range []struct {
		options TextOptions
		want    string
	}{{TextOptions{}, open}, {TextOptions{All: true}, open + file}} {
		var b strings.Builder
		if err := sample().Text(&b, c.options); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, b.String()); diff != "" {
			t.Errorf("%+v: %s", c.options, diff)
		}
	}
	var b strings.Builder
	if err := sample().Text(&b, TextOptions{Color: true}); err != nil || !strings.Contains(b.String(), "\x1b[1;31mopen\x1b[0m: 1") {
		t.Errorf("no color in %q, %v", b.String(), err)
	}
}

// TestNames wants every name that a road has to be one that is looked for, and
// none to be looked for in vain.
func TestNames(t *testing.T) {
	questions, err := nameQuestions()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{"table": true, "column": true}
	for name := range fixed {
		found[name] = true
	}
	for _, q := range questions {
		if found[q.name] {
			t.Errorf("{%s} is found twice", q.name)
		}
		found[q.name] = true
	}
	used := map[string]bool{}
	for _, r := range egress.Roads() {
		for _, name := range r.Names() {
			used[name] = true
			if !found[name] {
				t.Errorf("%s: nobody looks for {%s}", r.ID, name)
			}
		}
		for _, n := range r.Needs {
			if !questionFor(n.Kind) {
				t.Errorf("%s: nobody asks about %s", r.ID, n.Kind)
			}
		}
	}
	for name := range found {
		if !used[name] {
			t.Errorf("no road has {%s}", name)
		}
	}
}

func questionFor(kind string) bool {
	_, known := questions[kind]
	return known || kind == egress.Impossible
}
