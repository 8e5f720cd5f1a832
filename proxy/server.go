package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/watch"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// Credentials issues upstream logins and ends them. End returns when
// everything that works under the lease is known to be gone. EndLeft ends what
// may have come into being although Issue failed, and returns how many that
// were.
type Credentials interface {
	Issue(context.Context, credential.Request) (*credential.Lease, error)
	End(context.Context, *credential.Lease) error
	EndLeft(context.Context) (ended int, err error)
}

// Analyzer reads SQL, and the code of functions.
type Analyzer interface {
	Analyze(ctx context.Context, text string) *statement.Analysis
	AnalyzeCode(ctx context.Context, code statement.Code) *statement.CodeAnalysis
}

// Parts are what a Server works with.
type Parts struct {
	Analyzer  Analyzer
	Policy    *policy.Policy
	Recorder  Recorder
	Verifiers *identity.Verifiers
	// Credentials is by the name of the database, Destinations by that of the
	// destination.
	Credentials  map[string]Credentials
	Destinations map[string]Credentials
	// Vault returns nil while Vault can be asked for credentials. It does not
	// wait. Nil where none is configured.
	Vault func() error
	// MaskKeys are the keys of pseudonyms, by the names of the configuration.
	// MissingMaskKeys says which ones a policy needs beside them.
	MaskKeys map[string]mask.Key
	// Budgets are the accounts of the policy's budgets, as the trail has them;
	// nil for empty ones.
	Budgets *Budgets
	// Ledger knows every copy, as the trail has them; nil keeps none.
	Ledger *ledger.Ledger
	// Stored returns what the recorder's Put has kept; nil keeps nothing.
	Stored func(digest string) ([]byte, error)
	// Explain returns lines that say why a request of a user was decided
	// as it was; none if the user made no such request. Optional.
	Explain func(ctx context.Context, id, user string) ([]string, error)
	// MessageKey keys the digests of what the server said and the client was
	// not shown, so that short values cannot be guessed from them. Without it
	// they are keyed with something that is gone with the process.
	MessageKey []byte
	// Sockets are those that were opened for the proxy. Optional.
	Sockets Sockets
	Log     *slog.Logger
	// Observer is told what goes on; nil if nobody looks.
	Observer Observer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// database is a configured database, ready to be reached.
type database struct {
	config      Database
	target      *target
	credentials Credentials
	// side asks about functions, catalog knows what names mean.
	side    *side
	catalog *catalogKeeper
}

// Server accepts clients and keeps their sessions.
type Server struct {
	config *Config
	// messageKey is Parts.MessageKey.
	messageKey []byte
	databases  map[string]*database
	// destinations are by their names in the policy; copying holds a token for
	// each copy that is carried.
	destinations map[string]*destination
	copying      chan struct{}
	// ledger knows every copy; nil if nobody keeps one. watch looks after them.
	ledger    *ledger.Ledger
	noting    sync.Mutex // held while an event about a copy is recorded and applied
	stored    func(digest string) ([]byte, error)
	watch     *watch.Watch
	alerts    *alerts
	analyzer  Analyzer
	policy    atomic.Pointer[policy.Policy]
	recorder  Recorder
	budgets   *Budgets
	verifiers *identity.Verifiers
	vault     func() error
	maskKeys  map[string]mask.Key
	providers *identity.Providers
	explain   func(ctx context.Context, id, user string) ([]string, error)
	log       *slog.Logger
	observer  Observer
	now       func() time.Time
	throttle  identity.Throttle
	cancels   *cancelKeys
	sockets   Sockets
	drain

	mu struct {
		sync.Mutex
		listeners []*listener
		sessions  map[*session]uint32 // the cancel key's process id
		ended     map[string]Traffic  // of sessions that are gone, by database
		stopped   bool
	}
	// explaining holds a token for each search of the trail that may run.
	explaining chan struct{}

	// unborn counts connections that have not logged in, live those that
	// have.
	unborn, live atomic.Int64
	conns        sync.WaitGroup
	// turning holds a token for each client that is turned away.
	turning chan struct{}
	// crowded, deaf and unrecorded are said now and then: clients are turned
	// away or cannot be accepted, statements are refused because the trail
	// takes nothing.
	crowded, deaf, unrecorded occasional
	unrevoked                 unrevoked
	descriptors               descriptors
}

// maxUnborn is how many connections may be in the start-up phase. They have
// a limit of their own, so that strangers cannot take the places of people
// who can log in.
const maxUnborn = 200

// maxSearches is how many searches of the trail for SHOW sluice.why_ID may
// run at once: each reads all of it.
const maxSearches = 2

// New builds a server from a checked configuration.
func New(config *Config, parts Parts) (*Server, error) {
	s := &Server{
		config: config, databases: map[string]*database{}, analyzer: parts.Analyzer, recorder: parts.Recorder,
		verifiers: parts.Verifiers, vault: parts.Vault, maskKeys: parts.MaskKeys, explain: parts.Explain, log: parts.Log, observer: parts.Observer, now: parts.Now,
		ledger: parts.Ledger, stored: parts.Stored, cancels: newCancelKeys(), sockets: parts.Sockets, messageKey: messageKey(parts.MessageKey),
		explaining:  make(chan struct{}, maxSearches),
		descriptors: shareDescriptors(descriptorLimit(), len(config.Databases)),
	}
	s.turning = make(chan struct{}, s.descriptors.forTurned)
	s.drain.prepare()
	if s.budgets = parts.Budgets; s.budgets == nil {
		s.budgets = newBudgets()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.mu.sessions, s.mu.ended = map[*session]uint32{}, map[string]Traffic{}
	s.policy.Store(parts.Policy)
	var err error
	if s.providers, err = identity.OpenProviders(config.OIDC, s.now); err != nil {
		return nil, err
	}
	for _, d := range config.Databases {
		t, err := newTarget(d.Upstream, keepAliveWithin(config.Limits.Unreachable))
		if err != nil {
			return nil, fmt.Errorf("database %s: %w", d.Name, err)
		}
		c, ok := parts.Credentials[d.Name]
		if !ok {
			return nil, fmt.Errorf("database %s: nothing issues credentials for it", d.Name)
		}
		s.databases[d.Name] = &database{d, t, c, newSide(s, d, t, c, forFunctions), newCatalogKeeper(s, d, t, c)}
		s.unrevoked.doubt(c) // an earlier run may have left something
	}
	if err := s.openDestinations(parts.Destinations); err != nil {
		return nil, err
	}
	if err := s.openWatch(); err != nil {
		return nil, err
	}
	return s, nil
}

// SetPolicy puts a policy in force. Running sessions follow at their next
// statement.
func (s *Server) SetPolicy(p *policy.Policy) { s.policy.Store(p) }

// Policy returns the policy in force.
func (s *Server) Policy() *policy.Policy { return s.policy.Load() }

// Listen binds every configured address and returns them.
func (s *Server) Listen(ctx context.Context) ([]net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var addrs []net.Addr
	for _, l := range s.config.Listen {
		ln, err := openListener(ctx, l, s.sockets, keepAliveWithin(s.config.Limits.Unreachable))
		if err != nil {
			for _, open := range s.mu.listeners {
				open.Close()
			}
			return nil, err
		}
		s.mu.listeners = append(s.mu.listeners, ln)
		addrs = append(addrs, ln.Addr())
	}
	return addrs, nil
}

// Serve accepts clients until Shutdown, or until ctx ends, which cuts every
// session at once.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	listeners := s.mu.listeners
	s.mu.Unlock()
	defer context.AfterFunc(ctx, s.cutStrangers)()
	s.warnOfFewDescriptors()
	endBeside := s.attend(ctx)
	defer endBeside()
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			defer l.accepting.Store(false)
			failed <- s.accept(ctx, l)
		}()
	}
	var first error
	for range listeners {
		if err := <-failed; err != nil && first == nil {
			first = err
			s.closeListeners()
		}
	}
	s.conns.Wait()
	endBeside() // nobody asks over what is closed next
	s.closeSides()
	s.returnBudgets()
	s.providers.Close()
	return first
}

// attend starts what goes on beside the sessions, and returns what ends it.
func (s *Server) attend(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { s.watchMachines(ctx) })
	beside.Go(func() { s.revokeUnrevoked(ctx) })
	beside.Go(func() { s.watchCatalogs(ctx) })
	beside.Go(func() { s.watchCopies(ctx) })
	return func() {
		cancel()
		beside.Wait()
	}
}

// accept takes connections. Errors that pass, such as too many open files,
// do not end it.
func (s *Server) accept(ctx context.Context, l *listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			l.troubled.Store(false)
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// Somebody else accepts here from now on.
			_ = l.Close() // nothing is accepted either way
			return nil
		default:
			l.troubled.Store(true)
			s.deaf.say(func(more int64) { s.log.Warn("accept failed", "err", err, "unsaid", more) })
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if why := s.enter(); why != nil {
			s.turnAway(nc, why)
			continue
		}
		l.strangers.Add(1)
		go func() {
			defer s.conns.Done()
			s.handle(ctx, l, nc)
		}()
	}
}

// enter counts a connection in, or says why not: the proxy stops, too many
// strangers wait, or there are no descriptors for another session.
func (s *Server) enter() *startupError {
	s.mu.Lock()
	defer s.mu.Unlock()
	unborn := s.unborn.Load()
	switch {
	case s.mu.stopped:
		return errStopping()
	case unborn >= maxUnborn:
		return &startupError{"53300", "sluice: too many clients are logging in at this moment", "Try again in a moment."}
	case descriptorsPerSession*int(unborn+s.live.Load()+1) > s.descriptors.forSessions:
		return noDescriptors()
	}
	s.unborn.Add(1)
	s.conns.Add(1)
	return nil
}

// handle is a connection's life: start-up, login, session.
func (s *Server) handle(ctx context.Context, l *listener, accepted net.Conn) {
	nc := wire.Own(accepted)
	defer nc.Close()
	log := s.log.With("from", nc.RemoteAddr().String())
	defer func() {
		// One session's panic is that session's end.
		if r := recover(); r != nil {
			log.Error("session panicked", "panic", fmt.Sprint(r))
		}
	}()
	session := func() *session {
		defer l.strangers.Add(-1)
		defer s.unborn.Add(-1)
		return s.greetStranger(ctx, l, nc, log)
	}()
	if session == nil {
		return
	}
	defer s.live.Add(-1)
	session.log = session.log.With("session", session.id, "user", session.identity.User)
	if err := session.run(ctx); err != nil && !errors.Is(err, errTerminated) {
		session.log.Info("session ended", "err", err)
	}
}

// cancel acts on a cancel request. Clients take the end of the connection for
// the word that the request has had its effect, so it comes last: a request
// that arrived later would cancel the statement after. Only who knows the key
// can tell how long it takes.
func (s *Server) cancel(ctx context.Context, nc net.Conn, body []byte) {
	defer nc.Close()
	act := s.cancels.find(body)
	if act == nil {
		s.log.Info("cancel request with an unknown key", "from", nc.RemoteAddr().String())
		return
	}
	if err := act(ctx); err != nil {
		s.log.Warn("cancel request failed", "err", err)
	}
}

func (s *Server) track(session *session, pid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sessions[session] = pid
}

func (s *Server) untrack(session *session) {
	s.mu.Lock()
	pid, ok := s.mu.sessions[session]
	delete(s.mu.sessions, session)
	if ok {
		t := s.mu.ended[session.database.config.Name]
		t.add(session)
		s.mu.ended[session.database.config.Name] = t
	}
	s.mu.Unlock()
	if ok {
		s.cancels.remove(pid)
	}
}

// Sessions returns how many sessions are open.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.sessions)
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.mu.listeners {
		l.Close()
	}
}
