package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Providers are the issuers that login rules name.
type Providers struct {
	named map[string]*Provider
	end   context.CancelFunc
}

// Provider verifies the tokens of one issuer. It asks the provider for nothing
// before the first token comes, so the proxy starts while it is away.
type Provider struct {
	issuer Issuer
	client *http.Client
	now    func() time.Time
	keys   keySet
	used   usedTokens
}

// OpenProviders prepares the issuers, which must be complete and valid. It
// reads their certificate authorities and asks nobody anything. A nil clock is
// time.Now.
func OpenProviders(issuers []Issuer, now func() time.Time) (*Providers, error) {
	if now == nil {
		now = time.Now
	}
	life, end := context.WithCancel(context.Background())
	all := &Providers{named: make(map[string]*Provider), end: end}
	for _, issuer := range issuers {
		p, err := openProvider(life, issuer, now)
		if err != nil {
			end()
			return nil, fmt.Errorf("oidc %s: %w", issuer.Name, err)
		}
		all.named[issuer.Name] = p
	}
	return all, nil
}

// Named returns the provider of a rule's issuer, nil if there is none.
func (all *Providers) Named(name string) *Provider {
	if all == nil {
		return nil
	}
	return all.named[name]
}

// Close ends what is being asked.
func (all *Providers) Close() {
	all.end()
	for _, p := range all.named {
		p.client.CloseIdleConnections()
	}
}

func openProvider(life context.Context, issuer Issuer, now func() time.Time) (*Provider, error) {
	client, err := ProviderClient(issuer.CA)
	if err != nil {
		return nil, err
	}
	p := &Provider{issuer: issuer, client: client, now: now}
	p.keys = keySet{fetch: p.fetchKeys, now: now, life: life}
	return p, nil
}

// Keys asks the provider for its keys, beside those that logins have, and
// returns how many of them can have signed a token that counts.
func (p *Provider) Keys(ctx context.Context) (int, error) {
	keys, err := p.fetchKeys(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	n := 0
	for _, key := range keys {
		if slices.ContainsFunc(p.issuer.Algorithms, func(a string) bool { return fits(key, a) }) {
			n++
		}
	}
	return n, nil
}

// fetchKeys asks the provider where its keys are (OpenID Connect Discovery 1.0,
// section 4), which must come under exactly its name, and then for the keys
// (RFC 7517 section 5).
func (p *Provider) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.issuer.URL)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var described struct {
		Keys string `json:"jwks_uri"`
	}
	if err := found.Claims(&described); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if err := p.issuer.mayAsk(described.Keys); err != nil {
		return nil, fmt.Errorf("discovery: jwks_uri %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, described.Keys, nil)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	return readKeys(answer.Body)
}

// readKeys reads a JWK Set. Keys of a kind that nobody here knows are left out.
func readKeys(r io.Reader) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(r).Decode(&set); err != nil {
		return nil, errors.New("keys: the answer is no JWK Set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.IsPublic() && key.Valid() {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("keys: there is no public key among them")
	}
	return keys, nil
}
