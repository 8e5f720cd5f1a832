package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	defaultPrefix      = "sluice_"
	defaultTTL         = time.Hour
	maxTTL             = 366 * 24 * time.Hour
	defaultConnections = 2
	defaultEndTimeout  = 10 * time.Second
)

// BuiltinConfig says how the built-in issuer works.
type BuiltinConfig struct {
	// Admin logs in as a superuser, or as a role with CREATEROLE that has
	// ADMIN OPTION on Group (PostgreSQL 16 and later ask for it; before,
	// CREATEROLE is enough). Its search_path, timeouts and the like are
	// pinned by the issuer.
	Admin *pgconn.Config
	// Database is the upstream database the leases are for; empty means that
	// of Admin.
	Database string
	// Group is the role every lease is a member of; its rights are the
	// session's rights, and what a lease owned is left to it. A group that
	// can act as a superuser, or make or be more than itself, is refused. Empty
	// means that each request names its group.
	Group string
	// ReplicationGroup is the role that leases for replication work as, which
	// have the attribute REPLICATION; it is no more than Group may be. Empty
	// means that there are none. Admin then has to be a superuser, or from
	// PostgreSQL 16 on to have REPLICATION itself.
	ReplicationGroup string
	// TTL is how long a lease lasts; 0 means one hour. VALID UNTIL is
	// computed from Now, so the clocks of proxy and server should agree.
	TTL time.Duration
	// Prefix begins the name of every role; empty means "sluice_".
	Prefix string
	// Instance is the id of this proxy: the same after a restart, and never
	// the same for two proxies that run at once, since Sweep ends what bears
	// it.
	Instance string
	// Run is the id of this run of the proxy, the same for all issuers of one
	// process, so that none takes another's leases for leftovers; empty means
	// one of the issuer's own.
	Run string
	// Connections is how many connections one lease may have; 0 means 2, the
	// session and one beside it.
	Connections int
	// EndTimeout bounds how long End waits for backends to go; 0 means ten
	// seconds.
	EndTimeout time.Duration
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Builtin mints short-lived roles over an administrator's connection. It is
// safe for concurrent use and prints nothing of its configuration.
type Builtin struct {
	config BuiltinConfig
	admin  *admin

	mu    sync.Mutex
	roles map[string]*holding
}

// holding is what this process knows of a role it created or is ending.
type holding struct {
	turn chan struct{} // who ends the role holds it
	live bool          // a session uses it; Sweep leaves it alone
	oid  string        // of the role, once it is known
}

// NewBuiltin checks the configuration. It connects to nothing: the first call
// that needs the server does.
func NewBuiltin(config BuiltinConfig) (*Builtin, error) {
	if config.Admin == nil {
		return nil, errors.New("built-in credentials: no admin connection is configured")
	}
	adminConfig := config.Admin.Copy()
	if config.Database != "" {
		adminConfig.Database = config.Database
	}
	config.withDefaults()
	if err := config.validate(adminConfig.Database); err != nil {
		return nil, fmt.Errorf("built-in credentials: %w", err)
	}
	return &Builtin{
		config: config,
		admin:  newAdmin(adminConfig),
		roles:  make(map[string]*holding),
	}, nil
}

func (c *BuiltinConfig) withDefaults() {
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.Run == "" {
		c.Run = rand.Text()
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Connections == 0 {
		c.Connections = defaultConnections
	}
	if c.EndTimeout == 0 {
		c.EndTimeout = defaultEndTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (c *BuiltinConfig) validate(database string) error {
	switch {
	case database == "":
		return errors.New("no database is named")
	case len(c.Group) > maxNameLength:
		return fmt.Errorf("group %q is longer than %d bytes", c.Group, maxNameLength)
	case len(c.ReplicationGroup) > maxNameLength:
		return fmt.Errorf("replication group %q is longer than %d bytes", c.ReplicationGroup, maxNameLength)
	case c.TTL < time.Second || c.TTL > maxTTL:
		return fmt.Errorf("the lifetime %s is not between 1s and %s", c.TTL, maxTTL)
	case c.Connections < 1 || c.Connections > 1000:
		return fmt.Errorf("%d connections a lease is not between 1 and 1000", c.Connections)
	case c.EndTimeout < 0:
		return fmt.Errorf("the end timeout %s is negative", c.EndTimeout)
	}
	if err := checkPrefix(c.Prefix); err != nil {
		return err
	}
	return checkInstance(c.Instance)
}

// Warning is to be shown wherever this issuer is in use: at start-up, in the
// trail, in the session's own view.
func (b *Builtin) Warning() string {
	return "the built-in credential issuer is for evaluation only: the proxy holds a standing administrator login to " +
		"the database and creates roles with it. For production let Vault issue the credentials"
}

// Format implements fmt.Formatter: the configuration holds a password.
func (b *Builtin) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "built-in credential issuer "+b.config.Instance)
}

// Close ends every lease that is still held, then the admin connection. Call
// it when all sessions have ended.
func (b *Builtin) Close(ctx context.Context) error {
	var failures []error
	for _, name := range b.held() {
		failures = append(failures, b.end(ctx, name))
	}
	failures = append(failures, b.admin.close(ctx))
	return errors.Join(failures...)
}

// hold notes a role before it can exist, so that no path loses it.
func (b *Builtin) hold(name string, live bool) *holding {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.roles[name]
	if !ok {
		h = &holding{turn: make(chan struct{}, 1)}
		b.roles[name] = h
	}
	h.live = live
	return h
}

// release forgets a role that is known to be gone.
func (b *Builtin) release(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.roles, name)
}

// learn notes the oid of a role: it finds the role's backends even when an
// administrator has dropped the role itself.
func (b *Builtin) learn(name, oid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h, ok := b.roles[name]; ok {
		h.oid = oid
	}
}

func (b *Builtin) oidOf(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h, ok := b.roles[name]; ok {
		return h.oid
	}
	return ""
}

func (b *Builtin) isLive(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, ok := b.roles[name]
	return ok && h.live
}

func (b *Builtin) holds(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.roles[name]
	return ok
}

func (b *Builtin) held() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make([]string, 0, len(b.roles))
	for name := range b.roles {
		names = append(names, name)
	}
	return names
}
