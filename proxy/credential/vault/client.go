package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

const (
	// undoTimeout bounds taking back what came of a call that failed; somebody
	// waits for the error.
	undoTimeout = 5 * time.Second
	// closeTimeout bounds ending all that is left at the end: a Vault that does
	// not answer must not keep the process from stopping. The journal has the rest.
	closeTimeout = 30 * time.Second
	// workers is how many renewals, lookups or revocations go on at once.
	workers = 8
)

// Client is the proxy's one login to Vault, with everything that was leased
// through it. It is safe for concurrent use and prints nothing of its
// configuration.
type Client struct {
	config Config
	api    *api.Client
	idle   func()
	log    *slog.Logger
	now    func() time.Time
	// journal has what to revoke when this process is no more.
	journal *journal
	health  health
	// renewals have a scheduler of their own, so that they are in time
	// whatever the watches meet.
	renewals, watches *scheduler

	// beginning is held by who begins, turn by who logs in; mutexes that a
	// context can leave. Who begins may take turn, never the other way round.
	beginning, turn chan struct{}
	begun           bool // guarded by beginning

	mu      sync.Mutex
	closed  bool
	login   *login          // the current one; nil before the first
	logins  map[*login]bool // that are not revoked
	issuers map[string]*Issuer
	held    map[*held]bool
	earlier []string // accessors of logins of earlier runs
}

// Open checks the configuration and reads the journal of the run before. It
// contacts nobody. The journal is locked until Close.
func Open(config Config) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	client, idle, err := connect(&config)
	if err != nil {
		return nil, wrap("open", err)
	}
	journal, err := openJournal(config.Journal)
	if err != nil {
		return nil, wrap("open", err)
	}
	c := &Client{
		config: config, api: client, idle: idle, log: config.Log, now: config.Now, journal: journal,
		renewals: newScheduler(config.Now, workers), watches: newScheduler(config.Now, workers),
		beginning: make(chan struct{}, 1), turn: make(chan struct{}, 1), logins: map[*login]bool{}, issuers: map[string]*Issuer{}, held: map[*held]bool{},
	}
	c.inherit()
	c.startWatches()
	return c, nil
}

// Begin logs in and ends what earlier runs have left. Without it nothing is
// issued. It may be called again when it failed, and does nothing when it has
// succeeded.
//
// What is left of an earlier run and cannot be ended because a database is away
// does not make Begin fail: it is logged, and EndLeft of the database's issuer
// tries again.
func (c *Client) Begin(ctx context.Context) error {
	return wrap("begin", c.begin(ctx))
}

func (c *Client) begin(ctx context.Context) error {
	release, err := take(ctx, c.beginning)
	if err != nil {
		return err
	}
	defer release()
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case c.begun:
		return nil
	}
	if err := c.firstLogin(ctx); err != nil {
		return err
	}
	if err := c.checkRights(ctx, c.rights()); err != nil {
		return err
	}
	if err := c.endEarlier(ctx); err != nil {
		return fmt.Errorf("end what an earlier run left: %w", err)
	}
	c.begun = true
	return nil
}

var (
	errClosed   = errors.New("the client is closed")
	errNotBegun = fmt.Errorf("nobody is logged in: %w", ErrAway)
)

func (c *Client) firstLogin(ctx context.Context) error {
	release, err := take(ctx, c.turn)
	if err != nil {
		return err
	}
	defer release()
	if c.current() != nil {
		return nil
	}
	return c.logIn(ctx)
}

// take waits for a turn.
func take(ctx context.Context, turn chan struct{}) (release func(), err error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the login to Vault: %w: %w", ErrAway, ctx.Err())
	}
}

// current returns the login of now; nil before the first.
func (c *Client) current() *login {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.login
}

// release takes leases off a login. One that is not the current one any more
// and has none left is revoked.
func (c *Client) release(l *login, leases int) {
	c.mu.Lock()
	l.leases -= leases
	over := l != c.login && l.leases <= 0 && !l.retiring && !c.closed
	l.retiring = l.retiring || over
	c.mu.Unlock()
	if !over {
		return
	}
	c.renewals.drop(l.renew)
	retire := newTask(nil)
	n := 0
	retire.run = func(ctx context.Context) {
		if err := c.revokeLogin(ctx, l.lent, l.accessor); err != nil {
			n++
			c.renewals.set(retire, c.now().Add(again(n)))
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.logins, l)
	}
	c.renewals.set(retire, c.now())
}

// revokeLogin revokes a login token by its accessor, and with it all that is
// left of its children.
func (c *Client) revokeLogin(ctx context.Context, lent bool, accessor string) error {
	if lent {
		return nil
	}
	if err := c.revokeAccessor(ctx, "revoke a login token", accessor); err != nil {
		return err
	}
	return c.journal.append(record{Op: opEnd, Accessor: accessor})
}

// revokeAccessor revokes a token; one that is not there is revoked.
func (c *Client) revokeAccessor(ctx context.Context, doing, accessor string) error {
	_, err := c.asLogin(ctx, question{doing: doing, path: "auth/token/revoke-accessor", body: map[string]any{"accessor": accessor}})
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// asLogin asks with the token of the current login, and once more with another
// login if that token turns out to be no good.
func (c *Client) asLogin(ctx context.Context, q question) (answer, error) {
	l := c.current()
	if l == nil {
		return answer{}, errNotBegun
	}
	q.token = l.token
	got, err := c.ask(ctx, q)
	if errors.Is(err, ErrDenied) && c.doubt(ctx, l) {
		q.token = c.current().token
		return c.ask(ctx, q)
	}
	return got, err
}

// Healthy says what is wrong with Vault as far as is known without asking: nil
// if the proxy is logged in and Vault answered when it was last asked.
func (c *Client) Healthy() error {
	c.mu.Lock()
	l, closed := c.login, c.closed
	var until time.Time
	var gone error
	if l != nil {
		until, gone = l.span.until, l.gone
	}
	c.mu.Unlock()
	away := c.health.away()
	left := until.Sub(c.now()).Round(time.Second)
	switch {
	case closed:
		return wrap("health", errClosed)
	case l == nil && away != nil:
		return wrap("health", fmt.Errorf("nobody is logged in: %w", away))
	case l == nil:
		return wrap("health", errNotBegun)
	case gone != nil:
		return wrap("health", fmt.Errorf("%w: %w", gone, ErrDenied))
	case !until.IsZero() && left <= 0:
		return wrap("health", fmt.Errorf("the login token ended %s ago, and no other is to be had", -left))
	case away != nil && until.IsZero():
		return wrap("health", away)
	case away != nil:
		return wrap("health", fmt.Errorf("%w; the login token has %s left", away, left))
	}
	return nil
}

// TokenLeft is the time that the login token has left; 0 if there is none, and
// a negative number if it has no end.
func (c *Client) TokenLeft() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.login == nil || c.login.gone != nil:
		return 0
	case c.login.span.until.IsZero():
		return -1
	}
	return max(0, c.login.span.until.Sub(c.now()))
}

// Close ends every lease that is left, then the login. What cannot be ended
// stays in the journal for the next start, and is named in the error. It takes
// little more than closeTimeout.
func (c *Client) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.watches.close()
	c.renewals.close()
	problems := []error{c.endAll(ctx, c.heldNow(func(h *held) bool { return !h.inner }))}
	for _, i := range c.issuersNow() {
		problems = append(problems, i.control.close(ctx))
	}
	problems = append(problems, c.endAll(ctx, c.heldNow(func(*held) bool { return true })), c.revokeLogins(ctx))
	problems = append(problems, c.journal.close())
	c.idle()
	return wrap("close", errors.Join(problems...))
}

// revokeLogins revokes the older ones first, since the current one is what it
// is done with.
func (c *Client) revokeLogins(ctx context.Context) error {
	c.mu.Lock()
	current := c.login
	var older []*login
	for l := range c.logins {
		if l != current {
			older = append(older, l)
		}
	}
	c.mu.Unlock()
	var problems []error
	for _, l := range older {
		problems = append(problems, c.revokeLogin(ctx, l.lent, l.accessor))
	}
	if current != nil && !current.lent {
		problems = append(problems, c.revokeCurrent(ctx, current))
	}
	return errors.Join(problems...)
}

// revokeCurrent lets the token revoke itself. If that is denied, the token is
// gone, or its policy allows other ways only.
func (c *Client) revokeCurrent(ctx context.Context, l *login) error {
	err := c.revokeSelf(ctx, l)
	if errors.Is(err, ErrDenied) && !c.refused(ctx, l) {
		err = c.revokeAccessor(ctx, "revoke the login token", l.accessor)
	} else if errors.Is(err, ErrDenied) {
		err = nil
	}
	if err != nil {
		return err
	}
	return c.journal.append(record{Op: opEnd, Accessor: l.accessor})
}

// Format implements fmt.Formatter: what the client holds is secret.
func (c *Client) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "client of Vault at "+c.config.Address)
}
