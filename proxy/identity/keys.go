package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// refreshKeys is the age at which keys are asked for again, so that one
	// that was withdrawn does not count for long.
	refreshKeys = 10 * time.Minute
	// forgetKeys is the age at which they count no more, also if the provider
	// cannot be asked for new ones.
	forgetKeys = time.Hour
	// betweenFetches is how long the provider is left alone after it was
	// asked. A token can name any key; that must not make us hammer it.
	betweenFetches = 10 * time.Second
	// fetchTimeout bounds asking it, both requests together.
	fetchTimeout = 10 * time.Second
	// patience is how long a login that has keys at hand waits for newer ones.
	patience = time.Second
	// minRSA is the shortest RSA key that counts, in bits (RFC 7518 section
	// 3.3).
	minRSA = 2048
	// maxTried is how many keys a token that names none is held against.
	maxTried = 8
)

// keySet are the public keys of a provider, fetched when they are needed. Any
// number of goroutines may use it.
type keySet struct {
	fetch func(context.Context) ([]jose.JSONWebKey, error)
	now   func() time.Time
	// life ends what is being fetched.
	life context.Context

	mu   sync.Mutex
	keys []jose.JSONWebKey
	// fetched is when the keys were had, tried when they were last asked for;
	// failure is why that failed, if it did.
	fetched, tried time.Time
	failure        error
	// running is closed when what is being fetched has arrived; nil if
	// nothing is.
	running chan struct{}
}

// find returns the keys that may have made a signature: those of the name that
// a token gives, for its algorithm. It asks the provider if the keys are not
// there, are old, or none of them has that name, as often as it may be asked. A
// provider that hangs holds up only those who need a new key.
func (k *keySet) find(ctx context.Context, name, algorithm string) ([]jose.JSONWebKey, error) {
	found, wait := k.look(name, algorithm)
	if wait != nil {
		var enough <-chan time.Time // never, without a key
		if len(found) > 0 {
			enough = time.After(patience)
		}
		select {
		case <-wait:
		case <-enough:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrProvider, ctx.Err())
		}
		k.mu.Lock()
		found = k.matching(name, algorithm)
		k.mu.Unlock()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case len(found) > 0:
		return found, nil
	case k.failure != nil:
		return nil, fmt.Errorf("%w: %w", ErrProvider, k.failure)
	case k.usable():
		return nil, ErrUnknownKey
	}
	return nil, ErrProvider
}

// look returns the keys at hand, and what to wait for if better ones are on
// their way.
func (k *keySet) look(name, algorithm string) (found []jose.JSONWebKey, wait <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found = k.matching(name, algorithm)
	fresh := k.usable() && k.now().Sub(k.fetched) < refreshKeys
	if len(found) > 0 && fresh {
		return found, nil
	}
	if k.running == nil {
		if !k.tried.IsZero() && k.now().Sub(k.tried) < betweenFetches {
			return found, nil
		}
		k.tried = k.now()
		k.running = make(chan struct{})
		go k.update(k.running)
	}
	return found, k.running
}

// update fetches the keys. It is nobody's login that bounds it: others wait for
// the same keys.
func (k *keySet) update(done chan struct{}) {
	ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
	defer cancel()
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failure = err
	if err == nil {
		k.keys, k.fetched = keys, k.now()
	}
	k.running = nil
	close(done)
}

func (k *keySet) usable() bool {
	return !k.fetched.IsZero() && k.now().Sub(k.fetched) < forgetKeys
}

// matching lists the keys that fit a token; none if they are too old.
func (k *keySet) matching(name, algorithm string) []jose.JSONWebKey {
	if !k.usable() {
		return nil
	}
	var found []jose.JSONWebKey
	for _, key := range k.keys {
		if (name == "" || key.KeyID == name) && fits(key, algorithm) && len(found) < maxTried {
			found = append(found, key)
		}
	}
	return found
}

// fits reports whether a key is for signatures of an algorithm. A key of
// another type never is: the public half of an RSA key must not become a
// shared secret.
func fits(key jose.JSONWebKey, algorithm string) bool {
	if key.Use != "" && key.Use != "sig" || key.Algorithm != "" && key.Algorithm != algorithm {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return (strings.HasPrefix(algorithm, "RS") || strings.HasPrefix(algorithm, "PS")) && public.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return curveOf[algorithm] == public.Curve.Params().Name
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// curveOf are the curves of the algorithms (RFC 7518 section 3.4).
var curveOf = map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
