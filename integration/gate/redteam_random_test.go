package gate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// statements that a random client runs. They are everyday ones, so that a
// difference is one of order, names or transaction status.
var everyday = []string{
	"SELECT 1", "SELECT generate_series(1,5)", "SELECT 'ä\\'", "SELECT 1/0", "SELECT nothing", "SELEC", "", "-- empty",
	"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "INSERT INTO random_t VALUES (1)", "SELECT count(*) FROM random_t WHERE false",
	"PREPARE b AS SELECT 'sql b'", "EXECUTE a", "EXECUTE b", "DEALLOCATE a", "DEALLOCATE ALL",
	"DECLARE c CURSOR FOR SELECT generate_series(10,14)", "DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(20,22)", "FETCH 2 FROM c", "CLOSE c", "CLOSE ALL",
}

// several are texts of more than one statement, for simple queries.
var several = []string{
	"SELECT 1; SELECT 2", "SELECT 1; SELECT 1/0; SELECT 3", "BEGIN; SELECT 1", "DEALLOCATE ALL; PREPARE a AS SELECT 'new a'; EXECUTE a",
	"PREPARE b AS SELECT 'twice'; DEALLOCATE b; PREPARE b AS SELECT 'again'", "CLOSE ALL; COMMIT", "SELECT 1; COPY random_t FROM STDIN; SELECT 2",
}

type dice struct{ *rand.Rand }

func (d dice) pick(from ...string) string { return from[d.IntN(len(from))] }

// message is one random step of a client, as one or more messages.
func (d dice) message() []pgproto3.FrontendMessage {
	name, portal := d.pick("", "", "a", "b"), d.pick("", "", "c", "d")
	switch n := d.IntN(100); {
	case n < 20:
		return msgs(parse(name, d.pick(everyday...)))
	case n < 35:
		return msgs(bind(portal, name))
	case n < 50:
		return msgs(&pgproto3.Execute{Portal: portal, MaxRows: uint32(d.IntN(3))})
	case n < 60:
		return msgs(run1(d.pick(everyday...)))
	case n < 65:
		return msgs(&pgproto3.Describe{ObjectType: d.pick("S", "P")[0], Name: d.pick(name, portal)})
	case n < 70:
		return msgs(&pgproto3.Close{ObjectType: d.pick("S", "P")[0], Name: d.pick(name, portal)})
	case n < 73:
		return msgs(flush_)
	case n < 85:
		return msgs(sync_)
	case n < 90:
		return msgs(query(d.pick(everyday...)))
	case n < 94:
		return msgs(sync_, query(d.pick(several...)), data("1\n"), done_)
	case n < 97:
		return msgs(d.copyIn())
	}
	return msgs(data("nowhere\n"), done_)
}

// copyIn copies in the extended protocol, with a Sync before the data as
// libpq sends it or without.
func (d dice) copyIn() []pgproto3.FrontendMessage {
	out := msgs(sync_, run1("COPY random_t FROM STDIN"))
	if d.IntN(2) == 0 {
		out = append(out, sync_)
	}
	for range d.IntN(3) {
		out = append(out, data(d.pick("1\n", "2\n3\n", "x\n")))
	}
	if d.IntN(4) == 0 {
		return append(out, &pgproto3.CopyFail{Message: "no"})
	}
	return append(out, done_)
}

// untilEnd reads up to a row that holds a word, and the ReadyForQuery after
// it, or up to the end of the connection.
func (w *wireClient) untilEnd(word string) string {
	w.t.Helper()
	var seen []string
	ended := false
	for {
		m, err := w.next(patience)
		if err != nil {
			return strings.Join(append(seen, "end"), " ")
		}
		if m != "" {
			seen = append(seen, m)
		}
		ended = ended || m == "D("+word+")"
		if ended && m != "" && m[0] == 'Z' {
			return strings.Join(seen, " ")
		}
	}
}

// crashed reports whether the server takes no clients, as it does for a while when
// one of its processes has died; then it waits until that is over.
func crashed(t *testing.T) (down bool) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		c, err := pgconn.Connect(t.Context(), shared.SuperuserDSN("postgres"))
		if err == nil {
			_ = c.Close(t.Context())
			return down
		}
		down = true
	}
	t.Fatal("the server does not come back")
	return true
}

// Whatever a client sends, Sluice and the server answer alike, message by
// message.
func TestRandomClients(t *testing.T) {
	onServerExec(t, "DROP TABLE IF EXISTS random_t; CREATE TABLE random_t (x int); ALTER TABLE random_t OWNER TO "+group)
	p := startPlace(t, setup{})
	until := time.Now().Add(7 * time.Second)
	rounds := 0
	for seed := uint64(1); time.Now().Before(until); seed++ {
		d := dice{rand.New(rand.NewPCG(seed, 7))}
		server, sluice := direct(t), speak(t, p.connect(t, ""))
		var sent []string
		for round := range 30 {
			word := fmt.Sprint("end ", round)
			var out []pgproto3.FrontendMessage
			for range 1 + d.IntN(12) {
				out = append(out, d.message()...)
			}
			sent = sent[:0]
			for _, m := range out {
				sent = append(sent, fmt.Sprintf("%T%+v", m, m))
			}
			out = append(out, sync_, query("ROLLBACK"), query("SELECT '"+word+"'"))
			server.send(out...)
			sluice.send(out...)
			want, got := server.untilEnd(word), sluice.untilEnd(word)
			rounds++
			if got != want && strings.HasSuffix(want, "end") && strings.HasSuffix(got, "E08006 end") {
				// The server hung up, and its last words came too late for Sluice.
				if crashed(t) {
					t.Logf("seed %d, round %d: the server crashed, and all sessions with it, after %d rounds\n%s", seed, round, rounds, strings.Join(sent, "\n"))
					return
				}
				break
			}
			if got != want {
				t.Fatalf("seed %d, round %d\nsent\n%s\nthrough Sluice\n%s\nthe server\n%s", seed, round, strings.Join(sent, "\n"), got, want)
			}
			if strings.HasSuffix(want, "end") {
				break
			}
		}
		server.conn.Close()
		sluice.conn.Close()
	}
	t.Logf("%d rounds", rounds)
}
