package identity

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Tokens that a provider signed but that two readers could read differently, or
// that could not be told apart afterwards.
func TestSignedTokensThatAreAmbiguous(t *testing.T) {
	key, other := newSigner(t, "r", jose.ES256), newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	good, err := json.Marshal(p.claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	and := func(member string) []byte { return append(append(bytes.Clone(good[:len(good)-1]), ','), member+"}"...) }
	inner := key.sign(t, p.claims(nil), nil)
	for name, c := range map[string]struct {
		payload []byte
		header  map[jose.HeaderKey]any
		want    error
	}{
		"as it should be":            {good, nil, nil},
		"two subjects":               {and(`"sub":"alice"`), nil, ErrTokenMalformed},
		"two subjects, one escaped":  {and(`"s\u0075b":"alice"`), nil, ErrTokenMalformed},
		"two audiences":              {and(`"aud":"sluice"`), nil, ErrTokenMalformed},
		"a signed token in a token":  {[]byte(inner), nil, ErrTokenMalformed},
		"a token as its claim":       {and(`"jwt":"` + inner + `"`), nil, nil},
		"a claim of a broken pair":   {and(`"acr2":"\ud800"`), nil, nil},
		"groups of a broken pair":    {bytes.Replace(good, []byte(`"dba"`), []byte(`"\ud800"`), 1), nil, ErrClaims},
		"another broken pair":        {bytes.Replace(good, []byte(`"sub":"alice"`), []byte(`"sub":"\udfff"`), 1), nil, ErrClaims},
		"an end after year 9999":     {bytes.Replace(good, fmt.Appendf(nil, `"exp":%d`, p.clock.now().Unix()+300), []byte(`"exp":1000000000000`), 1), nil, ErrExpired},
		"an end that is no number":   {bytes.Replace(good, fmt.Appendf(nil, `"exp":%d`, p.clock.now().Unix()+300), []byte(`"exp":1e400`), 1), nil, ErrExpired},
		"deeper than any claim":      {and(`"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), nil, nil},
		"the key of somebody else":   {good, map[jose.HeaderKey]any{"jwk": other.public()}, nil},
		"keys at another address":    {good, map[jose.HeaderKey]any{"jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}, nil},
		"a name of a key of a path":  {good, map[jose.HeaderKey]any{"kid": "../../etc/passwd"}, ErrUnknownKey},
		"a name of a key of a query": {good, map[jose.HeaderKey]any{"kid": "r' OR '1'='1\x00"}, ErrUnknownKey},
		"a name of a key in capital": {good, map[jose.HeaderKey]any{"kid": "R"}, ErrUnknownKey},
		"encrypted by its type":      {good, map[jose.HeaderKey]any{"cty": "JWT", "typ": "JOSE"}, ErrTokenMalformed},
		"party of another client":    {and(`"azp":"grafana"`), nil, nil},
	} {
		_, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, c.payload, c.header))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The same with a key that is in the token itself must not count.
	for _, header := range []map[jose.HeaderKey]any{{"jwk": other.public()}, {"jku": p.URL + "/keys"}} {
		if _, err := overTLS(p.open(t, nil), Rule{}).try(other.sign(t, p.claims(nil), header)); !errors.Is(err, ErrSignature) {
			t.Errorf("%v: %v", header, err)
		}
	}
	encode := base64.RawURLEncoding.EncodeToString
	parts := strings.Split(inner, ".")
	for name, header := range map[string]string{
		"two algorithms":          `{"alg":"ES256","alg":"none","kid":"r"}`,
		"two, the good one last":  `{"alg":"none","alg":"ES256","kid":"r"}`,
		"two names of a key":      `{"alg":"ES256","kid":"x","kid":"r"}`,
		"a name that is a number": `{"alg":"ES256","kid":1}`,
		"unencoded payload":       `{"alg":"ES256","kid":"r","b64":false,"crit":["b64"]}`,
	} {
		if _, err := overTLS(p.open(t, nil), Rule{}).try(encode([]byte(header)) + "." + parts[1] + "." + parts[2]); !errors.Is(err, ErrTokenMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, token := range []string{" " + inner, inner + " ", "\t" + inner, "Bearer " + inner, inner + "\x00", "\ufeff" + inner} {
		if _, err := overTLS(p.open(t, nil), Rule{}).try(token); !errors.Is(err, ErrTokenMalformed) {
			t.Errorf("%.9q: %v", token, err)
		}
	}
}

// Names are compared byte for byte: no normal form, no folding, nothing unseen.
func TestNamesThatLookAlike(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	for _, c := range []struct {
		user, claim string
		want        error
	}{
		{"\u00e9va", "\u00e9va", nil},
		{"\u00e9va", "e\u0301va", ErrOtherPerson},
		{"alice", "\uff41lice", ErrOtherPerson},
		{"alice", "alice ", ErrOtherPerson},
		{"alice", "alice\u200b", ErrClaims},
		{"alice", "\u202ealice", ErrClaims},
		{"alice", "alice\x00", ErrClaims},
		{"alice", "alice\u00a0", ErrClaims},
		{"all", "all", nil},
	} {
		login := overTLS(p.open(t, nil), Rule{})
		login.User = c.user
		if _, err := login.try(key.sign(t, p.claims(map[string]any{"sub": c.claim}), nil)); !errors.Is(err, c.want) {
			t.Errorf("%q as %q: %v, want %v", c.claim, c.user, err, c.want)
		}
	}
}

// What a provider shows for keys is not believed beyond what a key can be.
func TestKeysThatAreNone(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	point := elliptic.P256().Params()
	off := new(big.Int).Add(point.Gy, big.NewInt(1))
	rsaKey := func(bits uint, e int64) string {
		n := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), bits-1), big.NewInt(1))
		return fmt.Sprintf(`{"kty":"RSA","kid":"k","n":%q,"e":%q}`, encode(n.Bytes()), encode(big.NewInt(e).Bytes()))
	}
	for name, key := range map[string]string{
		"a point off the curve": fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}`, encode(point.Gx.Bytes()), encode(off.Bytes())),
		"no point":              fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}`, encode(make([]byte, 32)), encode(make([]byte, 32))),
		"RSA of 512 bits":       rsaKey(512, 65537),
		"RSA of 2047 bits":      rsaKey(2047, 65537),
		"RSA without end":       rsaKey(1<<20, 65537),
		"a shared secret":       `{"kty":"oct","kid":"k","k":"c2VjcmV0"}`,
		"Ed25519 cut short":     `{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AAAA"}`,
		"for encryption":        fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"k","use":"enc","x":%q,"y":%q}`, encode(point.Gx.Bytes()), encode(point.Gy.Bytes())),
		"an object of nothing":  `{}`,
		"deep":                  strings.Repeat("[", 20_000),
	} {
		keys, err := readKeys(strings.NewReader(`{"keys":[` + key + `]}`))
		k := &keySet{keys: keys, now: time.Now, fetched: time.Now()}
		for _, algorithm := range signatureAlgorithms {
			if found := k.matching("k", algorithm); len(found) != 0 {
				t.Errorf("%s: counts for %s, %v", name, algorithm, err)
			}
		}
	}
	// With an exponent of one every message is its own signature.
	key := newSigner(t, "r", jose.RS256)
	p := startProvider(t, key)
	p.Config.Handler = withKeys(p, rsaKey(2048, 1))
	token := signer{"k", jose.RS256, key.key}.sign(t, p.claims(nil), nil)
	if _, err := overTLS(p.open(t, nil), Rule{}).try(token); err == nil {
		t.Error("a token was accepted by a key with an exponent of one")
	}
}

// withKeys is a provider that shows a key made by hand.
func withKeys(p *testProvider, key string) http.Handler {
	inner := p.Config.Handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			inner.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"keys":[` + key + `]}`))
	})
}

// A key set without end is not read to its end, and one that is large does not
// slow a login down.
func TestKeySetsWithoutEnd(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	inner := p.Config.Handler
	sent := 0
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			inner.ServeHTTP(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"keys":[`))
		for r.Context().Err() == nil {
			n, err := w.Write(bytes.Repeat([]byte(`{"kty":"AKP"},`), 1000))
			if sent += n; err != nil {
				return
			}
		}
	})
	began := time.Now()
	if _, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, p.claims(nil), nil)); !errors.Is(err, ErrProvider) || time.Since(began) > fetchTimeout/2 {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	many := make([]jose.JSONWebKey, 5000)
	for i := range many {
		many[i] = key.public()
	}
	k := &keySet{keys: many, now: time.Now, fetched: time.Now()}
	if found := k.matching("r", "ES256"); len(found) != maxTried {
		t.Errorf("a token is held against %d keys", len(found))
	}
}

// While a provider hangs, those whose keys are at hand do not wait for it long,
// and everybody else waits together.
func TestProviderThatHangs(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	login := overTLS(p.open(t, nil), Rule{})
	token := key.sign(t, p.claims(nil), nil)
	if _, err := login.try(token); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	inner := p.Config.Handler
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		inner.ServeHTTP(w, r)
	})
	defer close(release)
	p.clock.Time = p.clock.Add(refreshKeys)
	began := time.Now()
	var group sync.WaitGroup
	young := key.sign(t, p.claims(nil), nil)
	for range 20 {
		group.Go(func() {
			if _, err := login.try(young); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if took := time.Since(began); took > fetchTimeout/2 {
		t.Errorf("logins with keys at hand took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := login.prove(ctx, newToken([]byte(signer{"new", jose.ES256, key.key}.sign(t, p.claims(nil), nil)))); !errors.Is(err, ErrProvider) {
		t.Errorf("with a key that is not at hand: %v", err)
	}
}

// Whether a name exists is not to be learned from a refused token: neither from
// the words nor from the time.
func TestTokensTellNothingOfNames(t *testing.T) {
	key, other := newSigner(t, "r", jose.ES256), newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	provider := p.open(t, nil)
	forged := other.sign(t, p.claims(nil), nil)
	for _, method := range []string{MethodJWT, MethodOAuthBearer} {
		rule := Rule{Method: method, Users: []string{"report", "nobody"}, Subjects: []string{"alice"}}
		try := func(user string) (words string, took time.Duration) {
			login := overTLS(provider, rule)
			login.User = user
			began := time.Now()
			_, err := login.try(forged)
			took = time.Since(began)
			var failure *Failure
			if !errors.As(err, &failure) || !errors.Is(err, ErrSignature) {
				t.Fatal(err)
			}
			return strings.ReplaceAll(fmt.Sprint(failure.Code, failure.Message, failure.Hint), user, "USER"), took
		}
		fastest := map[string]time.Duration{"alice": math.MaxInt64, "nobody": math.MaxInt64}
		words := map[string]string{}
		// The fastest of many is what no other load has disturbed. What one name really
		// takes longer for stays so, however often it is tried.
		alike := func() bool {
			a, b := fastest["alice"], fastest["nobody"]
			return a <= b*5/4 && b <= a*5/4
		}
		for tries := 0; tries < 300 || !alike() && tries < 6000; tries++ {
			for user, least := range fastest {
				text, took := try(user)
				words[user], fastest[user] = text, min(least, took)
			}
		}
		if words["alice"] != words["nobody"] {
			t.Errorf("%s: %q and %q", method, words["alice"], words["nobody"])
		}
		if !alike() {
			t.Errorf("%s: %v for one name, %v for another", method, fastest["alice"], fastest["nobody"])
		}
	}
}
