package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// login is a token that the proxy logged in with. All child tokens of a login
// end with it.
type login struct {
	token    credential.Secret
	accessor string
	lent     bool // somebody else looks after it; it is never revoked
	renew    *task

	// These are guarded by Client.mu.
	span     span
	leases   int  // that are children of it
	retiring bool // it is being revoked, as nobody needs it any more
	gone     error
	failures int
	doubted  time.Time
}

// logIn asks Vault for a token in the way that is configured. It journals
// nothing.
func (a *Auth) logIn(ctx context.Context, c *Client) (*login, error) {
	switch {
	case a.AppRole != nil:
		body, err := a.AppRole.proof()
		if err != nil {
			return nil, fmt.Errorf("log in with AppRole: %w", err)
		}
		return c.present(ctx, "log in with AppRole", or(a.AppRole.Mount, defaultAppRole), body)
	case a.Kubernetes != nil:
		body, err := a.Kubernetes.proof(defaultKubernetesToken)
		if err != nil {
			return nil, fmt.Errorf("log in with Kubernetes: %w", err)
		}
		return c.present(ctx, "log in with Kubernetes", or(a.Kubernetes.Mount, defaultKubernetes), body)
	case a.JWT != nil:
		body, err := a.JWT.proof("")
		if err != nil {
			return nil, fmt.Errorf("log in with a JWT: %w", err)
		}
		return c.present(ctx, "log in with a JWT", or(a.JWT.Mount, defaultJWT), body)
	default:
		return c.borrow(ctx, a.TokenFile)
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

func (r *AppRole) proof() (map[string]any, error) {
	id := r.RoleID
	if r.RoleIDFile != "" {
		text, err := readSecret(r.RoleIDFile)
		if err != nil {
			return nil, fmt.Errorf("role id: %w", err)
		}
		id = text.Reveal()
	}
	body := map[string]any{"role_id": id}
	if r.SecretIDFile != "" {
		text, err := readSecret(r.SecretIDFile)
		if err != nil {
			return nil, fmt.Errorf("secret id: %w", err)
		}
		body["secret_id"] = text.Reveal()
	}
	return body, nil
}

func (l *TokenLogin) proof(file string) (map[string]any, error) {
	text, err := readSecret(or(l.TokenFile, file))
	if err != nil {
		return nil, err
	}
	return map[string]any{"role": l.Role, "jwt": text.Reveal()}, nil
}

// readSecret reads a file with one secret, and whatever white space an editor
// has put around it.
func readSecret(path string) (credential.Secret, error) {
	file, err := os.Open(path)
	if err != nil {
		return credential.Secret{}, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err != nil {
		return credential.Secret{}, err
	}
	value := strings.TrimSpace(string(text))
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return credential.Secret{}, fmt.Errorf("the file %s is empty or has more in it than one line", path)
	}
	return credential.NewSecret(value), nil
}

// present shows a login method what proves who we are.
func (c *Client) present(ctx context.Context, doing, mount string, body map[string]any) (*login, error) {
	got, err := c.ask(ctx, question{doing: doing, path: "auth/" + mount + "/login", body: body})
	if err != nil {
		return nil, err
	}
	if got.Secret == nil || got.Auth == nil || got.Auth.ClientToken == "" {
		return nil, fmt.Errorf("%s: Vault gave no token", doing)
	}
	if got.Auth.Accessor == "" {
		return nil, fmt.Errorf("%s: Vault gave a batch token, which can have no child tokens; set token_type=service at the login method's role", doing)
	}
	return &login{
		token: credential.NewSecret(got.Auth.ClientToken), accessor: got.Auth.Accessor,
		span: newSpan(got.sent, time.Duration(got.Auth.LeaseDuration)*time.Second, got.Auth.Renewable),
	}, nil
}

// borrow takes the token of a file and asks Vault about it.
func (c *Client) borrow(ctx context.Context, path string) (*login, error) {
	const doing = "log in with the token file"
	token, err := readSecret(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	got, err := c.ask(ctx, question{doing: doing, token: token, read: true, path: "auth/token/lookup-self"})
	if err != nil {
		return nil, err
	}
	if got.Secret == nil {
		return nil, fmt.Errorf("%s: Vault says nothing about the token", doing)
	}
	accessor, _ := got.Data["accessor"].(string)
	if accessor == "" {
		return nil, fmt.Errorf("%s: it is a batch token, which can have no child tokens; put a service token there", doing)
	}
	renewable, _ := got.Data["renewable"].(bool)
	s := newSpan(got.sent, seconds(got.Data["ttl"]), renewable)
	if asked := seconds(got.Data["creation_ttl"]); s.granted > 0 && asked > s.granted {
		s.granted = asked
	}
	return &login{token: token, accessor: accessor, lent: true, span: s}, nil
}

// seconds reads a duration of Vault's, which is a number of seconds.
func seconds(value any) time.Duration {
	number, ok := value.(json.Number)
	if !ok {
		return 0
	}
	n, err := number.Int64()
	if err != nil || n < 0 || n > 1<<32 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// logIn logs in, puts the accessor on disk, and makes the login the current
// one. The caller holds turn.
func (c *Client) logIn(ctx context.Context) error {
	l, err := c.config.Auth.logIn(ctx, c)
	if err != nil {
		return err
	}
	c.mu.Lock()
	old := c.login
	c.mu.Unlock()
	if old != nil && old.accessor == l.accessor {
		return errSameToken
	}
	if !l.lent {
		if err := c.journal.append(record{Op: opLogin, Accessor: l.accessor}); err != nil {
			return errors.Join(err, c.revokeSelf(ctx, l))
		}
	}
	l.renew = newTask(func(ctx context.Context) { c.renewLogin(ctx, l) })
	c.mu.Lock()
	c.login = l
	c.logins[l] = true
	c.mu.Unlock()
	if !l.span.until.IsZero() {
		c.renewals.set(l.renew, l.span.due())
	}
	if old != nil {
		c.log.Info("logged in to Vault anew")
		c.release(old, 0)
	}
	return nil
}

var errSameToken = errors.New("the token file still has the token that is of no use any more")

func (c *Client) revokeSelf(ctx context.Context, l *login) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	_, err := c.ask(ctx, question{doing: "revoke the login token", token: l.token, path: "auth/token/revoke-self"})
	return err
}

// renewLogin renews a login token, or replaces it when that is not to be had.
func (c *Client) renewLogin(ctx context.Context, l *login) {
	c.mu.Lock()
	final, current := l.span.last != nil || l.gone != nil, c.login == l
	c.mu.Unlock()
	if !final {
		got, err := c.ask(ctx, question{
			doing: "renew the login token", token: l.token, path: "auth/token/renew-self",
			body: map[string]any{"increment": wholeSeconds(l.span.granted)},
		})
		final = c.renewedLogin(l, got, err)
	}
	if final && current && ctx.Err() == nil {
		c.replaceLogin(ctx, l)
	}
}

// renewedLogin takes the outcome into account and tells whether there will be
// no other renewal.
func (c *Client) renewedLogin(l *login, got answer, err error) (final bool) {
	if err == nil && (got.Secret == nil || got.Auth == nil) {
		err = errors.New("Vault did not say for how long")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		l.failures = 0
		l.span.extend(got.sent, time.Duration(got.Auth.LeaseDuration)*time.Second)
	case passes(err) && c.now().Before(l.span.until):
		l.failures++
		c.renewals.set(l.renew, c.now().Add(again(l.failures)))
		return false
	default:
		l.span.last = fmt.Errorf("the login token is not renewed: %w", err)
		c.log.Warn("the login token is not renewed", "err", wrap("renew the login token", err))
	}
	for h := range c.held {
		if h.login == l {
			c.publish(h)
		}
	}
	if l.span.last == nil {
		c.renewals.set(l.renew, l.span.due())
	}
	return l.span.last != nil
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

// replaceLogin logs in anew in the place of a login that has an end. If that
// cannot be done now it is tried again; the task of the old login does it.
func (c *Client) replaceLogin(ctx context.Context, l *login) {
	release, err := take(ctx, c.turn)
	if err != nil {
		return
	}
	defer release()
	c.mu.Lock()
	current := c.login == l
	c.mu.Unlock()
	if !current {
		return
	}
	if err := c.logIn(ctx); err != nil {
		c.retryLogin(l, err)
	}
}

func (c *Client) retryLogin(l *login, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.failures++
	if l.failures == 1 {
		c.log.Error("cannot log in to Vault anew; tried again until it works", "err", wrap("log in", err))
	}
	c.renewals.set(l.renew, c.now().Add(again(l.failures)))
}

// doubt looks whether the login is still valid after Vault has denied
// something, and logs in anew if it is not. It tells whether there is another
// login now. The children of a token that Vault does not take any more, where
// no other is to be had, are taken for gone with it.
func (c *Client) doubt(ctx context.Context, l *login) (another bool) {
	release, err := take(ctx, c.turn)
	if err != nil {
		return false
	}
	defer release()
	c.mu.Lock()
	current, lately := c.login == l, c.now().Sub(l.doubted) < time.Second
	l.doubted = c.now()
	c.mu.Unlock()
	if !current || lately {
		return !current
	}
	if !c.refused(ctx, l) {
		return false
	}
	c.log.Warn("Vault does not take the login token any more")
	err = c.logIn(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	for h := range c.held {
		if h.login == l {
			h.checked = time.Time{} // look at these first
		}
	}
	if err == nil {
		return true
	}
	c.renewals.set(l.renew, c.now().Add(again(1)))
	l.gone = errors.New("the login token was revoked")
	if !passes(err) {
		for h := range c.held {
			if h.login == l {
				c.revokedOutside(h, l.gone)
			}
		}
	}
	return false
}

// refused tells whether Vault does not take a login token any more.
func (c *Client) refused(ctx context.Context, l *login) bool {
	_, err := c.ask(ctx, question{doing: "look the login token up", token: l.token, read: true, path: "auth/token/lookup-self"})
	return errors.Is(err, ErrDenied) || errors.Is(err, errGone)
}

// watchFile logs in anew when the token file holds another token.
func (c *Client) watchFile(ctx context.Context) {
	token, err := readSecret(c.config.Auth.TokenFile)
	if err != nil {
		return // it may be just being replaced; renewals complain if it stays so
	}
	l := c.current()
	if l == nil || l.token.Reveal() == token.Reveal() {
		return
	}
	c.replaceLogin(ctx, l)
}

// filePoll is how often the token file is looked at.
const filePoll = 5 * time.Second
