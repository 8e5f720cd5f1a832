package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

const plainBody = "SELECT pg_catalog.lower($1)"

// knowing is a policy that knows a function of one text argument by
// plainBody, and lets schemas be changed.
func knowing(name string) string {
	sum := sha256.Sum256([]byte(plainBody))
	return fmt.Sprintf(`version: 1
functions:
  known:
    - signature: public.%s(text)
      body: sha256:%s
      effect: ordinary_read
      why: It only changes its argument.
rules:
  - {id: change, effect: allow, kinds: [weaken_protection, ddl]}
`, name, hex.EncodeToString(sum[:]))
}

// newFunction makes, on the server itself, a function the policy knows.
func newFunction(t *testing.T, name string) {
	t.Helper()
	onServerExec(t, fmt.Sprintf("DROP FUNCTION IF EXISTS public.%[1]s(text); CREATE FUNCTION public.%[1]s(text) RETURNS text LANGUAGE sql AS '%[2]s'; "+
		"ALTER FUNCTION public.%[1]s(text) OWNER TO %[3]s", name, plainBody, group))
}

// refusedFor fails the test unless an error is a refusal that says why.
func refusedFor(t *testing.T, what string, err error, why string) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" || !strings.Contains(pg.Detail, why) {
		t.Errorf("%s: got %v, want a refusal with %q", what, err, why)
		if pg != nil {
			t.Log(pg.Detail)
		}
	}
}

// A function that the policy knows runs, on every road, as long as the
// database has the body that was read. At the next use after that it is
// refused, however long ago it was prepared.
func TestKnownFunctionOnEveryRoad(t *testing.T) {
	const name = "known_road"
	newFunction(t, name)
	p := startPlace(t, setup{policy: knowing(name)})
	c := p.connect(t, "")
	call := "SELECT public." + name + "('A')"
	if _, err := c.Prepare(t.Context(), "early", call, nil); err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, "PREPARE early_sql AS "+call+"; BEGIN; DECLARE held SCROLL CURSOR WITH HOLD FOR "+call+"; COMMIT")
	roads := []struct {
		name string
		run  func() error
	}{
		{"query", func() error { return run(t, c, call) }},
		{"parse", func() error { _, err := c.ExecParams(t.Context(), call, nil, nil, nil, nil).Close(); return err }},
		{"bind", func() error { _, err := c.ExecPrepared(t.Context(), "early", nil, nil, nil).Close(); return err }},
		{"execute", func() error { return run(t, c, "EXECUTE early_sql") }},
		{"fetch", func() error { return run(t, c, "FETCH ABSOLUTE 1 FROM held") }},
		{"transaction", func() error { return run(t, c, "BEGIN; "+call+"; COMMIT") }},
		{"write", func() error { return run(t, c, "INSERT INTO "+name+" VALUES (public."+name+"('A'))") }},
	}
	onServerExec(t, "DROP TABLE IF EXISTS "+name+"; CREATE TABLE "+name+" (x text); ALTER TABLE "+name+" OWNER TO "+group)
	for _, r := range roads {
		if err := r.run(); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
	}
	refusedFor(t, "without its schema", run(t, c, "SELECT "+name+"('A')"), "called without it")
	onServerExec(t, "CREATE OR REPLACE FUNCTION public."+name+"(text) RETURNS text LANGUAGE sql AS 'SELECT pg_catalog.upper($1)'")
	for _, r := range roads {
		refusedFor(t, r.name+" of another body", r.run(), "is not the one that the policy knows")
		if c.TxStatus() != 'I' {
			mustRun(t, c, "ROLLBACK")
		}
	}
	newFunction(t, name)
	for _, r := range roads {
		if err := r.run(); err != nil {
			t.Errorf("%s, put right: %v", r.name, err)
		}
	}
}

// What a call could mean beside the function that was read, and what its body
// does not say, is refused.
func TestKnownFunctionLookedAtWhole(t *testing.T) {
	const name = "known_whole"
	onServerExec(t, "DROP SCHEMA IF EXISTS shadow CASCADE")
	p := startPlace(t, setup{policy: knowing(name)})
	c := p.connect(t, "")
	alter := "ALTER FUNCTION public." + name + "(text) "
	create := "CREATE OR REPLACE FUNCTION public." + name + "(text) RETURNS text "
	for _, s := range []struct{ change, back, why string }{
		{"CREATE FUNCTION public." + name + "(integer) RETURNS text LANGUAGE sql AS ''''", "DROP FUNCTION public." + name + "(integer)", name + "(integer) is not known"},
		{"CREATE AGGREGATE public." + name + "(bigint) (sfunc = pg_catalog.int8pl, stype = bigint)", "DROP AGGREGATE public." + name + "(bigint)", "it is an aggregate"},
		{"CREATE DOMAIN public." + name + " AS text", "DROP DOMAIN public." + name, "it is a type"},
		{alter + "SECURITY DEFINER", "", "it is SECURITY DEFINER"},
		{alter + "SET search_path = pg_catalog", "", "it has settings of its own"},
		{alter + "LEAKPROOF", "", "it is LEAKPROOF"},
		{"DROP FUNCTION public." + name + "(text); CREATE FUNCTION public." + name + "(x text DEFAULT pg_catalog.version()) RETURNS text LANGUAGE sql AS '" + plainBody + "'", "DROP FUNCTION public." + name + "(text)", "default values"},
		{create + "LANGUAGE sql RETURN pg_catalog.lower($1)", "", "a parse tree"},
		{"DROP FUNCTION public." + name + "(text)", "", "has no function of this name"},
	} {
		newFunction(t, name)
		if err := run(t, c, "SELECT public."+name+"('A')"); err != nil {
			t.Fatal(err)
		}
		onServerExec(t, strings.ReplaceAll(s.change, "''''", "'SELECT $1::text'"))
		refusedFor(t, s.change, run(t, c, "SELECT public."+name+"('A')"), s.why)
		if s.back != "" {
			onServerExec(t, s.back)
		}
	}
	// Functions of the same name in other schemas are other functions.
	newFunction(t, name)
	onServerExec(t, "CREATE SCHEMA IF NOT EXISTS shadow; GRANT USAGE ON SCHEMA shadow TO "+group+
		"; CREATE OR REPLACE FUNCTION shadow."+name+"(text) RETURNS text LANGUAGE sql AS 'SELECT pg_catalog.upper($1)'")
	mustRun(t, c, "SET search_path = shadow, public")
	mustRun(t, c, "SELECT public."+name+"('A')")
	refusedFor(t, "of another schema", run(t, c, "SELECT shadow."+name+"('A')"), "opaque_code")
	refusedFor(t, "by the path", run(t, c, "SELECT "+name+"('A')"), "called without it")
	refusedFor(t, "of both", run(t, c, "SELECT public."+name+"('A'), shadow."+name+"('A')"), "opaque_code")
}

// The proxy's own connection cannot see what a session has not committed, so
// nothing is known of functions until it has.
func TestKnownFunctionChangedUnseen(t *testing.T) {
	const name = "known_unseen"
	newFunction(t, name)
	onServerExec(t, "DROP FUNCTION IF EXISTS public.other_unseen(text), public.away_unseen(text); CREATE FUNCTION public.other_unseen(text) RETURNS text LANGUAGE sql AS 'SELECT pg_catalog.upper($1)'; "+
		"ALTER FUNCTION public.other_unseen(text) OWNER TO "+group)
	p := startPlace(t, setup{policy: knowing(name)})
	c := p.connect(t, "")
	call := "SELECT public." + name + "('A')"
	swap := "ALTER FUNCTION public." + name + "(text) RENAME TO away_unseen; ALTER FUNCTION public.other_unseen(text) RENAME TO " + name
	if _, err := c.Prepare(t.Context(), "early", call, nil); err != nil {
		t.Fatal(err)
	}
	prepared := func() error { _, err := c.ExecPrepared(t.Context(), "early", nil, nil, nil).Close(); return err }
	refusedFor(t, "in one text", run(t, c, swap+"; "+call), "in a text of its own")
	const inDoubt = "in a transaction that has not ended"
	for what, use := range map[string]func() error{"query": func() error { return run(t, c, call) }, "bind": prepared} {
		mustRun(t, c, "BEGIN; "+swap)
		refusedFor(t, what, use(), inDoubt)
		mustRun(t, c, "ROLLBACK")
		if err := use(); err != nil {
			t.Errorf("%s after the rollback: %v", what, err)
		}
	}
	// In a pipeline the changes are under way when the call is judged.
	batch := &pgconn.Batch{}
	for _, text := range append(strings.Split(swap, "; "), call) {
		batch.ExecParams(text, nil, nil, nil, nil)
	}
	_, err := c.ExecBatch(t.Context(), batch).ReadAll()
	refusedFor(t, "in a pipeline", err, inDoubt)
	if n := onServer(t, "SELECT count(*) FROM pg_proc WHERE proname = 'away_unseen'"); n != 0 {
		t.Error("the pipeline's changes stayed")
	}
	mustRun(t, c, swap)
	refusedFor(t, "after the change", run(t, c, call), "is not the one that the policy knows")
	refusedFor(t, "prepared before the change", prepared(), "is not the one that the policy knows")
}
