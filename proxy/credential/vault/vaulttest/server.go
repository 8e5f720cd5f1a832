package vaulttest

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Database makes and drops the roles of the database engine.
type Database interface {
	// Create makes a role of a Vault role that can log in.
	Create(vaultRole, user, password string) error
	// Drop drops it. A role that is not there is dropped.
	Drop(user string) error
}

// Options are how a Server is set up. Times are whole seconds.
type Options struct {
	// Database makes roles; nil means that names and passwords are made up.
	Database Database
	// TokenTTL and TokenMax are the times of login tokens; 0 means one hour and
	// 32 days.
	TokenTTL, TokenMax time.Duration
	// ChildMax is the longest time of a child token; 0 means 32 days.
	ChildMax time.Duration
	// LeaseTTL and LeaseMax are the times of leases; 0 means one hour and one
	// day.
	LeaseTTL, LeaseMax time.Duration
	// Namespace has to be in each request, if it is set.
	Namespace string
	// ChildPolicy is what child tokens have to be made with, and nothing else;
	// empty means that nobody cares.
	ChildPolicy string
	// Batch makes login tokens batch tokens, which have no accessor.
	Batch bool
	// CreateOnly lets nobody overwrite what is in KV, as a policy with create
	// and without update does.
	CreateOnly bool
}

// What the login methods of a Server take, and what its engines hold.
const (
	RoleID   = "role-id-of-the-proxy"
	SecretID = "secret-id-that-nobody-may-see"
	JWT      = "header.claims-that-nobody-may-see.signature"
	// Role is the role of the Kubernetes and JWT methods.
	Role = "sluice"
	// ControlRole is a role that child tokens may not read.
	ControlRole = "control"
	// SharedUser and SharedPassword are those of every static role and secret.
	SharedUser     = "shop_shared"
	SharedPassword = "shared-password-that-nobody-may-see"
	// NoMount is a mount that is not there, OldMount one of KV version 1.
	NoMount, OldMount = "nowhere", "old"
)

// Server is the fake. It is safe for concurrent use.
type Server struct {
	options Options

	mu      sync.Mutex
	shift   time.Duration
	tokens  map[string]*token // by id
	leases  map[string]*lease // by id
	faults  []Fault
	decide  func(Call) Fault
	calls   []Call
	secrets []string
	denied  map[string]bool  // paths that no token may use
	fixed   map[string]bool  // paths that may be read and not changed
	kept    map[string]*kept // what was written to KV, by the path of its data
}

type token struct {
	id, accessor, parent string
	display              string
	meta                 map[string]any
	ttl                  time.Duration
	expires, end         time.Time // end is the longest time; both zero for root
}

type lease struct {
	id, token, user string
	ttl             time.Duration
	expires, end    time.Time
}

// New makes a server.
func New(options Options) *Server {
	for _, field := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{
		{&options.TokenTTL, time.Hour}, {&options.TokenMax, 768 * time.Hour}, {&options.ChildMax, 768 * time.Hour},
		{&options.LeaseTTL, time.Hour}, {&options.LeaseMax, 24 * time.Hour},
	} {
		if *field.value == 0 {
			*field.value = field.fallback
		}
	}
	return &Server{
		options: options, tokens: map[string]*token{}, leases: map[string]*lease{}, denied: map[string]bool{}, fixed: map[string]bool{}, kept: map[string]*kept{},
		secrets: []string{SecretID, JWT, SharedPassword},
	}
}

// Start serves on a free port of the loopback until the test ends, and returns
// the address.
func (s *Server) Start(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply, ok := s.handle(r)
	if !ok {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	reply.write(w)
}

// RoundTrip implements http.RoundTripper: a client with it talks to the server
// without a network.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	reply, ok := s.handle(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, errCut
	}
	recorder := httptest.NewRecorder()
	reply.write(recorder)
	response := recorder.Result()
	response.Request = r
	return response, nil
}

// Call is a request that came in.
type Call struct {
	Number int // from 1
	Path   string
	Status int // of the answer; 0 if it was cut
}

// Calls returns what came in so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Secrets returns every token, password and proof that there ever was.
func (s *Server) Secrets() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}

// Token makes a token without a parent, as an operator would; one with no time
// does not end. It returns token and accessor.
func (s *Server) Token(ttl time.Duration) (id, accessor string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.newToken("", "operator", nil, ttl, s.options.TokenMax)
	return t.id, t.accessor
}

// Leases returns the ids of the leases that are in force.
func (s *Server) Leases() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purge()
	var ids []string
	for id := range s.leases {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Tokens returns the accessors of the tokens that are in force, with their
// display names.
func (s *Server) Tokens() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purge()
	all := map[string]string{}
	for _, t := range s.tokens {
		all[t.accessor] = t.display
	}
	return all
}

// RevokeLease ends a lease from outside.
func (s *Server) RevokeLease(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropLease(id)
}

// ForgetLease makes a lease unknown, and leaves its role as it is: what
// revoke-force does.
func (s *Server) ForgetLease(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.leases, id)
}

// RevokeToken ends a token, its children and what was leased with them.
func (s *Server) RevokeToken(accessor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.byAccessor(accessor); t != nil {
		return s.dropToken(t)
	}
	return nil
}

// SetLeaseMax changes the longest time of leases to come.
func (s *Server) SetLeaseMax(longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.LeaseMax = longest
}

// Jump sets the clock of the server forward, or back.
func (s *Server) Jump(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shift += by
}

// ReadOnly lets a path be read by all, and changed by nobody.
func (s *Server) ReadOnly(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fixed[path] = true
}

// Deny lets nobody use a path any more, or again.
func (s *Server) Deny(path string, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[path] = yes
}

func (s *Server) now() time.Time { return time.Now().Add(s.shift) }

func (s *Server) secret(prefix string) string {
	value := prefix + rand.Text()
	s.secrets = append(s.secrets, value)
	return value
}
