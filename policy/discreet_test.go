package policy_test

import (
	"context"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// TestDiscreet: errors of statements that name a relation with a class arrive
// without what could quote a value: those about data where the client may see the
// class, any where it may not.
func TestDiscreet(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	const classes = "version: 1\nclasses: {a.b: {description: x}}\ncolumns:\n  - {columns: [public.users.email], class: a.b}\n" +
		"rules:\n  - {id: all, effect: allow, kinds: ['*']}\n"
	for document, wants := range map[string]map[string]bool{
		classes: {
			"SELECT email::int FROM public.users": true,
			"SELECT id FROM users":                true, // it could be that one
			"INSERT INTO public.users VALUES (1)": true,
			"SELECT id FROM public.orders":        false,
			"SELECT 1":                            false,
			"DO $$ BEGIN END $$":                  true, // it could read anything
		},
		"version: 1\nrules:\n  - {id: all, effect: allow, kinds: ['*']}\n": {
			"SELECT email::int FROM public.users": false,
			"DO $$ BEGIN END $$":                  false,
		},
	} {
		p, err := policy.Parse("p.yaml", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		for sql, want := range wants {
			a := analyzer.Analyze(context.Background(), sql)
			req := request(a.Statements...)
			req.Kind = a.Kind
			if d := p.Decide(req); d.Verdict != policy.Allow || d.Reticent != want || d.Discreet {
				t.Errorf("%s: %s, reticent %t, discreet %t; want it %t and not discreet", sql, d.Verdict, d.Reticent, d.Discreet, want)
			}
		}
	}
}

// Where the client may not see the class, nothing that could quote it passes.
func TestDiscreetWhereItMayNotBeSeen(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte("version: 1\nclasses: {a.b: {}, secret.s: {}}\ncolumns:\n  - {columns: [public.users.email], class: a.b}\n"+
		"  - {columns: [public.keys.key], class: secret.s}\nclients:\n  - {name: here, accepts: [secret.s]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	for sql, want := range map[string]bool{
		"SELECT id FROM public.users":  true,
		"SELECT id FROM public.keys":   true, // accepted or not, it is a credential
		"SELECT id FROM public.orders": false,
	} {
		a := analyzer.Analyze(t.Context(), sql)
		req := request(a.Statements...)
		req.Kind = a.Kind
		if d := p.Decide(req); d.Discreet != want || d.Reticent {
			t.Errorf("%s: discreet %t, reticent %t; want discreet %t alone", sql, d.Discreet, d.Reticent, want)
		}
	}
}
