package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Tokens with keys that nobody knows do not make the provider's work.
func TestUnknownKeysDoNotHammer(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	login := overTLS(p.open(t, nil), Rule{})
	good := key.sign(t, p.claims(nil), nil)
	flood := func() {
		t.Helper()
		var group sync.WaitGroup
		for i := range 100 {
			token := signer{fmt.Sprint("k", i), jose.ES256, key.key}.sign(t, p.claims(nil), nil)
			group.Go(func() {
				if _, err := login.try(token); !errors.Is(err, ErrUnknownKey) {
					t.Errorf("%v, want %v", err, ErrUnknownKey)
				}
			})
		}
		group.Wait()
	}
	flood()
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("100 tokens with unknown keys fetched the keys %d times", n)
	}
	if _, err := login.try(good); err != nil {
		t.Errorf("beside the flood: %v", err)
	}
	p.clock.Time = p.clock.Add(betweenFetches)
	flood()
	if n := p.fetches.Load(); n != 2 {
		t.Errorf("after %v, 100 more fetched the keys %d times in all", betweenFetches, n)
	}
	// Tokens that are not for us do not even do that.
	p.clock.Time = p.clock.Add(betweenFetches)
	strange := signer{"k", jose.ES256, key.key}.sign(t, p.claims(map[string]any{"aud": "grafana"}), nil)
	if _, err := login.try(strange); !errors.Is(err, ErrAudience) || p.fetches.Load() != 2 {
		t.Errorf("%v after %d fetches", err, p.fetches.Load())
	}
}

func TestKeysRotate(t *testing.T) {
	old, young := newSigner(t, "1", jose.ES256), newSigner(t, "2", jose.ES256)
	p := startProvider(t, old)
	login := overTLS(p.open(t, nil), Rule{})
	expect := func(what string, key signer, want error) {
		t.Helper()
		if _, err := login.try(key.sign(t, p.claims(nil), nil)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	expect("the first key", old, nil)
	p.show(old, young)
	p.clock.Time = p.clock.Add(betweenFetches)
	expect("a new key", young, nil)
	expect("the old one beside it", old, nil)
	// A withdrawn key counts until the keys are asked for again.
	p.show(young)
	p.clock.Time = p.clock.Add(refreshKeys)
	expect("a withdrawn key", old, ErrUnknownKey)
	expect("the one that stayed", young, nil)
	// The name of a key can be given to another one.
	again := newSigner(t, "2", jose.ES256)
	p.show(again)
	p.clock.Time = p.clock.Add(refreshKeys)
	expect("another key of that name", again, nil)
	expect("the one before", young, ErrSignature)
}

func TestProviderAway(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	p.away.Store(true)
	login := overTLS(p.open(t, nil), Rule{})
	away := func(when string, key signer) {
		t.Helper()
		_, err := login.try(key.sign(t, p.claims(nil), nil))
		var failure *Failure
		if !errors.As(err, &failure) || !errors.Is(err, ErrProvider) || failure.Code != "28000" || failure.Guessed() ||
			!strings.Contains(failure.Message, "tokens of company cannot be checked at the moment") || !strings.Contains(err.Error(), "503") {
			t.Errorf("%s: %v", when, err)
		}
	}
	present := func(when string) {
		t.Helper()
		if _, err := login.try(key.sign(t, p.claims(nil), nil)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	away("at first", key)
	p.away.Store(false)
	away("asked again at once", key)
	p.clock.Time = p.clock.Add(betweenFetches)
	present("back")
	p.away.Store(true)
	p.clock.Time = p.clock.Add(refreshKeys)
	present("away, with keys at hand")
	p.clock.Time = p.clock.Add(betweenFetches)
	away("away, with a key that is not at hand", signer{"new", jose.ES256, key.key})
	p.clock.Time = p.clock.Add(forgetKeys)
	away("away, with keys that are too old", key)
	p.away.Store(false)
	p.clock.Time = p.clock.Add(betweenFetches)
	present("back again")
}

func TestProvidersThatAreWrong(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	for name, c := range map[string]struct {
		described map[string]any
		says      string
	}{
		"another issuer":   {map[string]any{"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"}, "issuer"},
		"keys without TLS": {map[string]any{"jwks_uri": "http://keys.example/"}, "begins with https://"},
		"no keys":          {map[string]any{"jwks_uri": ""}, "begins with https://"},
		"keys elsewhere":   {map[string]any{"jwks_uri": "file:///etc/passwd"}, "begins with https://"},
	} {
		p := startProvider(t, key)
		p.described = c.described
		if p.described["issuer"] == nil {
			p.described["issuer"] = p.URL
		}
		_, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, p.claims(nil), nil))
		if !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Somebody else's certificate, and an answer that leads elsewhere.
	p := startProvider(t, key)
	login := overTLS(p.open(t, func(c *Issuer) { c.CA = "" }), Rule{})
	if _, err := login.try(key.sign(t, p.claims(nil), nil)); !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("unknown authority: %v", err)
	}
	p.Config.Handler = http.RedirectHandler("https://evil.example/", http.StatusFound)
	if _, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, p.claims(nil), nil)); !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), "302") {
		t.Errorf("redirect: %v", err)
	}
}

// A provider on this machine can be asked without TLS only if that is allowed.
func TestInsecureLoopback(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	plain := httptest.NewServer(p.Config.Handler)
	t.Cleanup(plain.Close)
	p.described = map[string]any{"issuer": plain.URL, "jwks_uri": plain.URL + "/keys"}
	login := overTLS(p.open(t, func(c *Issuer) { c.URL, c.CA, c.InsecureLoopback = plain.URL, "", true }), Rule{})
	if _, err := login.try(key.sign(t, p.claims(map[string]any{"iss": plain.URL}), nil)); err != nil {
		t.Error(err)
	}
}

func TestReadKeysLeavesOutWhatDoesNotCount(t *testing.T) {
	good := newSigner(t, "good", jose.RS256).public()
	good.Algorithm, good.Use = "", ""
	forEncryption, forAnother := good, good
	forEncryption.Use, forAnother.Algorithm = "enc", "RS512"
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	secret := jose.JSONWebKey{Key: []byte("a shared secret of some length, 32"), KeyID: "good"}
	private := jose.JSONWebKey{Key: weak, KeyID: "good"}
	set, err := json.Marshal(map[string]any{"keys": []any{
		good, forEncryption, forAnother, secret, private, jose.JSONWebKey{Key: &weak.PublicKey, KeyID: "good"},
		map[string]string{"kty": "AKP", "kid": "good"}, map[string]string{"kty": "RSA"}, "x",
	}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := readKeys(bytes.NewReader(set))
	if err != nil {
		t.Fatal(err)
	}
	k := &keySet{keys: keys, now: time.Now, fetched: time.Now()}
	if got := k.matching("good", "RS256"); len(got) != 1 {
		t.Errorf("%d keys count", len(got))
	}
	for _, algorithm := range []string{"HS256", "ES256", "EdDSA", "none", ""} {
		if got := k.matching("good", algorithm); len(got) != 0 {
			t.Errorf("%d keys count for %q", len(got), algorithm)
		}
	}
	if got := k.matching("", "RS256"); len(got) != 1 {
		t.Errorf("%d keys count for a token that names none", len(got))
	}
	for _, empty := range []string{"", "[]", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"eA"}]}`, "<html>"} {
		if _, err := readKeys(strings.NewReader(empty)); err == nil {
			t.Errorf("%q has keys", empty)
		}
	}
}

func TestIssuerMistakes(t *testing.T) {
	good := Issuer{Name: "company", URL: "https://login.example.net/staff", Audiences: []string{"sluice"}}
	for _, c := range []struct {
		change func(*Issuer)
		want   string
	}{
		{func(*Issuer) {}, ""},
		{func(c *Issuer) { c.Name = "" }, "name: is needed"},
		{func(c *Issuer) { c.Name = "a b" }, "name: is needed"},
		{func(c *Issuer) { c.URL = "" }, "issuer: is an address"},
		{func(c *Issuer) { c.URL = "login.example.net" }, "issuer: is an address"},
		{func(c *Issuer) { c.URL = "https://a:b@login.example.net" }, "issuer: is an address"},
		{func(c *Issuer) { c.URL = "http://login.example.net" }, "begins with https://"},
		{func(c *Issuer) { c.URL, c.InsecureLoopback = "http://login.example.net", true }, "begins with https://"},
		{func(c *Issuer) { c.URL = "http://127.0.0.1:8080" }, "insecure_loopback: true allows that"},
		{func(c *Issuer) { c.URL, c.InsecureLoopback = "http://127.0.0.1:8080", true }, ""},
		{func(c *Issuer) { c.URL, c.InsecureLoopback = "http://[::1]:8080", true }, ""},
		{func(c *Issuer) { c.URL, c.InsecureLoopback = "http://127.0.0.1.example.net", true }, "begins with https://"},
		{func(c *Issuer) { c.InsecureLoopback = true }, "insecure_loopback: is for"},
		{func(c *Issuer) { c.URL += "?x=1" }, "without ? and #"},
		{func(c *Issuer) { c.Audiences = nil }, "audiences: at least one"},
		{func(c *Issuer) { c.Audiences = []string{""} }, "audiences: at least one"},
		{func(c *Issuer) { c.Algorithms = []string{"none"} }, "never accepted"},
		{func(c *Issuer) { c.Algorithms = []string{"RS256", "HS256"} }, "never accepted"},
		{func(c *Issuer) { c.Scopes = []string{"open id"} }, "is not a scope"},
		{func(c *Issuer) { c.ClockSkew = time.Hour }, "clock_skew: 1h0m0s is not between"},
		{func(c *Issuer) { c.ClockSkew = -time.Second }, "clock_skew"},
		{func(c *Issuer) { c.MaxAge = -time.Second }, "max_age"},
	} {
		issuer := good
		c.change(&issuer)
		issuer.Complete()
		var said []string
		issuer.Validate(func(format string, args ...any) { said = append(said, fmt.Errorf(format, args...).Error()) })
		all := strings.Join(said, "\n")
		if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
			t.Errorf("%+v: %q, want %q", issuer, all, c.want)
		}
	}
	if _, err := OpenProviders([]Issuer{{Name: "company", CA: filepath.Join(t.TempDir(), "none.pem")}}, nil); err == nil || !strings.Contains(err.Error(), "oidc company: certificate authority") {
		t.Errorf("no file: %v", err)
	}
}
