package gate

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/verify"
)

// What a client declares, and how it names what it defines, is its own word:
// none of it may read like a reference of the trail to its store.
func TestNoWordOfTheClientRefersToTheStore(t *testing.T) {
	p := startPlace(t, setup{})
	digest := strings.Repeat("ab", 32)
	config, err := pgconn.ParseConfig(p.dsn(""))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["sluice.reason_digest"] = digest
	c, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"CREATE OR REPLACE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		`SET sluice.x_digest = '` + digest + `'`,
		`SELECT 1 AS "x_digest"`,
		"COPY (SELECT 1) TO STDOUT (FORMAT csv)",
	} {
		mustRun(t, c, text)
	}
	c.Close(t.Context())
	p.end(t)()
	key, err := audit.LoadOrCreateKey(filepath.Join(p.dir, "trail.key"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Dir(filepath.Join(p.dir, "trail"), key.Verifier(), verify.Options{})
	if err != nil {
		t.Errorf("the trail does not verify: %v\n%s", err, report)
	}
}
