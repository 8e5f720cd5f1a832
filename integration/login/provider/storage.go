package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// person is somebody who gets tokens.
type person struct {
	// ID is the subject of the tokens, Secret what proves it here.
	ID, Secret string
	// Audience is whom the tokens are for.
	Audience []string
	// Lifetime is how long they are valid, in seconds; negative for tokens
	// that have expired. Later moves all their times, in seconds.
	Lifetime, Later int
	// Claims are further ones.
	Claims map[string]any
}

// keeper is the library's storage in memory, with people and keys of ours.
type keeper struct {
	*storage.Storage
	people []person

	mu  sync.Mutex
	key *rsa.PrivateKey
	// name is the key's; it changes with it.
	name string
}

// psql is the client of the device flow.
const psql = "psql"

func newKeeper(people []person) (*keeper, error) {
	storage.RegisterClients(storage.DeviceClient(psql, ""))
	k := &keeper{Storage: storage.NewStorage(storage.NewUserStore("https://localhost")), people: people}
	return k, k.rotate()
}

func (k *keeper) rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.key, k.name = key, rand.Text()
	return nil
}

func (k *keeper) person(id string) (person, error) {
	at := slices.IndexFunc(k.people, func(p person) bool { return p.ID == id })
	if at < 0 {
		return person{}, fmt.Errorf("nobody is called %q", id)
	}
	return k.people[at], nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (k *keeper) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	p, err := k.person(id)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(p.Secret)) != 1 {
		return nil, errors.New("the secret is wrong")
	}
	return client{storage.WebClient(id, secret), p}, nil
}

// GetClientByClientID implements op.OPStorage.
func (k *keeper) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != psql {
		return nil, fmt.Errorf("there is no client %q", id)
	}
	return device{client{storage.DeviceClient(psql, ""), person{ID: psql}}}, nil
}

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage.
func (k *keeper) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	p, err := k.person(id)
	return request{p, scopes}, err
}

// CreateAccessToken implements op.AuthStorage.
func (k *keeper) CreateAccessToken(_ context.Context, asked op.TokenRequest) (string, time.Time, error) {
	p, err := k.person(asked.GetSubject())
	return rand.Text(), time.Now().Add(time.Duration(p.Lifetime) * time.Second), err
}

// GetPrivateClaimsFromScopes implements op.OPStorage.
func (k *keeper) GetPrivateClaimsFromScopes(_ context.Context, id, _ string, _ []string) (map[string]any, error) {
	p, err := k.person(id)
	return p.Claims, err
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest, for ID tokens.
func (k *keeper) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, asked op.IDTokenRequest, _ []string) error {
	p, err := k.person(asked.GetSubject())
	info.Subject = p.ID
	return err
}

// SigningKey implements op.AuthStorage.
func (k *keeper) SigningKey(context.Context) (op.SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return signing{named{k.name}, k.key}, nil
}

// KeySet implements op.AuthStorage.
func (k *keeper) KeySet(context.Context) ([]op.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []op.Key{shown{named{k.name}, &k.key.PublicKey}}, nil
}

// client is a person, as the library sees whoever asks for tokens.
type client struct {
	op.Client
	person person
}

// GetID implements op.Client.
func (c client) GetID() string { return c.person.ID }

// AccessTokenType implements op.Client.
func (client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// GrantTypes implements op.Client.
func (client) GrantTypes() []oidc.GrantType { return []oidc.GrantType{oidc.GrantTypeClientCredentials} }

// ClockSkew implements op.Client: the library takes it from the time at which a
// token begins.
func (c client) ClockSkew() time.Duration { return time.Duration(-c.person.Later) * time.Second }

// device is the client psql.
type device struct{ client }

// GrantTypes implements op.Client.
func (device) GrantTypes() []oidc.GrantType { return []oidc.GrantType{oidc.GrantTypeDeviceCode} }

// ApplicationType implements op.Client: a client without a secret.
func (device) ApplicationType() op.ApplicationType { return op.ApplicationTypeNative }

// request asks for a token for a person's own use.
type request struct {
	person person
	scopes []string
}

func (r request) GetSubject() string    { return r.person.ID }
func (r request) GetAudience() []string { return r.person.Audience }
func (r request) GetScopes() []string   { return r.scopes }

// named is what both halves of a key have in common.
type named struct{ name string }

func (n named) ID() string                                { return n.name }
func (named) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (named) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

// signing is the private half, shown the public one.
type signing struct {
	named
	key *rsa.PrivateKey
}

func (s signing) Key() any { return s.key }

type shown struct {
	named
	key *rsa.PublicKey
}

func (s shown) Key() any  { return s.key }
func (shown) Use() string { return "sig" }
