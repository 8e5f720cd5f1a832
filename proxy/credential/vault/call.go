package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	// tries is how often a call is made that somebody waits for.
	tries = 4
	// firstPause and longestPause bound the time between two tries.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// maxAnswer bounds an answer; those we ask for are below 10 KB.
	maxAnswer = 1 << 20
)

// question is one call to Vault.
type question struct {
	doing string // for people, such as "renew a lease"
	token credential.Secret
	read  bool // GET, else PUT
	path  string
	body  map[string]any
	// once forbids a second try after one that may have had an effect.
	once bool
}

// answer is what came back, and when the question went out: durations in it
// count from there.
type answer struct {
	*api.Secret
	sent time.Time
}

// ask makes the call, again if it may pass, and notes how Vault does. Of an
// error with the status 404 the answer is there as well, if it had one: KV says
// in it what became of a version.
func (c *Client) ask(ctx context.Context, q question) (answer, error) {
	limit := tries
	if c.health.down(c.now()) {
		limit = 1 // others wait for it already
	}
	for n := 1; ; n++ {
		sent := c.now()
		secret, after, err := c.askOnce(ctx, q)
		if ctx.Err() == nil { // who gives up says nothing about Vault
			c.health.note(sent, err)
		}
		if err == nil {
			return answer{secret, sent}, nil
		}
		if !err.passing || n == limit || q.once && !err.undone {
			return answer{secret, sent}, err
		}
		pause := max(after, backoff(n, firstPause, longestPause))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < pause {
			return answer{}, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return answer{}, err
		}
	}
}

// askOnce makes one call. It returns how long Vault wants to be left alone.
func (c *Client) askOnce(ctx context.Context, q question) (secret *api.Secret, after time.Duration, f *failure) {
	status := 0
	view := c.api.WithRequestCallbacks(func(r *api.Request) {
		r.ClientToken = q.token.Reveal()
	}).WithResponseCallbacks(func(r *api.Response) {
		status, after = r.StatusCode, retryAfter(r.Header.Get("Retry-After"))
	})
	var err error
	if q.read {
		secret, err = c.get(ctx, view, q.path)
	} else {
		secret, err = view.Logical().WriteWithContext(ctx, q.path, q.body)
	}
	f = &failure{doing: q.doing, status: status}
	switch {
	case status == 0 && err == nil:
		f.cause = errors.New("there was no answer")
		f.kinds, f.passing = []error{ErrAway}, true
	case status == 0:
		f.unreachable(err)
	case status < 200 || status >= 300:
		var said *api.ResponseError
		var words []string
		if errors.As(err, &said) {
			words = said.Errors
		}
		f.understand(words)
	case err != nil:
		// The error may quote the answer.
		f.status, f.cause = 0, errors.New("its answer was lost on the way or is not what Vault says")
		f.kinds, f.passing = []error{ErrAway}, true
	default:
		return secret, 0, nil
	}
	return secret, after, f
}

// get is what the library calls reading, but keeps the words of a 404, which
// tell a mount that is missing from a path with nothing.
func (c *Client) get(ctx context.Context, view *api.Client, path string) (*api.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	response, refused := view.Logical().ReadRawWithContext(ctx, path)
	secret, err := view.Logical().ParseRawResponseAndCloseBody(response, refused)
	if refused != nil {
		err = refused
	}
	return secret, err
}

// unreachable says what kept the answer away. A certificate that fails is not
// a Vault that is away: waiting does not help, and whoever answers there must
// not get a token.
func (f *failure) unreachable(err error) {
	f.cause = err
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	if errors.As(err, &certificate) || errors.As(err, &authority) || errors.As(err, &header) {
		f.undone = true
		return
	}
	var op *net.OpError
	f.kinds, f.passing = []error{ErrAway}, true
	f.undone = errors.As(err, &op) && op.Op == "dial"
}

// retryAfter reads the header's seconds (RFC 9110 section 10.2.3); a date, or
// more than a minute, is no answer to somebody who waits.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}

// bounded limits what an answer may hold.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = limitedBody{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}

// connect makes the API client. Retries are ours, because the library's do not
// tell a sealed Vault from a database that is away.
func connect(config *Config) (*api.Client, func(), error) {
	transport, err := config.roundTripper()
	if err != nil {
		return nil, nil, err
	}
	client, err := newClient(&api.Config{
		Address: config.Address,
		HttpClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Timeout:          config.Timeout,
		DisableRedirects: true,
		CheckRetry:       func(context.Context, *http.Response, error) (bool, error) { return false, nil },
	})
	if err != nil {
		return nil, nil, err
	}
	if config.Namespace != "" {
		client.SetNamespace(config.Namespace)
	}
	idle := func() {
		if b, ok := transport.(bounded); ok {
			if t, ok := b.next.(*http.Transport); ok {
				t.CloseIdleConnections()
			}
		}
	}
	return client, idle, nil
}
