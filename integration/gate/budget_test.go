package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
)

// budgeted lets nearly everything pass, and of mails so many rows a day.
func budgeted(rows int) string {
	return fmt.Sprintf(`version: 1
classes: {contact.email: {}}
columns:
  - {columns: [public.budget_people.email], class: contact.email}
budgets:
  - {id: mails, classes: [contact.email], window: 24h, rows: %d, bytes: %d, owner: Data team, message: Ask for a masked copy.}
rules:
  - {id: all, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`, rows, 200*rows)
}

// budgetPeople are 10,000 people whose mails have 60 characters.
func budgetPeople(t *testing.T) {
	t.Helper()
	onServerExec(t, "DROP TABLE IF EXISTS budget_people; CREATE TABLE budget_people (id int, email text);"+
		"INSERT INTO budget_people SELECT i, rpad('person' || i, 47, 'x') || '@mail.example' FROM generate_series(1, 10000) i;"+
		"ALTER TABLE budget_people OWNER TO "+group)
}

// mails counts the rows, lines, errors and notices with a mail in what a
// wireClient saw.
func mails(seen string) int { return rowsIn(seen) + strings.Count(seen, "CopyData") }

// Whatever form is chosen, a person is given what the budget has and no more,
// and the session lives on.
func TestBudgetIsOne(t *testing.T) {
	again := func(n int, sql func(i int) string) (steps []step) {
		for i := range n {
			steps = append(steps, step{msgs(query(sql(i))), 1})
		}
		return steps
	}
	for name, c := range map[string]struct {
		steps []step
		given int
	}{
		"SELECT":      {again(1, func(int) string { return "SELECT email FROM public.budget_people" }), 100},
		"star":        {again(1, func(int) string { return "SELECT * FROM public.budget_people" }), 100},
		"row_to_json": {again(1, func(int) string { return "SELECT row_to_json(p) FROM public.budget_people p" }), 100},
		"bare name":   {again(1, func(int) string { return "SELECT email FROM budget_people" }), 100},
		"LIMIT and OFFSET": {again(5, func(i int) string {
			return fmt.Sprintf("SELECT email FROM public.budget_people ORDER BY id LIMIT 30 OFFSET %d", 30*i)
		}), 100},
		"ctid": {again(5, func(i int) string {
			return fmt.Sprintf("SELECT email FROM public.budget_people WHERE ctid >= '(%d,1)' AND ctid < '(%d,31)'", i, i)
		}), 100},
		"one by one": {again(120, func(i int) string { return fmt.Sprintf("SELECT email FROM public.budget_people WHERE id = %d", i+1) }), 100},
		"one value":  {again(1, func(int) string { return "SELECT json_agg(email) FROM public.budget_people" }), 0},
		"small values": {again(9, func(i int) string {
			return fmt.Sprintf("SELECT json_agg(email) FROM public.budget_people WHERE id / 40 = %d", i+1)
		}), 7},
		"COPY": {again(1, func(int) string { return "COPY public.budget_people TO STDOUT" }), 100},
		"COPY, query": {again(3, func(int) string {
			return "COPY (SELECT email FROM public.budget_people LIMIT 60) TO STDOUT (FORMAT csv)"
		}), 100},
		"COPY, binary": {again(1, func(int) string { return "COPY public.budget_people (email) TO STDOUT (FORMAT binary)" }), 100},
		"prepared":     {append(again(1, func(int) string { return "PREPARE q AS SELECT email FROM public.budget_people LIMIT 60" }), again(3, func(int) string { return "EXECUTE q" })...), 100},
		"RETURNING":    {again(1, func(int) string { return "UPDATE public.budget_people SET id = id RETURNING email" }), 100},
		"cursor": {[]step{
			{msgs(query("BEGIN; DECLARE c CURSOR FOR SELECT email FROM public.budget_people")), 1},
			{msgs(query("FETCH 40 FROM c")), 1}, {msgs(query("FETCH 40 FROM c")), 1}, {msgs(query("FETCH 40 FROM c")), 1},
			{msgs(query("ROLLBACK")), 1},
		}, 100},
		"cursors": {[]step{
			{msgs(query("BEGIN; DECLARE c CURSOR FOR SELECT email FROM public.budget_people; DECLARE d CURSOR FOR SELECT email FROM public.budget_people")), 1},
			{msgs(query("FETCH 60 FROM c; FETCH 60 FROM d")), 1},
			{msgs(query("ROLLBACK")), 1},
		}, 100},
		"portal in slices": {[]step{{msgs(parse("", "SELECT email FROM public.budget_people"), bind("", ""),
			&pgproto3.Execute{MaxRows: 60}, &pgproto3.Execute{MaxRows: 60}, sync_), 1}}, 100},
		"portals":  {[]step{{msgs(parse("s", "SELECT email FROM public.budget_people LIMIT 60"), bind("a", "s"), execute("a"), bind("b", "s"), execute("b"), sync_), 1}}, 100},
		"pipeline": {[]step{{msgs(run1("SELECT email FROM public.budget_people LIMIT 60"), sync_, run1("SELECT email FROM public.budget_people LIMIT 60"), sync_), 2}}, 100},
		"several in a text": {again(1, func(int) string {
			return "SELECT email FROM public.budget_people LIMIT 60; SELECT email FROM public.budget_people LIMIT 60"
		}), 100},
	} {
		t.Run(name, func(t *testing.T) {
			budgetPeople(t) // anew, because an update moves its rows
			p := startPlace(t, setup{policy: budgeted(100)})
			w := speak(t, p.connect(t, ""))
			got := w.play(c.steps)
			if given := mails(got); given != c.given || !strings.Contains(got, "E42501") || strings.HasSuffix(got, " end") {
				t.Errorf("%d given of %d: %s", given, c.given, withoutRows(got))
			}
			if got := w.play([]step{{msgs(query("SELECT 7")), 1}, {msgs(query("BEGIN")), 1}, {msgs(query("SELECT id FROM public.budget_people LIMIT 1")), 1}, {msgs(query("COMMIT")), 1}}); rowsIn(got) != 2 ||
				!strings.HasSuffix(got, "C(COMMIT) ZI") {
				t.Errorf("afterwards: %s", got)
			}
			if name == "small values" || name == "one value" {
				return // there are rows left
			}
			other := speak(t, p.connect(t, ""))
			got = other.play([]step{
				{msgs(query("SELECT email FROM public.budget_people LIMIT 1")), 1}, {msgs(query("BEGIN")), 1},
				{msgs(run1("SELECT email FROM public.budget_people LIMIT 1"), sync_), 1}, {msgs(query("ROLLBACK; SELECT 1")), 1},
			})
			if !like(withoutRows(got), "E42501 ZI | C(BEGIN) ZT | E42501 ZE | C(ROLLBACK) C(SELECT ZI") {
				t.Errorf("another session: %s", got)
			}
		})
	}
}

// However sessions interleave, together they are given what there is and no more.
func TestBudgetOfManySessions(t *testing.T) {
	budgetPeople(t)
	const rows = 3000
	p := startPlace(t, setup{policy: budgeted(rows)})
	var given atomic.Int64
	var together sync.WaitGroup
	for i := range 6 {
		w := speak(t, p.connect(t, ""))
		together.Go(func() {
			for range 40 {
				got := w.play([]step{{msgs(query(fmt.Sprintf("SELECT email FROM public.budget_people OFFSET %d LIMIT 137", i))), 1}})
				given.Add(int64(mails(got)))
				if strings.Contains(got, "E42501 ZI") {
					return
				}
			}
		})
	}
	together.Wait()
	if given.Load() != rows {
		t.Errorf("%d rows were given of %d", given.Load(), rows)
	}
}

// Errors and notices are charged as rows.
func TestBudgetCountsErrors(t *testing.T) {
	budgetPeople(t)
	for name, sql := range map[string]string{
		"errors":             "SELECT email::int FROM public.budget_people LIMIT 1",
		"errors about those": "SELECT 1 FROM public.budget_people WHERE email::int = 1",
		"notices":            "DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM public.budget_people LIMIT 1); END $$",
	} {
		t.Run(name, func(t *testing.T) {
			p := startPlace(t, setup{policy: budgeted(10)})
			c := p.connect(t, "")
			given := 0
			for range 30 {
				if code := code(run(t, c, sql)); code == "22P02" || code == "" {
					given++
				}
			}
			if given != 10 {
				t.Errorf("%d of 10 messages were given", given)
			}
		})
	}
}

// What a deferred constraint says at the end of a transaction is charged to what
// ran in it.
func TestBudgetCountsDeferredErrors(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS budget_people; CREATE TABLE budget_people (id int, email text UNIQUE DEFERRABLE INITIALLY DEFERRED);"+
		"INSERT INTO budget_people VALUES (1, 'anna@mail.example'); ALTER TABLE budget_people OWNER TO "+group)
	for name, steps := range map[string][]step{
		"simple": {
			{msgs(query("BEGIN")), 1}, {msgs(query("INSERT INTO public.budget_people SELECT 2, email FROM public.budget_people")), 1}, {msgs(query("COMMIT")), 1},
		},
		"extended": {{msgs(run1("INSERT INTO public.budget_people SELECT 2, email FROM public.budget_people"), sync_), 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPlace(t, setup{policy: strings.Replace(budgeted(5), "bytes: 1000", "bytes: 1MiB", 1)})
			w := speak(t, p.connect(t, ""))
			given := 0
			for range 20 {
				given += strings.Count(w.play(steps), "E23505")
			}
			if given != 5 {
				t.Errorf("%d of 5 errors were given", given)
			}
		})
	}
}

// Whose budget for everything is spent can still end a transaction, write, and
// ask how much there is.
func TestBudgetOfEverythingElse(t *testing.T) {
	budgetPeople(t)
	p := startPlace(t, setup{policy: `version: 1
budgets:
  - {id: everything, classes: [unclassified], window: 1h, rows: 10, bytes: 1MiB}
rules:
  - {id: all, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`})
	w := speak(t, p.connect(t, ""))
	got := w.play([]step{
		{msgs(query("BEGIN")), 1}, {msgs(query("SELECT generate_series(1, 10)")), 1}, {msgs(query("SELECT 1")), 1}, {msgs(query("ROLLBACK")), 1},
		{msgs(query("DELETE FROM public.budget_people WHERE id = 1; SET statement_timeout = 0")), 1}, {msgs(query("SHOW sluice.budget")), 1},
		{msgs(run1("SHOW sluice.budget"), sync_), 1}, {msgs(query("INSERT INTO public.budget_people VALUES (0) RETURNING 1")), 1},
	})
	if !strings.Contains(got, "E42501 ZE | C(ROLLBACK) ZI | C(DELETE 1) C(SET) ZI | ") || strings.Count(got, "10 of 10,") != 2 || !strings.HasSuffix(got, "C(SELECT 1) ZI | RowDescription E42501 ZI") {
		t.Errorf("got %s", got)
	}
}

// Subjects are people: many rows of one count once, in every form in which it can
// be told whose they are, and where it cannot each row counts.
func TestBudgetCountsSubjects(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS budget_orders; CREATE TABLE budget_orders (id int, person int, email text);"+
		"INSERT INTO budget_orders SELECT i, (i - 1) / 5, 'person' || (i - 1) / 5 || '@mail.example' FROM generate_series(1, 500) i; ALTER TABLE budget_orders OWNER TO "+group)
	document := `version: 1
classes: {contact.email: {}}
columns:
  - {columns: [public.budget_orders.email], class: contact.email}
budgets:
  - {id: people, classes: [contact.email], window: 24h, bytes: 1MiB, subjects: 20}
subjects:
  public.budget_orders: person
rules:
  - {id: all, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`
	for sql, want := range map[string]int{
		"SELECT person, email FROM public.budget_orders ORDER BY id":                                        100,
		"SELECT email, person, person FROM budget_orders o ORDER BY id":                                     100,
		"SELECT * FROM public.budget_orders ORDER BY id":                                                    100,
		"COPY public.budget_orders TO STDOUT":                                                               100,
		"COPY public.budget_orders (email, person) TO STDOUT (FORMAT csv)":                                  100,
		"COPY (SELECT person, email FROM public.budget_orders ORDER BY id) TO STDOUT":                       100,
		"COPY public.budget_orders (email, person) TO STDOUT (FORMAT binary)":                               100,
		"COPY public.budget_orders (email, person) TO STDOUT (DELIMITER ';')":                               20,
		"SELECT email FROM public.budget_orders":                                                            20,
		"SELECT a.person, b.email FROM public.budget_orders a, public.budget_orders b":                      20,
		"SELECT person, (SELECT max(email) FROM public.budget_orders) FROM public.budget_orders":            20,
		"SELECT 1 AS person, email FROM public.budget_orders":                                               20,
		"SELECT person, email FROM public.budget_orders UNION ALL SELECT 1, email FROM budget_orders":       20,
		"SELECT person % 2 AS person, email FROM public.budget_orders":                                      20,
		"SELECT person, lead(email, 50) OVER (ORDER BY id) FROM public.budget_orders":                       20,
		"WITH b AS (SELECT email FROM budget_orders) SELECT person, b.email FROM public.budget_orders a, b": 20,
	} {
		t.Run(sql, func(t *testing.T) {
			p := startPlace(t, setup{policy: document})
			w := speak(t, p.connect(t, ""))
			got := w.play([]step{{msgs(query(sql)), 1}})
			if given := mails(got); given != want || !strings.HasSuffix(got, "E42501 ZI") {
				t.Errorf("%d rows, want %d: %s", given, want, withoutRows(got))
			}
			if want == 20 {
				return
			}
			if got = w.play([]step{{msgs(query("SELECT person, email FROM public.budget_orders WHERE person < 20")), 1}}); !strings.Contains(sql, "binary") && mails(got) != 100 {
				t.Errorf("the same people again: %d rows, %s", mails(got), withoutRows(got))
			}
		})
	}
}

// Whose a row is counts as it is in the database, though nobody is shown it.
func TestBudgetCountsMaskedSubjects(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS budget_orders; CREATE TABLE budget_orders (id int, person int, email text);"+
		"INSERT INTO budget_orders SELECT i, (i - 1) / 5, 'person' || (i - 1) / 5 || '@mail.example' FROM generate_series(1, 500) i; ALTER TABLE budget_orders OWNER TO "+group)
	document := `version: 1
classes: {id.person: {}}
columns:
  - {columns: [public.budget_orders.person], class: id.person}
  - {columns: ["*.*.*"], class: none}
masks:
  - {classes: [id.person], mask: null}
budgets:
  - {id: people, classes: [unclassified], window: 24h, bytes: 1MiB, subjects: 20}
subjects:
  public.budget_orders: person
rules:
  - {id: all, effect: mask, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`
	for _, sql := range []string{
		"COPY public.budget_orders (email, person) TO STDOUT",
		"COPY public.budget_orders (email, person) TO STDOUT (FORMAT csv)",
		"COPY public.budget_orders TO STDOUT (FORMAT binary)",
		"SELECT person, email FROM public.budget_orders ORDER BY id",
	} {
		t.Run(sql, func(t *testing.T) {
			p := startPlace(t, setup{policy: document})
			w := speak(t, p.connect(t, ""))
			got := w.play([]step{{msgs(query(sql)), 1}})
			if given := mails(got); given != 100 || !strings.HasSuffix(got, "E42501 ZI") {
				t.Errorf("%d rows, want 100: %s", given, withoutRows(got))
			}
		})
	}
}

// The refusal says what is spent, whose it is, where that stands and what to do;
// SHOW sluice.budget says it before.
func TestBudgetInWords(t *testing.T) {
	budgetPeople(t)
	p := startPlace(t, setup{policy: budgeted(100)})
	c := p.connect(t, "")
	mustRun(t, c, "SELECT email FROM public.budget_people LIMIT 40")
	shown, err := c.Exec(t.Context(), "SHOW sluice.budget").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s", shown[0].Rows); !strings.HasPrefix(got, "[[mails contact.email 24h 40 of 100 ") || !strings.HasSuffix(got, " now]]") {
		t.Errorf("it shows %s", got)
	}
	for _, sql := range []string{"SELECT email FROM public.budget_people LIMIT 61", "SELECT email FROM public.budget_people"} {
		var pg *pgconn.PgError
		if err := run(t, c, sql); !errors.As(err, &pg) {
			t.Fatalf("%s: %v", sql, err)
		}
		text := pg.Message + "|" + pg.Detail + "|" + pg.Hint
		for _, want := range []string{
			"sluice: stopped at the budget mails: 100 rows of contact.email in 24h [req ", "(policy.yaml:6:5)", `user "alice"`, "100 of 100 rows",
			"Ask for a masked copy.", "Data team", "There is room again at 20",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in %s", want, text)
			}
		}
	}
	p.end(t)()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(p.dir, "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"budget.refused"`, `"type":"budget.reserved"`, `"charged":{"holder":"user \"alice\""`, `"limit_rule":"mails"`} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s is not on record", want)
		}
	}
	if strings.Contains(text.String(), "mail.example") {
		t.Error("a mail is on record")
	}
}

// restart is a proxy in the folder of one that has ended.
func restart(t *testing.T, dir, document string) *place {
	t.Helper()
	p, err := newPlace(dir, writeAdmin(t, dir, shared), shared.Port(), shared.CAFile, setup{policy: document})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end(t))
	return p
}

// A restart forgets nothing, and after a proper end believes nothing too much.
func TestBudgetAfterRestart(t *testing.T) {
	budgetPeople(t)
	p := startPlace(t, setup{policy: budgeted(100)})
	mustRun(t, p.connect(t, ""), "SELECT email FROM public.budget_people LIMIT 33")
	for range 3 {
		p.end(t)()
		p = restart(t, p.dir, budgeted(100))
	}
	got := speak(t, p.connect(t, "")).play([]step{{msgs(query("SELECT email FROM public.budget_people")), 1}})
	if given := mails(got); given != 67 {
		t.Errorf("%d of 67 rows were left after restarts", given)
	}
}

// A proxy that is killed in the middle of a stream has put on record before that
// it might send so much.
func TestBudgetAfterKill(t *testing.T) {
	budgetPeople(t)
	const rows = 9000
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, doomedPolicy), []byte(budgeted(rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	given := 0
	for _, moment := range []int{1, 1000, 2500} {
		p, cmd := startDoomed(t, dir, neverItself)
		w := speak(t, p.connect(t, ""))
		w.send(query("COPY (SELECT email FROM public.budget_people) TO STDOUT"))
		for here := 0; ; {
			word, err := w.next(patience)
			if err != nil || word[0] == 'E' {
				break
			}
			if word == "CopyData" {
				given++
				if here++; here == moment {
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}
	p := restart(t, dir, budgeted(rows))
	last := mails(speak(t, p.connect(t, "")).play([]step{{msgs(query("SELECT email FROM public.budget_people")), 1}}))
	t.Logf("%d rows were given before the kills, %d after", given, last)
	if given+last > rows || last == 0 {
		t.Errorf("%d rows were given of %d, the last %d after a restart", given+last, rows, last)
	}
}

// A trail that cannot be read leaves nothing to be given.
func TestBudgetNeedsItsTrail(t *testing.T) {
	document, err := policy.Parse("policy.yaml", []byte(budgeted(5)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.RecoverBudgets(t.Context(), t.TempDir(), key, document, time.Now()); err == nil || !strings.Contains(err.Error(), "nothing may be given") {
		t.Errorf("got %v", err)
	}
}
