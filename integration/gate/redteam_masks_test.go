package gate

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// masking lets everything run, and masks what the database itself gives a class.
const masking = `version: 1
classes: {contact.email: {}}
masks: [{classes: ["contact.*"], mask: constant, value: hidden}]
rules:
  - {id: masked, effect: mask, kinds: [ordinary_read, export_to_client], limits: {rows: unlimited, bytes: unlimited}}
  - {id: rest, effect: allow, kinds: ['*'], limits: {rows: unlimited, bytes: unlimited}}
`

// firstValue is the first value of the last result of a text.
func firstValue(t *testing.T, c *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := c.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 || len(last.Rows[0]) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

// What one session changes by way of Sluice holds for all others as soon as it is
// there, also if that session is silent from then on.
func TestChangesHoldForOtherSessionsAtOnce(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS public.told; CREATE TABLE public.told (a text); INSERT INTO public.told VALUES ('canary'); ALTER TABLE public.told OWNER TO "+group)
	p := startPlace(t, setup{policy: masking})
	owner, reader := p.connect(t, ""), p.connect(t, "")
	const read = "SELECT a FROM public.told"
	for _, c := range []struct{ change, want string }{
		{"COMMENT ON COLUMN public.told.a IS 'class:contact.email'", "hidden"},
		{"COMMENT ON COLUMN public.told.a IS 'class:none'", "canary"},
		{"BEGIN; COMMENT ON COLUMN public.told.a IS 'class:contact.email'; COMMIT", "hidden"},
	} {
		if got := firstValue(t, reader, read); got == c.want {
			t.Fatalf("%q before %s", got, c.change)
		}
		if err := run(t, owner, c.change); err != nil {
			t.Fatal(err)
		}
		if got := firstValue(t, reader, read); got != c.want {
			t.Errorf("%q after %s", got, c.change)
		}
	}
}

// A session that speaks out of turn is answered, though names have to be looked
// up in the middle of what it sends.
func TestLookingUpNamesNeverHangs(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS public.loaded; CREATE TABLE public.loaded (a text); COMMENT ON COLUMN public.loaded.a IS 'class:contact.email'; "+
		"INSERT INTO public.loaded VALUES ('canary'); GRANT ALL ON public.loaded TO "+group)
	p := startPlace(t, setup{policy: masking})
	parse := func(sql string) pgproto3.FrontendMessage { return &pgproto3.Parse{Query: sql} }
	bind, execute, sync := &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}
	const in, read = "COPY public.loaded FROM STDIN", "SELECT a FROM loaded"
	path := &pgproto3.Query{String: "SET search_path = public"}
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"a COPY that gets no data": {path, parse(in), bind, execute, parse(read), bind, execute, sync},
		"a query inside a COPY":    {path, &pgproto3.Query{String: in}, &pgproto3.Query{String: read}, &pgproto3.CopyDone{}, sync},
		"behind an error":          {path, parse("SELECT 1/0"), bind, execute, parse(read), bind, execute, sync},
		"failed transaction":       {path, &pgproto3.Query{String: "BEGIN; SELECT 1/0"}, &pgproto3.Query{String: read}, &pgproto3.Query{String: "ROLLBACK"}},
		"path moved and failing":   {path, parse("SET search_path = aside"), bind, execute, parse("SELECT 1/0"), bind, execute, parse(read), bind, execute, sync, parse(read), bind, execute, sync},
		"everything at once":       {&pgproto3.Query{String: "BEGIN; SET LOCAL search_path = public"}, parse(read), bind, execute, sync, &pgproto3.Query{String: "ROLLBACK"}, parse(read), bind, execute, sync},
	} {
		t.Run(name, func(t *testing.T) {
			w := speak(t, p.connect(t, ""))
			w.send(messages...)
			w.send(&pgproto3.Query{String: "ROLLBACK"}, &pgproto3.Query{String: "SELECT 'the end'"})
			deadline := time.Now().Add(patience)
			for {
				if err := w.conn.SetReadDeadline(deadline); err != nil {
					t.Fatal(err)
				}
				m, err := w.fe.Receive()
				if err != nil {
					if strings.Contains(err.Error(), "timeout") {
						t.Fatalf("no answer: %v", err)
					}
					return // the session ended, which is an answer
				}
				if row, ok := m.(*pgproto3.DataRow); ok {
					switch v := string(row.Values[0]); {
					case v == "the end":
						return
					case strings.Contains(v, "canary"):
						t.Fatalf("%q came", v)
					}
				}
			}
		})
	}
}

func detail(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Detail
	}
	return ""
}

// The columns of a table may be others by the time a COPY begins than when it was
// judged: somebody else has changed them directly at the server.
func TestColumnsThatMoveUnderACopy(t *testing.T) {
	p := startPlace(t, setup{policy: strings.Replace(masking, "mask: constant, value: hidden", "mask: partial, keep_first: 1", 1)})
	const table = "DROP TABLE IF EXISTS public.shifted; CREATE TABLE public.shifted (id int, mail text, note text); INSERT INTO public.shifted VALUES (1, 'canary', 'plain'); " +
		"COMMENT ON COLUMN public.shifted.id IS 'class:none'; COMMENT ON COLUMN public.shifted.note IS 'class:none'; COMMENT ON COLUMN public.shifted.mail IS 'class:contact.email'; "
	for name, change := range map[string]string{
		"behind each other": "ALTER TABLE public.shifted DROP COLUMN mail; ALTER TABLE public.shifted ADD COLUMN mail text; UPDATE public.shifted SET mail = 'canary'",
		"renamed":           "ALTER TABLE public.shifted RENAME mail TO gone; ALTER TABLE public.shifted RENAME note TO mail; ALTER TABLE public.shifted RENAME gone TO note",
	} {
		t.Run(name, func(t *testing.T) {
			onServerExec(t, table+"GRANT ALL ON public.shifted TO "+group)
			c := p.connect(t, "")
			copied := func() (string, error) {
				var out bytes.Buffer
				_, err := c.CopyTo(t.Context(), &out, "COPY public.shifted TO STDOUT")
				return out.String(), err
			}
			before, err := copied()
			for range 100 { // until the table has been seen
				if err == nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
				before, err = copied()
			}
			if err != nil || !strings.Contains(before, "c*****") || strings.Contains(before, "canary") {
				t.Fatalf("%q, %v", before, err)
			}
			onServerExec(t, "DROP TABLE IF EXISTS public.beside; CREATE TABLE public.beside ()")
			if after, err := copied(); err != nil || after != before {
				t.Errorf("beside a change elsewhere: %q, %v", after, err)
			}
			onServerExec(t, change)
			if after, err := copied(); strings.Contains(after, "canary") || !strings.Contains(detail(err), "run it again") {
				t.Errorf("%q, %v", after, err)
			}
			if after, err := copied(); strings.Contains(after, "canary") {
				t.Errorf("when run again: %q, %v", after, err)
			}
		})
	}
}

// A row that is too long to be masked ends its statement, not the session.
func TestRowTooLongToBeMasked(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS public.long; CREATE TABLE public.long (mail text, note text); INSERT INTO public.long VALUES ('canary', repeat('x', 68 << 20)); "+
		"COMMENT ON COLUMN public.long.note IS 'class:none'; COMMENT ON COLUMN public.long.mail IS 'class:contact.email'; GRANT ALL ON public.long TO "+group)
	p := startPlace(t, setup{policy: strings.Replace(masking, "mask: constant, value: hidden", "mask: partial, keep_first: 1", 1)})
	c := p.connect(t, "")
	for _, sql := range []string{"SELECT mail, note FROM public.long", "COPY public.long TO STDOUT"} {
		err := run(t, c, sql)
		if code(err) != "42501" || !strings.Contains(fmt.Sprint(err), "cannot be masked") {
			t.Errorf("%s: %v", sql, err)
		}
		if got := firstValue(t, c, "SELECT mail FROM public.long"); got != "c*****" {
			t.Errorf("then %q came", got)
		}
	}
}

// A trigger may change what names mean. The statement that fires it does not show
// that.
func TestTriggersMayMoveNames(t *testing.T) {
	onServerExec(t, `DROP TABLE IF EXISTS public.moved, public.fires; DROP SCHEMA IF EXISTS aside CASCADE; CREATE SCHEMA aside;
		CREATE TABLE public.moved (a text); INSERT INTO public.moved VALUES ('harmless');
		CREATE TABLE aside.moved (a text); INSERT INTO aside.moved VALUES ('canary'); COMMENT ON COLUMN aside.moved.a IS 'class:contact.email';
		CREATE TABLE public.fires (how text);
		CREATE OR REPLACE FUNCTION public.moves_names() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.how = 'path' THEN PERFORM set_config('search_path', 'aside, public', false); END IF;
			IF NEW.how = 'table' THEN CREATE TEMP TABLE moved AS SELECT a FROM aside.moved; END IF;
			RETURN NEW; END $$;
		CREATE TRIGGER fire BEFORE INSERT ON public.fires FOR EACH ROW EXECUTE FUNCTION public.moves_names();
		GRANT ALL ON SCHEMA aside TO `+group+"; GRANT ALL ON ALL TABLES IN SCHEMA aside TO "+group+"; GRANT ALL ON public.moved, public.fires TO "+group)
	p := startPlace(t, setup{policy: masking})
	for _, how := range []string{"path", "table"} {
		c := p.connect(t, "")
		if got := firstValue(t, c, "SELECT a FROM moved"); got != "harmless" {
			t.Fatalf("%q at first", got)
		}
		if err := run(t, c, "INSERT INTO public.fires VALUES ('"+how+"')"); err != nil {
			t.Fatal(err)
		}
		results, err := c.Exec(t.Context(), "SELECT a FROM moved").ReadAll()
		if err == nil && string(results[0].Rows[0][0]) != "hidden" {
			t.Errorf("by %s: %q", how, results[0].Rows[0][0])
		}
	}
}
