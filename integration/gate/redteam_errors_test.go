package gate

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// guarded gives a column of a table a class that never leaves.
const guarded = `version: 1
classes: {secret.token: {}}
columns: [{columns: [public.vault.token], class: secret.token}]
rules: [{id: all, effect: allow, kinds: ['*']}]
`

func newVault(t *testing.T) {
	t.Helper()
	onServerExec(t, "DROP TABLE IF EXISTS vault, vaultless CASCADE; CREATE TABLE vault (id int PRIMARY KEY, token text); "+
		"CREATE TABLE vaultless (token text PRIMARY KEY, n int); INSERT INTO vault SELECT i, 'SECRET' || i FROM generate_series(1, 300) i; "+
		"ALTER TABLE vault OWNER TO "+group+"; ALTER TABLE vaultless OWNER TO "+group)
}

// A statement that may look at a credential gets no error that quotes it.
func TestErrorsQuoteNoSecret(t *testing.T) {
	newVault(t)
	p := startPlace(t, setup{policy: guarded})
	for sql, want := range map[string]string{
		"SELECT id FROM vault WHERE token::int = 1":                                      "22P02",
		"SELECT id FROM vault ORDER BY date_trunc(token, now())":                         "22023",
		"SELECT id FROM public.vault v WHERE current_setting(v.token) = ''":              "42704",
		"UPDATE vault SET id = NULL WHERE id = 1":                                        "23502",
		"UPDATE vault SET token = token::int::text":                                      "22P02",
		"DELETE FROM vault WHERE token::date < now()":                                    "22007",
		"CREATE UNIQUE INDEX ON vault (left(token, 8))":                                  "23505",
		"CREATE INDEX ON vault ((token::int))":                                           "22P02",
		"ALTER TABLE vault ADD FOREIGN KEY (token) REFERENCES vaultless (token)":         "23503",
		"ALTER TABLE vault ADD CHECK (token::int > 0)":                                   "22P02",
		"BEGIN; DECLARE c CURSOR FOR SELECT id FROM vault WHERE token::int = 1; FETCH c": "22P02",
		"PREPARE q AS SELECT id FROM vault WHERE token::int = 1; EXECUTE q":              "22P02",
		"EXPLAIN ANALYZE SELECT id FROM vault WHERE token::int = 1":                      "22P02",
	} {
		c := p.connect(t, "")
		err := run(t, c, sql)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != want || quotes(e) {
			t.Errorf("%s: %+v", sql, err)
		}
		if want == "23502" && (e.ColumnName != "id" || !strings.Contains(e.Message, "null value")) {
			t.Errorf("%s: what quotes no value is missing: %+v", sql, e)
		}
		w := speak(t, p.connect(t, ""))
		if got := w.play([]step{{msgs(run1(sql), sync_), 1}}); strings.Contains(got, "SECRET") {
			t.Errorf("%s, extended: %s", sql, got)
		}
	}
}

func quotes(e *pgconn.PgError) bool {
	return strings.Contains(strings.ToUpper(e.Message+e.Detail+e.Hint+e.Where+e.InternalQuery), "SECRET")
}

// Constraints that are deferred speak at the end of the transaction.
func TestDeferredErrorsQuoteNoSecret(t *testing.T) {
	newVault(t)
	onServerExec(t, "INSERT INTO vaultless SELECT token FROM vault; ALTER TABLE vault ADD FOREIGN KEY (token) REFERENCES vaultless DEFERRABLE INITIALLY DEFERRED")
	p := startPlace(t, setup{policy: guarded})
	const sql = "UPDATE vault SET token = token || '-' WHERE id = 1"
	c := p.connect(t, "")
	all := map[string]error{"simple": run(t, c, sql), "extended": c.ExecParams(t.Context(), sql, nil, nil, nil, nil).Read().Err}
	mustRun(t, c, "BEGIN; "+sql)
	all["COMMIT"] = run(t, c, "COMMIT")
	for name, err := range all {
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "23503" || quotes(e) {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// Everybody else reads what the server says, and so does everybody who
// mistypes.
func TestOtherErrorsAreTheServersOwn(t *testing.T) {
	newVault(t)
	p := startPlace(t, setup{policy: guarded})
	c := p.connect(t, "")
	mustRun(t, c, "SELECT id FROM vault LIMIT 1")
	for sql, want := range map[string]string{
		"SELECT n::text::date FROM (VALUES ('noday')) v (n)": `invalid input syntax for type date: "noday"`,
		"SELECT idd FROM vault":                              `column "idd" does not exist`,
		"SELECT id FROM vault WHERE id = 'x'":                `invalid input syntax for type integer: "x"`,
		"INSERT INTO vaultless VALUES ('a'), ('a')":          `duplicate key value violates unique constraint "vaultless_pkey"`,
	} {
		var e *pgconn.PgError
		if err := run(t, c, sql); !errors.As(err, &e) || e.Message != want || e.Code == "23505" && !strings.Contains(e.Detail, "(a)") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	w := speak(t, c)
	if got := w.play([]step{{[]pgproto3.FrontendMessage{query("SELECT id FROM vault WHERE token::int = 1"), query("SELECT 1")}, 2}}); !strings.HasSuffix(got, "E22P02 ZI D(1) C(SELECT 1) ZI") && !strings.Contains(got, "E22P02 ZI RowDescription D(1)") {
		t.Errorf("afterwards: %s", got)
	}
}
