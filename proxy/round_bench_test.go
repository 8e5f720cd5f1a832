package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// loaded is a socket that has some bytes to read, and takes what is written.
type loaded struct {
	net.Conn
	unread  []byte
	written int
}

func (l *loaded) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

func (l *loaded) Write(p []byte) (int, error) {
	l.written += len(p)
	return len(p), nil
}

// round is one thing that a client does, in steps.
type round struct {
	name  string
	steps []step
}

// step is what a client says until it waits, and what the server answers.
type step struct{ asked, answers []message }

type message interface{ Encode([]byte) ([]byte, error) }

var (
	aRow = []message{
		&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("abalance"), DataTypeOID: 23, DataTypeSize: 4, TypeModifier: -1}}},
		&pgproto3.DataRow{Values: [][]byte{[]byte("0")}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
	run = []message{
		&pgproto3.Bind{Parameters: [][]byte{[]byte("4711")}}, &pgproto3.Describe{ObjectType: 'P'},
		&pgproto3.Execute{}, &pgproto3.Sync{},
	}
	prepare = []message{&pgproto3.Parse{Query: "SELECT abalance FROM pgbench_accounts WHERE aid = $1;"}}
	// roleBack answers a RESET ROLE of the proxy's own.
	roleBack = []message{
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CommandComplete{CommandTag: []byte(resetRole)},
		&pgproto3.CloseComplete{}, &pgproto3.CloseComplete{}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
	copied = []message{&pgproto3.CommandComplete{CommandTag: []byte("COPY 20000")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}}
)

func rounds() []round {
	rows := make([]message, 20_000)
	for i := range rows {
		rows[i] = &pgproto3.CopyData{Data: bytes.Repeat([]byte("x"), 122)}
	}
	rows = append(rows, &pgproto3.CopyDone{})
	return []round{
		{"simple", []step{{[]message{&pgproto3.Query{String: "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"}}, aRow}}},
		{"extended", []step{{slices.Concat(prepare, run), slices.Concat([]message{&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}}, aRow)}}},
		{"prepared", []step{{run, slices.Concat([]message{&pgproto3.BindComplete{}}, aRow)}}},
		{"20000 rows out", []step{{
			[]message{&pgproto3.Query{String: "COPY public.out TO STDOUT"}},
			slices.Concat(roleBack, []message{&pgproto3.CopyOutResponse{}}, rows, copied),
		}}},
		{"20000 rows in", []step{
			{[]message{&pgproto3.Query{String: "COPY public.t1 FROM STDIN"}}, []message{&pgproto3.CopyInResponse{}}},
			{rows, copied},
		}},
	}
}

// sentStep is a step as it goes over the wire.
type sentStep struct {
	asked, answers []byte
	messages       [2]int
}

func sent(t testing.TB, r *round) (all []sentStep) {
	for _, s := range r.steps {
		all = append(all, sentStep{encodeAll(t, s.asked), encodeAll(t, s.answers), [2]int{len(s.asked), len(s.answers)}})
	}
	return all
}

func encodeAll(t testing.TB, messages []message) (all []byte) {
	for _, m := range messages {
		var err error
		if all, err = m.Encode(all); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// speakingSession is a session whose sockets are none.
func speakingSession(t testing.TB) (s *session, client, server *loaded) {
	s, _ = decidingSession(t, thousandRules()+"  - {id: everything-out, effect: allow, kinds: [export_to_client], relations: [public.out], limits: {rows: unlimited, bytes: unlimited}}\n")
	client, server = &loaded{}, &loaded{}
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(filepath.Join(t.TempDir(), "trail"), audit.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trail.Close() })
	s.server.recorder, s.server.now = trail, time.Now
	s.server.config = &Config{Limits: Limits{StatementBytes: 1 << 20}, Trail: TrailConfig{Timeout: time.Minute}}
	s.log, s.id = slog.New(slog.DiscardHandler), newID()
	s.client = wire.NewConn(client, wire.Client)
	s.upstream = &upstream{conn: wire.NewConn(server, wire.Upstream)}
	return s, client, server
}

// play has the session do a round.
func (s *session) play(t testing.TB, client, server *loaded, all []sentStep) {
	for _, p := range all {
		client.unread, server.unread = p.asked, p.answers
		for range p.messages[0] {
			must(t, next(s.client, s.hear))
		}
		must(t, s.clientRests())
		for range p.messages[1] {
			must(t, next(s.upstream.conn, s.serverMessage))
		}
		must(t, s.serverRests())
	}
}

// hear is what fromClient does with a message.
func (s *session) hear(h wire.Header) error {
	if err := s.clientSpeaks(h); err != nil {
		return err
	}
	return s.clientMessage(context.Background(), h)
}

func next(c *wire.Conn, each func(wire.Header) error) error {
	h, err := c.Next()
	if err != nil {
		return err
	}
	return each(h)
}

func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// BenchmarkRound is what a statement costs without its system calls: judged,
// recorded, its answers followed and passed on. The trail is on disk and written
// beside; cpu-ns is the processor time of all of it.
func BenchmarkRound(b *testing.B) {
	for _, r := range rounds() {
		b.Run(r.name, func(b *testing.B) {
			s, client, server := speakingSession(b)
			all := sent(b, &r)
			if r.name == "prepared" {
				s.play(b, client, server, sent(b, &rounds()[1]))
			}
			if r.name == "20000 rows out" {
				s.pending.doubtRole(false) // as it is behind each
			}
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				s.play(b, client, server, all)
			}
			b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

func processorTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
