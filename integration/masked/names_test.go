package masked

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// tricks are messages that are sent before any answer is awaited: each line is a
// text of the simple protocol, or with > in front one of the extended without a
// Sync, which a line "sync" is. Sessions begin with the search path crm. What the
// last rows are is as the server resolves names then, masked. A refusal is
// written as its SQLSTATE.
var tricks = []struct{ name, messages, want string }{
	{"a temporary table hides one that has classes", `
		CREATE TEMP TABLE people (email text)
		INSERT INTO people VALUES ('mine')
		SELECT email FROM people`, "mine"},
	{"it could not be made", `
		CREATE TEMP TABLE people (email text, email text)
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"its making is undone", `
		BEGIN; CREATE TEMP TABLE people (id int, email text); ROLLBACK
		SELECT email FROM crm.people WHERE id = 1
		SELECT email FROM people WHERE id = 1`, "42501"},
	{"its making is undone by an error behind it", `
		>CREATE TEMP TABLE people (id int, email text)
		>SELECT 1 / (id - id) FROM plain
		>SELECT email FROM people WHERE id = 1
		sync
		SELECT email FROM crm.people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"its making is undone up to a savepoint", `
		BEGIN
		SAVEPOINT s
		CREATE TEMP TABLE people (id int, email text)
		ROLLBACK TO s
		SELECT email FROM people WHERE id = 1`, "42501"},
	{"it was dropped", `
		CREATE TEMP TABLE people (id int, email text)
		DROP TABLE people
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"it goes at the commit", `
		BEGIN; CREATE TEMP TABLE people (id int, email text) ON COMMIT DROP; COMMIT
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"all that is temporary is discarded", `
		CREATE TEMP TABLE people (id int, email text)
		DISCARD TEMP
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a temporary view with the name", `
		CREATE TEMP VIEW people AS SELECT id, contact AS email FROM crm.orders
		SELECT email FROM people WHERE id = 1`, "NULL"}, // nobody knows its columns yet
	{"made where it exists", `
		CREATE TABLE IF NOT EXISTS people (id int, email text)
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"made and read in one text", `
		CREATE TEMP TABLE people (id int, email text); SELECT email FROM people`, "42501"},

	{"another path", `
		SET search_path = elsewhere
		SELECT email FROM people WHERE id = 1`, "public@example.com"},
	{"another path, extended", `
		>SET search_path = elsewhere
		>SELECT email FROM people WHERE id = 1
		sync`, "public@example.com"},
	{"a path that an error undid", `
		SET search_path = elsewhere; SELECT 1 / (id - id) FROM crm.plain
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path that an error undid, extended", `
		>SET search_path = elsewhere
		>SELECT 1 / (id - id) FROM crm.plain
		sync
		>SELECT email FROM people WHERE id = 1
		sync`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path of a transaction", `
		BEGIN; SET LOCAL search_path = elsewhere
		COMMIT
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path that was rolled back", `
		BEGIN
		SET search_path = elsewhere
		ROLLBACK
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path up to a savepoint", `
		BEGIN
		SAVEPOINT s
		SET search_path = elsewhere
		ROLLBACK TO s
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path by a function", `
		SELECT set_config('search_path', 'elsewhere', false)
		SELECT set_config('search_path', 'crm', false)
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a path that is in the same text", `
		SET search_path = elsewhere; SELECT email FROM people; SET search_path = crm; SELECT email FROM people`, "42501"},
	{"no path any more", `
		SET search_path = ''
		SELECT email FROM people WHERE id = 1`, "42501"},
	{"everything reset", `
		SET search_path = elsewhere
		DISCARD ALL
		SET search_path = crm
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"prepared under another path", `
		SET search_path = elsewhere
		PREPARE p AS SELECT email FROM people WHERE id = 1
		SET search_path = crm
		EXECUTE p`, "sodvvkotu3u2ppu7@m.invalid"},
	{"declared under another path", `
		SET search_path = crm
		BEGIN; DECLARE c CURSOR FOR SELECT email FROM people WHERE id = 1
		SET search_path = elsewhere
		FETCH ALL FROM c`, "42501"},
	{"bound under another path", `
		BEGIN
		>SELECT email FROM people WHERE id = 1
		sync
		SET search_path = elsewhere
		ROLLBACK
		SELECT email FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"prepared, then hidden", `
		CREATE TEMP TABLE other (x int)
		PREPARE p AS SELECT upper(email) FROM people WHERE id = 1
		CREATE TEMP TABLE people (id int, email text)
		EXECUTE p`, "42501"},
	{"prepared, then hidden by a table in front of it", `
		SET search_path = elsewhere, crm
		PREPARE p AS SELECT upper(contact) FROM orders WHERE id = 1
		CREATE TABLE elsewhere.orders (id int, contact text)
		EXECUTE p
		DROP TABLE elsewhere.orders
		EXECUTE p`, "NULL"},
	{"prepared twice under two paths", `
		PREPARE p AS SELECT email FROM people WHERE id = 1
		SET search_path = elsewhere
		EXECUTE p
		SET search_path = crm
		EXECUTE p
		SET search_path = elsewhere
		EXECUTE p`, "public@example.com"},

	{"a view put over it in the transaction", `
		BEGIN
		CREATE VIEW seen AS SELECT id, email AS country FROM people
		SELECT country FROM seen WHERE id = 1`, "NULL"},
	{"another view in its place", `
		BEGIN
		CREATE OR REPLACE VIEW harmless AS SELECT id, email AS word FROM people
		SELECT word FROM harmless WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid"},
	{"a column that was added", `
		BEGIN
		ALTER TABLE people ADD COLUMN note text DEFAULT 'new'
		SELECT email, note FROM people WHERE id = 1`, "sodvvkotu3u2ppu7@m.invalid|new"},
	{"a column that is filled from another", `
		BEGIN
		ALTER TABLE people ADD COLUMN note text
		UPDATE people SET note = email
		SELECT note FROM people WHERE id = 1`, "25P02"},
	{"a column in the place of one without a class", `
		BEGIN
		ALTER TABLE people DROP COLUMN country
		ALTER TABLE people ADD COLUMN country text GENERATED ALWAYS AS (email) STORED
		SELECT country FROM people WHERE id = 1`, "42501"},
	{"a computed column that was added", `
		BEGIN
		ALTER TABLE people ADD COLUMN twin text GENERATED ALWAYS AS (email) STORED
		SELECT twin FROM people WHERE id = 1`, "42501"},
	{"a computed column of a table that was altered", `
		INSERT INTO made (id, email) VALUES (1, 'canary@example.net')
		BEGIN
		ALTER TABLE made ADD COLUMN more text
		SELECT low FROM made`, "NULL"},
	{"a column that is no longer computed", `
		ALTER TABLE made ALTER COLUMN low DROP EXPRESSION`, "42501"},
	{"a view whose column has a default", `
		BEGIN
		ALTER VIEW addresses ALTER COLUMN country SET DEFAULT 'x'
		SELECT address FROM addresses WHERE id = 1`, "42501"},
	{"another query in its place, by a rule", `
		BEGIN
		CREATE OR REPLACE RULE "_RETURN" AS ON SELECT TO harmless DO INSTEAD SELECT id, email AS word FROM people
		SELECT word FROM harmless WHERE id = 1`, "25P02"},
	{"another type", `
		BEGIN
		ALTER TABLE people ALTER COLUMN country TYPE text USING email
		SELECT country FROM people WHERE id = 1`, "25P02"},
	{"a table like it, and one that inherits", `
		BEGIN
		CREATE TABLE child (more text) INHERITS (people)
		INSERT INTO child (id, email, more) VALUES (77, 'canary77@example.net', 'x')
		SELECT email LIKE 'canary%', more FROM child`, "t|x"}, // its own value,
}

// messagesOf reads the messages of a trick.
func messagesOf(text string) (out []pgproto3.FrontendMessage) {
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		switch sql, extended := strings.CutPrefix(line, ">"); {
		case line == "sync":
			out = append(out, &pgproto3.Sync{})
		case extended:
			out = append(out, &pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{})
		default:
			out = append(out, &pgproto3.Query{String: sql})
		}
	}
	return out
}

// names plays the tricks: all messages at once, and one after the other.
func (s *stage) names(t *testing.T) {
	for _, trick := range tricks {
		for how, oneByOne := range map[string]bool{"at once": false, "one by one": true} {
			l := dial(t, s.sluice())
			l.must(t, "SET search_path = crm")
			messages := messagesOf(trick.messages)
			var rows [][][]byte
			var failed *pgproto3.ErrorResponse
			failures := ""
			if !oneByOne {
				rows, failed = l.speak(t, messages...)
			}
			for from := 0; oneByOne && from < len(messages); {
				to := from + 1
				for !asksForReady(messages[to-1]) {
					to++
				}
				rows, failed = l.speak(t, messages[from:to]...)
				from = to
				if failed != nil {
					failures += failed.Message + "\n"
				}
			}
			got := words(rows[max(0, len(rows)-1):])
			if failed != nil {
				got = failed.Code
			}
			// What came before may have given rows, or have failed as it should.
			if got != trick.want && (failed == nil || words(rows[max(0, len(rows)-1):]) != trick.want || oneByOne) {
				t.Errorf("%s, %s: %s and not %s", trick.name, how, got, trick.want)
				if failed != nil {
					t.Logf("%s; %s; %s\n%s", failed.Message, failed.Detail, failed.Hint, failures)
				}
			}
			l.noCanary(t, trick.name+", "+how)
			l.speak(t, &pgproto3.Query{String: "ROLLBACK"})
			if err := l.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

func asksForReady(m pgproto3.FrontendMessage) bool {
	switch m.(type) {
	case *pgproto3.Query, *pgproto3.Sync:
		return true
	}
	return false
}
