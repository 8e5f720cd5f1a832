package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// bearerLogin plays OAUTHBEARER with prepared messages of a client.
func bearerLogin(login Login, messages ...[]byte) (*script, Identity, error) {
	login.Rule.Method = MethodOAuthBearer
	s := &script{}
	for _, m := range messages {
		s.steps = append(s.steps, say(m))
	}
	id, err := OAuthBearer(context.Background(), s, login)
	return s, id, err
}

func TestOAuthBearer(t *testing.T) {
	key := newSigner(t, "r", jose.RS256)
	p := startProvider(t, key)
	login := overTLS(p.open(t, func(c *Issuer) { c.Scopes = []string{"openid", "groups"} }), Rule{})
	good := key.sign(t, p.claims(nil), nil)
	expired := key.sign(t, p.claims(map[string]any{"exp": 1}), nil)
	challenge := map[string]string{
		"status": "invalid_token", "scope": "openid groups", "openid-configuration": p.URL + "/.well-known/openid-configuration",
	}
	for _, c := range []struct {
		name, message string
		cause         error
		challenged    bool
		guessed       bool
	}{
		{"a good token", "n,,\x01auth=Bearer " + good + "\x01\x01", nil, false, false},
		{"as others write it", "y,,\x01host=db\x01auth=bEARER   " + good + "\x01port=5432\x01\x01", nil, false, false},
		{"no token yet", "n,,\x01auth=\x01\x01", ErrDiscovery, true, false},
		{"expired", "n,,\x01auth=Bearer " + expired + "\x01\x01", ErrExpired, true, true},
		{"not a JWT", "n,,\x01auth=Bearer abc\x01\x01", ErrTokenMalformed, true, true},
		{"another name", "n,a=root,\x01auth=Bearer " + good + "\x01\x01", ErrMalformed, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, id, err := bearerLogin(login, initial(mechanismBearer, c.message), []byte{kvsep})
			if !errors.Is(err, c.cause) || (err == nil) != (id.Method == MethodOAuthBearer && id.User == testUser) {
				t.Fatalf("%+v, %v", id, err)
			}
			if offer, ok := s.sent[0].(*pgproto3.AuthenticationSASL); !ok || len(offer.AuthMechanisms) != 1 || offer.AuthMechanisms[0] != "OAUTHBEARER" {
				t.Errorf("offered %+v", s.sent[0])
			}
			if (len(s.sent) == 2) != c.challenged || c.challenged != (len(s.steps) == 0) {
				t.Fatalf("sent %d messages, %d were not read", len(s.sent), len(s.steps))
			}
			if c.challenged {
				var got map[string]string
				if err := json.Unmarshal(s.sent[1].(*pgproto3.AuthenticationSASLContinue).Data, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(challenge, got); diff != "" {
					t.Error(diff)
				}
			}
			var failure *Failure
			if errors.As(err, &failure) && (failure.Code != "28000" || failure.Guessed() != c.guessed ||
				failure.Message != `OAuth bearer authentication failed for user "alice"`) {
				t.Errorf("%+v", failure)
			}
		})
	}
}

// A client that hangs up when it hears that its token does not do was refused
// all the same; one that never said anything was not.
func TestOAuthBearerAbandoned(t *testing.T) {
	p := startProvider(t, newSigner(t, "r", jose.ES256))
	login := overTLS(p.open(t, nil), Rule{})
	_, _, err := bearerLogin(login, initial(mechanismBearer, "n,,\x01auth=Bearer abc\x01\x01"))
	var failure *Failure
	if !errors.As(err, &failure) || !failure.Guessed() {
		t.Errorf("%v", err)
	}
	if _, _, err = bearerLogin(login); err == nil || errors.As(err, &failure) {
		t.Errorf("%v", err)
	}
}

// While the provider is away the client is told so, and not that its token is
// bad: it would throw it away.
func TestOAuthBearerWhileTheProviderIsAway(t *testing.T) {
	key := newSigner(t, "r", jose.ES256)
	p := startProvider(t, key)
	p.away.Store(true)
	s, _, err := bearerLogin(overTLS(p.open(t, nil), Rule{}), initial(mechanismBearer, "n,,\x01auth=Bearer "+key.sign(t, p.claims(nil), nil)+"\x01\x01"))
	if !errors.Is(err, ErrProvider) || len(s.sent) != 1 {
		t.Errorf("%v after %d messages", err, len(s.sent))
	}
}

func TestBearerMessagesThatAreMalformed(t *testing.T) {
	for name, message := range map[string]string{
		"empty":                   "",
		"only a separator":        "\x01",
		"no pairs":                "n,,",
		"no header":               "\x01auth=Bearer a\x01\x01",
		"channel binding":         "p=tls-server-end-point,,\x01auth=Bearer a\x01\x01",
		"short header":            "n,\x01auth=Bearer a\x01\x01",
		"no end":                  "n,,\x01auth=Bearer a\x01",
		"nothing between":         "n,,\x01\x01",
		"behind the end":          "n,,\x01auth=Bearer a\x01\x01x",
		"a separator too many":    "n,,\x01auth=Bearer a\x01\x01\x01",
		"two auth":                "n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
		"another scheme":          "n,,\x01auth=Basic YTpi\x01\x01",
		"no scheme":               "n,,\x01auth=abc\x01\x01",
		"scheme without a token":  "n,,\x01auth=Bearer\x01\x01",
		"scheme and spaces":       "n,,\x01auth=Bearer   \x01\x01",
		"two tokens":              "n,,\x01auth=Bearer a b\x01\x01",
		"a space behind":          "n,,\x01auth=Bearer a \x01\x01",
		"a sign no token has":     "n,,\x01auth=Bearer a!b\x01\x01",
		"= within":                "n,,\x01auth=Bearer a=b\x01\x01",
		"only =":                  "n,,\x01auth=Bearer ==\x01\x01",
		"NUL":                     "n,,\x01auth=Bearer a\x00\x01\x01",
		"beyond ASCII":            "n,,\x01auth=Bearer \xc3\xa4\x01\x01",
		"a key without a name":    "n,,\x01=x\x01auth=Bearer a\x01\x01",
		"a pair without =":        "n,,\x01host\x01auth=Bearer a\x01\x01",
		"digits in a key":         "n,,\x01h2=x\x01auth=Bearer a\x01\x01",
		"auth in capitals":        "n,,\x01AUTH=Bearer a\x01\x01",
		"control sign in a value": "n,,\x01host=\x02\x01auth=Bearer a\x01\x01",
	} {
		if _, err := parseBearer([]byte(message)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := startProvider(t, newSigner(t, "r", jose.ES256))
	for name, body := range map[string][]byte{
		"another mechanism":   initial(mechanismPlain, "n,,n=,r=x"),
		"no initial response": append([]byte(mechanismBearer), 0, 0xff, 0xff, 0xff, 0xff),
		"cut short":           []byte(mechanismBearer),
	} {
		if s, _, err := bearerLogin(overTLS(p.open(t, nil), Rule{}), body); !errors.Is(err, ErrMalformed) || len(s.sent) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBearerMessage(f *testing.F) {
	for _, seed := range []string{
		"n,,\x01auth=Bearer abc.def-_~+/==\x01\x01", "n,,\x01auth=\x01\x01", "y,,\x01host=a\x01auth=bearer x\x01port=1\x01\x01", "\x01", "n,a=x,\x01\x01",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		kept := bytes.Clone(message)
		token, err := parseBearer(message)
		if !bytes.Equal(kept, message) {
			t.Fatal("the message was changed")
		}
		if err != nil {
			if token != (Token{}) || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v with a token", err)
			}
			return
		}
		if bytes.Count(message, []byte("\x01auth=")) != 1 || !bytes.HasSuffix(message, []byte("\x01\x01")) {
			t.Fatalf("accepted %q", message)
		}
		if token == (Token{}) {
			if !bytes.Contains(message, []byte("\x01auth=\x01")) {
				t.Fatalf("no token in %q", message)
			}
			return
		}
		if value := token.reveal(); !isToken([]byte(value)) || !bytes.Contains(message, []byte(" "+value+"\x01")) {
			t.Fatalf("took %q from %q", value, message)
		}
	})
}

func TestJWTAsPassword(t *testing.T) {
	key := newSigner(t, "r", jose.RS256)
	p := startProvider(t, key)
	login := overTLS(p.open(t, nil), Rule{})
	good := key.sign(t, p.claims(nil), nil)
	for _, c := range []struct {
		name, body string
		cause      error
	}{
		{"good", good + "\x00", nil},
		{"no end", good, ErrMalformed},
		{"two ends", good + "\x00\x00", ErrMalformed},
		{"NUL within", "a\x00b\x00", ErrMalformed},
		{"empty", "\x00", ErrTokenMalformed},
		{"a line break behind", good + "\n\x00", ErrTokenMalformed},
	} {
		body := []byte(c.body)
		s := &script{heard: [][]byte{nil}, steps: []func([]byte) []byte{say(body)}}
		id, err := JWT(context.Background(), s, login)
		if !errors.Is(err, c.cause) || (err == nil) != (id.Method == MethodJWT) {
			t.Errorf("%s: %+v, %v", c.name, id, err)
		}
		if _, ok := s.sent[0].(*pgproto3.AuthenticationCleartextPassword); !ok || len(s.sent) != 1 {
			t.Errorf("%s: sent %+v", c.name, s.sent)
		}
		if len(bytes.Trim(body, "\x00")) > 0 {
			t.Errorf("%s: the token is still in the buffer", c.name)
		}
	}
}

// Without TLS a token is not even asked for.
func TestTokensNeedTLS(t *testing.T) {
	p := startProvider(t, newSigner(t, "r", jose.ES256))
	for name, change := range map[string]func(*Login){
		"plaintext":   func(l *Login) { l.Transport = Transport{} },
		"no provider": func(l *Login) { l.Provider = nil },
		"SCRAM rule":  func(l *Login) { l.Rule.Method = MethodSCRAM },
	} {
		login := overTLS(p.open(t, nil), Rule{})
		change(&login)
		for _, exchange := range []func(context.Context, Peer, Login) (Identity, error){JWT, OAuthBearer} {
			s := &script{}
			_, err := exchange(context.Background(), s, login)
			var failure *Failure
			if !errors.As(err, &failure) || !errors.Is(err, ErrNotAdmitted) || len(s.sent) != 0 {
				t.Errorf("%s: %v after %d messages", name, err, len(s.sent))
			}
		}
	}
}

func TestTokensPrintNothing(t *testing.T) {
	const secret = "eyJhbGciOiJub25lIn0.e30.c2ln"
	token := newToken([]byte(secret))
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, format+"\n", token)
		fmt.Fprintf(&out, format+"\n", struct{ inner Token }{token})
	}
	for _, v := range []any{token, struct{ T Token }{token}, struct{ inner Token }{token}} {
		if data, err := json.Marshal(v); err == nil {
			out.Write(data)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "t", token, "s", struct{ T Token }{token})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "t", token)
	for _, part := range append(strings.Split(secret, "."), fmt.Sprintf("%x", secret)) {
		if strings.Contains(out.String(), part) {
			t.Fatalf("printed:\n%s", out.String())
		}
	}
	if token.reveal() != secret || (Token{}).reveal() != "" {
		t.Error("the token is not what it was made of")
	}
}
