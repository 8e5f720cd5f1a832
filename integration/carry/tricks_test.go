package carry

import (
	"context"
	_ "embed"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/integration/harness"
)

//go:embed testdata/tricks.sql
var trickSchema string

// trickColumns are what the policy says of that schema, trickRules the rules that it
// has beside that for crm.
const (
	trickColumns = `, "tricks.*.id", "tricks.*.country", "tricks.parts.v"]`
	trickRules   = `  - {id: tricks, effect: carry, kinds: [export_remote], relations: ["tricks.*"], destinations: [analytics]}
  - {id: few, effect: carry, kinds: [export_remote], relations: ["few.*"], destinations: [analytics], limits: {rows: 100}}
`
)

// TestTricks is what somebody does who wants more than is decided, elsewhere, or
// without anybody knowing, and what goes wrong for those who do not.
func TestTricks(t *testing.T) {
	s := &stage{world: harness.NewWorld(t, 15)}
	s.world.Exec(t, "shop", schema+trickSchema)
	s.there = newPlace(t, 18)
	s.binary = harness.BuildSluice(t)
	s.gate = harness.StartGateWith(t, s.world, s.binary, harness.Setup{Policy: s.trickPolicy(t), Config: s.config(t)})
	t.Run("renamed meanwhile", s.renamedMeanwhile)
	t.Run("replaced meanwhile", s.replacedMeanwhile)
	t.Run("forbidden meanwhile", s.forbiddenMeanwhile)
	t.Run("ledger of Sluice", s.booksAreShut)
	t.Run("made of nothing", s.madeOfNothing)
	t.Run("generated", s.generated)
	t.Run("strength", s.strength)
	t.Run("conditions", s.conditions)
	t.Run("limits", s.limits)
	t.Run("comment", s.comment)
	t.Run("code of types", s.codeOfTypes)
	t.Run("pipelined", s.pipelined)
	t.Run("no answer", s.noAnswer)
}

func (s *stage) trickPolicy(t *testing.T) string {
	t.Helper()
	text := strings.Replace(s.policy(t), `, "crm.spent.*"]`, `, "crm.spent.*"`+trickColumns, 1)
	return text + "\n" + trickRules
}

// hold keeps a transaction open that does something, and ends it when told.
func (s *stage) hold(t *testing.T, dsn string, statements ...string) (commit func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	do := func(sql string) {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	do("BEGIN")
	for _, sql := range statements {
		do(sql)
	}
	return func() { do("COMMIT") }
}

// carried runs a COPY in the background.
func (s *stage) carried(t *testing.T, sql string) <-chan harness.Result {
	t.Helper()
	done := make(chan harness.Result, 1)
	go func() { done <- s.psql(t, sql) }()
	return done
}

const waitsForLock = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name LIKE 'sluice/copy%'"

// awaitWaiting waits until a copy waits for a lock at a server.
func awaitWaiting(t *testing.T, ask func(string) string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ask(waitsForLock) == "0"; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no copy waits for a lock")
		}
	}
}

func (s *stage) source(t *testing.T) func(string) string {
	return func(sql string) string {
		t.Helper()
		rows, err := s.world.Server.Query(t.Context(), "shop", sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return strings.Join(rows[0], "|")
	}
}

// renamedMeanwhile has two columns change their names between the decision and the
// first row: the mask would be on the wrong one.
func (s *stage) renamedMeanwhile(t *testing.T) {
	commit := s.hold(t, s.world.Server.SuperuserDSN("shop"), "ALTER TABLE tricks.turned RENAME email TO x",
		"ALTER TABLE tricks.turned RENAME country TO email", "ALTER TABLE tricks.turned RENAME x TO country")
	done := s.carried(t, "COPY tricks.turned TO 'sluice://analytics/crm.turned'")
	awaitWaiting(t, s.source(t))
	commit()
	s.mustBe(t, <-done, 1, "has changed since it was decided", "It can be run again")
	s.holds(t, "SELECT to_regclass('crm.turned')", "")
}

// replacedMeanwhile has a view show something else.
func (s *stage) replacedMeanwhile(t *testing.T) {
	commit := s.hold(t, s.world.Server.SuperuserDSN("shop"), "CREATE OR REPLACE VIEW tricks.shown AS SELECT id, email AS country FROM crm.people")
	done := s.carried(t, "COPY tricks.shown TO 'sluice://analytics/crm.shown'")
	awaitWaiting(t, s.source(t))
	commit()
	s.mustBe(t, <-done, 1, "has changed since it was decided")
	s.holds(t, "SELECT to_regclass('crm.shown')", "")
}

// forbiddenMeanwhile takes the rule away while rows are on their way.
func (s *stage) forbiddenMeanwhile(t *testing.T) {
	release := s.hold(t, s.there.SuperuserDSN("copies"), "LOCK TABLE sluice.lease IN SHARE MODE") // nobody publishes
	done := s.carried(t, "COPY tricks.parts TO 'sluice://analytics/crm.parts'")
	awaitWaiting(t, func(sql string) string { return s.at(t, sql) })
	s.reload(t, strings.Replace(s.trickPolicy(t), "  - {id: tricks,", "  - {id: tricks, mode: shadow,", 1))
	release()
	s.mustBe(t, <-done, 1, "has changed since it was decided")
	s.reload(t, s.trickPolicy(t))
	s.holds(t, "SELECT to_regclass('crm.parts')", "")
}

// booksAreShut has nobody write into what says until when copies can be read.
func (s *stage) booksAreShut(t *testing.T) {
	for _, target := range []string{"sluice.lease?existing=append", "sluice.lease?existing=swap", "sluice.other", "sluice_stage_aaaaaaaaaaaaaaaaaaaaaaaaaa.other"} {
		r := s.psql(t, "COPY (SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaa' AS copy, timestamptz '2099-01-01' AS valid_until FROM crm.orders WHERE id = 1) TO 'sluice://analytics/"+target+"'")
		s.mustBe(t, r, 1, "nothing is copied there")
	}
}

// madeOfNothing copies columns that are made of none, and of several relations.
func (s *stage) madeOfNothing(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY (SELECT count(*) AS n, 'x'::text AS note FROM crm.people) TO 'sluice://analytics/crm.counted'"), 0, "COPY 1")
	s.mustBe(t, s.psql(t, `COPY (SELECT p.email, p.country, o.amount, 1 AS one FROM crm.orders o JOIN crm.people p ON p.id = o.person WHERE o.id < 10) TO 'sluice://analytics/crm.joined' ;
		COPY (SELECT o.id, p.email FROM crm.people p, crm.orders o WHERE o.person = p.id AND o.id < 5) TO 'sluice://analytics/crm.joined2'`), 0, "COPY 9", "COPY 4")
	s.holds(t, "SELECT count(*) FROM crm.joined WHERE email LIKE '%@m.invalid'", "9")
	s.mustBe(t, s.psql(t, "COPY (SELECT 1 AS one) TO 'sluice://analytics/crm.one'"), 1, "sluice:")
}

// generated columns are computed at the destination, of what is there: of masked
// values. Who may read all that they are made of may read them.
func (s *stage) generated(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY tricks.made TO 'sluice://analytics/crm.made'"), 0, "COPY 1")
	s.holds(t, "SELECT has_column_privilege('an_g', 'crm.made', 'shout', 'SELECT'), has_table_privilege('an_g', 'crm.made', 'INSERT,UPDATE,DELETE,TRUNCATE')", "t|f")
	s.holds(t, "SELECT shout = upper(email), shout LIKE '%CANARY%' FROM crm.made", "t|f")
	s.mustBe(t, s.psql(t, "COPY tricks.made (id) TO 'sluice://analytics/crm.plain'"), 0, "COPY 1")
	s.holds(t, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'crm.plain'::regclass AND attnum > 0", "1")
}

// strength of a mask says who may read what it leaves: people may read dates that are
// cut to the year only if the policy says that nothing is left of them so.
func (s *stage) strength(t *testing.T) {
	const readable = "SELECT has_column_privilege('anna', 'crm.aged', 'born', 'SELECT')"
	for _, c := range []struct{ strength, readable string }{{"", "f"}, {", strength: full", "t"}, {", strength: partial", "f"}} {
		s.reload(t, strings.Replace(s.trickPolicy(t), "    masks:\n", "    masks:\n      - {classes: [person.birth], mask: date, to: year"+c.strength+"}\n", 1))
		s.mustBe(t, s.psql(t, "COPY (SELECT id, born FROM crm.people) TO 'sluice://analytics/crm.aged?existing=swap'"), 0, "COPY 2000")
		s.holds(t, readable, c.readable)
		s.holds(t, "SELECT count(*) FROM crm.aged WHERE born <> date_trunc('year', born)", "0")
	}
	s.reload(t, s.trickPolicy(t))
}

// conditions keep the keys of a table also if they ask others.
func (s *stage) conditions(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY (SELECT * FROM crm.people WHERE id IN (SELECT person FROM crm.orders WHERE id < 10)) TO 'sluice://analytics/crm.buyers'"), 0, "COPY 9")
	s.holds(t, "SELECT count(*) FROM pg_indexes WHERE schemaname = 'crm' AND tablename = 'buyers'", "2")
	s.mustBe(t, s.psql(t, "COPY (SELECT * FROM ONLY tricks.parts) TO 'sluice://analytics/crm.only'"), 0, "COPY 0")
}

// limits of a rule hold for what is carried.
func (s *stage) limits(t *testing.T) {
	s.mustBe(t, s.psql(t, "COPY (SELECT * FROM few.rows WHERE id <= 100) TO 'sluice://analytics/crm.few'"), 0, "COPY 100")
	s.mustBe(t, s.psql(t, "COPY few.rows TO 'sluice://analytics/crm.all'"), 1, "more than 100 rows")
	s.mustBe(t, s.psql(t, `COPY (SELECT id FROM few.rows WHERE id <= 60) TO 'sluice://analytics/crm.a' ; COPY (SELECT id FROM few.rows WHERE id > 60) TO 'sluice://analytics/crm.b'`), 1, "more than 100 rows")
	s.holds(t, "SELECT coalesce(to_regclass('crm.all'), to_regclass('crm.a'))", "")
}

// comment says for one text what it is for.
func (s *stage) comment(t *testing.T) {
	s.mustBe(t, s.psql(t, "/* sluice: ticket=OPS-17, reason=month end */ COPY (SELECT id FROM crm.orders) TO 'sluice://analytics/crm.ticketed'"), 0, "COPY 5000")
	list := s.operator(t, "audit", "show", "--type", "copy.begun", "trail")
	s.mustBe(t, list, 0, "OPS-17", "month end")
	s.commentOfPrepared(t)
}

// commentOfPrepared has a statement that was prepared declare it at each execution.
func (s *stage) commentOfPrepared(t *testing.T) {
	conn := s.connect(t)
	const sql = "/* sluice: ticket=OPS-18 */ COPY (SELECT id FROM crm.orders) TO 'sluice://analytics/crm.prepared?existing=swap'"
	if _, err := conn.PgConn().Prepare(t.Context(), "copying", sql, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := conn.PgConn().ExecPrepared(t.Context(), "copying", nil, nil, nil).Read(); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	begun := s.operator(t, "audit", "show", "--type", "copy.begun", "trail")
	if n := strings.Count(begun.Stdout, "OPS-18"); n != 2 {
		t.Errorf("%d of two executions have their ticket on record\n%s", n, begun.Stdout)
	}
}

// codeOfTypes has somebody at the place make a function of the name that a domain
// calls, and then own a domain, to see values as they come in.
func (s *stage) codeOfTypes(t *testing.T) {
	s.at(t, `CREATE ROLE spy NOLOGIN; CREATE SCHEMA tricks; GRANT USAGE, CREATE ON SCHEMA tricks TO sluice_owner; CREATE FUNCTION tricks.valid(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''seen %'', $1; RETURN true; END'`)
	const sql = "COPY tricks.checked (id, v) TO 'sluice://analytics/crm.checked'"
	s.mustBe(t, s.psql(t, sql), 1, "passes values through function ")
	s.at(t, "CREATE DOMAIN tricks.checked_text AS text CHECK (tricks.valid(VALUE))")
	s.mustBe(t, s.psql(t, sql), 1, "passes values through function ")
	s.at(t, "DROP DOMAIN tricks.checked_text; CREATE DOMAIN tricks.short AS text CHECK (length(VALUE) < 10); ALTER DOMAIN tricks.short OWNER TO spy")
	const short = "COPY tricks.checked (id, s) TO 'sluice://analytics/crm.short'"
	s.mustBe(t, s.psql(t, short), 1, "belongs to spy")
	log, err := os.ReadFile(s.there.LogFile())
	if err != nil || strings.Contains(string(log), "LOG:  seen ") {
		t.Errorf("values were seen: %v", err)
	}
	s.at(t, "ALTER DOMAIN tricks.short OWNER TO sluice_owner; CREATE DOMAIN tricks.other AS text CHECK (tricks.valid(VALUE))")
	s.mustBe(t, s.psql(t, short), 0, "COPY 1")
}

// pipelined sends more while a copy runs that came by the extended protocol: what
// was asked for first is what runs.
func (s *stage) pipelined(t *testing.T) {
	conn := s.connect(t)
	front := conn.PgConn().Frontend()
	send := func(messages ...pgproto3.FrontendMessage) {
		for _, m := range messages {
			front.Send(m)
		}
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	send(&pgproto3.Parse{Name: "c", Query: "COPY (SELECT id FROM crm.orders) TO 'sluice://analytics/crm.piped'"}, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "c"},
		&pgproto3.Execute{Portal: "p"})
	time.Sleep(100 * time.Millisecond) // it is being measured, or moved
	send(&pgproto3.Sync{}, &pgproto3.Query{String: strings.Repeat(" ", 4000) + "SELECT 41 + 1"})
	var tags []string
	for ready := 0; ready < 2; {
		m, err := front.Receive()
		if err != nil {
			t.Fatalf("%v after %q\n%s", err, tags, s.gate.Log())
		}
		switch m := m.(type) {
		case *pgproto3.CommandComplete:
			tags = append(tags, string(m.CommandTag))
		case *pgproto3.ErrorResponse:
			t.Errorf("%s: %s", m.Message, m.Detail)
		case *pgproto3.ReadyForQuery:
			ready++
		}
	}
	if strings.Join(tags, ",") != "COPY 5000,SELECT 1" {
		t.Errorf("got %q", tags)
	}
}

// noAnswer cancels what waits for a destination that lets nobody in and answers
// nothing.
func (s *stage) noAnswer(t *testing.T) {
	release := s.hold(t, s.there.SuperuserDSN("copies"), "LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE")
	defer release()
	done := make(chan time.Duration, 3)
	began := time.Now()
	var conns []*pgx.Conn
	for range cap(done) {
		conn := s.connect(t)
		conns = append(conns, conn)
		go func() {
			_, err := conn.Exec(t.Context(), "COPY (SELECT id FROM crm.orders) TO 'sluice://analytics/crm.late'")
			if err == nil {
				t.Error("it was copied")
			}
			done <- time.Since(began)
		}()
	}
	time.Sleep(time.Second)
	for _, conn := range conns {
		if err := conn.PgConn().CancelRequest(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for range cap(done) {
		if took := <-done; took > 10*time.Second {
			t.Errorf("it took %s to cancel", took)
		}
	}
}
