package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// sideUse is what a side connection is for.
type sideUse struct {
	// subject is for whom its lease is, purpose why, in words for the trail,
	// application its application_name.
	subject, purpose, application string
	// timeout bounds one question to a database's catalog, from asking to the
	// answer, a login included if there has to be one.
	timeout time.Duration
	// large is true if answers may be as long as the longest text of a catalog.
	large bool
	// itself is true if the login works as itself and not as the role that it is a
	// member of: the server tells it about its own connection only then.
	itself bool
}

var (
	// forFunctions is a question that a statement waits for.
	forFunctions = sideUse{
		"sluice functions", "looks up the functions that the policy knows", "sluice/functions", 2 * time.Second, false, false,
	}
	// forCatalog reads all of a catalog: 50,000 relations take some seconds.
	forCatalog = sideUse{
		"sluice catalog", "reads what the names of the database mean", "sluice/catalog", time.Minute, true, false,
	}
	// forPosture asks a place that copies go to about itself.
	forPosture = sideUse{
		"sluice probe", "looks at a place that copies go to", "sluice/probe", 30 * time.Second, true, true,
	}
)

// forWatch asks a place that holds copies, every second, whether it is as it was.
var forWatch = sideUse{
	"sluice watch", "watches copies", "sluice/watch", 30 * time.Second, true, true,
}

// lateError says that a question was not answered in time.
func (u sideUse) lateError() error {
	return fmt.Errorf("the database's catalog did not answer within %s", u.timeout)
}

var (
	errSideClosed = errors.New("the proxy is stopping")
	errNoCatalog  = errors.New("credential.vault.catalog_role is not set, so nobody may look at the database's catalog")
)

// side is a connection of the proxy's own to a database, with a lease of its
// own from the same issuer as the sessions'. It asks the catalog and nothing
// else. Questions take turns. It is opened by the first question, kept for as
// long as its lease lasts, and opened anew when it broke.
type side struct {
	use    sideUse
	server *Server
	name   string // of the database or destination
	// who says what lease it works with, but for the session and the subject.
	who         func() (credential.Request, error)
	target      *target
	credentials Credentials
	// id stands in the trail where a session's does.
	id string

	turn chan struct{} // holds one token; a mutex that a context can leave
	once sync.Once
	// ending is over when the side is closed, by end.
	ending context.Context
	end    context.CancelFunc

	// Whoever has the turn uses these.
	conn   *pgconn.PgConn
	lease  *credential.Lease
	expiry *time.Timer
	closed bool
}

func newSide(s *Server, d Database, t *target, c Credentials, use sideUse) *side {
	return newSideAs(s, d.Name, t, c, use, d.Credential.asCatalog)
}

func newSideAs(s *Server, name string, t *target, c Credentials, use sideUse, who func() (credential.Request, error)) *side {
	ending, end := context.WithCancel(context.Background())
	return &side{
		use: use, server: s, name: name, who: who, target: t, credentials: c, id: newID() + newID(), turn: make(chan struct{}, 1),
		ending: ending, end: end,
	}
}

// asCatalog is for the lease of who looks at a database's catalog.
func (c Credential) asCatalog() (r credential.Request, err error) {
	if v := c.Vault; v != nil {
		if v.CatalogRole == "" {
			return r, sideError{"no Vault role is configured that may look", errNoCatalog}
		}
		r.Role, r.Group = v.CatalogRole, v.CatalogGroup
	}
	return r, nil
}

// request is for the lease of a side connection.
func (s *side) request() (credential.Request, error) {
	r, err := s.who()
	r.SessionID, r.Subject, r.Database = s.id, s.use.subject, s.name
	return r, err
}

// params are the settings of a side connection: names mean pg_catalog, nothing
// is written, nothing waits for long.
func (u sideUse) params() []param {
	most := fmt.Sprint(u.timeout.Milliseconds())
	return []param{
		{"application_name", u.application},
		{"search_path", "pg_catalog, pg_temp"},
		{"default_transaction_read_only", "on"},
		{"statement_timeout", most},
		{"lock_timeout", most},
	}
}

// ask has its question answered over the connection. The question may run on
// after ask has returned for want of time; the next one then waits for it.
func ask[T any](ctx context.Context, s *side, question func(context.Context, *pgconn.PgConn) (T, error)) (T, error) {
	ctx, done := context.WithTimeout(ctx, s.use.timeout)
	unheard := context.AfterFunc(s.ending, done)
	cancel := func() { unheard(); done() }
	type answer struct {
		value T
		err   error
	}
	var none T
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		cancel()
		return none, s.use.lateError()
	}
	answers := make(chan answer, 1)
	go func() {
		defer cancel()
		defer func() { <-s.turn }()
		var a answer
		a.err = s.guard(func() (err error) {
			a.value, err = tryTwice(ctx, s, question)
			return err
		})
		answers <- a
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, s.use.lateError()
	}
}

// tryTwice asks again over a new connection if the one from before has broken
// in the meantime.
func tryTwice[T any](ctx context.Context, s *side, question func(context.Context, *pgconn.PgConn) (T, error)) (T, error) {
	var none T
	for again := false; ; again = true {
		fresh, err := s.open()
		if err != nil {
			return none, err
		}
		value, err := question(ctx, s.conn)
		if err == nil || fresh || again || !s.conn.IsClosed() || ctx.Err() != nil {
			return value, err
		}
	}
}

// guard turns a panic into an error, so that it is the end of one question.
func (s *side) guard(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.server.log.Error("side connection panicked", "database", s.name, "panic", fmt.Sprint(r))
			err = errors.New("a step of the measurement panicked")
		}
	}()
	return step()
}

// open makes sure that there is a connection, and tells if it is new. It does
// not depend on who asks: a login that takes longer serves the next.
func (s *side) open() (fresh bool, err error) {
	if s.closed {
		return false, errSideClosed
	}
	if s.conn != nil && !s.conn.IsClosed() && s.inForce() {
		return false, nil
	}
	s.retire()
	request, err := s.request()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.server.config.Limits.Startup)
	defer cancel()
	lease, err := s.credentials.Issue(ctx, request)
	if err != nil {
		s.server.unrevoked.doubt(s.credentials)
		return false, sideError{"no credential could be issued to look", err}
	}
	s.lease = lease
	if s.conn, err = s.login(ctx, lease); err != nil {
		s.retire()
		return false, err
	}
	s.expiry = time.AfterFunc(time.Until(lease.Expires), func() { s.expire(lease) })
	return true, nil
}

// inForce tells whether the lease is: it is kept until the end that it had when it
// was issued, unless somebody takes it away before. The server lets the connection go
// on then, as nobody.
func (s *side) inForce() bool {
	term, _ := termOf(s.lease)
	return time.Until(s.lease.Expires) > 0 && time.Until(term.Expires) > 0
}

// login puts the lease on record and logs in with it.
func (s *side) login(ctx context.Context, lease *credential.Lease) (*pgconn.PgConn, error) {
	err := s.record(ctx, "credential.issued", leaseRecord{
		Lease: lease.ID, Role: lease.User, Group: lease.Role, Expires: lease.Expires.UTC().Format(time.RFC3339), Purpose: s.use.purpose,
	})
	if err != nil {
		return nil, sideError{"the audit trail cannot be written", err}
	}
	config, err := s.target.loginConfig(lease, s.use.params())
	if err != nil {
		return nil, sideError{"the database cannot be reached", err}
	}
	if s.use.itself {
		delete(config.RuntimeParams, "role")
	}
	if s.use.large {
		config.MaxProtocolMessageBodyLen = catalog.MostText
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused):
		return nil, sideError{"the database refused the login that looks: " + refused.Message + " (" + refused.Code + ")", err}
	case err != nil:
		return nil, sideError{"the database cannot be reached", err}
	}
	lease.Backends.Add(conn.PID())
	return conn, nil
}

// expire retires the connection of a lease at its end.
func (s *side) expire(lease *credential.Lease) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.lease == lease {
		_ = s.guard(func() error { s.retire(); return nil })
	}
}

// retire ends the connection and its lease, and puts that on record.
func (s *side) retire() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	if s.conn != nil {
		polite, done := context.WithTimeout(context.Background(), farewell)
		_ = s.conn.Close(polite) // the lease's end cuts it for good
		done()
	}
	ctx, cancel := context.WithTimeout(context.Background(), cutTimeout)
	defer cancel()
	lease := s.lease
	s.conn, s.lease, s.expiry = nil, nil, nil
	if lease == nil {
		return
	}
	typ, record := "credential.revoked", leaseRecord{Lease: lease.ID, Role: lease.User, Purpose: s.use.purpose}
	if err := s.credentials.End(ctx, lease); err != nil {
		typ, record.Problem = "credential.not_revoked", notRevoked
		s.server.log.Error("credential not revoked", "lease", lease.ID, "err", err)
		s.server.unrevoked.add(unrevokedLease{s.credentials, lease, s.id, s.use.purpose})
	}
	if err := s.record(context.Background(), typ, record); err != nil {
		s.server.log.Error("end of a credential not recorded", "lease", lease.ID, "err", err)
	}
}

// close ends the connection for good. It returns when that is done, also for
// whoever comes second.
func (s *side) close() {
	s.once.Do(func() {
		s.end() // whoever asks at this moment goes without
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.closed = true
		_ = s.guard(func() error { s.retire(); return nil })
	})
}

// closeSides ends the side connections of all databases and destinations, beside each
// other: one that is away takes its time.
func (s *Server) closeSides() {
	var sides []*side
	for _, d := range s.databases {
		sides = append(sides, d.side, d.catalog.side)
	}
	for _, d := range s.destinations {
		sides = append(sides, d.side, d.watching)
	}
	var all sync.WaitGroup
	for _, one := range sides {
		all.Go(one.close)
	}
	all.Wait()
}

func (s *side) record(ctx context.Context, typ string, body leaseRecord) error {
	ctx, cancel := context.WithTimeout(ctx, s.server.config.Trail.Timeout)
	defer cancel()
	if _, err := s.server.recorder.Append(ctx, audit.Event{Time: s.server.now(), Type: typ, Session: s.id, Body: body}); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// sideError has words for the client beside its cause, which is for the log.
type sideError struct {
	words string
	cause error
}

func (e sideError) Error() string { return e.words + ": " + e.cause.Error() }

func (e sideError) Unwrap() error { return e.cause }

// told is an error for the client: of a sideError the words and that Vault is away,
// without the cause, in which addresses stand. The log gets that.
func (s *side) told(err error) error {
	var side sideError
	if !errors.As(err, &side) {
		return err
	}
	s.server.log.Warn("a server could not be asked", "name", s.name, "err", err)
	words := side.words
	if errors.Is(err, vault.ErrAway) {
		words += ": " + vault.ErrAway.Error()
	}
	return errors.New(words)
}
