package masked

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// What a statement was let in by can change before its rows are there: between
// Parse and Execute, between two slices of a cursor. A pause is such a moment.
type pause struct {
	name          string
	before, after []pgproto3.FrontendMessage
}

// pausesOf are the moments in the life of a query at which a client can wait.
func pausesOf(sql string) []pause {
	return []pause{
		{"between Parse and Bind", messages(parse("s", sql), synced()), messages(bind("", "s"), execute("", 0), synced())},
		{"between Describe and Bind", messages(parse("s", sql), describe('S', "s"), synced()), messages(bind("", "s"), execute("", 0), synced())},
		{"between Parse and Bind in binary", messages(parse("s", sql), synced()), messages(bind("", "s", 1), execute("", 0), synced())},
		{"between Bind and Execute", messages(said("BEGIN"), parse("", sql), bind("p", ""), synced()), messages(execute("p", 0), synced())},
		{"between Bind and Execute without a Sync", messages(parse("", sql), bind("", ""), &pgproto3.Flush{}), messages(execute("", 0), synced())},
		{"between Describe and Execute", messages(said("BEGIN"), parse("", sql), bind("p", ""), describe('P', "p"), synced()), messages(execute("p", 0), synced())},
		{"between two Executes of a portal", messages(said("BEGIN"), parse("", sql), bind("p", ""), describe('P', "p"), execute("p", 2), synced()),
			messages(execute("p", 0), synced())},
		{"between two Executes of a portal in binary", messages(said("BEGIN"), parse("", sql), bind("p", "", 1), execute("p", 2), synced()),
			messages(execute("p", 1), execute("p", 0), synced())},
		{"between two runs of a statement", messages(parse("s", sql), describe('S', "s"), bind("", "s"), execute("", 0), synced()),
			messages(bind("", "s"), execute("", 0), synced())},
		{"between PREPARE and EXECUTE", messages(said("PREPARE q AS " + sql)), messages(said("EXECUTE q"))},
		{"between two EXECUTEs", messages(said("PREPARE q AS "+sql), said("EXECUTE q")), messages(said("EXECUTE q"))},
		{"between PREPARE and Bind", messages(said("PREPARE q AS " + sql)), messages(bind("", "q"), execute("", 0), synced())},
		{"between DECLARE and FETCH", messages(said("BEGIN"), said("DECLARE c CURSOR FOR "+sql)), messages(said("FETCH ALL FROM c"))},
		{"between DECLARE and FETCH in binary", messages(said("BEGIN"), said("DECLARE c BINARY CURSOR FOR "+sql)), messages(said("FETCH ALL FROM c"))},
		{"between DECLARE and Execute", messages(said("BEGIN"), said("DECLARE c CURSOR FOR "+sql)), messages(execute("c", 0), synced())},
		{"between two FETCHes", messages(said("BEGIN"), said("DECLARE c SCROLL CURSOR FOR "+sql), said("FETCH 2 FROM c")), messages(said("FETCH BACKWARD 1 FROM c"))},
		{"between COMMIT and FETCH", messages(said("BEGIN"), said("DECLARE c CURSOR WITH HOLD FOR "+sql), said("COMMIT")), messages(said("FETCH ALL FROM c"))},
		{"between Parse and Execute of a FETCH", messages(said("BEGIN"), said("DECLARE c CURSOR FOR "+sql), parse("", "FETCH ALL FROM c"), bind("p", ""), synced()),
			messages(execute("p", 0), synced())},
		{"between Bind and Execute of a COPY", messages(said("BEGIN"), parse("", "COPY ("+sql+") TO STDOUT"), bind("p", ""), synced()), messages(execute("p", 0), synced())},
		{"between a text and the same text", messages(said(sql)), messages(said(sql))},
		{"between a COPY and the same COPY", messages(said("COPY (" + sql + ") TO STDOUT")), messages(said("COPY (" + sql + ") TO STDOUT"))},
	}
}

func messages(all ...pgproto3.FrontendMessage) []pgproto3.FrontendMessage { return all }

func said(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }

func synced() pgproto3.FrontendMessage { return &pgproto3.Sync{} }

func parse(name, sql string) pgproto3.FrontendMessage { return &pgproto3.Parse{Name: name, Query: sql} }

func bind(portal, statement string, formats ...int16) pgproto3.FrontendMessage {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement, ResultFormatCodes: formats}
}

func describe(kind byte, name string) pgproto3.FrontendMessage {
	return &pgproto3.Describe{ObjectType: kind, Name: name}
}

func execute(portal string, rows uint32) pgproto3.FrontendMessage {
	return &pgproto3.Execute{Portal: portal, MaxRows: rows}
}

// outcome is what came of a statement behind its pause.
type outcome struct {
	pause  string
	rows   [][][]byte
	failed *pgproto3.ErrorResponse
	// canary is one that came before the pause or after it, empty for none.
	before, after string
}

// waiters are sessions, one for each pause.
type waiters []*line

func (s *stage) waiters(t *testing.T) (w waiters) {
	t.Helper()
	for range pausesOf("") {
		w = append(w, dial(t, s.sluice()))
	}
	return w
}

// interrupted takes a query up to each of its pauses, then changes something, and
// goes on. Every session works on afterwards.
func (w waiters) interrupted(t *testing.T, sql string, change func()) (outcomes []outcome) {
	t.Helper()
	pauses := pausesOf(sql)
	for i, p := range pauses {
		if failed := w[i].upTo(t, p.before); failed != nil {
			t.Fatalf("%s: %s fails before it: %s", sql, p.name, failed.Message)
		}
		outcomes = append(outcomes, outcome{pause: p.name, before: canaryIn(w[i].heard.take())})
	}
	change()
	for i, p := range pauses {
		l, out := w[i], &outcomes[i]
		out.rows, out.failed = l.speak(t, p.after...)
		out.after = canaryIn(l.heard.take())
		l.speak(t, said("ROLLBACK"), said("CLOSE ALL"), said("DEALLOCATE ALL"))
		if got := l.must(t, "SELECT word FROM crm.plain WHERE id = 1"); got != "harmless" {
			t.Errorf("%s: behind it a session gives %s", p.name, got)
		}
	}
	return outcomes
}

// upTo sends the messages before a pause and waits until they are answered.
func (l *line) upTo(t *testing.T, before []pgproto3.FrontendMessage) *pgproto3.ErrorResponse {
	t.Helper()
	if _, flushes := before[len(before)-1].(*pgproto3.Flush); !flushes {
		_, failed := l.speak(t, before...)
		return failed
	}
	for _, m := range before {
		l.Frontend().Send(m)
	}
	if err := l.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		switch m, err := l.Frontend().Receive(); m := m.(type) {
		case nil:
			t.Fatal(err)
		case *pgproto3.ErrorResponse:
			return m
		case *pgproto3.BindComplete:
			return nil
		}
	}
}

// hidden reports an outcome that is neither masked nor refused in clear words.
func (o *outcome) hidden(t *testing.T) {
	t.Helper()
	if o.after != "" {
		t.Errorf("%s\n  what comes behind it brings %s", o.pause, o.after)
	}
	o.clear(t)
}

// clear reports an outcome that is neither the rows, whose last column nobody
// masks, nor a refusal in clear words.
func (o *outcome) clear(t *testing.T) {
	t.Helper()
	switch {
	case o.failed != nil && (o.failed.Code != "42501" || o.failed.Hint == ""):
		t.Errorf("%s\n  ends in %s %s (%s)", o.pause, o.failed.Code, o.failed.Message, o.failed.Detail)
	case o.failed == nil && len(o.rows) == 0:
		t.Errorf("%s\n  brings nothing", o.pause)
	}
	for _, row := range o.rows {
		if !bytes.Contains(row[len(row)-1], []byte("DE")) {
			t.Errorf("%s\n  harms what has no class: %s", o.pause, words(o.rows))
		}
	}
}
