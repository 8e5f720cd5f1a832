package gate

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/read"
)

// raises makes the server say values in every way that PL/pgSQL has.
const raises = `CREATE OR REPLACE FUNCTION vault_raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE 'was %', OLD.token;
  RAISE WARNING USING MESSAGE = OLD.token, ERRCODE = '23505', DETAIL = OLD.token, HINT = OLD.token;
  IF OLD.id = 1 THEN
    RAISE EXCEPTION USING MESSAGE = OLD.token, ERRCODE = '23514', COLUMN = OLD.token, CONSTRAINT = OLD.token, TABLE = OLD.token, SCHEMA = OLD.token, DATATYPE = OLD.token;
  ELSIF OLD.id = 2 THEN
    RAISE EXCEPTION USING MESSAGE = OLD.token, ERRCODE = '23514', DETAIL = repeat('x', 10000);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER raises BEFORE UPDATE ON vault FOR EACH ROW EXECUTE FUNCTION vault_raises()`

// result is what a record says of an execution.
type result struct {
	SQLSTATE    string `json:"sqlstate"`
	ErrorHMAC   string `json:"error_hmac"`
	NoticesKept int    `json:"notices_kept"`
	NoticesHMAC string `json:"notices_hmac"`
}

// results reads the results on record, in order, and their text.
func results(t *testing.T, p *place) (all []result, text string) {
	t.Helper()
	var b strings.Builder
	if err := read.Show(&b, filepath.Join(p.dir, "trail"), read.Filter{Type: "result"}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		var record struct{ Body result }
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		all = append(all, record.Body)
	}
	return all, b.String()
}

// What the server's code says with values stays here; the trail has a digest
// of it, the same for the same words, from which nobody can guess them.
func TestSpokenValuesAreKeptBack(t *testing.T) {
	newVault(t)
	onServerExec(t, raises)
	p := startPlace(t, setup{policy: guarded})
	config, err := pgconn.ParseConfig(p.dsn(""))
	if err != nil {
		t.Fatal(err)
	}
	var notices []*pgconn.Notice
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n) }
	c, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"UPDATE vault SET id = id WHERE id = 1", "UPDATE vault SET id = id WHERE id = 1", "UPDATE vault SET id = id WHERE id = 2"} {
		var e *pgconn.PgError
		if err := run(t, c, sql); !errors.As(err, &e) || e.Code != "23514" || quotes(e) || strings.Contains(e.ColumnName+e.ConstraintName+e.TableName+e.SchemaName+e.DataTypeName, "SECRET") {
			t.Errorf("%s: %+v", sql, err)
		}
	}
	mustRun(t, c, "UPDATE vault SET id = id WHERE id = 3")
	if len(notices) != 8 {
		t.Errorf("%d notices, want 8", len(notices))
	}
	for _, n := range notices {
		if quotes((*pgconn.PgError)(n)) || n.Severity != "NOTICE" && n.Severity != "WARNING" || !strings.Contains(n.Message, "may quote a value") {
			t.Errorf("%+v", n)
		}
	}
	_ = c.Close(t.Context())
	p.end(t)()
	all, text := results(t, p)
	if len(all) != 4 || strings.Contains(text, "SECRET") {
		t.Fatalf("%d results: %s", len(all), text)
	}
	first, again, other, well := all[0], all[1], all[2], all[3]
	switch {
	case !strings.HasPrefix(first.ErrorHMAC, "hmac-sha256:") || first.ErrorHMAC != again.ErrorHMAC || first.ErrorHMAC == other.ErrorHMAC || well.ErrorHMAC != "":
		t.Errorf("digests of errors: %+v", all)
	case first.NoticesKept != 2 || first.NoticesHMAC == "" || first.NoticesHMAC != again.NoticesHMAC || first.NoticesHMAC == well.NoticesHMAC:
		t.Errorf("digests of notices: %+v", all)
	}
}

// Where nothing is classified, the server is heard word for word.
func TestOtherNoticesAreTheServersOwn(t *testing.T) {
	newVault(t)
	p := startPlace(t, setup{policy: guarded})
	config, err := pgconn.ParseConfig(p.dsn(""))
	if err != nil {
		t.Fatal(err)
	}
	var notices []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Message) }
	c, err := pgconn.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	mustRun(t, c, "DROP TABLE IF EXISTS nobody_made_this")
	if len(notices) != 1 || !strings.Contains(notices[0], "nobody_made_this") {
		t.Errorf("%q", notices)
	}
}
