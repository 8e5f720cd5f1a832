package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// session is one client and its upstream connection, from login to end.
type session struct {
	server   *Server
	log      *slog.Logger
	id       string
	identity identity.Identity
	startup  *startup
	database *database
	// address is the client's IP address, via that of the load balancer
	// in between, if there is one.
	address, via string

	client   *wire.Conn
	upstream *upstream
	// toClient is held by whoever writes to the client: fromServer from the first
	// message to its rest, and fromClient for a notice in between.
	toClient sync.Mutex
	// writes is true while fromServer holds it; only fromServer uses it.
	writes  bool
	pending *pending
	lease   *credential.Lease
	// chosen is why it is that one; only begin and fromClient use it.
	chosen chosenLease
	// view is the policy viewed, as this session meets it; decided are
	// decisions that hold for this session.
	view    *policy.View
	viewed  *policy.Policy
	decided memory
	claims  claims
	// sight is what the session sees of the database's catalog; only
	// fromClient uses it.
	sight sight
	// observer is nil if nobody looks.
	observer SessionObserver

	// Since login: bytes from the client, bytes to it, rows to it.
	bytesIn, bytesOut, rows atomic.Int64
	// lastWords is set once the server has said FATAL itself.
	lastWords atomic.Bool
	// lastRun is the decision behind the last execution since a Sync; only
	// fromServer uses it.
	lastRun string
	// lastTag is the last command tag; only fromServer uses it.
	lastTag string
	// tab is what was charged to shared budgets and is on no record yet,
	// lastTerms are those of the last execution since a Sync, transaction the
	// shared budgets of what ran in the transaction that is open; only
	// fromServer and the session's end use them.
	tab         tab
	suspects    suspects
	lastTerms   terms
	transaction *charges
	// swallowing is true from the error of a statement that ran to its end
	// over its limit up to ReadyForQuery; only fromServer uses it.
	swallowing bool
	// maskRoom is room for a masked row; only fromServer uses it.
	maskRoom []byte
	// bodies are those of the records made for every statement, to be used
	// again: repeat and execute by fromClient, result by fromServer.
	bodies struct {
		repeat  repeatRecord
		execute executeRecord
		result  resultRecord
	}
	// held is the record of a Parse that is not sent yet; only fromClient uses
	// it.
	held heldRecord
	// patience is how long the wait for the client may last, zero for ever;
	// only fromClient uses it.
	patience time.Duration
	// left is set once the client has said goodbye.
	left     atomic.Bool
	stopping atomic.Bool
	// toldLeaving is true once the client knows that the proxy is about to
	// stop; only fromServer uses it.
	toldLeaving bool
	// unasked waits to be told to the client with the next answer.
	unasked atomic.Pointer[pgproto3.NoticeResponse]
	// carrying is the copy that is carried, nil if none is. ranIn is the number,
	// counted from 1, of the segment of the last Execute; only fromClient uses it.
	carrying atomic.Pointer[carrying]
	ranIn    uint64
	// cancels counts the cancel requests that came while the server had nothing to
	// cancel; cancelsBefore is how many there were when the message at hand came, which
	// only fromClient uses.
	cancels       atomic.Uint64
	cancelsBefore uint64
	// stream is the start of a stream of changes that runs, nil if none does;
	// only fromClient uses it.
	stream *stream
	// lost hears once that a peer's machine cannot be reached any more.
	lost chan error
}

// The reasons to end a session that are not errors of one of its sides.
var (
	errLeaseEnded = errors.New("the session's credential has ended")
	errTokenEnded = errors.New("the token that the session was opened with has expired")
	errDraining   = errors.New("the proxy is stopping")
	errSetting    = errors.New("a start-up setting was refused")
	errOverLimit  = errors.New("a statement ran on over its limit")

	// Those to have none.
	errNotRecorded = errors.New("the beginning could not be recorded")
	errNotSetUp    = errors.New("nobody has set up logins for replication")
	errNotIssued   = errors.New("no credential was issued")
)

// drainTick is how often a stopping proxy looks for a transaction's end.
const drainTick = 20 * time.Millisecond

// run is a session's life after the login, in order: record, credential,
// upstream, greeting, relay, end.
func (s *session) run(ctx context.Context) error {
	// It is on disk with what is recorded next, which comes before anything is
	// done for the session at the database.
	if err := s.enqueue(s.event("session.open", "", s.opening())); err != nil {
		err = noTrail.because(err)
		s.sayGoodbye(err)
		s.server.noSession(err)
		return err
	}
	s.observe()
	err := s.guard(func() error {
		if err := s.begin(ctx); err != nil {
			return err
		}
		return s.relay(ctx)
	})
	s.end(err)
	return err
}

// cancelRunning passes a cancel request on, and records it. A copy that is carried
// ends by it, too, and so does what is being judged if nothing has gone to the server
// before it.
func (s *session) cancelRunning(ctx context.Context) error {
	s.countCancel()
	if c := s.carrying.Load(); c != nil {
		c.cancel(errCarryCanceled)
		return s.enqueue(s.event("cancel", "", map[string]string{"user": s.identity.User}))
	}
	err := s.upstream.cancel(ctx)
	body := map[string]string{"user": s.identity.User}
	if err != nil {
		body["problem"] = "the request did not reach the database"
	}
	return errors.Join(err, s.enqueue(s.event("cancel", "", body)))
}

// countCancel notes a cancel request that the server has nothing to do for.
func (s *session) countCancel() {
	if !s.pending.busy() {
		s.cancels.Add(1)
	}
}

// relay moves messages both ways until something ends the session.
func (s *session) relay(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Capacity for both, so that neither waits to be heard.
	fromClient, fromServer := make(chan error, 1), make(chan error, 1)
	go func() { fromServer <- s.guard(s.fromServer) }()
	go func() { fromClient <- s.guard(func() error { return s.fromClient(ctx) }) }()

	err, client, server := s.watch(ctx, fromClient, fromServer)
	s.stop()
	cancel()
	if client {
		<-fromClient
	}
	if server {
		<-fromServer
	}
	return err
}

// guard turns a panic into an error: one session's mistake is that session's
// end.
func (s *session) guard(direction func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("session panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errors.New("a step of the session panicked")
		}
	}()
	return direction()
}

// watch waits for the end and tells which of the two directions still run.
func (s *session) watch(ctx context.Context, fromClient, fromServer <-chan error) (err error, client, server bool) {
	lease := s.newLeaseClock()
	defer lease.timer.Stop()
	token, done := s.tokenEnd()
	defer done()
	var drain <-chan time.Time
	var drainBegan time.Time
	draining := s.server.draining
	client, server = true, true
	for {
		select {
		case err := <-fromServer:
			server = false
			if s.left.Load() {
				// The server hung up because it was told to.
				return errTerminated, client, server
			}
			return err, client, server
		case err := <-fromClient:
			client = false
			if !errors.Is(err, errTerminated) {
				return err, client, server
			}
			// The server finishes what it was sent, then hangs up.
			fromClient = nil
		case <-lease.timer.C:
			if err := lease.look(); err != nil {
				return err, client, server
			}
		case <-lease.changed:
			if err := lease.look(); err != nil {
				return err, client, server
			}
		case <-token:
			return errTokenEnded, client, server
		case err := <-s.lost:
			return err, client, server
		case <-draining:
			draining = nil
			drainBegan = time.Now()
			ticker := time.NewTicker(drainTick)
			defer ticker.Stop()
			drain = ticker.C
		case <-drain:
			if s.endsHere(drainBegan) {
				return errDraining, client, server
			}
		case <-ctx.Done():
			return errDraining, client, server
		}
	}
}

// tokenEnd fires when the session is to end with the token that opened it;
// never for others.
func (s *session) tokenEnd() (fires <-chan time.Time, done func()) {
	b := s.identity.Bearer
	if b == nil || !b.EndsSession {
		return nil, func() {}
	}
	timer := time.NewTimer(b.Expires.Sub(s.server.now()))
	return timer.C, func() { timer.Stop() }
}

// stop makes both directions return, whatever they wait for.
func (s *session) stop() {
	s.stopping.Store(true)
	s.pending.close()
	past := time.Unix(1, 0)
	for _, c := range []*wire.Conn{s.client, s.upstream.conn} {
		_ = c.SetReadDeadline(past) // a closed socket needs no deadline
		_ = c.SetWriteDeadline(past)
	}
}

// leave says that what follows may take long: the other sessions that are waited
// for in the same place go on meanwhile (wire.Conn.Leave).
func (s *session) leave() {
	if s.client != nil {
		s.client.Leave()
	}
}

func (s *session) stopped() bool { return s.stopping.Load() }
