package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// childTime is asked for as the time of a child token. It is renewed while its
// lease is in use.
const childTime = time.Hour

// learnTimeout bounds the look at a new role, which somebody waits for and which
// can be done later.
const learnTimeout = 3 * time.Second

// Issue gets a credential for one session. If Begin has not succeeded yet, it
// begins.
//
// When Issue fails, nothing is left, or EndLeft and the next start know of it.
func (i *Issuer) Issue(ctx context.Context, request credential.Request) (*credential.Lease, error) {
	lease, err := i.issue(ctx, request)
	if err != nil {
		return nil, wrap("issue a credential for database "+i.config.Database, err)
	}
	return lease, nil
}

func (i *Issuer) issue(ctx context.Context, request credential.Request) (*credential.Lease, error) {
	if err := request.Check(); err != nil {
		return nil, err
	}
	if err := i.config.checkRole(request.Role); err != nil {
		return nil, err
	}
	if err := i.begin(ctx); err != nil {
		return nil, err
	}
	if i.Weak() {
		return i.share(ctx, request)
	}
	h, password, err := i.client.obtain(ctx, wish{issuer: i, mount: i.config.Mount, role: request.Role, request: request})
	if err != nil {
		return nil, err
	}
	term, _ := h.life.Term()
	return &credential.Lease{
		ID: h.id, User: h.user, Password: password, Role: request.Group, Expires: term.Expires,
		Life: h.life, Backends: h.backends, EndsBackends: i.control != nil,
	}, nil
}

// wish says what lease is wanted.
type wish struct {
	issuer  *Issuer
	mount   string
	role    string
	request credential.Request
	inner   bool // for the control connection
}

// obtain gets a lease. Each step that makes something is on disk before the
// next one depends on it; if one fails, what came before is taken back.
func (c *Client) obtain(ctx context.Context, w wish) (*held, credential.Secret, error) {
	note := c.child
	if w.inner {
		note = c.direct
	}
	h, err := note(ctx, w)
	if err != nil {
		return nil, credential.Secret{}, err
	}
	begin := record{Op: opChild, Accessor: h.accessor, Database: h.database, Role: h.role, Session: h.session}
	if !w.inner {
		err = c.journal.append(begin)
	}
	var password credential.Secret
	if err == nil {
		password, err = c.read(ctx, w, h)
	}
	if err == nil {
		c.learn(ctx, h)
		known := record{Op: opLease, Accessor: h.accessor}
		if w.inner {
			known, known.Op = begin, opDirect
		}
		known.Lease, known.User, known.OID = h.id, h.user, h.oid
		err = c.journal.append(known)
	}
	if err == nil {
		err = c.follow(h)
	}
	if err == nil {
		return h, password, nil
	}
	if undo := c.abandon(ctx, h); undo != nil {
		err = fmt.Errorf("%w; taking it back failed too, and is tried again: %w", err, undo)
	}
	return nil, credential.Secret{}, err
}

// direct takes note of a lease that is to be issued with the login token itself.
// If its answer is lost, it ends with that token.
func (c *Client) direct(_ context.Context, w wish) (*held, error) {
	l, err := c.use()
	if err != nil {
		return nil, err
	}
	return c.hold(&held{login: l, token: l.token}, w), nil
}

// child makes the token that the lease is issued with, and takes note of it.
func (c *Client) child(ctx context.Context, w wish) (*held, error) {
	l, err := c.use()
	if err != nil {
		return nil, err
	}
	q := question{doing: "make a child token", token: l.token, path: "auth/token/create", body: c.childBody(w.request)}
	got, err := c.ask(ctx, q)
	if errors.Is(err, ErrDenied) && c.doubt(ctx, l) {
		c.release(l, 1)
		if l, err = c.use(); err != nil {
			return nil, err
		}
		q.token = l.token
		got, err = c.ask(ctx, q)
	}
	if err == nil && (got.Secret == nil || got.Auth == nil || got.Auth.Accessor == "" || got.Auth.ClientToken == "") {
		err = errors.New("make a child token: Vault gave none that can be revoked")
	}
	if err != nil {
		c.release(l, 1)
		return nil, err
	}
	return c.hold(&held{
		login: l, token: credential.NewSecret(got.Auth.ClientToken), accessor: got.Auth.Accessor,
		child: newSpan(got.sent, time.Duration(got.Auth.LeaseDuration)*time.Second, got.Auth.Renewable),
	}, w), nil
}

func (c *Client) childBody(request credential.Request) map[string]any {
	body := map[string]any{
		"display_name": displayName(request), "ttl": childTime.String(), "renewable": true,
		"meta": map[string]string{"sluice_session": request.SessionID, "sluice_user": request.Subject},
	}
	if len(c.config.SessionPolicies) > 0 {
		body["policies"], body["no_default_policy"] = c.config.SessionPolicies, true
	}
	return body
}

// hold adds a lease to those that have to be ended.
func (c *Client) hold(h *held, w wish) *held {
	h.issuer, h.inner, h.database, h.role, h.session = w.issuer, w.inner, w.issuer.config.Database, w.role, w.request.SessionID
	h.backends, h.turn = &credential.Backends{}, make(chan struct{}, 1)
	h.renew = newTask(func(ctx context.Context) { c.renewLease(ctx, h) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[h] = true
	return h
}

// use returns the current login, with one more lease under it.
func (c *Client) use() (*login, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.login == nil {
		return nil, errNotBegun
	}
	c.login.leases++
	return c.login, nil
}

// displayName is what Vault's username template and audit log have for a name:
// letters, digits and dashes, the user first.
func displayName(request credential.Request) string {
	clean := func(text string, longest int) string {
		var b strings.Builder
		for _, r := range text {
			switch {
			case b.Len() == longest:
				return b.String()
			case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
				b.WriteRune(r)
			default:
				b.WriteByte('-')
			}
		}
		return b.String()
	}
	return clean(request.Subject, 24) + "-" + clean(request.SessionID, 32)
}

// read asks for the credential. An answer that is lost may have made a role
// that nobody knows, so it is not asked again with this token.
func (c *Client) read(ctx context.Context, w wish, h *held) (credential.Secret, error) {
	doing := "read credentials of role " + w.role
	got, err := c.ask(ctx, question{doing: doing, token: h.token, read: true, path: w.mount + "/creds/" + w.role, once: true})
	if errors.Is(err, ErrDenied) && h.inner {
		c.doubt(ctx, h.login) // the next attempt has another token, if it was that
	}
	if err != nil {
		return credential.Secret{}, err
	}
	if got.Secret == nil || got.LeaseID == "" || got.LeaseDuration <= 0 {
		return credential.Secret{}, fmt.Errorf("%s: Vault gave no lease; is %s the database engine?", doing, w.mount)
	}
	user, password, err := userAndPassword(got.Data)
	c.mu.Lock()
	defer c.mu.Unlock()
	h.id, h.user = got.LeaseID, user
	if err != nil {
		return credential.Secret{}, fmt.Errorf("%s: %w", doing, err)
	}
	h.lease = newSpan(got.sent, time.Duration(got.LeaseDuration)*time.Second, got.Renewable)
	return password, nil
}

// userAndPassword takes user and password out of an answer.
func userAndPassword(data map[string]any) (user string, password credential.Secret, err error) {
	user, _ = data["username"].(string)
	secret, _ := data["password"].(string)
	if user == "" || secret == "" || len(user) > 63 {
		return "", password, errors.New("the answer has no username and password that PostgreSQL takes")
	}
	return user, credential.NewSecret(secret), nil
}

// learn looks up the oid of a new role: it finds the role's backends even when
// the role has been dropped. If the server cannot be asked now, the watch asks
// later; whoever wants to log in will meet the same trouble.
func (c *Client) learn(ctx context.Context, h *held) {
	if h.inner || h.issuer.control == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, learnTimeout)
	defer cancel()
	found, err := h.issuer.control.roles(ctx, []string{h.user})
	if err != nil {
		c.log.Warn("the control connection cannot look at a new role", "database", h.database, "err", wrap("control", err))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, role := range found {
		h.oid, h.seen = role.oid, true
	}
}

// follow begins to look after a lease that somebody is about to use.
func (c *Client) follow(h *held) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && !h.inner {
		return errClosed
	}
	h.published = h.term(c.now())
	h.life = credential.NewLife(h.published)
	h.given = !h.inner
	h.checked = c.now()
	if h.lease.last == nil {
		c.renewals.set(h.renew, h.due())
	}
	return nil
}

// abandon takes back a lease that nobody will use. It does not depend on the
// caller's context, which is often why it was not finished.
func (c *Client) abandon(ctx context.Context, h *held) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return c.end(ctx, h)
}
