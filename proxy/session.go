package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
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
	pending  *pending
	lease    *credential.Lease
	// chosen is why it is that one; only begin and fromClient use it.
	chosen chosenLease
	// view is the policy viewed, as this session meets it; decided are
	// decisions that hold for this session.
	view    *policy.View
	viewed  *policy.Policy
	decided memory
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
	// swallowing is true from the error of a statement that ran to its end
	// over its limit up to ReadyForQuery; only fromServer uses it.
	swallowing bool
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
)

// noTrail says that there is no session without a record of it.
var noTrail = startupError{"58000", "sluice: no session, because the audit trail cannot be written", "Tell the people who run Sluice."}

const (
	// farewell bounds the last message to a client.
	farewell = 2 * time.Second
	// cutTimeout bounds ending an upstream session for good.
	cutTimeout = 30 * time.Second
	// cancelTimeout bounds cancelling what still runs at the end.
	cancelTimeout = 5 * time.Second
	// drainTick is how often a stopping proxy looks for a transaction's
	// end.
	drainTick = 20 * time.Millisecond
)

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

func (s *session) opening() openRecord {
	record := openRecord{
		User: s.identity.User, Method: s.identity.Method, ChannelBound: s.identity.ChannelBound,
		Certificate: s.identity.Certificate, Database: s.database.config.Name, Address: s.address, Via: s.via,
		TLS: s.identity.TLS, Protocol: fmt.Sprintf("3.%d", s.startup.minor),
		Application: s.startup.application, Declared: s.startup.declared,
	}
	if b := s.identity.Bearer; b != nil {
		record.Token = &tokenRecord{
			Issuer: b.Issuer, Subject: b.Subject, Name: b.Name, Groups: b.Groups, ACR: b.ACR, AMR: b.AMR,
			Expires: b.Expires.Format(time.RFC3339),
		}
	}
	return record
}

// begin gets a credential, logs in upstream and greets the client, within
// the start-up limit.
func (s *session) begin(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, s.server.config.Limits.Startup)
	defer done()
	if err := s.judgeStartup(ctx); err != nil {
		return err
	}
	if err := s.judgeReplication(ctx); err != nil {
		return err
	}
	if err := s.chooseLease(); err != nil {
		return err
	}
	chosen := s.chosen.terms
	lease, err := s.database.credentials.Issue(ctx, credential.Request{
		SessionID: s.id, Subject: s.personName(), Person: s.personID(), Database: s.database.config.Name, Role: chosen.Role, Group: chosen.Group,
		Share: credential.Share{For: chosen.ShareFor, Sessions: chosen.ShareSessions}, Replication: s.startup.replication,
	})
	if errors.Is(err, credential.ErrNoReplication) {
		return noReplicationLogin.because(err)
	}
	if err != nil {
		s.server.unrevoked.doubt(s.database.credentials)
		return explainIssue(err, s.database.config.Name).because(err)
	}
	s.lease = lease
	issued := leaseRecord{
		Lease: lease.ID, Role: lease.User, Group: lease.Role, Expires: lease.Expires.UTC().Format(time.RFC3339),
		VaultRole: chosen.Role, Rule: chosen.Rule, Purpose: chosen.Purpose, Shared: lease.Weak,
	}
	if err := s.append(ctx, s.event("credential.issued", "", issued)); err != nil {
		return noTrail.because(err)
	}
	s.upstream, err = s.database.target.connect(ctx, lease, s.upstreamParams())
	if err != nil {
		return explainUpstream(err, s.database.config.Name).because(err)
	}
	lease.Backends.Add(s.upstream.pid)
	if err := checkPins(s.upstream.statuses); err != nil {
		return startupError{
			"0A000", "sluice: database " + quoted(s.database.config.Name) + " reads text in another way than Sluice",
			"It has to work with client_encoding UTF8 and standard_conforming_strings on.",
		}.because(err)
	}
	wire.Pair(s.client, s.upstream.conn)
	s.pending = newPending(s.upstream.status, s.server.now())
	s.pending.leave = s.leave
	return s.greet()
}

// greet says to the client what a server says after a login.
func (s *session) greet() error {
	for _, p := range s.upstream.statuses {
		if err := s.client.WriteMessage(&pgproto3.ParameterStatus{Name: p.name, Value: p.value}); err != nil {
			return err
		}
	}
	length := shortKey
	if s.startup.minor >= 2 {
		length = longKey
	}
	pid, key := s.server.cancels.add(s.upstream.pid, length, s.cancelRunning)
	s.server.track(s, pid)
	if err := s.client.WriteMessage(&pgproto3.BackendKeyData{ProcessID: pid, SecretKey: key}); err != nil {
		return err
	}
	if s.server.config.Greeting {
		if err := s.client.WriteMessage(s.greeting()); err != nil {
			return err
		}
	}
	if err := s.client.WriteMessage(&pgproto3.ReadyForQuery{TxStatus: s.upstream.status}); err != nil {
		return err
	}
	return s.client.Flush()
}

func (s *session) greeting() *pgproto3.NoticeResponse {
	return &pgproto3.NoticeResponse{
		Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000",
		Message: fmt.Sprintf("sluice: %s, you work on %s as %s; statements, verdicts and results are recorded, rows are not",
			s.identity.User, s.database.config.Name, s.lease.Role),
		Hint: "SHOW sluice.help;",
	}
}

// cancelRunning passes a cancel request on, and records it.
func (s *session) cancelRunning(ctx context.Context) error {
	err := s.upstream.cancel(ctx)
	body := map[string]string{"user": s.identity.User}
	if err != nil {
		body["problem"] = "the request did not reach the database"
	}
	return errors.Join(err, s.enqueue(s.event("cancel", "", body)))
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

// end tells the client why, ends the upstream session for good and puts it
// on record. It runs whatever happened before, with a time of its own.
func (s *session) end(cause error) {
	s.server.untrack(s)
	s.sayGoodbye(cause)
	ctx := context.Background() // every step below has a time of its own
	body := closeRecord{Reason: s.reason(cause), Rows: s.rows.Load(), BytesIn: s.bytesIn.Load(), BytesOut: s.bytesOut.Load()}
	if s.upstream != nil {
		if s.pending != nil && s.pending.busy() {
			if err := s.cancelAtEnd(ctx); err != nil {
				s.log.Debug("cancel at the end", "err", err)
			}
		}
		s.upstream.conn.Close()
	}
	body.Ended = true
	if s.lease != nil {
		switch err := s.revoke(ctx); {
		case err != nil:
			body.Ended, body.Problem = false, "the credential could not be revoked"
		case !s.lease.EndsBackends && s.upstream != nil:
			body.Ended, body.Problem = false, notVerified
		}
	}
	if err := s.append(ctx, s.event("session.close", "", body)); err != nil {
		s.log.Error("session end not recorded", "err", err)
	}
	if s.observer != nil {
		s.observer.Ended(body.Reason)
	}
}

func (s *session) cancelAtEnd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cancelTimeout)
	defer cancel()
	return s.upstream.cancel(ctx)
}

// notVerified is what the trail says of a backend that nobody could look for.
const notVerified = "not verified: the connection was cancelled and closed, but without credential.vault.control_role nobody can see its backend gone"

// notRevoked is what the trail says of a credential that may be alive.
const notRevoked = "not verified to be gone; tried again until it is, if need be by the next start"

// revoke ends the credential and everything that works under it.
func (s *session) revoke(ctx context.Context) error {
	err := endLease(ctx, s.database.credentials, s.lease)
	record := leaseRecord{Lease: s.lease.ID, Role: s.lease.User}
	typ := "credential.revoked"
	if err != nil {
		typ = "credential.not_revoked"
		record.Problem = notRevoked
		s.log.Error("credential not revoked", "lease", s.lease.ID, "err", err)
		s.server.unrevoked.add(unrevokedLease{s.database.credentials, s.lease, s.id, ""})
	}
	return errors.Join(err, s.append(ctx, s.event(typ, "", record)))
}

func endLease(ctx context.Context, issuer Credentials, lease *credential.Lease) error {
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	return issuer.End(ctx, lease)
}

// sayGoodbye sends the FATAL that explains an end the client did not ask
// for, if a message may follow what was sent.
func (s *session) sayGoodbye(cause error) {
	defer s.client.Close()
	farewellFor := goodbye(cause)
	if farewellFor == nil || s.lastWords.Load() || !s.client.AtBoundary() {
		return
	}
	_ = s.client.SetWriteDeadline(time.Now().Add(farewell))
	sendFatal(s.client, farewellFor)
}

// sendFatal is best effort: a client that is gone cannot be told.
func sendFatal(c *wire.Conn, e *startupError) {
	r := &refusal{sqlstate: e.sqlstate, message: e.message, hint: e.hint}
	if c.WriteMessage(r.response("FATAL")) == nil {
		_ = c.Flush()
	}
}

// goodbye words an end for the client; nil if the client knows.
func goodbye(cause error) *startupError {
	var settings *settingsError
	var role *roleError
	var side *wire.SideError
	var ended *leaseEnded
	if e, ok := asStartupError(cause); ok {
		return e
	}
	switch {
	case cause == nil, errors.Is(cause, errTerminated):
		return nil
	case errors.As(cause, &settings):
		return &startupError{
			sqlstate: "42501",
			message:  "sluice: session ended: " + settings.Error() + ", and the database would read text in another way than Sluice",
			hint:     "Leave client_encoding at UTF8 and standard_conforming_strings on, also inside functions.",
		}
	case errors.As(cause, &ended):
		return ended.goodbye()
	case errors.As(cause, &role):
		return &startupError{
			sqlstate: "42501",
			message:  "sluice: session ended: " + role.Error(),
			hint:     "Connect again. Leave the role to Sluice, also inside functions; for other rights ask for another login.",
		}
	case errors.Is(cause, errStreamEnded):
		return &startupError{
			sqlstate: "42501", message: "sluice: session ended: the policy does not allow this stream of changes any more",
			hint: "Connect again to be told why; what was confirmed is kept by the slot.",
		}
	case errors.Is(cause, errTokenEnded):
		return &startupError{sqlstate: "57P01", message: "sluice: session ended: the token it was opened with has expired", hint: "Get a new token and connect again."}
	case errors.Is(cause, errDraining), errors.Is(cause, errClosed):
		return &startupError{sqlstate: "57P01", message: "sluice: the proxy is stopping", hint: "Connect again in a moment."}
	case errors.Is(cause, errIdle):
		return &startupError{sqlstate: "57P05", message: "sluice: session ended: it was idle for too long", hint: "Connect again."}
	case errors.As(cause, &side) && side.Side == wire.Client:
		return nil
	case errors.As(cause, &side) && isUnreachable(cause):
		return &startupError{sqlstate: "08006", message: "sluice: the database cannot be reached any more", hint: "Connect again; whether the last statement ran is not known."}
	case errors.As(cause, &side):
		return &startupError{sqlstate: "08006", message: "sluice: the database closed the connection", hint: "Connect again; the database's log has the cause."}
	case outOfDescriptors(cause):
		return noDescriptors()
	case errors.Is(cause, wire.ErrProtocol), errors.Is(cause, wire.ErrTooLarge):
		return &startupError{sqlstate: "08P01", message: "sluice: session ended: " + cause.Error()}
	}
	return &startupError{
		sqlstate: "58000", message: "sluice: session ended: an internal step failed, so nothing more may pass",
		hint: "Sluice's log has the cause.",
	}
}

// reason is the word for the trail. Behind a server's FATAL both sides hang up;
// which of them is noticed first means nothing.
func (s *session) reason(cause error) string {
	var side *wire.SideError
	if s.lastWords.Load() && errors.As(cause, &side) {
		return string(wire.Upstream) + " closed"
	}
	return reasonFor(cause)
}

// reasonFor is reason by the error alone.
func reasonFor(cause error) string {
	var settings *settingsError
	var role *roleError
	var side *wire.SideError
	_, refused := asStartupError(cause)
	switch {
	case cause == nil, errors.Is(cause, errTerminated):
		return "client terminated"
	case errors.Is(cause, errSetting):
		return "start-up setting refused"
	case errors.Is(cause, errOverLimit):
		return "limit reached"
	case errors.Is(cause, errNoLease):
		return "credential refused by the policy"
	case refused:
		return "login upstream failed"
	case errors.As(cause, &settings):
		return "setting changed"
	case errors.As(cause, &role):
		return "role changed"
	case errors.Is(cause, errStreamEnded):
		return "stream not allowed any more"
	case errors.Is(cause, errLeaseEnded):
		return "lease ended"
	case errors.Is(cause, errTokenEnded):
		return "token expired"
	case errors.Is(cause, errDraining), errors.Is(cause, errClosed):
		return "proxy stopping"
	case errors.Is(cause, errIdle):
		return "idle limit"
	case errors.As(cause, &side) && isUnreachable(cause):
		return string(side.Side) + " unreachable"
	case errors.As(cause, &side) && errors.Is(cause, io.EOF), errors.Is(cause, net.ErrClosed):
		return string(side.Side) + " closed"
	case errors.As(cause, &side):
		return string(side.Side) + " failed"
	case errors.Is(cause, wire.ErrProtocol), errors.Is(cause, wire.ErrTooLarge):
		return "protocol violation"
	}
	return "internal error"
}
