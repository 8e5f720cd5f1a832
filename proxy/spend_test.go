package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
)

// spending has two classes and a budget for each of them, and one for the rest.
const spending = `version: 1
classes: {contact.email: {}, contact.phone: {}}
columns:
  - {columns: [public.users.email], class: contact.email}
  - {columns: [public.users.phone], class: contact.phone}
budgets:
  - {id: contacts, classes: [contact.*], window: 24h, rows: 1000, bytes: 1MiB, subjects: 100}
  - {id: rest, classes: [unclassified], window: 1h, bytes: 1GiB}
rules:
  - {id: everything-out, effect: allow, kinds: [export_to_client], limits: {rows: unlimited, bytes: unlimited}}
`

// spendingSession is a speaking session with a trail that can be opened again.
func spendingSession(t testing.TB, document, dir string) (s *session, client, server *loaded, trail *audit.Trail) {
	t.Helper()
	s, client, server = speakingSession(t)
	p, err := policy.Parse("p.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	s.server.policy.Store(p)
	key, err := audit.LoadOrCreateKey(filepath.Join(dir, "trail.key"))
	if err != nil {
		t.Fatal(err)
	}
	if trail, err = audit.Open(filepath.Join(dir, "trail"), audit.Options{Key: key}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trail.Close() })
	s.server.recorder = trail
	if s.server.budgets, err = RecoverBudgets(t.Context(), filepath.Join(dir, "trail"), key, p, time.Now()); err != nil {
		t.Fatal(err)
	}
	return s, client, server, trail
}

// answered is a round: a text, and so many rows of two values for it.
func answered(t testing.TB, sql string, rows int, value func(i int) string) []sentStep {
	answers := []message{&pgproto3.RowDescription{}}
	for i := range rows {
		answers = append(answers, &pgproto3.DataRow{Values: [][]byte{[]byte(value(i)), []byte("x")}})
	}
	answers = append(answers, &pgproto3.CommandComplete{CommandTag: fmt.Appendf(nil, "SELECT %d", rows)}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	r := round{steps: []step{{[]message{&pgproto3.Query{String: sql}}, answers}}}
	return sent(t, &r)
}

// usedOf is what alice has taken of a class.
func (s *session) usedOf(budget, class string) shared.Amounts {
	terms := policy.BudgetTerms{Budget: budget, Class: class, Window: 24 * time.Hour}
	if budget == "rest" {
		terms.Window = time.Hour
	}
	used := s.chargeOn(s.person().Holder(), terms).Used(s.server.now())
	return used
}

// What a session was given is known after a restart: rows, bytes, and each
// subject once.
func TestSubjectsAreKnownAgain(t *testing.T) {
	dir := t.TempDir()
	var before shared.Amounts
	for run := range 3 {
		s, client, server, trail := spendingSession(t, spending, dir)
		if used := s.usedOf("contacts", "contact.email"); used != before {
			t.Fatalf("run %d: %+v is known of %+v", run, used, before)
		}
		j := s.judgeText(t.Context(), "query", "SELECT id, email FROM public.users")
		if j.refusal != nil || j.terms.charges == nil {
			t.Fatal("no charges")
		}
		steps := answered(t, "SELECT id, email FROM public.users", 150, func(i int) string { return fmt.Sprint(i % 50) })
		s.playAs(t, client, server, steps, subjectAt{column: 1})
		before = s.usedOf("contacts", "contact.email")
		if before.Subjects != 50 || before.Rows != int64(150*(run+1)) {
			t.Errorf("run %d: %+v taken, of 50 subjects", run, before)
		}
		s.server.returnBudgets()
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// playAs is play with a place for the subjects.
func (s *session) playAs(t testing.TB, client, server *loaded, all []sentStep, at subjectAt) {
	for _, p := range all {
		client.unread, server.unread = p.asked, p.answers
		for range p.messages[0] {
			must(t, next(s.client, s.hear))
		}
		must(t, s.clientRests())
		s.head().terms.subject = at
		for range p.messages[1] {
			must(t, next(s.upstream.conn, s.serverMessage))
		}
		must(t, s.serverRests())
	}
}

// Rows whose subject nobody can tell are subjects of their own, and a budget is
// charged for its own classes only.
func TestChargesGoWhereTheyBelong(t *testing.T) {
	s, client, server, _ := spendingSession(t, spending, t.TempDir())
	same := func(int) string { return "1" }
	s.play(t, client, server, answered(t, "SELECT id, email FROM public.users", 5, same))
	s.play(t, client, server, answered(t, "SELECT id, phone FROM public.users", 7, same))
	s.play(t, client, server, answered(t, "SELECT id, name FROM public.products", 11, same))
	for _, c := range []struct {
		budget, class  string
		rows, subjects int64
	}{{"contacts", "contact.email", 5, 5}, {"contacts", "contact.phone", 7, 7}, {"rest", policy.Unclassified, 11, 11}} {
		if used := s.usedOf(c.budget, c.class); used.Rows != c.rows || used.Subjects != c.subjects {
			t.Errorf("%s for %s: %+v, want %d rows", c.budget, c.class, used, c.rows)
		}
	}
}

// Reports of settings are charged to the statement that runs, and are not passed
// on once its budget is spent.
func TestReportsAreCharged(t *testing.T) {
	s, client, server, _ := spendingSession(t, strings.Replace(spending, "rows: 1000", "rows: 2", 1), t.TempDir())
	report := &pgproto3.ParameterStatus{Name: "application_name", Value: "anna@mail.example"}
	r := round{steps: []step{{[]message{&pgproto3.Query{String: "SELECT set_config('application_name', 'x', false), email FROM public.users"}}, []message{
		&pgproto3.RowDescription{}, &pgproto3.DataRow{}, report, report, report,
	}}}}
	all := sent(t, &r)
	client.unread, server.unread = all[0].asked, all[0].answers
	must(t, next(s.client, s.hear))
	must(t, s.clientRests())
	for range 3 {
		must(t, next(s.upstream.conn, s.serverMessage))
	}
	if used := s.usedOf("contacts", "contact.email"); used.Rows != 2 {
		t.Errorf("%+v: the row and the first report", used)
	}
}

// A record of charges that cannot be read is an error, and one of another
// budget is none.
func TestRecoveryReadsStrictly(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte(spending))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		typ  string
		body any
		want string
	}{
		"subjects cut":    {typeCharged, map[string]any{"holder": "user x", "level": 0, "seen": "AAAA", "to": []any{}}, "cannot be read"},
		"not base64":      {"result", map[string]any{"charged": map[string]any{"holder": "user x", "level": 0, "seen": "!", "to": []any{}}}, "cannot be read"},
		"level too large": {typeCharged, map[string]any{"holder": "user x", "level": 256, "to": []any{}}, "cannot unmarshal"},
		"other budget":    {typeCharged, map[string]any{"holder": "user x", "level": 0, "to": []any{map[string]any{"budget": "gone", "class": "a.b", "rows": 1, "bytes": 1}}}, ""},
		"reserved":        {typeReserved, map[string]any{"holder": 7}, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "trail")
			key, err := audit.NewKey()
			if err != nil {
				t.Fatal(err)
			}
			trail, err := audit.Open(dir, audit.Options{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := trail.Append(t.Context(), audit.Event{Type: c.typ, Body: c.body}); err != nil {
				t.Fatal(err)
			}
			if err := trail.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = RecoverBudgets(t.Context(), dir, key, p, time.Now())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "0000000000000000.seg"), []byte("damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := RecoverBudgets(t.Context(), dir, key, p, time.Now()); err == nil {
		t.Error("a damaged trail is read")
	}
}

// Two decisions about one name are charged together, each account once.
func TestChargesTogether(t *testing.T) {
	s, _, _, _ := spendingSession(t, spending, t.TempDir())
	of := func(sql string) *charges { return s.judgeText(t.Context(), "query", sql).terms.charges }
	mails, looked := of("SELECT email FROM public.users"), of("SELECT 1 FROM public.users WHERE email = ''")
	both := looked.and(mails)
	var words []string
	for _, c := range both.all {
		words = append(words, fmt.Sprint(c.terms.Budget, " ", c.terms.Class, " ", c.terms.Aside))
	}
	if got := strings.Join(words, ", "); got != "contacts contact.email false, rest unclassified false" {
		t.Errorf("charged are %s", got)
	}
	if looked.and(mails) == looked || both.and(mails) != both || mails.and(both) != both {
		t.Error("what is covered is charged anew")
	}
	if mails.and(nil) != mails || (*charges)(nil).and(mails) != mails || mails.and(mails) != mails {
		t.Error("one alone is not itself")
	}
}

// Charging shared budgets costs a stream no memory per row.
func TestChargingAllocatesNothingPerRow(t *testing.T) {
	for _, at := range []subjectAt{{}, {column: 1}} {
		s, client, server, _ := spendingSession(t, strings.NewReplacer("rows: 1000, bytes: 1MiB, subjects: 100", "rows: 100000000, bytes: 1TiB, subjects: 100000000").Replace(spending), t.TempDir())
		few, many := answered(t, "SELECT id, email FROM public.users LIMIT 1", 10, func(int) string { return "1" }), answered(t, "SELECT id, email FROM public.users LIMIT 2", 5000, func(i int) string { return fmt.Sprint(i % 100) })
		for range 3 {
			s.playAs(t, client, server, many, at)
		}
		base := testing.AllocsPerRun(50, func() { s.playAs(t, client, server, few, at) })
		if n := testing.AllocsPerRun(50, func() { s.playAs(t, client, server, many, at) }); n > base+20 {
			t.Errorf("subject %+v: %v allocations for 5000 rows, %v for 10", at, n, base)
		}
	}
}

// BenchmarkSharedBudget is what a row costs: in no shared budget, in one, and in
// one that knows whose it is.
func BenchmarkSharedBudget(b *testing.B) {
	wide := strings.NewReplacer("rows: 1000, bytes: 1MiB, subjects: 100", "rows: 1000000000000, bytes: 1000TiB, subjects: 1000000000").Replace(spending)
	none := wide[:strings.Index(wide, "budgets:")] + wide[strings.Index(wide, "rules:"):]
	free := "\n  - {id: reads, effect: allow, kinds: [ordinary_read], limits: {rows: unlimited, bytes: unlimited}}\n"
	for _, c := range []struct {
		name, document string
		at             subjectAt
	}{{"none", none, subjectAt{}}, {"rows and bytes", wide, subjectAt{}}, {"subjects", wide, subjectAt{column: 1}}} {
		b.Run(c.name, func(b *testing.B) {
			s, client, server, _ := spendingSession(b, c.document+free, b.TempDir())
			const rows = 20_000
			all := answered(b, "SELECT id, email FROM public.users", rows, func(i int) string { return fmt.Sprint(100_000 + i) })
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				s.playAs(b, client, server, all, c.at)
			}
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N*rows), "cpu-ns/row")
		})
	}
}
