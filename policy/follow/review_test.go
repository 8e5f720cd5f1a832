package follow

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// digest is that of some body.
const digest = "sha256:471ebe37ebcfd61ae3599e1116d444954a320c5fb97059dc911925c8a40672e4"

// hostile is a review of functions whose names would like to be more.
func hostile() *Review {
	names := []string{`app."a: b"(text)`, "app.\"a\nrules:\n  - {id: all, effect: allow, kinds: ['*']}\n#\"()", `app."back\slash""quote"(integer, text[])`, "app.\"\u2028\u0085\"()"}
	r := &Review{Database: "shop\nrules: []"}
	for _, name := range names {
		r.Functions = append(r.Functions,
			Reviewed{Signature: name, Body: digest, Language: "plpgsql", State: Opaque, Callable: true, Opaque: []string{"function " + name + " runs"}, Kind: statement.OrdinaryWrite},
			Reviewed{Signature: name, Body: digest, Language: "c", State: Opaque, Callable: true, Note: "it is not written in sql or plpgsql"})
	}
	return r
}

// What is proposed holds entries of known functions and nothing else, whatever
// they are called.
func TestFragmentOfHostileNames(t *testing.T) {
	var out strings.Builder
	if err := hostile().Fragment(&out); err != nil {
		t.Fatal(err)
	}
	document := "version: 1\n" + strings.ReplaceAll(out.String(), `why: ""`, "why: read")
	p, err := policy.Parse("p.yaml", []byte(document))
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	if kind, stated := p.Stated(`app."a: b"(text)`, digest); !stated || kind != statement.OrdinaryWrite {
		t.Errorf("%s %v", kind, stated)
	}
	if d := p.Decide(&policy.Request{
		Identity: policy.Identity{User: "anna"}, Session: policy.Session{Database: "shop"}, Kind: statement.ExportToClient,
		Statements: []statement.Statement{{Kind: statement.ExportToClient, Effects: []statement.Effect{{Kind: statement.ExportToClient, What: "COPY TO STDOUT"}}}},
	}); d.Verdict != policy.Deny {
		t.Errorf("a name became a rule: %+v", d)
	}
}

// Only what may be run and cannot be seen through is listed, unless all is
// asked for.
func TestTextOfAReview(t *testing.T) {
	r := &Review{Database: "shop", Functions: []Reviewed{
		{Signature: "app.a()", State: Opaque, Language: "c", Callable: true, Opaque: []string{"function app.a() is written in c"}},
		{Signature: "app.b()", State: Opaque, Language: "c"},
		{Signature: "app.c()", State: Understood, Language: "sql", Callable: true, Reads: []string{"app.users.email"}},
		{Signature: "app.d()", State: Known, Language: "sql", Triggers: []string{"app.users"}},
	}}
	text := func(o TextOptions) string {
		var out strings.Builder
		if err := r.Text(&out, o); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	var control strings.Builder
	brief, all := text(TextOptions{}), text(TextOptions{All: true, Paint: func(s State) string { return "<" + string(s) + ">" }})
	if !strings.Contains(brief, "app.a(): opaque") || strings.Contains(brief, "app.b()") || strings.Contains(brief, "app.c()") {
		t.Error(brief)
	}
	if err := hostile().Text(&control, TextOptions{}); err != nil || strings.ContainsAny(control.String(), "\u2028\u0085\x1b") {
		t.Errorf("%v: %q", err, control.String())
	}
	for _, want := range []string{"app.b(): <opaque>", "reads app.users.email", "runs for triggers of app.users", "4 functions: 1 known to the policy, 1 understood, 2 opaque, of which 1 may be run"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}
