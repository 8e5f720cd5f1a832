package masked

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// quoting are statements whose error quotes a value with a class, of which
// the client is to hear no more than the code.
var quoting = []string{
	"SELECT email::int FROM crm.people",
	"SELECT 1 FROM crm.people WHERE email::int = 1",
	"SELECT id FROM crm.people ORDER BY email::int",
	"SELECT count(*) FROM crm.people WHERE (email || 'x')::date > now()",
	"SELECT 1 FROM crm.addresses WHERE address::int = 1",
	"SELECT 1 FROM crm.book WHERE address::uuid IS NULL",
	"SELECT 1 FROM crm.whole WHERE doc::text::int = 1",
	"SELECT 1 FROM crm.cached WHERE email::int = 1",
	"SELECT 1 FROM crm.made WHERE low::int = 1",
	"SELECT 1 FROM crm.events WHERE line::int = 1",
	"SELECT 1 FROM crm.events_a WHERE line::int = 1",
	"SELECT 1 FROM crm.derived WHERE secretly::int = 1",
	"SELECT 1 FROM ONLY crm.base WHERE secretly::int = 1",
	"SELECT 1 FROM crm.plain WHERE (SELECT email FROM crm.people WHERE id = 1)::int = 1",
	"WITH w AS (SELECT email AS e FROM crm.people) SELECT 1 FROM w WHERE e::int = 1",
	"SELECT email::json FROM crm.people",
	"SELECT email::xml, ('<' || email)::xml FROM crm.people",
	"SELECT replace(email, '@', '_')::regclass FROM crm.people",
	"SELECT 1 FROM crm.people WHERE replace(replace(email, '@', '_'), '.', '_')::regtype IS NULL",
	"SELECT date_trunc(email, now()) FROM crm.people",
	"SELECT encode('x', email) FROM crm.people",
	"SELECT to_date(email, 'YYYY') FROM crm.people",
	"SELECT to_tsquery(email || ' & (') FROM crm.people",
	"SELECT 'x' ~ ('(' || email) FROM crm.people",
	"SELECT jsonb_path_query('{}', email::jsonpath) FROM crm.people",
	"SELECT mood::text::crm.mood, email::crm.mood FROM crm.people",
	"SELECT 1/(id - id) FROM crm.people",
	"INSERT INTO crm.people (id, email) VALUES (1, 'x')",
	"INSERT INTO crm.people (id, email) SELECT 6, NULL",
	"UPDATE crm.people SET email = NULL WHERE id = 1",
	"UPDATE crm.people SET email = 'same'",
	"UPDATE crm.people SET email = left(email, 6) WHERE id < 3",
	"UPDATE crm.people SET name = name || repeat('x', 50)",
	"UPDATE crm.addresses SET address = NULL WHERE id = 1",
	"UPDATE crm.orders SET person = 99",
	"DELETE FROM crm.people",
	"UPDATE crm.made SET email = left(email, 6)", // at the end of the transaction
	"COPY (SELECT email::int FROM crm.people) TO STDOUT",
	"COPY (SELECT id FROM crm.addresses WHERE address::int = 1) TO STDOUT",
	"BEGIN; DECLARE c CURSOR FOR SELECT id FROM crm.addresses WHERE address::int = 1; FETCH 1 FROM c",
	"PREPARE p AS SELECT id FROM crm.addresses WHERE address::int = 1; EXECUTE p",
	"EXPLAIN ANALYZE SELECT id FROM crm.addresses WHERE address::int = 1",
}

// harmless are statements whose errors quote nothing that has a class.
var harmless = []string{
	"SELECT word::int FROM crm.plain", "SELECT 'x'::int", "INSERT INTO crm.plain VALUES (1, 'twice')",
	"SELECT * FROM elsewhere.people WHERE email::int = 1",
}

func failure(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// errors looks at what a client hears of errors, by all protocols.
func (s *stage) errors(t *testing.T) {
	l, server := dial(t, s.sluice()), dial(t, s.direct())
	for _, sql := range quoting {
		_, err := server.Exec(t.Context(), sql).ReadAll()
		want := failure(err)
		_, _ = server.Exec(t.Context(), "ROLLBACK").ReadAll()
		if want == nil {
			t.Errorf("%s\n  does not fail at the server itself: %v", sql, err)
			continue
		}
		for road, run := range map[string]func() error{
			"simple":        func() error { _, err := l.Exec(t.Context(), sql).ReadAll(); return err },
			"extended":      func() error { return l.ExecParams(t.Context(), sql, nil, nil, nil, nil).Read().Err },
			"transaction":   func() error { _, err := l.Exec(t.Context(), "BEGIN; "+sql+"; COMMIT").ReadAll(); return err },
			"not described": func() error { _, err := blind(1)(t, l, sql); return err },
		} {
			if strings.Contains(sql, "; ") && road != "simple" {
				continue
			}
			if strings.HasPrefix(sql, "COPY") && road != "simple" {
				continue
			}
			got := failure(run())
			what := road + ": " + sql
			l.noCanary(t, what)
			switch {
			case got == nil:
				t.Errorf("%s\n  does not fail", what)
			case got.Code == want.Code && !strings.HasPrefix(got.Detail, "Sluice left out"):
				t.Errorf("%s\n  fails with details: %s %s", what, got.Message, got.Detail)
			case got.Code != want.Code:
				t.Errorf("%s\n  fails with %s %s (%s), not with %s", what, got.Code, got.Message, got.Detail, want.Code)
			}
			_, _ = l.Exec(t.Context(), "ROLLBACK").ReadAll()
		}
	}
	for _, sql := range harmless {
		_, err := server.Exec(t.Context(), sql).ReadAll()
		want := failure(err)
		_, err = l.Exec(t.Context(), sql).ReadAll()
		got := failure(err)
		if got == nil || want == nil {
			t.Errorf("%s: %v, and at the server itself %v", sql, got, want)
			continue
		}
		if got.Message != want.Message || got.Detail != want.Detail || got.Code != want.Code {
			t.Errorf("%s\n  fails with %+v, not with %+v", sql, got, want)
		}
	}
}

// told is what comes beside rows: notices, settings, notifications.
func (s *stage) told(t *testing.T) {
	l := dial(t, s.sluice())
	for _, sql := range []string{
		"LISTEN x", "SELECT pg_notify('x', email) FROM crm.people", "SELECT set_config('application_name', email, false) FROM crm.people",
		"SELECT set_config('app.note', email, false) FROM crm.people", "DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM crm.people LIMIT 1); END $$",
		"SELECT query_to_xml('SELECT email FROM crm.people', true, true, '')", "SELECT table_to_xml('crm.people', true, true, '')",
		"SELECT most_common_vals FROM pg_stats", "SELECT stavalues1 FROM pg_statistic", "SELECT lo_from_bytea(0, email::bytea) FROM crm.people",
		"UPDATE crm.plain SET word = (SELECT email FROM crm.people WHERE id = 1)", "INSERT INTO crm.plain SELECT 10 + id, email FROM crm.people",
		"MERGE INTO crm.plain p USING crm.people q ON p.id = q.id WHEN MATCHED THEN UPDATE SET word = q.email",
		"WITH n AS (UPDATE crm.plain SET word = p.email FROM crm.people p WHERE p.id = plain.id RETURNING 1) SELECT 1",
		"INSERT INTO crm.plain VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET word = (SELECT email FROM crm.people WHERE id = 1)",
		"CREATE TABLE crm.taken AS SELECT email FROM crm.people", "SELECT email INTO TEMP taken FROM crm.people", "CREATE MATERIALIZED VIEW crm.taken AS SELECT email FROM crm.people",
		"ALTER TABLE crm.people ADD COLUMN twin text GENERATED ALWAYS AS (token) STORED",
		"PREPARE w AS UPDATE crm.plain SET word = (SELECT address FROM crm.addresses WHERE id = 1)",
		"ALTER TABLE crm.people RENAME COLUMN email TO country_2", "ALTER TABLE crm.people RENAME TO plain_2", "ALTER TABLE crm.people SET SCHEMA elsewhere",
		"ALTER TABLE crm.people ALTER COLUMN country SET DEFAULT crm.mail_of(1)", "COMMENT ON COLUMN crm.people.email IS 'class:none'",
	} {
		if _, err := l.Exec(t.Context(), sql).ReadAll(); sql != "LISTEN x" && (failure(err) == nil || failure(err).Hint == "") {
			t.Errorf("%s\n  is not refused with a hint: %v", sql, err)
		}
		l.noCanary(t, sql)
	}
	// What these do is seen through: their rows are masked, their notices kept back.
	for _, sql := range []string{"SELECT crm.tell()", "SELECT crm.mail_of(1)", "SELECT * FROM crm.people_like('%')"} {
		if _, err := l.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		l.noCanary(t, sql)
	}
	l.speak(t, &pgproto3.Query{String: "UNLISTEN *"})
	l.noCanary(t, "notifications")
	if got := l.must(t, "SELECT word FROM crm.plain WHERE word IS NOT NULL"); got != "harmless\nfree" {
		t.Errorf("crm.plain has changed: %s", got)
	}
}
