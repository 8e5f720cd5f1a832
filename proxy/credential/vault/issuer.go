package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Engine is where in Vault the credentials of a database come from.
type Engine int

const (
	// Dynamic is the database engine's creds: a role made for the session and
	// dropped after it.
	Dynamic Engine = iota
	// Static is the database engine's static-creds: one role for everybody,
	// whose password Vault changes now and then.
	Static
	// KV is the key-value engine, version 2: a secret with the fields username
	// and password, for a database that Vault does not reach.
	KV
)

func (e Engine) String() string {
	switch e {
	case Dynamic:
		return "dynamic"
	case Static:
		return "static"
	case KV:
		return "kv"
	}
	return fmt.Sprintf("engine %d", int(e))
}

const (
	defaultDatabaseMount = "database"
	defaultKVMount       = "secret"
	// longestShared is how long a session may use a password that does not end,
	// of Static and KV.
	longestShared = 12 * time.Hour
)

// IssuerConfig says how a database gets its credentials.
type IssuerConfig struct {
	// Database is the database's name in the proxy's configuration.
	Database string
	// Mount is where the engine is mounted; empty means "database", or "secret"
	// for KV.
	Mount string
	// Engine is where the credentials come from.
	Engine Engine
	// Roles are those of Vault that are known to be needed: Begin says if Vault
	// would deny one. Others may be asked for.
	Roles []string
	// Apart keeps what Vault denies to this issuer from the others: its rights are
	// looked for when it begins itself, and not when the client does.
	Apart bool
	// Control reaches the server as nobody: host, port, database and TLS, with
	// neither user nor password. It comes from pgconn.ParseConfig, which pgconn
	// insists on, and which takes user and password from the environment: set
	// both to "" afterwards.
	Control *pgconn.Config
	// ControlRole is a role of Vault, of the creds of the database engine at
	// Mount, whose logins may terminate backends: members of pg_signal_backend.
	// For KV the database engine is the one at "database". Empty means that no
	// backend is terminated or verified to be gone.
	ControlRole string
}

// Issuer issues credentials for one database. It is safe for concurrent use.
type Issuer struct {
	client  *Client
	config  IssuerConfig
	control *control // nil if nobody may terminate backends
	// allowed is true once an issuer that is apart was found to have its rights.
	allowed atomic.Bool
}

// Issuer makes the issuer of a database, and hands to it what earlier runs left
// there. It contacts nobody.
func (c *Client) Issuer(config IssuerConfig) (*Issuer, error) {
	config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, wrap("issuer for database "+config.Database, err)
	}
	i := &Issuer{client: c, config: config}
	if config.ControlRole != "" {
		i.control = newControl(i)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.issuers[config.Database] != nil {
		return nil, wrap("issuer for database "+config.Database, errors.New("it has one already"))
	}
	c.issuers[config.Database] = i
	for h := range c.held {
		if h.database == config.Database {
			h.issuer = i
		}
	}
	if i.control != nil && config.Engine == Dynamic {
		c.watchIssuer(i)
	}
	return i, nil
}

func (c *IssuerConfig) withDefaults() {
	if c.Mount == "" {
		c.Mount = defaultDatabaseMount
		if c.Engine == KV {
			c.Mount = defaultKVMount
		}
	}
}

// controlMount is where the database engine of the control role is mounted.
func (c *IssuerConfig) controlMount() string {
	if c.Engine == KV {
		return defaultDatabaseMount
	}
	return c.Mount
}

func (c *IssuerConfig) validate() error {
	problems := []error{checkPath("mount", c.Mount)}
	if c.Database == "" || len(c.Database) > 256 {
		problems = append(problems, errors.New("the database needs a name of at most 256 bytes"))
	}
	if c.Engine < Dynamic || c.Engine > KV {
		problems = append(problems, fmt.Errorf("there is no %s", c.Engine))
	}
	for _, role := range c.Roles {
		problems = append(problems, c.checkRole(role))
	}
	if c.ControlRole == "" {
		return errors.Join(problems...)
	}
	if !name.MatchString(c.ControlRole) {
		problems = append(problems, fmt.Errorf("the control role %q is no name of a role", c.ControlRole))
	}
	switch {
	case c.Control == nil:
		problems = append(problems, errors.New("there is a control role, but not where it is to connect to"))
	case c.Control.User != "" || c.Control.Password != "":
		problems = append(problems, errors.New("the control connection gets user and password from Vault; it must not have its own"))
	}
	return errors.Join(problems...)
}

// checkRole accepts names of roles; for KV, paths of secrets.
func (c *IssuerConfig) checkRole(role string) error {
	if c.Engine == KV {
		return checkPath("path of a secret", role)
	}
	if len(role) > 256 || !name.MatchString(role) {
		return fmt.Errorf("%q is no name of a role in Vault", role)
	}
	return nil
}

// Begin begins as Client.Begin does, and looks for the rights of an issuer that is
// apart. It can be called again after an error, and does nothing after it has
// succeeded.
func (i *Issuer) Begin(ctx context.Context) error {
	return wrap("begin for database "+i.config.Database, i.begin(ctx))
}

func (i *Issuer) begin(ctx context.Context) error {
	if err := i.client.begin(ctx); err != nil {
		return err
	}
	if !i.config.Apart || i.allowed.Load() {
		return nil
	}
	if err := i.client.checkRights(ctx, i.rights()); err != nil {
		return err
	}
	i.allowed.Store(true)
	return nil
}

// Weak tells that the credentials are shared: others may know the same
// password, nothing is revoked when a session ends, and only backends of that
// session are ended.
func (i *Issuer) Weak() bool { return i.config.Engine != Dynamic }

// Format implements fmt.Formatter.
func (i *Issuer) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "issuer of Vault credentials for database "+i.config.Database)
}

// EndLeft tries again what could not be ended: sessions whose End failed, what
// came of an Issue that failed, and what an earlier run left. It returns how
// many are gone, and stops at the first that cannot be ended.
func (i *Issuer) EndLeft(ctx context.Context) (n int, err error) {
	if err := i.client.begin(ctx); err != nil {
		return 0, wrap("end what is left at database "+i.config.Database, err)
	}
	for _, h := range i.client.heldNow(func(h *held) bool { return h.issuer == i && h.ending }) {
		if err := i.client.end(ctx, h); err != nil {
			return n, wrap("end what is left at database "+i.config.Database, err)
		}
		n++
	}
	return n, nil
}
