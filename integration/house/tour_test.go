package house

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// sandbox is what the demo measures at the place that lets everybody in.
var sandbox = policy.Place{
	Name: "sandbox", Address: "127.0.0.1:40081", MeasuredAt: "2026-11-22T22:20:06Z",
	Findings: []string{
		"let an unknown user in without a password, no TLS",
		"lets an unknown user ask for replication without a password",
		`let "postgres" in as a superuser without a password`,
	},
}

// catalogOf is what the demo's database says of a statement: its relations are in
// the schema public, and comments give columns these classes, among others.
func catalogOf(statements []statement.Statement) *policy.CatalogFact {
	f := &policy.CatalogFact{Labels: []string{"contact.email", "secret.api_token"}}
	for i := range statements {
		one := policy.StatementFact{}
		for _, r := range statements[i].Relations {
			one.Relations = append(one.Relations, policy.RelationFact{Schema: "public", Name: r.Name})
		}
		f.Statements = append(f.Statements, one)
	}
	return f
}

// The refusals that the README quotes are those that people get today.
func TestTourQuotesRefusals(t *testing.T) {
	source := strings.NewReplacer("{{.AnalyticsCA}}", "ca.pem", "{{.AnalyticsPort}}", "5433", "{{.SandboxPort}}", "40081").
		Replace(read(t, "examples/demo/policy.yaml.tmpl"))
	p, err := policy.Parse("policy.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer analyzer.Close()
	prompt := regexp.MustCompile("(?s)\nshop=> ([^\n]+)\n(ERROR: .*?)```")
	all := prompt.FindAllStringSubmatch(section(t, read(t, "README.md"), "A five-minute tour"), -1)
	if len(all) != 3 {
		t.Fatalf("%d refusals found in the tour, want 3", len(all))
	}
	for _, typed := range all {
		text, quoted := typed[1], typed[2]
		if strings.Contains(quoted, "stopped at the limit") {
			continue // the proxy's words; the demo plays it
		}
		if text == `\copy users TO 'users.csv'` {
			text = "COPY  users TO STDOUT " // what psql makes of it
		}
		a := analyzer.Analyze(t.Context(), text)
		decision := p.Decide(&policy.Request{
			Identity: policy.Identity{User: "alice", Method: "scram-sha-256"},
			Session:  policy.Session{Database: "shop", Address: "127.0.0.1"},
			Kind:     a.Kind, Problem: a.Problem, Statements: a.Statements,
			Facts: policy.Facts{Places: []policy.Place{sandbox}, Catalog: catalogOf(a.Statements)},
		})
		id := regexp.MustCompile(`\[req ([a-z0-9]{8,})\]`).FindStringSubmatch(quoted)
		if id == nil {
			t.Errorf("no request id in %q", quoted)
			continue
		}
		message, detail, hint := policy.Explain(decision, id[1])
		if want := "ERROR:  " + message + "\nDETAIL:  " + detail + "\nHINT:  " + hint + "\n"; quoted != want {
			t.Errorf("the README quotes\n%s\nbut people get\n%s", quoted, want)
		}
	}
}
