package catalog

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// connection asks over a real connection.
type connection struct{ *pgconn.PgConn }

func (c connection) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	return credential.EachRow(ctx, c.PgConn, sql, row)
}

// must runs statements.
func (c connection) must(t testing.TB, sql string) {
	t.Helper()
	if err := c.Query(t.Context(), sql, func([][]byte) error { return nil }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// one is the only value of a result, "" for NULL and for none.
func (c connection) one(t testing.TB, sql string) (value string) {
	t.Helper()
	err := c.Query(t.Context(), sql, func(values [][]byte) error {
		value = string(values[0])
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// path is the path of the session.
func (c connection) path(t testing.TB) []string {
	t.Helper()
	path, err := catalog.ParsePath([]byte(c.one(t, catalog.AskPath)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (c connection) sight(t testing.TB, s *catalog.Snapshot) catalog.Sight {
	t.Helper()
	return catalog.Sight{Snapshot: s, Path: c.path(t)}
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

var analyzer = sync.OnceValue(func() *statement.Analyzer { return statement.NewAnalyzer(statement.Options{}) })

// analyze reads statements.
func analyze(t testing.TB, sql string) *statement.Analysis {
	t.Helper()
	a := analyzer().Analyze(t.Context(), sql)
	if a.Problem != nil {
		t.Fatalf("%s: %s", sql, a.Problem.Message)
	}
	return a
}
