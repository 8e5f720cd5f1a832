package proxy

import (
	"io"
	"log/slog"
	"net"
	"path/filepath"
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
	unread []byte
}

func (l *loaded) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

func (*loaded) Write(p []byte) (int, error) { return len(p), nil }

// round is what a client says until it waits, and what a server answers.
type round struct {
	name           string
	asked, answers []message
}

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
)

func rounds() []round {
	return []round{
		{"simple", []message{&pgproto3.Query{String: "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"}}, aRow},
		{"extended", append(prepare, run...), append([]message{&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}}, aRow...)},
		{"prepared", run, append([]message{&pgproto3.BindComplete{}}, aRow...)},
	}
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
	s, _ = decidingSession(t, thousandRules())
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
	s.server.config = &Config{Limits: Limits{StatementBytes: 1 << 20}}
	s.log, s.id = slog.New(slog.DiscardHandler), newID()
	s.client = wire.NewConn(client, wire.Client)
	s.upstream = &upstream{conn: wire.NewConn(server, wire.Upstream)}
	return s, client, server
}

// play has the session do a round.
func (s *session) play(t testing.TB, client, server *loaded, r *round, asked, answers []byte) {
	client.unread = asked
	for range r.asked {
		h, err := s.client.Next()
		if err == nil {
			err = s.clientSpeaks(h)
		}
		if err == nil {
			err = s.clientMessage(t.Context(), h)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	server.unread = answers
	for range r.answers {
		h, err := s.upstream.conn.Next()
		if err == nil {
			err = s.serverMessage(h)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.serverRests(); err != nil {
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
			asked, answers := encodeAll(b, r.asked), encodeAll(b, r.answers)
			if r.name == "prepared" {
				first := rounds()[1]
				s.play(b, client, server, &first, encodeAll(b, first.asked), encodeAll(b, first.answers))
			}
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				s.play(b, client, server, &r, asked, answers)
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
