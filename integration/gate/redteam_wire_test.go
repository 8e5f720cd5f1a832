package gate

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// patience is how long an answer may take before it counts as a hang.
const patience = 8 * time.Second

// wireClient speaks the protocol message by message, also where a well-behaved
// client would not.
type wireClient struct {
	t    *testing.T
	conn net.Conn
	fe   *pgproto3.Frontend
}

// speak turns a logged-in connection into a wireClient.
func speak(t *testing.T, c *pgconn.PgConn) *wireClient {
	t.Helper()
	h, err := c.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Conn.Close() })
	return &wireClient{t, h.Conn, pgproto3.NewFrontend(h.Conn, h.Conn)}
}

// direct is a wireClient without a proxy in between.
func direct(t *testing.T) *wireClient {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), shared.SuperuserDSN(database))
	if err != nil {
		t.Fatal(err)
	}
	return speak(t, c)
}

// send writes messages in one piece.
func (w *wireClient) send(messages ...pgproto3.FrontendMessage) {
	w.t.Helper()
	var out []byte
	for _, m := range messages {
		encoded, err := m.Encode(nil)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, encoded...)
	}
	if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.conn.Write(out); err != nil {
		w.t.Fatal(err)
	}
}

// until reads up to the count-th ReadyForQuery, or the end, and returns what
// came in short: the message types, the SQLSTATE of errors, the transaction
// status, the values of rows. A hang is an error of the test.
func (w *wireClient) until(count int) string {
	w.t.Helper()
	var seen []string
	for count > 0 {
		word, err := w.next(patience)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				w.t.Errorf("no answer after %q", strings.Join(seen, " "))
				return strings.Join(append(seen, "hang"), " ")
			}
			return strings.Join(append(seen, "end"), " ")
		}
		if word == "" {
			continue
		}
		seen = append(seen, word)
		if word[0] == 'Z' {
			count--
		}
	}
	return strings.Join(seen, " ")
}

// next reads one message; notices and settings are left out.
func (w *wireClient) next(wait time.Duration) (string, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	m, err := w.fe.Receive()
	if err != nil {
		return "", err
	}
	switch m := m.(type) {
	case *pgproto3.ErrorResponse:
		return "E" + m.Code, nil
	case *pgproto3.ReadyForQuery:
		return "Z" + string(m.TxStatus), nil
	case *pgproto3.DataRow:
		var values []string
		for _, v := range m.Values {
			values = append(values, string(v))
		}
		return "D(" + strings.Join(values, ",") + ")", nil
	case *pgproto3.CommandComplete:
		return "C(" + string(m.CommandTag) + ")", nil
	case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus:
		return "", nil
	}
	name := fmt.Sprintf("%T", m)
	return strings.TrimPrefix(name, "*pgproto3."), nil
}

func parse(name, sql string) *pgproto3.Parse { return &pgproto3.Parse{Name: name, Query: sql} }

func bind(portal, statement string) *pgproto3.Bind {
	return &pgproto3.Bind{DestinationPortal: portal, PreparedStatement: statement}
}

func execute(portal string) *pgproto3.Execute { return &pgproto3.Execute{Portal: portal} }

func query(sql string) *pgproto3.Query { return &pgproto3.Query{String: sql} }

var (
	sync_  = &pgproto3.Sync{}
	flush_ = &pgproto3.Flush{}
	done_  = &pgproto3.CopyDone{}
)

func data(text string) *pgproto3.CopyData { return &pgproto3.CopyData{Data: []byte(text)} }

// run1 is a whole unnamed statement without Sync.
func run1(sql string) []pgproto3.FrontendMessage {
	return []pgproto3.FrontendMessage{parse("", sql), bind("", ""), execute("")}
}

// step is what a client sends before it waits for so many ReadyForQuery.
type step struct {
	send  []pgproto3.FrontendMessage
	ready int
}

func msgs(parts ...any) []pgproto3.FrontendMessage {
	var out []pgproto3.FrontendMessage
	for _, p := range parts {
		switch p := p.(type) {
		case pgproto3.FrontendMessage:
			out = append(out, p)
		case []pgproto3.FrontendMessage:
			out = append(out, p...)
		}
	}
	return out
}

func (w *wireClient) play(steps []step) string {
	var out []string
	for _, s := range steps {
		w.send(s.send...)
		out = append(out, w.until(s.ready))
	}
	return strings.Join(out, " | ")
}

// A client cannot tell Sluice from the server, whatever order it sends in.
func TestSameOrder(t *testing.T) {
	onServerExec(t, `DROP TABLE IF EXISTS orderly CASCADE; CREATE TABLE orderly (x int); ALTER TABLE orderly OWNER TO `+group+`;
		DROP TABLE IF EXISTS guarded CASCADE; CREATE TABLE guarded (x int); ALTER TABLE guarded OWNER TO `+group+`;
		CREATE OR REPLACE FUNCTION no_copies() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
		CREATE TRIGGER no_copies BEFORE INSERT ON guarded FOR EACH STATEMENT EXECUTE FUNCTION no_copies();
		CREATE OR REPLACE VIEW orderly_view AS SELECT * FROM orderly; ALTER VIEW orderly_view OWNER TO `+group)
	p := startPlace(t, setup{})
	after := step{msgs(run1("SELECT 7"), sync_, query("SELECT 8")), 2}
	for name, steps := range sameOrder(after) {
		t.Run(name, func(t *testing.T) {
			want := direct(t).play(steps)
			got := speak(t, p.connect(t, "")).play(steps)
			if got != want {
				t.Errorf("through Sluice\n%s\nthe server\n%s", got, want)
			}
		})
	}
}

func sameOrder(after step) map[string][]step {
	var redefined, closed, syncs []pgproto3.FrontendMessage
	for i := range 12 {
		name := fmt.Sprint("s", i)
		redefined = append(redefined, msgs(parse(name, "SELECT 1"), bind("", name), execute(""), sync_)...)
		closed = append(closed, msgs(parse("same", "SELECT 2"), &pgproto3.Close{ObjectType: 'S', Name: "same"})...)
		syncs = append(syncs, msgs(run1("SELECT 3"), sync_)...)
	}
	var manySyncs []pgproto3.FrontendMessage
	for i := range 400 {
		manySyncs = append(manySyncs, msgs(run1(fmt.Sprint("SELECT ", i)), sync_)...)
	}
	return map[string][]step{
		"very many unnamed":                 {{manySyncs, 400}, after},
		"very many unnamed, in a block":     {{msgs(query("BEGIN"), manySyncs, query("COMMIT")), 402}, after},
		"many statements, one portal":       {{redefined, 12}, after},
		"one name defined many times":       {{msgs(closed, sync_), 1}, after},
		"many unnamed":                      {{syncs, 12}, after},
		"copy, sync early":                  {{msgs(run1("COPY orderly FROM STDIN"), sync_, data("1\n"), done_, sync_), 1}, after},
		"copy, blind":                       {{msgs(run1("COPY orderly FROM STDIN"), data("1\n"), done_, sync_), 1}, after},
		"copy, refused by a trigger":        {{msgs(run1("COPY guarded FROM STDIN"), sync_), 1}, after},
		"copy into a view":                  {{msgs(run1("COPY orderly_view FROM STDIN"), sync_), 1}, after},
		"copy, bad data":                    {{msgs(run1("COPY orderly FROM STDIN"), data("x\n"), done_, sync_), 1}, after},
		"copy, early sync, bad data":        {{msgs(run1("COPY orderly FROM STDIN"), sync_, data("x\n"), done_, sync_), 1}, after},
		"copy failed by the client":         {{msgs(run1("COPY orderly FROM STDIN"), &pgproto3.CopyFail{Message: "no"}, sync_), 1}, after},
		"copy, early sync, CopyFail":        {{msgs(run1("COPY orderly FROM STDIN"), sync_, &pgproto3.CopyFail{Message: "no"}, sync_), 1}, after},
		"copy of nothing there":             {{msgs(run1("COPY nowhere FROM STDIN"), data("1\n"), done_, sync_), 1}, after},
		"copy, then more":                   {{msgs(run1("COPY orderly FROM STDIN"), data("1\n"), done_, run1("SELECT 4"), sync_), 1}, after},
		"two copies":                        {{msgs(run1("COPY orderly FROM STDIN"), data("1\n"), done_, run1("COPY orderly FROM STDIN"), data("2\n"), done_, sync_), 1}, after},
		"two copies in a text":              {{msgs(query("COPY orderly FROM STDIN; SELECT 1; COPY orderly FROM STDIN"), data("1\n"), done_, data("2\n"), done_), 1}, after},
		"two copies in a text, failed":      {{msgs(query("COPY orderly FROM STDIN; SELECT 1; COPY orderly FROM STDIN"), data("x\n"), done_), 1}, after},
		"copy, syncs amid data":             {{msgs(run1("COPY orderly FROM STDIN"), sync_, data("1\n"), sync_, data("2\n"), done_, sync_), 1}, after},
		"copy by EXECUTE":                   {{msgs(parse("c", "COPY orderly FROM STDIN"), sync_), 1}, {msgs(query("EXECUTE c"), data("1\n"), done_), 1}, after},
		"copy, simple, sync early":          {{msgs(query("COPY orderly FROM STDIN"), sync_, data("1\n"), done_), 1}, after},
		"copy, simple, refused, sync early": {{msgs(query("COPY guarded FROM STDIN"), sync_), 2}, after},
		"flush inside copy":                 {{msgs(run1("COPY orderly FROM STDIN"), flush_, data("1\n"), flush_, done_, flush_, sync_), 1}, after},
		"late copy data":                    {{msgs(data("1\n"), done_, query("SELECT 1"), data("2\n"), &pgproto3.CopyFail{}), 1}, after},
		"portal in slices": {{msgs(parse("", "SELECT generate_series(1,5)"), bind("c", ""), &pgproto3.Execute{Portal: "c", MaxRows: 2},
			&pgproto3.Execute{Portal: "c", MaxRows: 2}, &pgproto3.Execute{Portal: "c", MaxRows: 2}, sync_), 1}, after},
		"error at sync": {
			{msgs(run1("CREATE TEMP TABLE d (x int UNIQUE DEFERRABLE INITIALLY DEFERRED)"), sync_), 1},
			{msgs(run1("INSERT INTO d VALUES (1), (1)"), sync_), 1},
			after,
		},
		"prepared, dropped, prepared": {
			{msgs(query("PREPARE a AS SELECT 1")), 1},
			{msgs(query("DEALLOCATE ALL; PREPARE a AS SELECT 2")), 1},
			{msgs(query("EXECUTE a")), 1},
			after,
		},
		"a long name": {{msgs(parse(strings.Repeat("n", 70), "SELECT 1"), bind("", strings.Repeat("n", 63)), execute(""), sync_), 1}, after},
		"function call in a failed block": {
			{msgs(query("BEGIN; SELECT 1/0")), 1},
			{msgs(query("ROLLBACK")), 1},
			after,
		},
		"unnamed, then one that fails":     {{msgs(run1("SELECT 1"), sync_, parse("", "SELEC"), sync_, bind("", ""), execute(""), sync_), 3}, after},
		"unnamed, then another that fails": {{msgs(run1("SELECT 1"), sync_, parse("x", "SELEC"), sync_, bind("", ""), execute(""), sync_), 3}, after},
		"unnamed, another is not reached": {{msgs(
			parse("", "COPY orderly FROM STDIN"), parse("x", "SELECT 1/0"), bind("", "x"), execute(""), parse("", "SELECT 5"), sync_,
			bind("", ""), execute(""), data("1\n"), done_, sync_), 2}, after},
		"query amid a skipped pipeline": {{msgs(parse("", "SELEC"), query("SELECT 5"), bind("", ""), sync_), 1}, after},
	}
}

// Blocks of COPY data that come before anybody asked for them are taken too.
func TestBlindCopiesAreRefused(t *testing.T) {
	p := startPlace(t, setup{policy: emptyPolicy})
	refused := "COPY a FROM STDIN; COPY b FROM STDIN; COPY b TO PROGRAM 'cat'"
	after := msgs(query("SELECT 1"))
	for name, c := range map[string]struct {
		send []pgproto3.FrontendMessage
		want string
	}{
		"both blocks":   {msgs(query(refused), data("1\n"), done_, data("2\n"), done_, after), "CopyInResponse C(COPY 0) CopyInResponse E42501 ZI RowDescription D(1) C(SELECT 1) ZI"},
		"one block":     {msgs(query(refused), data("1\n"), done_, after), "CopyInResponse C(COPY 0) CopyInResponse E42501 ZI RowDescription D(1) C(SELECT 1) ZI"},
		"no block":      {msgs(query(refused), after), "CopyInResponse E42501 ZI RowDescription D(1) C(SELECT 1) ZI"},
		"a block fails": {msgs(query(refused), &pgproto3.CopyFail{}, after), "CopyInResponse E42501 ZI RowDescription D(1) C(SELECT 1) ZI"},
	} {
		w := speak(t, p.connect(t, ""))
		w.send(c.send...)
		if got := w.until(2); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// An error as long as the value it quotes arrives whole.
func TestLongError(t *testing.T) {
	p := startPlace(t, setup{})
	c := p.connect(t, "")
	value := []byte(strings.Repeat("x", 20<<20))
	_, err := c.ExecParams(t.Context(), "SELECT $1::int", [][]byte{value}, nil, nil, nil).Close()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "22P02" || len(pg.Message) < len(value) {
		t.Errorf("got %.100s", fmt.Sprint(err))
	}
	mustRun(t, c, "SELECT 1")
}
