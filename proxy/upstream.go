package proxy

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// upstream is a logged-in connection to a database.
type upstream struct {
	conn *wire.Conn
	// statuses are the ParameterStatus bodies of the login, in order.
	statuses []param
	// status is the transaction status after the login.
	status byte
	// pid is the server's process id.
	pid uint32
	// cancel asks the server to cancel what runs.
	cancel func(context.Context) error
}

// target is where and how a database is reached.
type target struct {
	host     string
	port     uint16
	database string
	tls      *tls.Config // nil: plaintext
	// keepAlive is how the kernel looks after the connection.
	keepAlive net.KeepAliveConfig
}

func newTarget(u Upstream, keepAlive net.KeepAliveConfig) (*target, error) {
	t := &target{host: u.Host, port: uint16(u.Port), database: u.Database, keepAlive: keepAlive}
	if u.TLS.Mode == "disable" {
		return t, nil
	}
	t.tls = &tls.Config{ServerName: u.TLS.ServerName, MinVersion: tls.VersionTLS12}
	if u.TLS.CA != "" {
		pool, err := LoadPool(u.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("upstream.tls: %w", err)
		}
		t.tls.RootCAs = pool
	}
	return t, nil
}

// loginConfig builds pgconn's configuration without reading the
// environment's PG* variables into it.
func (t *target) loginConfig(lease *credential.Lease, params []param) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig("host=localhost user=x password=x sslmode=disable")
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	c.Host, c.Port, c.Database = t.host, t.port, t.database
	c.User, c.Password = lease.User, lease.Password.Reveal()
	c.TLSConfig, c.Fallbacks = t.tls, nil
	c.SSLNegotiation = "postgres"
	c.RequireAuth = "scram-sha-256"
	if t.tls != nil {
		c.ChannelBinding = "require"
	} else {
		c.ChannelBinding = "disable"
	}
	c.ValidateConnect, c.AfterConnect = nil, nil
	c.MinProtocolVersion, c.MaxProtocolVersion = "3.0", "3.0"
	c.ConnectTimeout = 0
	c.MaxProtocolMessageBodyLen = 1 << 20
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{KeepAliveConfig: t.keepAlive}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &dialed{Conn: wire.Own(nc)}, nil
	}
	c.RuntimeParams = map[string]string{}
	for _, p := range params {
		c.RuntimeParams[p.name] = p.value
	}
	for _, p := range pinned {
		c.RuntimeParams[p.name] = p.value
	}
	if lease.Role != "" {
		c.RuntimeParams["role"] = lease.Role
	}
	return c, nil
}

// ControlConfig is how to log in to a database beside its sessions, without a
// user and a password.
func ControlConfig(u Upstream) (*pgconn.Config, error) {
	t, err := newTarget(u, net.KeepAliveConfig{})
	if err != nil {
		return nil, err
	}
	return t.loginConfig(&credential.Lease{}, nil)
}

// connect logs in. What the server says during the login is recorded, so
// that its ParameterStatuses reach the client in their order and no byte
// behind the login is lost.
func (t *target) connect(ctx context.Context, lease *credential.Lease, params []param) (*upstream, error) {
	rec := &recorder{}
	config, err := t.loginConfig(lease, params)
	if err != nil {
		return nil, err
	}
	// The recorder sits above TLS and below the frames: wrapping the
	// connection itself would hide its certificate from channel binding.
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		rec.from = r
		return pgproto3.NewFrontend(rec, w)
	}
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	hijacked, err := pg.Hijack()
	if err != nil {
		pg.Close(ctx)
		return nil, fmt.Errorf("upstream: %w", err)
	}
	login, rest, err := splitLogin(rec.read)
	if err != nil {
		hijacked.Conn.Close()
		return nil, err
	}
	hijacked.Config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend { return pgproto3.NewFrontend(r, w) }
	// A cancel request makes its own; this one would keep its buffer for as long
	// as the session lasts.
	hijacked.Frontend, hijacked.ParameterStatuses = nil, nil
	return &upstream{
		conn:     wire.NewConnBuffered(rec.after(hijacked.Conn), wire.Upstream, rest),
		statuses: login,
		status:   hijacked.TxStatus,
		pid:      hijacked.PID,
		cancel: func(ctx context.Context) error {
			pg, err := pgconn.Construct(hijacked)
			if err != nil {
				return fmt.Errorf("upstream: cancel: %w", err)
			}
			if err := pg.CancelRequest(ctx); err != nil {
				return fmt.Errorf("upstream: cancel: %w", err)
			}
			return nil
		},
	}, nil
}

// recorder keeps what is read during a login.
type recorder struct {
	from io.Reader
	read []byte
}

// after returns the connection to go on with. When a write of the login took
// long, a goroutine of pgconn's may still wait for the socket, and would take
// the next answer away from anybody who reads beside it: then reading goes on
// through pgconn's own reader. So it does under TLS.
func (r *recorder) after(nc net.Conn) net.Conn {
	if d, ok := nc.(*dialed); ok && d.handOver(len(r.read)) {
		return d.Conn
	}
	return afterLogin{nc, r.from}
}

// dialed is a socket that can be taken away from those who read from it.
type dialed struct {
	net.Conn
	mu      sync.Mutex
	readers int
	read    int
	gone    bool
}

// NetConn returns the socket.
func (d *dialed) NetConn() net.Conn { return d.Conn }

// Read implements net.Conn.
func (d *dialed) Read(p []byte) (int, error) {
	d.mu.Lock()
	if d.gone {
		d.mu.Unlock()
		return 0, net.ErrClosed
	}
	d.readers++
	d.mu.Unlock()
	n, err := d.Conn.Read(p)
	d.mu.Lock()
	d.readers--
	d.read += n
	d.mu.Unlock()
	return n, err
}

// handOver lets nobody read any more, if nobody does now and used, in bytes,
// is all that was read.
func (d *dialed) handOver(used int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = d.readers == 0 && d.read == used
	return d.gone
}

// maxLogin bounds what a server may say before ReadyForQuery, in bytes.
const maxLogin = 1 << 20

// Read implements io.Reader.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.read = append(r.read, p[:n]...)
	if len(r.read) > maxLogin {
		return n, fmt.Errorf("%w: the server's login is over %d bytes", wire.ErrTooLarge, maxLogin)
	}
	return n, err
}

// afterLogin is a connection that is read through pgconn's own reader.
type afterLogin struct {
	net.Conn
	from io.Reader
}

// NetConn returns what is beneath.
func (c afterLogin) NetConn() net.Conn { return c.Conn }

// Read implements net.Conn.
func (c afterLogin) Read(p []byte) (int, error) { return c.from.Read(p) }

// splitLogin finds the ParameterStatuses up to the first ReadyForQuery, and
// what came after that.
func splitLogin(read []byte) (statuses []param, rest []byte, err error) {
	for len(read) >= 5 {
		length := binary.BigEndian.Uint32(read[1:])
		if length < 4 || uint64(length)+1 > uint64(len(read)) {
			break
		}
		typ, body := read[0], read[5:1+length]
		read = read[1+length:]
		switch typ {
		case 'S':
			var m pgproto3.ParameterStatus
			if err := m.Decode(body); err != nil {
				return nil, nil, fmt.Errorf("upstream: login: %w", err)
			}
			statuses = append(statuses, param{m.Name, m.Value})
		case 'Z':
			return statuses, read, nil
		}
	}
	return nil, nil, desync("the login has no end")
}

// checkPins refuses a server that did not take the pinned settings.
func checkPins(statuses []param) error {
	seen := map[string]bool{}
	for _, s := range statuses {
		seen[s.name] = true
		if !readsAlike(s.name, s.value) {
			return fmt.Errorf("upstream: the server has %s=%s", s.name, s.value)
		}
	}
	for _, name := range []string{"client_encoding", "standard_conforming_strings"} {
		if !seen[name] {
			return fmt.Errorf("upstream: the server does not report %s", name)
		}
	}
	return nil
}

// explainUpstream words a failed login for the client: the server's own
// words where there are some, never an address or a credential.
func explainUpstream(err error, database string) *startupError {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return &startupError{
			sqlstate: pg.Code,
			message:  "sluice: database " + quote.Identifier(database) + " refused the session: " + pg.Message,
			hint:     pg.Hint,
		}
	}
	if outOfDescriptors(err) {
		return noDescriptors()
	}
	return cannotBeReached(database)
}

func cannotBeReached(database string) *startupError {
	return &startupError{
		sqlstate: "08006",
		message:  "sluice: database " + quote.Identifier(database) + " cannot be reached",
		hint:     "You are logged in to Sluice; the database behind it does not answer. Its log has the cause.",
	}
}

// explainIssue words for the client that there is no credential. That the
// database does not answer, or takes nobody at the moment (SQLSTATE classes 53
// and 57), is something else than a mistake in how Sluice was set up.
func explainIssue(err error, database string) *startupError {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, vault.ErrAway):
		return &startupError{
			"57P03", "sluice: Vault cannot be asked for a credential for database " + quote.Identifier(database) + " now",
			"Vault is away, not the database. Sessions that are open go on; try again in a moment.",
		}
	case errors.Is(err, vault.ErrDenied):
		return &startupError{
			"58000", "sluice: Vault denies Sluice a credential for database " + quote.Identifier(database),
			"The database was not contacted. Tell the people who run Sluice; its log has the cause.",
		}
	case takesNobody(err) && errors.As(err, &pg):
		return &startupError{
			sqlstate: pg.Code,
			message:  "sluice: database " + quote.Identifier(database) + " takes no session now: " + pg.Message,
			hint:     "Try again in a moment.",
		}
	case outOfDescriptors(err):
		return noDescriptors()
	case doesNotAnswer(err):
		return cannotBeReached(database)
	}
	return &startupError{
		"58000", "sluice: no credential could be issued for database " + quote.Identifier(database),
		"The database was not contacted in your name. Sluice's log has the cause.",
	}
}

// Away reports whether an error says that a server or Vault cannot be reached, or takes
// nobody at the moment, which passes by itself. A certificate that does not
// verify is a mistake in how Sluice was set up, or worse.
func Away(err error) bool {
	var untrusted *tls.CertificateVerificationError
	return !outOfDescriptors(err) && !errors.As(err, &untrusted) &&
		(errors.Is(err, vault.ErrAway) || takesNobody(err) || doesNotAnswer(err))
}

func takesNobody(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "53") || strings.HasPrefix(pg.Code, "57P"))
}

func doesNotAnswer(err error) bool {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	return !errors.As(err, &pg) && (errors.As(err, &connect) || errors.Is(err, context.DeadlineExceeded))
}
