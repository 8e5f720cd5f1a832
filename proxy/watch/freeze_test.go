package watch

import (
	"testing"

	"github.com/sluice-pg/sluice/policy/statement"
)

// TestNamesAreNoCode makes sure that a table at a place, which may have any name, puts
// nothing into what the reactor runs as the owner of copies.
func TestNamesAreNoCode(t *testing.T) {
	analyzer := statement.NewAnalyzer(statement.Options{})
	t.Cleanup(func() { _ = analyzer.Close() })
	for _, name := range []string{`crm."people"`, `crm."$sluice$; DROP TABLE x; --"`, `crm."it's $$ \"`, `crm."a""b"`} {
		text := lockExactly(&part{name: name, oid: 7})
		a := analyzer.Analyze(t.Context(), text)
		if a.Problem != nil || len(a.Statements) != 2 || a.Statements[0].Node != "LockStmt" || a.Statements[1].Node != "DoStmt" {
			t.Errorf("%s is not a lock and a check: %+v", text, a.Problem)
		}
	}
}
