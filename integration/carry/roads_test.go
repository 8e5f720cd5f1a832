package carry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connect is a driver's connection through Sluice.
func (s *stage) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.gate.Target().URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// queries copies what a query gives, a part of a table, and a view.
func (s *stage) queries(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY (SELECT id, country, upper(country) AS large FROM crm.people WHERE id <= 10) TO 'sluice://analytics/crm.few'"), 0, "COPY 10")
	s.holds(t, "SELECT count(*), count(large) FROM crm.few", "10|7")
	s.mustBe(t, s.psql(t, "COPY (SELECT * FROM orders WHERE placed < '2026-01-01 01:00:00+00') TO 'sluice://analytics/crm.early'", "PGOPTIONS=-c search_path=crm"), 0, "COPY 59")
	s.holds(t, "SELECT count(*) FROM pg_indexes WHERE schemaname = 'crm' AND tablename = 'early'", "2")
	s.mustBe(t, s.psql(t, "COPY (SELECT * FROM orders WHERE id > 4990) TO 'sluice://analytics/crm.early?existing=append'", "PGOPTIONS=-c search_path=crm"), 0, "COPY 10")
	s.holds(t, "SELECT count(*) FROM crm.early", "69")
	s.mustBe(t, s.psql(t, "COPY crm.spent TO 'sluice://analytics'"), 0, "COPY 3")
	s.holds(t, "SELECT count(*) FROM crm.spent", "3")
}

// roads sends the copy as drivers do.
func (s *stage) roads(t *testing.T) {
	const sql = "COPY (SELECT id, country FROM crm.people) TO 'sluice://analytics/crm.alone?existing=swap'"
	conn := s.connect(t)
	for name, mode := range map[string]pgx.QueryExecMode{
		"simple": pgx.QueryExecModeSimpleProtocol, "extended": pgx.QueryExecModeExec, "prepared": pgx.QueryExecModeCacheStatement,
		"described": pgx.QueryExecModeDescribeExec,
	} {
		tag, err := conn.Exec(t.Context(), sql, mode)
		if err != nil || tag.String() != "COPY 2000" {
			t.Errorf("%s: %q, %v", name, tag, err)
		}
	}
	s.inTransaction(t, conn)
	s.inBatch(t, conn)
	s.canceled(t)
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the session is lost: %v", err)
	}
}

func codeOf(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

// inTransaction is refused: what is carried could not be rolled back.
func (s *stage) inTransaction(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tx.Exec(t.Context(), "COPY crm.people TO 'sluice://analytics/crm.people?existing=swap'"); codeOf(err) != "25001" {
		t.Errorf("in a transaction: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// inBatch is refused as well where something else is in the same implicit
// transaction.
func (s *stage) inBatch(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var b pgx.Batch
	b.Queue("UPDATE crm.people SET born = born WHERE id = 1")
	b.Queue("COPY crm.people TO 'sluice://analytics/crm.people?existing=swap'")
	if err := conn.SendBatch(t.Context(), &b).Close(); codeOf(err) != "25001" {
		t.Errorf("in a batch: %v", err)
	}
}

// canceled ends a copy as Ctrl-C does; nothing of it is there.
func (s *stage) canceled(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	conn := s.connect(t)
	// Somebody holds the target, so that publishing waits.
	s.at(t, "CREATE TABLE crm.held (id integer)")
	holder, err := pgx.Connect(t.Context(), s.there.SuperuserDSN("copies"))
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"ALTER TABLE crm.held OWNER TO sluice_owner", "BEGIN", "LOCK TABLE crm.held"} {
		if _, err := holder.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(2*time.Second, func() { _ = conn.PgConn().CancelRequest(context.WithoutCancel(ctx)) })
	_, err = conn.Exec(t.Context(), "COPY crm.people TO 'sluice://analytics/crm.held?existing=swap'")
	cancel()
	if codeOf(err) != "57014" {
		t.Errorf("canceled: %v", err)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.holds(t, "SELECT count(*) FROM crm.held", "0")
	s.holds(t, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'sluice\\_%'", "0")
}

// refusals say what is in the way.
func (s *stage) refusals(t *testing.T) {
	for sql, words := range map[string][]string{
		"COPY crm.people TO 'sluice://nowhere/crm.people'":                            {"nowhere is no destination of the policy", "places are analytics"},
		"COPY crm.people TO 'sluice://analytics/people'":                              {"the target has no schema"},
		"COPY public.users TO 'sluice://analytics/crm.users'":                         {"rule copies asks to carry this, but not for public.users"},
		"COPY crm.people TO 'sluice://analytics/crm.x?expires=21d'":                   {"lives 480h at analytics at most"},
		"COPY (SELECT pg_sleep(0), id FROM crm.people) TO 'sluice://analytics/crm.x'": {"sluice:"},
		"COPY (DELETE FROM crm.people RETURNING id) TO 'sluice://analytics/crm.x'":    {"DELETE"},
		"COPY (SELECT id, id FROM crm.people) TO 'sluice://analytics/crm.x'":          {"two columns of the copy would be called id"},
		"COPY crm.people TO 'sluice://analytics/pg_catalog.x'":                        {"belongs to PostgreSQL"},
		"\\copy crm.people TO '/dev/null'":                                            {"Let Sluice carry it: COPY crm.people TO 'sluice://analytics/crm.people'"},
	} {
		s.mustBe(t, s.psql(t, sql), 1, words...)
	}
	s.at(t, "GRANT an_g TO postgres; CREATE ROLE eve LOGIN PASSWORD 'eve in the integration suite' IN ROLE an_g; GRANT sluice_owner TO eve")
	s.mustBe(t, s.psql(t, "COPY (SELECT id, born FROM crm.people) TO 'sluice://analytics/crm.y'"), 1, "eve", "born")
	s.at(t, "DROP ROLE eve; REVOKE an_g FROM postgres")
}
