package identity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/xdg-go/scram"
)

// connect logs in with pgconn and returns the error the client saw.
func connect(t *testing.T, s *loginServer, user, password, parameters string, roots *x509.CertPool, certificates ...tls.Certificate) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	port := s.listener.Addr().(*net.TCPAddr).Port
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=shop %s", port, user, parameters))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = password
	config.Fallbacks = nil
	if config.TLSConfig != nil {
		config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: "localhost", Certificates: certificates}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func result(t *testing.T, s *loginServer) (Identity, error) {
	t.Helper()
	select {
	case r := <-s.results:
		return r.identity, r.err
	case <-time.After(20 * time.Second):
		t.Fatal("the server saw no login")
		return Identity{}, nil
	}
}

func TestSCRAMPlaintext(t *testing.T) {
	s := startLoginServer(t, testVerifiers(t), nil)
	for _, test := range []struct {
		name, user, password string
		cause                error
	}{
		{"right password", testUser, testPassword, nil},
		{"wrong password", testUser, "wrong", ErrWrongPassword},
		{"other case", testUser, "Correct horse", ErrWrongPassword},
		{"unknown user", "mallory", testPassword, ErrUnknownUser},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientErr := connect(t, s, test.user, test.password, "sslmode=disable", nil)
			identity, err := result(t, s)
			if test.cause == nil {
				want := Identity{User: testUser, Method: MethodSCRAM}
				if err != nil || clientErr != nil || identity != want {
					t.Fatalf("identity %+v, error %v, client error %v", identity, err, clientErr)
				}
				return
			}
			if !errors.Is(err, test.cause) || identity != (Identity{}) {
				t.Fatalf("identity %+v, error %v, want %v", identity, err, test.cause)
			}
			var seen *pgconn.PgError
			want := fmt.Sprintf("password authentication failed for user %q", test.user)
			if !errors.As(clientErr, &seen) || seen.Code != "28P01" || seen.Message != want || seen.Hint != "" || seen.Detail != "" {
				t.Fatalf("client saw %#v", clientErr)
			}
		})
	}
}

func TestSCRAMChannelBinding(t *testing.T) {
	for _, test := range []struct {
		kind      string
		algorithm x509.SignatureAlgorithm
		offered   bool
	}{
		{"rsa", x509.SHA256WithRSA, true},
		{"rsa", x509.SHA384WithRSA, true},
		{"rsa", x509.SHA512WithRSA, true},
		{"rsa", x509.SHA256WithRSAPSS, false},
		{"ecdsa", x509.ECDSAWithSHA256, true},
		{"ecdsa", x509.ECDSAWithSHA384, true},
		{"ed25519", x509.PureEd25519, false},
	} {
		t.Run(test.algorithm.String(), func(t *testing.T) {
			ca := newAuthority(t, test.kind)
			config := &tls.Config{Certificates: []tls.Certificate{ca.issue(pkix.Name{CommonName: "localhost"}, test.algorithm)}}
			s := startLoginServer(t, testVerifiers(t), config)

			if err := connect(t, s, testUser, testPassword, "sslmode=require channel_binding=prefer", ca.pool); err != nil {
				t.Fatalf("prefer: %v", err)
			}
			identity, err := result(t, s)
			if err != nil || !identity.TLS || identity.ChannelBound != test.offered {
				t.Fatalf("prefer: identity %+v, error %v", identity, err)
			}
			if err := connect(t, s, testUser, testPassword, "sslmode=require channel_binding=disable", ca.pool); err != nil && !test.offered {
				t.Fatalf("disable: %v", err)
			}
			_, _ = result(t, s)
			err = connect(t, s, testUser, testPassword, "sslmode=require channel_binding=require", ca.pool)
			if _, loginErr := result(t, s); test.offered != (err == nil && loginErr == nil) {
				t.Fatalf("require: client %v, server %v", err, loginErr)
			}
			if err := connect(t, s, testUser, "wrong", "sslmode=require channel_binding=prefer", ca.pool); err == nil {
				t.Fatal("a wrong password was accepted")
			}
			if _, err := result(t, s); !errors.Is(err, ErrWrongPassword) {
				t.Fatalf("wrong password: %v", err)
			}
		})
	}
}

// Two certificates, one of which a client asks for by name: the binding must
// use the one it was shown.
func TestBindingUsesThePresentedCertificate(t *testing.T) {
	ca := newAuthority(t, "ecdsa")
	other := newAuthority(t, "rsa")
	named := ca.issue(pkix.Name{CommonName: "localhost"}, 0)
	fallback := other.issue(pkix.Name{CommonName: "elsewhere"}, 0)
	config := &tls.Config{
		Certificates: []tls.Certificate{fallback},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "localhost" {
				bare := named
				bare.Leaf = nil // as many GetCertificate functions leave it
				return &bare, nil
			}
			return nil, nil
		},
	}
	s := startLoginServer(t, testVerifiers(t), config)
	if err := connect(t, s, testUser, testPassword, "sslmode=require channel_binding=require", ca.pool); err != nil {
		t.Fatal(err)
	}
	if identity, err := result(t, s); err != nil || !identity.ChannelBound {
		t.Fatalf("identity %+v, error %v", identity, err)
	}
	if _, _, err := NotePresented(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}); err == nil {
		t.Fatal("a configuration that can be replaced was accepted")
	}
}

// A client that could resume its TLS session would not be shown a certificate
// the second time, and could not bind to it.
func TestBindingOnEveryConnection(t *testing.T) {
	ca := newAuthority(t, "ecdsa")
	base := &tls.Config{Certificates: []tls.Certificate{ca.issue(pkix.Name{CommonName: "localhost"}, 0)}}
	base.SetSessionTicketKeys([][32]byte{{1}}) // as a fleet of proxies would
	s := startLoginServer(t, testVerifiers(t), base)
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=shop sslmode=require channel_binding=require",
		s.listener.Addr().(*net.TCPAddr).Port, testUser))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = testPassword
	config.TLSConfig = &tls.Config{RootCAs: ca.pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		conn, err := pgconn.ConnectConfig(ctx, config)
		if err != nil {
			cancel()
			t.Fatal(err)
		}
		if conn.Conn().(*tls.Conn).ConnectionState().DidResume {
			t.Error("the TLS session was resumed")
		}
		if identity, err := result(t, s); err != nil || !identity.ChannelBound {
			t.Errorf("identity %+v, error %v", identity, err)
		}
		_ = conn.Close(ctx)
		cancel()
	}
}

// A machine in the middle shows its own certificate and relays the rest.
func TestSCRAMRefusesForeignBinding(t *testing.T) {
	ca := newAuthority(t, "ecdsa")
	mine, theirs := ca.issue(pkix.Name{CommonName: "localhost"}, 0), ca.issue(pkix.Name{CommonName: "localhost"}, 0)
	s := startLoginServer(t, testVerifiers(t), &tls.Config{Certificates: []tls.Certificate{theirs}})
	v := testVerifiers(t)
	s.login = func(peer Peer, user string, transport Transport, _ *tls.ConnectionState) (Identity, error) {
		transport.ServerCertificate = mine.Leaf
		return SCRAM(peer, user, v, transport)
	}
	if err := connect(t, s, testUser, testPassword, "sslmode=require", ca.pool); err == nil {
		t.Fatal("logged in through the middle")
	}
	if _, err := result(t, s); !errors.Is(err, ErrBinding) {
		t.Fatalf("cause %v", err)
	}
}

// script is a client that says prepared things, each made from what the
// server said last.
type script struct {
	steps []func(server []byte) []byte
	heard [][]byte
	sent  []pgproto3.BackendMessage
}

func (s *script) SendAuth(msg pgproto3.BackendMessage) error {
	s.sent = append(s.sent, msg)
	switch m := msg.(type) {
	case *pgproto3.AuthenticationSASLContinue:
		s.heard = append(s.heard, bytes.Clone(m.Data))
	case *pgproto3.AuthenticationSASL, *pgproto3.AuthenticationSASLFinal:
		s.heard = append(s.heard, nil)
	}
	return nil
}

func (s *script) ReceiveAuth() ([]byte, error) {
	if len(s.steps) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step(s.heard[len(s.heard)-1]), nil
}

func initial(mechanism, data string) []byte {
	body := append([]byte(mechanism), 0)
	body = binary.BigEndian.AppendUint32(body, uint32(len(data)))
	return append(body, data...)
}

func say(body []byte) func([]byte) []byte { return func([]byte) []byte { return body } }

// A client library that fills in the name, or a star, or nothing.
func TestSCRAMIgnoresTheNameInside(t *testing.T) {
	v := testVerifiers(t)
	for _, inside := range []string{"", "*", "somebody", "bob=2Ccarol", testUser} {
		client := newScriptedClient(t, inside, testPassword)
		identity, err := SCRAM(client, testUser, v, Transport{})
		if err != nil || identity.User != testUser {
			t.Errorf("name %q inside: identity %+v, error %v", inside, identity, err)
		}
		client = newScriptedClient(t, testUser, testPassword)
		if identity, err := SCRAM(client, "other", v, Transport{}); !errors.Is(err, ErrUnknownUser) {
			t.Errorf("a known name inside opened the door for another: %+v, %v", identity, err)
		}
	}
}

// A client that cannot bind may log in over TLS; only "could, but was told
// not to" is a downgrade.
func TestSCRAMOverTLSWithoutBinding(t *testing.T) {
	cert := newAuthority(t, "ecdsa").issue(pkix.Name{CommonName: "localhost"}, 0)
	transport := Transport{TLS: true, ServerCertificate: cert.Leaf}
	identity, err := SCRAM(newScriptedClient(t, "", testPassword), testUser, testVerifiers(t), transport)
	want := Identity{User: testUser, Method: MethodSCRAM, TLS: true}
	if err != nil || identity != want {
		t.Fatalf("identity %+v, error %v", identity, err)
	}
}

// newScriptedClient speaks SCRAM without channel binding by means of the
// xdg-go client, so that the name inside can be chosen.
func newScriptedClient(t *testing.T, name, password string) *script {
	t.Helper()
	client, err := scram.SHA256.NewClient(strings.NewReplacer("=2C", ",").Replace(name), password, "")
	if err != nil {
		t.Fatal(err)
	}
	conversation := client.NewConversation()
	step := func(challenge string) string {
		answer, err := conversation.Step(challenge)
		if err != nil {
			t.Error(err)
		}
		return answer
	}
	return &script{steps: []func([]byte) []byte{
		func([]byte) []byte { return initial(mechanismPlain, step("")) },
		func(server []byte) []byte { return []byte(step(string(server))) },
	}}
}

func TestSCRAMRefusesBadMessages(t *testing.T) {
	v := testVerifiers(t)
	ca := newAuthority(t, "ecdsa")
	cert := ca.issue(pkix.Name{CommonName: "localhost"}, 0)
	secure := Transport{TLS: true, ServerCertificate: cert.Leaf}
	const first = "n,,n=,r=abcdefghijkl"
	proof := "p=" + strings.Repeat("A", 43) + "="
	final := func(bind, rest string) func([]byte) []byte {
		return func(server []byte) []byte {
			nonce, _, _ := strings.Cut(string(server), ",")
			return []byte("c=" + bind + "," + nonce + "," + rest)
		}
	}
	for _, test := range []struct {
		name      string
		transport Transport
		cause     error
		steps     []func([]byte) []byte
	}{
		{"empty body", Transport{}, ErrMalformed, []func([]byte) []byte{say(nil)}},
		{"password instead", Transport{}, ErrMalformed, []func([]byte) []byte{say([]byte("hunter2\x00"))}},
		{"no length", Transport{}, ErrMalformed, []func([]byte) []byte{say([]byte("SCRAM-SHA-256\x00\x00\x00"))}},
		{"no data", Transport{}, ErrMalformed, []func([]byte) []byte{say([]byte("SCRAM-SHA-256\x00\xff\xff\xff\xff"))}},
		{"short data", Transport{}, ErrMalformed, []func([]byte) []byte{say([]byte("SCRAM-SHA-256\x00\x00\x00\x00\x09n,,"))}},
		{"trailing data", Transport{}, ErrMalformed, []func([]byte) []byte{say(append(initial(mechanismPlain, first), 'x'))}},
		{"empty data", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, ""))}},
		{"other mechanism", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial("PLAIN", "\x00a\x00b"))}},
		{"plus was not offered", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlus, "p=tls-server-end-point,,n=,r=abc"))}},
		{"plus without binding", secure, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlus, first))}},
		{"binding without plus", secure, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, "p=tls-server-end-point,,n=,r=abc"))}},
		{"other binding", secure, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlus, "p=tls-unique,,n=,r=abc"))}},
		{"downgrade", secure, ErrDowngrade, []func([]byte) []byte{say(initial(mechanismPlain, "y,,n=,r=abcdefghijkl"))}},
		{"authorization identity", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, "n,a=bob,n=,r=abcdefghijkl"))}},
		{"extension", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, "n,,m=x,n=,r=abcdefghijkl"))}},
		{"not UTF-8", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, "n,,n=\xff,r=abc"))}},
		{"NUL", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, "n,,n=\x00,r=abc"))}},
		{"too long", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first+strings.Repeat("a", 2000)))}},
		{"final empty", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first)), say(nil)}},
		{"final garbage", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first)), say([]byte("\x01\x02"))}},
		{"final too long", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first)), final("biws", "x="+strings.Repeat("y", 2000)+","+proof)}},
		{"short proof", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first)), final("biws", "p=AAAA")}},
		{"wrong proof", Transport{}, ErrWrongPassword, []func([]byte) []byte{say(initial(mechanismPlain, first)), final("biws", proof)}},
		{"binding changed later", Transport{}, ErrBinding, []func([]byte) []byte{say(initial(mechanismPlain, first)), final("eSws", proof)}},
		{"other nonce", Transport{}, ErrMalformed, []func([]byte) []byte{say(initial(mechanismPlain, first)), say([]byte("c=biws,r=other," + proof))}},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := &script{steps: test.steps}
			identity, err := SCRAM(client, testUser, v, test.transport)
			var failure *Failure
			if !errors.As(err, &failure) || !errors.Is(err, test.cause) || identity != (Identity{}) {
				t.Fatalf("identity %+v, error %v, want %v", identity, err, test.cause)
			}
			if failure.Code != "28P01" || failure.Message != `password authentication failed for user "alice"` {
				t.Errorf("the client would read %s %q", failure.Code, failure.Message)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the client: %v", err)
			}
			if len(client.steps) != 0 {
				t.Errorf("%d prepared messages were not read", len(client.steps))
			}
		})
	}
}

// A client that goes away proved nothing and guessed nothing.
func TestSCRAMAbandoned(t *testing.T) {
	v := testVerifiers(t)
	for _, steps := range [][]func([]byte) []byte{nil, {say(initial(mechanismPlain, "n,,n=,r=abc"))}} {
		_, err := SCRAM(&script{steps: steps}, testUser, v, Transport{})
		var failure *Failure
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &failure) || !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("error %v", err)
		}
	}
}

// What a stranger sees of a name must not tell whether it exists.
func TestUnknownUsersLookReal(t *testing.T) {
	v := testVerifiers(t)
	ask := func(v *Verifiers, user string) (messages int, challenge string) {
		client := newScriptedClient(t, "", "wrong")
		_, err := SCRAM(client, user, v, Transport{})
		var failure *Failure
		if !errors.As(err, &failure) {
			t.Fatalf("%s: %v", user, err)
		}
		_, challenge, _ = strings.Cut(string(client.heard[1]), ",")
		return len(client.sent), challenge
	}
	realCount, realChallenge := ask(v, testUser)
	count, first := ask(v, "mallory")
	_, second := ask(v, "mallory")
	_, other := ask(v, "oscar")
	if count != realCount {
		t.Errorf("%d messages for a real user, %d for another", realCount, count)
	}
	if first != second || first == other || first == realChallenge {
		t.Errorf("salts: real %q, false %q, again %q, other %q", realChallenge, first, second, other)
	}
	if len(first) != len(realChallenge) || first[len(first)-7:] != realChallenge[len(realChallenge)-7:] {
		t.Errorf("shapes differ: %q and %q", realChallenge, first)
	}
	// The key is in the file, so another process says the same.
	again, err := OpenVerifiers(v.path)
	if err != nil {
		t.Fatal(err)
	}
	if _, third := ask(again, "mallory"); third != first {
		t.Errorf("the salt changed with the process: %q, then %q", first, third)
	}
}

func TestDecoysSpreadOverShapes(t *testing.T) {
	v := testVerifiers(t)
	if err := AddUser(v.path, "bob", []byte("x"), 2*MinIterations); err != nil {
		t.Fatal(err)
	}
	set, err := v.current()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[int]int)
	for i := range 1000 {
		decoy, known := set.lookup(fmt.Sprintf("nobody-%d", i))
		if known {
			t.Fatal("a name nobody has is known")
		}
		counts[decoy.iterations]++
	}
	if len(counts) != 2 || counts[MinIterations] < 300 || counts[2*MinIterations] < 300 {
		t.Errorf("decoys by iteration count: %v", counts)
	}
}

func TestSCRAMWithUnusableFile(t *testing.T) {
	v := testVerifiers(t)
	writeFile(t, v.path, "broken line\n", 0o600)
	_, err := SCRAM(&script{}, testUser, v, Transport{})
	var failure *Failure
	if !errors.As(err, &failure) || !errors.Is(err, ErrVerifiers) || failure.Code != "58000" || !strings.HasPrefix(failure.Message, "sluice: ") {
		t.Fatalf("error %v", err)
	}
	if strings.Contains(failure.Message+failure.Hint, v.path) {
		t.Error("the client learns a path")
	}
}

func TestOffersInOrder(t *testing.T) {
	cert := newAuthority(t, "ecdsa").issue(pkix.Name{CommonName: "x"}, 0)
	for _, test := range []struct {
		transport Transport
		want      []string
	}{
		{Transport{}, []string{"SCRAM-SHA-256"}},
		{Transport{TLS: true}, []string{"SCRAM-SHA-256"}},
		{Transport{ServerCertificate: cert.Leaf}, []string{"SCRAM-SHA-256"}},
		{Transport{TLS: true, ServerCertificate: cert.Leaf}, []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}},
	} {
		client := &script{}
		_, _ = SCRAM(client, testUser, testVerifiers(t), test.transport)
		offer, ok := client.sent[0].(*pgproto3.AuthenticationSASL)
		if !ok || !slices.Equal(offer.AuthMechanisms, test.want) {
			t.Errorf("%+v: offered %+v", test.transport, client.sent[0])
		}
	}
}

func FuzzSCRAMClientMessages(f *testing.F) {
	f.Add(initial(mechanismPlain, "n,,n=,r=abc"), []byte("c=biws,r=abc,p=AAAA"), false)
	f.Add(initial(mechanismPlus, "p=tls-server-end-point,,n=*,r=abc"), []byte(""), true)
	f.Add(initial(mechanismPlain, "y,,n=x,r=abc"), []byte("c=eSws"), true)
	f.Add([]byte("hunter2\x00"), []byte(",,,"), false)
	f.Add(initial(mechanismPlain, "n,a=x,n=,r="), []byte("c=,r=,p="), false)
	v := testVerifiers(f)
	f.Fuzz(func(t *testing.T, first, final []byte, bindable bool) {
		transport := Transport{TLS: bindable}
		if bindable {
			transport.ServerCertificate = &x509.Certificate{Raw: []byte("certificate"), SignatureAlgorithm: x509.SHA256WithRSA}
		}
		client := &script{steps: []func([]byte) []byte{say(first), func(server []byte) []byte {
			// Give the fuzzer a chance to come past the nonce.
			nonce, _, _ := strings.Cut(string(server), ",")
			return bytes.ReplaceAll(final, []byte("r=abc"), []byte(nonce))
		}}}
		identity, err := SCRAM(client, testUser, v, transport)
		var failure *Failure
		if !errors.As(err, &failure) || failure.Code != "28P01" || identity != (Identity{}) {
			t.Fatalf("identity %+v, error %v", identity, err)
		}
	})
}
