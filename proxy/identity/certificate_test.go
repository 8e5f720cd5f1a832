package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestCertificateLogin(t *testing.T) {
	ca, foreign := newAuthority(t, "ecdsa"), newAuthority(t, "ecdsa")
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.issue(pkix.Name{CommonName: "localhost"}, 0)},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    ca.pool,
	}
	s := startLoginServer(t, testVerifiers(t), config)
	s.login = func(_ Peer, user string, _ Transport, state *tls.ConnectionState) (Identity, error) {
		return Certificate(user, state)
	}
	mine := ca.issue(pkix.Name{CommonName: testUser}, 0)

	if err := connect(t, s, testUser, "", "sslmode=require", ca.pool, mine); err != nil {
		t.Fatal(err)
	}
	identity, err := result(t, s)
	sum := sha256.Sum256(mine.Leaf.Raw)
	want := Identity{User: testUser, Method: MethodCertificate, TLS: true, ChannelBound: true, Certificate: hex.EncodeToString(sum[:])}
	if err != nil || identity != want {
		t.Fatalf("identity %+v, error %v", identity, err)
	}

	two := pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: commonName, Value: "bob"}, {Type: commonName, Value: testUser},
	}}
	for _, test := range []struct {
		name         string
		mode         string
		certificates []tls.Certificate
		cause        error
	}{
		{"plaintext", "sslmode=disable", nil, ErrNoCertificate},
		{"none", "sslmode=require", nil, ErrNoCertificate},
		{"another name", "sslmode=require", []tls.Certificate{ca.issue(pkix.Name{CommonName: "bob"}, 0)}, ErrWrongName},
		{"another case", "sslmode=require", []tls.Certificate{ca.issue(pkix.Name{CommonName: "Alice"}, 0)}, ErrWrongName},
		{"no name", "sslmode=require", []tls.Certificate{ca.issue(pkix.Name{Organization: []string{testUser}}, 0)}, ErrWrongName},
		{"two names", "sslmode=require", []tls.Certificate{ca.issue(two, 0)}, ErrWrongName},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientErr := connect(t, s, testUser, "", test.mode, ca.pool, test.certificates...)
			if _, err := result(t, s); !errors.Is(err, test.cause) {
				t.Fatalf("cause %v, want %v", err, test.cause)
			}
			var seen *pgconn.PgError
			if !errors.As(clientErr, &seen) || seen.Code != "28000" || seen.Message != `certificate authentication failed for user "alice"` {
				t.Fatalf("client saw %v", clientErr)
			}
		})
	}
	// A foreign authority fails in the handshake, before any login.
	if err := connect(t, s, testUser, "", "sslmode=require", ca.pool, foreign.issue(pkix.Name{CommonName: testUser}, 0)); err == nil {
		t.Error("a foreign certificate was accepted")
	}
}

// A configuration that does not verify must not count as proof.
func TestCertificateNeedsVerification(t *testing.T) {
	leaf := newAuthority(t, "ecdsa").issue(pkix.Name{CommonName: testUser}, 0).Leaf
	unverified := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	if _, err := Certificate(testUser, unverified); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("unverified: %v", err)
	}
	chains := [][]*x509.Certificate{{leaf}}
	verified := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: chains}
	if _, err := Certificate(testUser, verified); err != nil {
		t.Errorf("verified: %v", err)
	}
	if _, err := Certificate("", verified); !errors.Is(err, ErrWrongName) {
		t.Errorf("empty user: %v", err)
	}
	expired := *leaf
	expired.NotAfter = expired.NotBefore
	verified.PeerCertificates[0] = &expired
	if _, err := Certificate(testUser, verified); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("expired since the handshake: %v", err)
	}
}
