package house

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The refusal that the README quotes is the one that people get today.
func TestTourQuotesTheRefusal(t *testing.T) {
	source := strings.ReplaceAll(read(t, "examples/demo/policy.yaml.tmpl"), "{{.AnalyticsCA}}", "ca.pem")
	source = strings.NewReplacer("{{.AnalyticsPort}}", "5433", "{{.SandboxPort}}", "5434").Replace(source)
	p, err := policy.Parse("policy.yaml", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{})
	defer analyzer.Close()
	// What psql makes of \copy users TO 'users.csv'.
	a := analyzer.Analyze(t.Context(), "COPY  users TO STDOUT ")
	decision := p.Decide(&policy.Request{
		Identity: policy.Identity{User: "alice", Method: "scram-sha-256"},
		Session:  policy.Session{Database: "shop", Address: "127.0.0.1"},
		Kind:     a.Kind, Problem: a.Problem, Statements: a.Statements,
	})
	_, quoted, found := strings.Cut(section(t, read(t, "README.md"), "A five-minute tour"), "\\copy users TO 'users.csv'\n")
	if !found {
		t.Fatal("the tour does not try to copy the users")
	}
	quoted, _, _ = strings.Cut(quoted, "```")
	id := regexp.MustCompile(`\[req ([a-z0-9]{8,})\]`).FindStringSubmatch(quoted)
	if id == nil {
		t.Fatalf("no request id in %q", quoted)
	}
	message, detail, hint := policy.Explain(decision, id[1])
	if want := "ERROR:  " + message + "\nDETAIL:  " + detail + "\nHINT:  " + hint + "\n"; quoted != want {
		t.Errorf("the README quotes\n%s\nbut people get\n%s", quoted, want)
	}
}
