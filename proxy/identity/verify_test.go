package identity

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func TestTokensOfEveryAlgorithm(t *testing.T) {
	keys := []signer{newSigner(t, "r", jose.RS256), newSigner(t, "e", jose.ES256), newSigner(t, "d", jose.EdDSA)}
	p := startProvider(t, keys...)
	for _, form := range []string{"", "JWT", "at+jwt", "application/AT+JWT"} {
		for _, key := range keys {
			header := map[jose.HeaderKey]any{}
			if form != "" {
				header[jose.HeaderType] = form
			}
			got, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, p.claims(nil), header))
			if err != nil {
				t.Errorf("%s %s: %v", key.algorithm, form, err)
				continue
			}
			want := Identity{User: testUser, Method: MethodJWT, TLS: true, Bearer: &Bearer{
				Issuer: p.URL, Subject: "alice", Name: "alice", Groups: []string{"dba", "support"},
				ACR: "urn:mfa", AMR: []string{"otp", "pwd"}, Expires: p.clock.now().Add(300 * time.Second),
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// forge puts another header before a token's payload and has it signed by no
// key that counts.
func forge(t *testing.T, header map[string]any, claims any, signature string) string {
	t.Helper()
	encode := func(value any) string {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	return encode(header) + "." + encode(claims) + "." + signature
}

// withSharedSecret signs with the public key's bytes as an HMAC secret, which a
// verifier that trusts the header would accept.
func withSharedSecret(t *testing.T, key signer, secret []byte, claims any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", key.name)
	return compact(t, jose.SigningKey{Algorithm: jose.HS256, Key: secret}, options, payload)
}

func TestTokensAreRefused(t *testing.T) {
	key, other, curve := newSigner(t, "r", jose.RS256), newSigner(t, "r", jose.RS256), newSigner(t, "e", jose.ES256)
	p := startProvider(t, key, curve)
	now := p.clock.now().Unix()
	der, err := x509.MarshalPKIXPublicKey(key.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := key.sign(t, p.claims(nil), nil)
	parts := strings.Split(good, ".")
	with := func(changes map[string]any) string { return key.sign(t, p.claims(changes), nil) }
	marked := func(name string, value any) string {
		return key.sign(t, p.claims(nil), map[jose.HeaderKey]any{jose.HeaderKey(name): value})
	}
	many := make([]string, maxGroups+1)
	for i := range many {
		many[i] = fmt.Sprint("g", i)
	}
	for _, c := range []struct {
		name  string
		token string
		cause error
		hint  string
	}{
		{"empty", "", ErrTokenMalformed, ""},
		{"a password", "correct horse battery staple", ErrTokenMalformed, "give a token of company"},
		{"two parts", parts[0] + "." + parts[1], ErrTokenMalformed, ""},
		{"four parts", good + ".x", ErrTokenMalformed, ""},
		{"no signature", parts[0] + "." + parts[1] + ".", ErrSignature, ""},
		{"a line break", parts[0] + "\n." + parts[1] + "." + parts[2], ErrTokenMalformed, ""},
		{"a line break behind", good + "\n", ErrTokenMalformed, ""},
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2], ErrTokenMalformed, ""},
		{"too long", good + strings.Repeat("x", MaxToken), ErrTokenMalformed, ""},
		{"payload is a list", key.sign(t, []byte(`["alice"]`), nil), ErrTokenMalformed, ""},
		{"payload is null", key.sign(t, []byte(`null`), nil), ErrTokenMalformed, ""},
		{"critical header", forge(t, map[string]any{"alg": "RS256", "crit": []string{"x"}, "x": 1}, p.claims(nil), parts[2]), ErrTokenMalformed, ""},
		{"logout token", marked("typ", "logout+jwt"), ErrTokenMalformed, ""},
		{"alg none", forge(t, map[string]any{"alg": "none"}, p.claims(nil), ""), ErrAlgorithm, ""},
		{"alg none with a signature", forge(t, map[string]any{"alg": "none", "kid": "r"}, p.claims(nil), parts[2]), ErrAlgorithm, ""},
		{"alg nOnE", forge(t, map[string]any{"alg": "nOnE"}, p.claims(nil), ""), ErrAlgorithm, ""},
		{"no alg", forge(t, map[string]any{"kid": "r"}, p.claims(nil), parts[2]), ErrAlgorithm, ""},
		{"public key as secret", withSharedSecret(t, key, der, p.claims(nil)), ErrAlgorithm, ""},
		{"public key in PEM as secret", withSharedSecret(t, key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), p.claims(nil)), ErrAlgorithm, ""},
		{"algorithm not on the list", signer{"r", jose.RS512, key.key}.sign(t, p.claims(nil), nil), ErrAlgorithm, ""},
		{"wrong key", other.sign(t, p.claims(nil), nil), ErrSignature, ""},
		{"another token's signature", parts[0] + "." + strings.Split(with(map[string]any{"sub": "root"}), ".")[1] + "." + parts[2], ErrSignature, ""},
		{"key of another type", signer{"e", jose.RS256, key.key}.sign(t, p.claims(nil), nil), ErrUnknownKey, ""},
		{"unknown key", signer{"nobody's", jose.RS256, key.key}.sign(t, p.claims(nil), nil), ErrUnknownKey, "try again in some seconds"},
		{"its own key", key.sign(t, p.claims(nil), map[jose.HeaderKey]any{"kid": "mine", "jwk": other.public()}), ErrUnknownKey, ""},
		{"another issuer", with(map[string]any{"iss": "https://evil.example"}), ErrIssuer, "another issuer"},
		{"issuer with a slash", with(map[string]any{"iss": p.URL + "/"}), ErrIssuer, ""},
		{"no issuer", with(map[string]any{"iss": nil}), ErrIssuer, ""},
		{"two issuers", with(map[string]any{"iss": []string{p.URL}}), ErrIssuer, ""},
		{"another audience", with(map[string]any{"aud": "grafana"}), ErrAudience, "another audience"},
		{"other audiences", with(map[string]any{"aud": []string{"grafana", "sluice2"}}), ErrAudience, ""},
		{"no audience", with(map[string]any{"aud": nil}), ErrAudience, ""},
		{"expired", with(map[string]any{"exp": now - 61}), ErrExpired, "has expired"},
		{"just expired", with(map[string]any{"exp": now - 60}), ErrExpired, "has expired"},
		{"never expires", with(map[string]any{"exp": nil}), ErrExpired, ""},
		{"expiry as text", with(map[string]any{"exp": fmt.Sprint(now + 60)}), ErrExpired, ""},
		{"not yet valid", with(map[string]any{"nbf": now + 61}), ErrNotYetValid, "not valid yet"},
		{"from the future", with(map[string]any{"iat": now + 61}), ErrNotYetValid, ""},
		{"bound to a key", with(map[string]any{"cnf": map[string]string{"jkt": "x"}}), ErrBound, "plain bearer token"},
		{"no subject", with(map[string]any{"sub": nil}), ErrClaims, ""},
		{"subject in capitals", with(map[string]any{"sub": nil, "Sub": "alice"}), ErrClaims, ""},
		{"empty subject", with(map[string]any{"sub": ""}), ErrClaims, ""},
		{"long subject", with(map[string]any{"sub": strings.Repeat("a", 256)}), ErrClaims, ""},
		{"subject with a line break", with(map[string]any{"sub": "alice\nroot"}), ErrClaims, ""},
		{"subject is a number", with(map[string]any{"sub": 1}), ErrTokenMalformed, ""},
		{"groups are objects", with(map[string]any{"groups": []any{map[string]string{"n": "dba"}}}), ErrClaims, ""},
		{"a group with a NUL", with(map[string]any{"groups": []string{"dba\x00"}}), ErrClaims, ""},
		{"too many groups", with(map[string]any{"groups": many}), ErrClaims, ""},
		{"groups elsewhere", with(map[string]any{"groups": nil, "_claim_names": map[string]string{"groups": "src1"}}), ErrTokenMalformed, ""},
		{
			"groups elsewhere, with a source",
			with(map[string]any{
				"groups": nil, "_claim_names": map[string]string{"groups": "s"},
				"_claim_sources": map[string]any{"s": map[string]string{"endpoint": "https://graph.example"}},
			}),
			ErrClaims, "",
		},
		{"long acr", with(map[string]any{"acr": strings.Repeat("a", 256)}), ErrClaims, ""},
		{"somebody else", with(map[string]any{"sub": "bob"}), ErrOtherPerson, `not for "alice"`},
		{"the name in capitals", with(map[string]any{"sub": "Alice"}), ErrOtherPerson, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := overTLS(p.open(t, nil), Rule{}).try(c.token)
			var failure *Failure
			if !errors.As(err, &failure) || !errors.Is(err, c.cause) || id != (Identity{}) {
				t.Fatalf("%+v, %v, want %v", id, err, c.cause)
			}
			if failure.Code != "28P01" || !strings.Contains(failure.Hint, c.hint) || !failure.Guessed() {
				t.Errorf("%+v", failure)
			}
			for _, part := range strings.Split(c.token, ".") {
				if len(part) > 5 && strings.Contains(err.Error()+failure.Hint, part) {
					t.Errorf("the error quotes the token: %v", err)
				}
			}
		})
	}
}

// What is within the clock skew is accepted.
func TestClockSkew(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	now := p.clock.now().Unix()
	for name, changes := range map[string]map[string]any{
		"expired a moment ago": {"exp": now - 59},
		"valid in a moment":    {"nbf": now + 60, "iat": now + 60},
		"with a fraction":      {"exp": float64(now) + 0.5},
		"no iat and nbf":       {"nbf": nil, "iat": nil},
	} {
		if _, err := overTLS(p.open(t, nil), Rule{}).try(key.sign(t, p.claims(changes), nil)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	old := key.sign(t, p.claims(map[string]any{"iat": now - 3661}), nil)
	young := key.sign(t, p.claims(map[string]any{"iat": now - 3659}), nil)
	unknown := key.sign(t, p.claims(map[string]any{"iat": nil}), nil)
	login := overTLS(p.open(t, func(c *Issuer) { c.MaxAge = time.Hour }), Rule{})
	for token, want := range map[string]error{old: ErrTooOld, unknown: ErrTooOld, young: nil} {
		if _, err := login.try(token); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// Who may use which name is what the rule says, and nothing else.
func TestAdmission(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	byMail := func(c *Issuer) { c.UserClaim = "email" }
	mail := map[string]any{"email": "alice", "email_verified": true}
	for _, c := range []struct {
		name   string
		rule   Rule
		issuer func(*Issuer)
		claims map[string]any
		want   error
	}{
		{"own name", Rule{}, nil, nil, nil},
		{"in a group", Rule{Groups: []string{"x", "dba"}}, nil, nil, nil},
		{"in no group", Rule{Groups: []string{"x", "DBA"}}, nil, nil, ErrGroup},
		{"without groups", Rule{Groups: []string{"dba"}}, nil, map[string]any{"groups": nil}, ErrGroup},
		{"group as a text", Rule{Groups: []string{"dba"}}, nil, map[string]any{"groups": "dba"}, nil},
		{"groups under another name", Rule{Groups: []string{"r1"}}, func(c *Issuer) { c.GroupsClaim = "https://x.example/roles" }, map[string]any{"https://x.example/roles": []string{"r1"}}, nil},
		{"subject may use the name", Rule{Users: []string{testUser}, Subjects: []string{"bob", "eve"}}, nil, map[string]any{"sub": "eve"}, nil},
		{"subject may not", Rule{Users: []string{testUser}, Subjects: []string{"bob"}}, nil, nil, ErrOtherPerson},
		{"all of a group may", Rule{Users: []string{testUser}, Subjects: []string{"all"}, Groups: []string{"dba"}}, nil, map[string]any{"sub": "eve"}, nil},
		{"all but not of the group", Rule{Users: []string{testUser}, Subjects: []string{"all"}, Groups: []string{"x"}}, nil, map[string]any{"sub": "eve"}, ErrGroup},
		{"other claim", Rule{}, func(c *Issuer) { c.UserClaim = "preferred_username" }, map[string]any{"sub": "42", "preferred_username": "alice"}, nil},
		{"other claim is missing", Rule{}, func(c *Issuer) { c.UserClaim = "preferred_username" }, nil, ErrClaims},
		{"verified address", Rule{}, byMail, mail, nil},
		{"verified address, as a text", Rule{}, byMail, map[string]any{"email": "alice", "email_verified": "true"}, nil},
		{"address not verified", Rule{}, byMail, map[string]any{"email": "alice", "email_verified": false}, ErrClaims},
		{"nothing about the address", Rule{}, byMail, map[string]any{"email": "alice"}, ErrClaims},
		{"address verified by a number", Rule{}, byMail, map[string]any{"email": "alice", "email_verified": 1}, ErrClaims},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := overTLS(p.open(t, c.issuer), c.rule).try(key.sign(t, p.claims(c.claims), nil))
			if !errors.Is(err, c.want) || err == nil && (id.User != testUser || id.Bearer.Subject == "") {
				t.Errorf("%+v, %v, want %v", id, err, c.want)
			}
		})
	}
}

func TestSingleUse(t *testing.T) {
	key := newSigner(t, "e", jose.ES256)
	p := startProvider(t, key)
	login := overTLS(p.open(t, func(c *Issuer) { c.SingleUse = true }), Rule{})
	expect := func(what, token string, want error) {
		t.Helper()
		if _, err := login.try(token); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	first := key.sign(t, p.claims(map[string]any{"n": 1}), nil)
	expect("first", first, nil)
	expect("again", first, ErrReplayed)
	// The same signature in another spelling: the last digit of base64 has
	// bits that mean nothing.
	respelled := []byte(first)
	respelled[len(respelled)-1]++
	if _, err := login.try(string(respelled)); err == nil {
		t.Error("a token with its signature spelled anew was accepted")
	}
	// ECDSA lets whoever has a signature make another one of it.
	expect("a line break in it", strings.Replace(first, ".", "\n.", 1), ErrTokenMalformed)
	expect("another signature of the same", key.sign(t, p.claims(map[string]any{"n": 1}), nil), ErrReplayed)
	expect("another token", key.sign(t, p.claims(map[string]any{"n": 2}), nil), nil)
	expect("an id", key.sign(t, p.claims(map[string]any{"jti": "a", "n": 3}), nil), nil)
	expect("the id again", key.sign(t, p.claims(map[string]any{"jti": "a", "n": 4}), nil), ErrReplayed)
	refused := key.sign(t, p.claims(map[string]any{"sub": "bob"}), nil)
	expect("somebody else's", refused, ErrOtherPerson)
	expect("it is not used by that", refused, ErrOtherPerson)
}

func TestUsedTokensAreBounded(t *testing.T) {
	var used usedTokens
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	take := func(i int, until, at time.Time) error {
		return used.take(&jwt{signed: fmt.Sprint(i)}, until, at)
	}
	for i := range maxUsed {
		if err := take(i, now.Add(time.Minute), now); err != nil {
			t.Fatal(err)
		}
	}
	if err := take(maxUsed, now.Add(time.Minute), now); !errors.Is(err, ErrUsedFull) {
		t.Errorf("full: %v", err)
	}
	if err := take(7, now.Add(time.Minute), now); !errors.Is(err, ErrReplayed) {
		t.Errorf("full, and used: %v", err)
	}
	later := now.Add(time.Minute)
	if err := take(7, later.Add(time.Minute), later); err != nil || len(used.until) != 1 {
		t.Errorf("after all have expired: %v, %d are remembered", err, len(used.until))
	}
}

func TestFullMemoryIsNoFaultOfTheToken(t *testing.T) {
	failure := overTLS(&Provider{issuer: Issuer{Name: "company"}}, Rule{}).refuse(ErrUsedFull)
	if failure.Guessed() || failure.Code != "28000" || !strings.Contains(failure.Message, "cannot be checked at the moment") {
		t.Errorf("%+v", failure)
	}
}

func FuzzJWT(f *testing.F) {
	for _, header := range []string{`{"alg":"RS256"}`, `{"alg":1}`, `[]`, `{"alg":"none","kid":"\u0000"}`, `{"crit":[]}`} {
		for _, payload := range []string{`{}`, `{"aud":["a",1],"exp":1e99,"sub":"x"}`, `{"exp":-1,"groups":"a"}`} {
			encode := base64.RawURLEncoding.EncodeToString
			f.Add(encode([]byte(header))+"."+encode([]byte(payload))+".c2ln", "sub")
		}
	}
	f.Add("..", "exp")
	f.Add("a.b.c", "aud")
	f.Fuzz(func(t *testing.T, raw, name string) {
		token, err := parseJWT(raw)
		if err != nil {
			if !errors.Is(err, ErrTokenMalformed) {
				t.Fatalf("%v is no refusal of a malformed token", err)
			}
			return
		}
		if len(raw) > MaxToken || strings.Count(raw, ".") != 2 || !strings.HasPrefix(raw, token.signed+".") {
			t.Fatalf("accepted %q as %q", raw, token.signed)
		}
		if text, there, err := token.claims.name(name); err == nil && there && checkClaim(name, text) != nil {
			t.Fatalf("took over %q", text)
		}
		if list, err := token.claims.names(name, maxGroups); err == nil && (len(list) > maxGroups || !slices.IsSorted(list)) {
			t.Fatalf("took over %q", list)
		}
		if at, there, err := token.claims.time(name); err == nil && there && (at.Unix() < 0 || at.Unix() > lastSecond) {
			t.Fatalf("took over %v", at)
		}
	})
}
