package catalog

import (
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/follow"
	"github.com/sluice-pg/sluice/policy/statement"
)

// labPolicy lets mail addresses be counted and compared, and shown to nobody.
const labPolicy = `version: 1
classes:
  contact.email: {description: mail, owner: us}
  secret.token: {description: tokens, owner: us}
columns:
  - {columns: [lab.people.email], class: contact.email}
  - {columns: [lab.secrets.token], class: secret.token}
clients:
  - {name: office, networks: ["192.0.2.0/24"], accepts: [contact.email]}
`

// What is decided about calls with the facts of a real catalog: understood
// code is judged by what it does, all other stays opaque.
func TestDecisionsAboutCode(t *testing.T) {
	t.Parallel()
	l := newLab(t, harness.VersionsOr(t, 15)[0])
	p, err := policy.Parse("lab.yaml", []byte(labPolicy))
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	t.Cleanup(func() { _ = analyzer.Close() })
	seen := catalog.Sight{Snapshot: l.snapshot, Path: l.path}
	made := analyzer.Analyze(t.Context(), "CREATE FUNCTION lab.made_here(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'").Statements
	f := &follow.Follower{Sight: seen.Note(&made[0], false), Code: l.code, Policy: p, Book: policy.NewBook(l.snapshot)}
	for _, c := range []struct{ sql, want string }{
		{"SELECT lab.pure(1, 2)", "allow builtin:everyday"},
		{"SELECT pure(1, 2)", "allow builtin:everyday"},
		{"SELECT made_here(1, 2)", "deny builtin:default-deny"},
		{"SELECT lab.computes(3), lab.even(4), lab.hashes('x')", "allow builtin:everyday"},
		{"SELECT lab.one_mail(1)", "deny builtin:client-endpoint"},
		{"SELECT lab.nested(1)", "deny builtin:client-endpoint"},
		{"SELECT lab.definer(1)", "deny builtin:secret-class"},
		{"SELECT lab.dotted()", "deny builtin:client-endpoint"},
		{"SELECT lab.counts()", "allow builtin:everyday"},
		{"SELECT lab.adds('x')", "allow builtin:everyday"},
		{"SELECT lab.copies()", "deny builtin:default-deny"},
		{"SELECT lab.dynamic('people')", "deny builtin:default-deny"},
		{"SELECT lab.in_c('x')", "deny builtin:default-deny"},
		{"SELECT lab.reads_file()", "deny builtin:default-deny"},
		{"SELECT lab.sends()", "deny builtin:default-deny"},
		{"SELECT lab.by_domain('x')", "allow builtin:everyday"},
		{"SELECT lab.nobody_made_this()", "deny builtin:default-deny"},
		{"CALL lab.tidies()", "allow builtin:everyday"},
		{"SELECT lab.pure(1, 2); ALTER TABLE lab.log ADD x int", "deny builtin:default-deny"},
		{"INSERT INTO lab.quiet VALUES (1, 'x')", "allow builtin:everyday"},
		{"INSERT INTO lab.watched VALUES (1, 'x')", "allow builtin:everyday"},
		{"INSERT INTO lab.parts VALUES (1, 'x')", "deny builtin:default-deny"},
		{"INSERT INTO lab.ruled VALUES (1, 'x')", "deny builtin:secret-class"},
		{"SELECT note FROM lab.guarded", "allow builtin:everyday"},
		{"COPY lab.parts FROM STDIN", "deny builtin:default-deny"},
	} {
		a := analyzer.Analyze(t.Context(), c.sql)
		d := p.Decide(&policy.Request{
			Identity: policy.Identity{User: "alice", Method: "scram-sha-256"}, Session: policy.Session{Database: "shop", Address: "127.0.0.1", TLS: true},
			Kind: a.Kind, Problem: a.Problem, Statements: a.Statements,
			Facts: policy.Facts{Calls: f.Calls(t.Context(), a.Statements), Runs: f.Runs(t.Context(), a.Statements)},
		})
		if got := d.Verdict.String() + " " + d.Rule; got != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.sql, got, c.want, d.Reasons)
		}
	}
}
