package gate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Parser and server must read a text alike (contract 7). Each of these texts
// is one SELECT to the parser and makes a table on a server whose settings
// were changed behind its back.
var hidden = map[string]string{
	"strings": `SELECT '\', ' ; CREATE TABLE %s (); --'`,
	// The trail byte of a Japanese character is a backslash in SJIS, and the
	// four bytes are good UTF-8.
	"sjis": "SELECT E'\xe3\x81\x83\\' ; CREATE TABLE %s (); --'",
	// The same with a Chinese character whose bytes BIG5 has too.
	"big5": "SELECT E'\xe4\xb8\xad\\' ; CREATE TABLE %s (); --'",
}

// roads are ways to change a setting, given its name and the value wanted.
var roads = []struct {
	name string
	// before runs once on the server itself, past the proxy.
	before string
	sql    string
}{
	{"SET", "", "SET %s = '%s'"},
	{"SET LOCAL", "", "BEGIN; SET LOCAL %s = '%s'"},
	{"SET SESSION", "", "SET SESSION %s TO '%s'"},
	{"set_config", "", "SELECT set_config('%s', '%s', false)"},
	{"set_config, qualified", "", "SELECT pg_catalog.set_config('%s', '%s', true)"},
	{"set_config, hidden name", "", "SELECT set_config(lower('%s'), '%s', false)"},
	{"set_config in a CTE", "", "WITH x AS (SELECT set_config('%s', '%s', false)) SELECT * FROM x"},
	{"set_config in FROM", "", "SELECT * FROM set_config('%s', '%s', false)"},
	{"pg_settings", "", "UPDATE pg_settings SET setting = '%[2]s' WHERE name = '%[1]s'"},
	{"pg_settings, qualified", "", "UPDATE pg_catalog.pg_settings SET setting = '%[2]s' WHERE name = '%[1]s'"},
	{"EXPLAIN ANALYZE", "", "EXPLAIN ANALYZE SELECT set_config('%s', '%s', false)"},
	{"PREPARE", "", "PREPARE s AS SELECT set_config('%s', '%s', false); EXECUTE s"},
	{"DECLARE", "", "BEGIN; DECLARE s CURSOR FOR SELECT set_config('%s', '%s', false); FETCH s"},
	{"DO", "", "DO $$ BEGIN PERFORM set_config('%s', '%s', false); END $$"},
	{"DO, dynamic", "", "DO $$ BEGIN EXECUTE 'SET %s = ''%s'''; END $$"},
	{"function", "CREATE OR REPLACE FUNCTION quiet(a text, b text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config(a, b, false); RETURN a; END $$", "SELECT quiet('%s', '%s')"},
	{
		"trigger", "CREATE OR REPLACE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config(new.a, new.b, false); RETURN new; END $$;" +
			"CREATE TABLE IF NOT EXISTS bait (a text, b text); DROP TRIGGER IF EXISTS t ON bait; CREATE TRIGGER t BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION loud(); GRANT ALL ON bait TO " + group,
		"INSERT INTO bait VALUES ('%s', '%s')",
	},
	{
		"view", "CREATE OR REPLACE VIEW sly AS SELECT set_config('standard_conforming_strings', 'off', false) AS a, set_config('client_encoding', 'SJIS', false) AS b; GRANT SELECT ON sly TO " + group,
		"SELECT * FROM sly -- %s %s",
	},
}

var changes = []struct{ hidden, setting, value string }{
	{"strings", "standard_conforming_strings", "off"},
	{"sjis", "client_encoding", "SJIS"},
	{"sjis", "client_encoding", "GBK"},
	{"big5", "client_encoding", "BIG5"},
	{"sjis", "client_encoding", "GB18030"},
}

// everyEncoding are the roads that are tried with each encoding; the others
// with one, since an encoding's name makes no difference to them.
var everyEncoding = map[string]bool{"SET": true, "set_config": true, "DO": true}

// Without the proxy the hidden statements do run; otherwise the other tests
// here would show nothing.
func TestHiddenStatementsAreReal(t *testing.T) {
	for i, c := range changes {
		conn, err := pgconn.Connect(t.Context(), shared.SuperuserDSN(database))
		if err != nil {
			t.Fatal(err)
		}
		table := fmt.Sprintf("real_%d", i)
		mustRun(t, conn, fmt.Sprintf("SET %s = '%s'", c.setting, c.value))
		mustRun(t, conn, fmt.Sprintf(hidden[c.hidden], table))
		conn.Close(t.Context())
		if !tableExists(t, table) {
			t.Errorf("%s=%s: the hidden statement did not run", c.setting, c.value)
		}
	}
}

func TestHiddenStatements(t *testing.T) {
	p := startPlace(t, setup{})
	for _, r := range roads {
		if r.before != "" {
			onServerExec(t, r.before)
		}
	}
	for i, c := range changes {
		for _, r := range roads {
			if i > 1 && !everyEncoding[r.name] {
				continue
			}
			for how, attack := range attacks {
				t.Run(fmt.Sprintf("%s=%s/%s/%s", c.setting, c.value, r.name, how), func(t *testing.T) {
					table := fmt.Sprintf("pwned_%d_%s", i, letters(r.name+how))
					conn, err := p.try("")
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close(context.Background())
					attack(conn, fmt.Sprintf(r.sql, c.setting, c.value), fmt.Sprintf(hidden[c.hidden], table))
					if tableExists(t, table) {
						t.Fatal("the hidden statement ran")
					}
				})
			}
		}
	}
}

// attacks send a change and then a hidden text in different ways. Errors
// are what should happen; what counts is the server.
var attacks = map[string]func(c *pgconn.PgConn, change, text string){
	"in turn": func(c *pgconn.PgConn, change, text string) {
		ignore(execOn(c, change))
		ignore(execOn(c, text))
	},
	"in turn, extended": func(c *pgconn.PgConn, change, text string) {
		ignore(execOn(c, change))
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		c.ExecParams(ctx, text, nil, nil, nil, nil).Close()
	},
	"one text": func(c *pgconn.PgConn, change, text string) {
		ignore(execOn(c, change+"; "+text))
	},
	"pipelined queries": func(c *pgconn.PgConn, change, text string) {
		raw(c, &pgproto3.Query{String: change}, &pgproto3.Query{String: text})
	},
	"one pipeline": func(c *pgconn.PgConn, change, text string) {
		raw(c,
			&pgproto3.Parse{Query: change}, &pgproto3.Bind{}, &pgproto3.Execute{},
			&pgproto3.Parse{Query: text}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	},
	"pipeline, then query": func(c *pgconn.PgConn, change, text string) {
		raw(c,
			&pgproto3.Parse{Query: change}, &pgproto3.Bind{}, &pgproto3.Execute{},
			&pgproto3.Query{String: text}, &pgproto3.Sync{})
	},
	"two pipelines": func(c *pgconn.PgConn, change, text string) {
		raw(c,
			&pgproto3.Parse{Query: change}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
			&pgproto3.Parse{Query: text}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
	},
}

func ignore(error) {}

// raw sends messages in one write and reads until the session is quiet or
// gone.
func raw(c *pgconn.PgConn, messages ...pgproto3.FrontendMessage) {
	f := c.Frontend()
	ready := 0
	for _, m := range messages {
		f.Send(m)
		switch m.(type) {
		case *pgproto3.Sync, *pgproto3.Query:
			ready++
		}
	}
	if f.Flush() != nil {
		return
	}
	c.Conn().SetReadDeadline(time.Now().Add(5 * time.Second))
	for ready > 0 {
		m, err := f.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			ready--
		case *pgproto3.ErrorResponse:
			if m.Severity == "FATAL" {
				return
			}
			if len(messages) > 4 {
				ready = 1 // a skipped Query has no answer
			}
		}
	}
}

func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r | 0x20
		}
		return -1
	}, s)
}

// Settings at start-up, and settings that hang on a role or a database.
func TestHiddenAtStartup(t *testing.T) {
	p := startPlace(t, setup{})
	for _, extra := range []string{
		"client_encoding=SJIS",
		"standard_conforming_strings=off",
		"options='-c standard_conforming_strings=off'",
		"options='--standard-conforming-strings=off'",
		"options='-c client_encoding=GBK'",
		"role=postgres",
		"session_authorization=postgres",
		"replication=database",
	} {
		if c, err := p.try(extra); err == nil {
			c.Close(t.Context())
			t.Errorf("%s was let in", extra)
		} else if code(err) != "42501" {
			t.Errorf("%s: %v", extra, err)
		}
	}
	onServerExec(t, "ALTER DATABASE "+database+" SET standard_conforming_strings = off; ALTER ROLE "+group+" SET client_encoding = 'SJIS'")
	defer onServerExec(t, "ALTER DATABASE "+database+" RESET standard_conforming_strings; ALTER ROLE "+group+" RESET client_encoding")
	c := p.connect(t, "")
	for _, again := range []string{"SELECT 1", "RESET ALL", "DISCARD ALL", "RESET standard_conforming_strings", "RESET client_encoding"} {
		ignore(run(t, c, again))
		ignore(run(t, c, fmt.Sprintf(hidden["strings"], "pwned_default")))
		if tableExists(t, "pwned_default") {
			t.Fatalf("after %s the hidden statement ran", again)
		}
	}
}

// A harmless pipeline with the same sort of text is not disturbed: the proxy
// asks for the settings in between, and the client does not notice.
func TestPipelineWithUnsettledText(t *testing.T) {
	p := startPlace(t, setup{})
	onServerExec(t, "DROP TABLE IF EXISTS places; CREATE TABLE places (name text); ALTER TABLE places OWNER TO "+group)
	c := p.connect(t, "")
	batch := &pgconn.Batch{}
	for range 10 {
		batch.ExecParams("INSERT INTO places VALUES ($1)", [][]byte{[]byte("a")}, nil, nil, nil)
		batch.ExecParams(`INSERT INTO places VALUES ('Zürich \ Genève')`, nil, nil, nil, nil)
	}
	results, err := c.ExecBatch(t.Context(), batch).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 20 {
		t.Errorf("%d results", len(results))
	}
	if n := onServer(t, `SELECT count(*) FROM places WHERE name = 'Zürich \ Genève'`); n != 10 {
		t.Errorf("%d rows", n)
	}
}
