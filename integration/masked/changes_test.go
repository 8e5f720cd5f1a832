package masked

import (
	"errors"
	"slices"
	"testing"
)

// change alters something that is read, and undoes it, each by a text or more.
// Canaries stay in columns that have a class.
type change struct {
	name     string
	do, undo []string
	// breaks is true if the same texts mean nothing after it, traceless if nothing
	// tells of it once it is undone.
	breaks, traceless bool
	// rows are queries whose result the server describes by the columns of tables,
	// one of them masked: Sluice holds that against what it knows. copied is what
	// a COPY can take with something masked in it: Sluice looks at the catalog
	// before its first row. other are queries about which the catalog alone
	// decides: computed, by a view, or with nothing in them that is masked.
	rows, copied, other []string
}

const swapLabelled = "ALTER TABLE moved.labelled RENAME a TO c; ALTER TABLE moved.labelled RENAME b TO a; ALTER TABLE moved.labelled RENAME c TO b"

// later calls a function that reads what changes, when a row has gone to the client
// for which it was not called.
func later(call string) string {
	return "SELECT repeat('x', 9000), CASE WHEN id > 2 THEN " + call + " END FROM crm.people"
}

// path is that of who reads what changes.
const path = "SET search_path = front, moved"

var changes = []change{
	{
		name: "a column has another name", breaks: true,
		do: []string{"ALTER TABLE moved.people RENAME email TO mail"}, undo: []string{"ALTER TABLE moved.people RENAME mail TO email"},
		rows: []string{"SELECT * FROM moved.people", "SELECT id, email, country FROM moved.people"}, copied: []string{"moved.people", "SELECT email, country || '' FROM moved.people"},
		other: []string{"SELECT country || '' FROM moved.people", "SELECT id, p FROM moved.people p"},
	},
	{
		name: "two columns have each other's name",
		do:   []string{swapLabelled}, undo: []string{swapLabelled},
		rows: []string{"SELECT a, b FROM moved.labelled", "SELECT a, b || '' FROM moved.labelled"}, copied: []string{"moved.labelled", "SELECT id, a, b || '' FROM moved.labelled"},
		other: []string{"SELECT b FROM moved.labelled", "SELECT id, b || '' FROM moved.labelled", later("moved.tells(id)")},
	},
	{
		name: "a table has another name", breaks: true,
		do: []string{"ALTER TABLE moved.people RENAME TO guests"}, undo: []string{"ALTER TABLE moved.guests RENAME TO people"},
		rows: []string{"SELECT id, email, country FROM moved.people"}, copied: []string{"moved.people"},
		other: []string{"SELECT * FROM moved.guests", "SELECT lower(email) FROM moved.guests"},
	},
	{
		name:   "a view shows the other column under a name",
		do:     []string{"CREATE OR REPLACE VIEW moved.seen AS SELECT id, country AS a, email AS b FROM crm.people"},
		undo:   []string{"CREATE OR REPLACE VIEW moved.seen AS SELECT id, email AS a, country AS b FROM crm.people"},
		copied: []string{"SELECT * FROM moved.seen", "SELECT a, b || '' FROM moved.seen"},
		other:  []string{"SELECT a, b FROM moved.seen", "SELECT b FROM moved.seen", later("moved.reads(id)"), "SELECT CASE b WHEN 'DE' THEN 1 ELSE b::integer END FROM moved.seen"},
	},
	{
		name:   "a view below another shows the other column",
		do:     []string{"CREATE OR REPLACE VIEW moved.below AS SELECT id, country AS a, email AS b FROM crm.people"},
		undo:   []string{"CREATE OR REPLACE VIEW moved.below AS SELECT id, email AS a, country AS b FROM crm.people"},
		copied: []string{"SELECT * FROM moved.above"},
		other:  []string{"SELECT a, b FROM moved.above", "SELECT b FROM moved.above"},
	},
	{
		name: "a table is another, with another order of columns",
		do: []string{"DROP TABLE moved.rebuilt", "CREATE TABLE moved.rebuilt (country text, id integer, email text)",
			"INSERT INTO moved.rebuilt VALUES ('DE', 1, 'canary1@example.net')"},
		undo: []string{"DROP TABLE moved.rebuilt", "CREATE TABLE moved.rebuilt (id integer, email text, country text)",
			"INSERT INTO moved.rebuilt VALUES (1, 'canary1@example.net', 'DE')"},
		rows: []string{"SELECT * FROM moved.rebuilt"}, copied: []string{"moved.rebuilt", "SELECT * FROM moved.rebuilt"},
		other: []string{"SELECT id, country FROM moved.rebuilt"},
	},
	{
		name: "a table is in front of another in the path", traceless: true,
		do: []string{"CREATE TABLE front.people (id integer, country text, email text)",
			"INSERT INTO front.people VALUES (1, 'DE', 'canary1@example.net')"},
		undo: []string{"DROP TABLE front.people"},
		rows: []string{"SELECT * FROM people"}, copied: []string{"people", "SELECT * FROM people"},
		other: []string{"SELECT country || '' FROM people", "SELECT id, lower(email) FROM people"},
	},
}

// changes makes a change.
func (l *line) changes(t *testing.T, c *change, all []string) {
	t.Helper()
	if err := texts(t.Context(), l, all...); err != nil {
		t.Fatalf("%s: %v\n%s", c.name, err, detail(errors.Unwrap(err)))
	}
}

// changedOver makes changes in a session of Sluice. Whoever reads after one, in a
// session that has read the same before, is shown no canary, whatever the query is.
func (s *stage) changedOver(t *testing.T) {
	defer s.under(t, makers)()
	owner := dial(t, s.sluice())
	for i := range changes {
		c := &changes[i]
		t.Run(c.name, func(t *testing.T) {
			readers := []reader{
				{begins: path, reads: slices.Concat(c.rows, c.other), by: ways},
				{begins: path, reads: slices.Concat(c.copied, c.other), by: copies[:2]},
			}
			for _, r := range readers {
				l, y := r.dial(t, s), &tally{ended: map[string]int{}}
				for _, texts := range [][]string{nil, c.do, c.undo} {
					owner.changes(t, c, texts)
					r.everything(t, l, y)
				}
				if y.ended[""] < len(r.reads)*len(r.by)/2 {
					t.Errorf("little can be read: %v", y.ended)
				}
			}
		})
	}
}

// changedBeside makes changes on a connection to the server, unseen by Sluice. The
// next who reads, by a road on which the server is asked what comes, is shown no
// canary all the same.
func (s *stage) changedBeside(t *testing.T) {
	defer s.under(t, makers)()
	owner, beside := dial(t, s.sluice()), dial(t, s.direct())
	for i := range changes {
		c := &changes[i]
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []reader{{begins: path, reads: c.rows, by: ways[:3]}, {begins: path, reads: c.copied, by: copies[:2]}} {
				l, y := r.dial(t, s), &tally{ended: map[string]int{}}
				for _, sql := range r.reads {
					for _, by := range r.by {
						r.once(t.Context(), t, l, y, by, sql)
						beside.changes(t, c, c.do)
						r.once(t.Context(), t, l, y, by, sql)
						owner.changes(t, c, c.undo) // which Sluice sees
					}
				}
				if y.ended[""] < len(r.reads)*len(r.by) {
					t.Errorf("not even before the changes all could be read: %v", y.ended)
				}
			}
		})
	}
}
