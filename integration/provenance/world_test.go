package provenance

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/provenance/queries"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

const password = "judge of columns"

// judge is a server with the schema, and what its catalog says.
type judge struct {
	conn     *pgconn.PgConn
	sight    catalog.Sight
	analyzer *statement.Analyzer
}

func newJudge(t *testing.T, version int) *judge {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, Database: "shop", Config: map[string]string{"autovacuum": "off"},
		InitSQL: []string{"CREATE ROLE judge SUPERUSER LOGIN PASSWORD '" + password + "'", queries.Schema},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, password)
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgconn.Connect(t.Context(), server.DSN("judge", password, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	snapshot, err := catalog.Load(t.Context(), querier{conn})
	if err != nil {
		t.Fatal(err)
	}
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	t.Cleanup(func() {
		if err := analyzer.Close(); err != nil {
			t.Error(err)
		}
	})
	return &judge{conn, catalog.Sight{Snapshot: snapshot, Path: []string{"pg_catalog", "app"}}, analyzer}
}

// querier asks over a real connection.
type querier struct{ conn *pgconn.PgConn }

func (q querier) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	return credential.EachRow(ctx, q.conn, sql, row)
}

// exec runs statements that must not fail.
func (j *judge) exec(t *testing.T, sql string) {
	t.Helper()
	if err := (querier{j.conn}).Query(t.Context(), sql, func([][]byte) error { return nil }); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// provenance is what is said of a query.
func (j *judge) provenance(t *testing.T, query string) *catalog.Provenance {
	t.Helper()
	analysis := j.analyzer.Analyze(t.Context(), query)
	if analysis.Problem != nil || len(analysis.Statements) != 1 {
		t.Fatalf("not read: %s: %+v", query, analysis.Problem)
	}
	return j.sight.Provenance(&analysis.Statements[0])
}
