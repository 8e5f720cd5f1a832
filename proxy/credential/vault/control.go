package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	controlName = "sluice/control"
	// controlTimeout is what one conversation with the server may take.
	controlTimeout = 15 * time.Second
	// statementTimeout is what one statement may take.
	statementTimeout = 10 * time.Second
	// replaceEach is how long a login that will not be renewed is used on after
	// there was no other to be had.
	replaceEach = 10 * time.Second
)

// control is the connection of one issuer that terminates backends. Its login
// is a lease like any other, made when it is first needed and made anew before
// it ends. Calls take turns.
type control struct {
	issuer *Issuer
	config *pgconn.Config
	turn   chan struct{} // a mutex that a context can leave

	// These are guarded by turn.
	conn     *pgconn.PgConn
	lease    *held
	password credential.Secret
	closed   bool
	refused  time.Time // when there was no other login last
}

func newControl(i *Issuer) *control {
	config := credential.Pinned(i.config.Control, controlName, statementTimeout)
	return &control{issuer: i, config: config, turn: make(chan struct{}, 1)}
}

// do runs fn with the connection, and once more with a new one if the first
// turns out to be dead: all it is used for may be done twice.
func (k *control) do(ctx context.Context, fn func(context.Context, *pgconn.PgConn) error) error {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the control connection: %w", ctx.Err())
	}
	defer func() { <-k.turn }()
	if k.closed {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	for first := true; ; first = false {
		used := k.conn != nil
		if err := k.connect(ctx); err != nil {
			return fmt.Errorf("control connection: %w", err)
		}
		err := fn(ctx, k.conn)
		if err == nil {
			return nil
		}
		k.refused = time.Time{} // it may be the login
		if k.conn.IsClosed() || k.conn.TxStatus() != 'I' {
			k.hangUp()
			if first && used && ctx.Err() == nil {
				continue
			}
		}
		return fmt.Errorf("control connection: %w", err)
	}
}

// connect makes sure that there is a connection, of a login that is in force. While
// no other login is to be had one that is connected goes on: the server does not
// hang up when its time is over.
func (k *control) connect(ctx context.Context) error {
	if k.needsLogin() {
		if err := k.replace(ctx); err != nil {
			k.refused = k.issuer.client.now()
			if !k.usable() && !k.connected() {
				return err
			}
		}
	}
	if k.connected() {
		return nil
	}
	err := k.dial(ctx)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && strings.HasPrefix(refused.Code, "28") {
		// Somebody has revoked the login.
		k.retire(ctx)
		if err := k.replace(ctx); err != nil {
			return err
		}
		err = k.dial(ctx)
	}
	return err
}

func (k *control) connected() bool { return k.conn != nil && !k.conn.IsClosed() }

// needsLogin tells whether to ask for another login now. Who can work without
// does not wait for an answer that somebody has just not got.
func (k *control) needsLogin() bool {
	lately := k.issuer.client.now().Sub(k.refused) < replaceEach
	return !k.fresh() && (!lately || !k.usable() && !k.connected())
}

// fresh tells whether the login need not be replaced yet: it can be renewed, or
// has a third of its time left.
func (k *control) fresh() bool {
	if k.lease == nil {
		return false
	}
	now := k.issuer.client.now()
	term, _ := k.lease.life.Term()
	if term.Last == nil {
		return now.Before(term.Expires)
	}
	return now.Add(k.lease.lease.granted / 3).Before(term.Expires)
}

// usable tells whether the login is in force.
func (k *control) usable() bool {
	if k.lease == nil {
		return false
	}
	term, _ := k.lease.life.Term()
	return k.issuer.client.now().Before(term.Expires)
}

// replace gets another login and retires the one before.
func (k *control) replace(ctx context.Context) error {
	c := k.issuer.client
	lease, password, err := c.obtain(ctx, wish{
		issuer: k.issuer, mount: k.issuer.config.controlMount(), role: k.issuer.config.ControlRole, inner: true,
		request: credential.Request{Subject: "sluice", SessionID: "control-" + k.issuer.config.Database},
	})
	if err != nil {
		return err
	}
	k.retire(ctx)
	k.lease, k.password = lease, password
	return nil
}

// retire ends connection and login. What cannot be revoked now is left to
// EndLeft.
func (k *control) retire(ctx context.Context) {
	k.hangUp()
	if k.lease == nil {
		return
	}
	if err := k.issuer.client.abandon(ctx, k.lease); err != nil {
		k.issuer.client.log.Warn("a login of the control connection is not revoked; tried again later", "err", wrap("control", err))
	}
	k.lease, k.password = nil, credential.Secret{}
}

func (k *control) dial(ctx context.Context) error {
	config := k.config.Copy()
	config.User, config.Password = k.lease.user, k.password.Reveal()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("log in to database %q: %w", config.Database, err)
	}
	k.conn = conn
	return nil
}

// hangUp closes a connection that may be broken without waiting long.
func (k *control) hangUp() {
	if k.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = k.conn.Close(ctx)
	k.conn = nil
}

// letGo hangs up if the login was revoked and nobody uses the connection: the server
// lets one go on that logged in while its role was being dropped.
func (k *control) letGo() {
	select {
	case k.turn <- struct{}{}:
	default:
		return
	}
	defer func() { <-k.turn }()
	if k.lease == nil {
		return
	}
	if term, _ := k.lease.life.Term(); errors.Is(term.Last, errRevoked) {
		k.hangUp()
	}
}

// close ends connection and login for good. A nil control has neither.
func (k *control) close(ctx context.Context) error {
	if k == nil {
		return nil
	}
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the control connection: %w", ctx.Err())
	}
	defer func() { <-k.turn }()
	k.closed = true
	k.hangUp()
	if k.lease == nil {
		return nil
	}
	return k.issuer.client.end(ctx, k.lease)
}
