package identity

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync"

	"github.com/xdg-go/scram"
)

// Transport is what a login needs to know about the connection below it. The
// zero value is plaintext.
type Transport struct {
	// TLS tells that the connection is encrypted by the proxy itself.
	TLS bool
	// ServerCertificate is the certificate the client saw, for channel
	// binding; see [NotePresented]. Leave it nil when TLS ends somewhere
	// else, or when it is not known which one it was: SCRAM-SHA-256-PLUS is
	// then not offered.
	ServerCertificate *x509.Certificate
}

// binding computes tls-server-end-point (RFC 5929 section 4). It reports
// false when the transport has none: plaintext, and certificates whose
// signature names no hash (Ed25519) or names it in a parameter that libpq
// reads only since version 16 (RSA-PSS). To offer PLUS there would lock such
// clients out, since they try it whenever it is offered.
func (t Transport) binding() (scram.ChannelBinding, bool) {
	if !t.TLS || t.ServerCertificate == nil {
		return scram.ChannelBinding{}, false
	}
	hash, ok := endPointHash(t.ServerCertificate.SignatureAlgorithm)
	if !ok {
		return scram.ChannelBinding{}, false
	}
	h := hash.New()
	h.Write(t.ServerCertificate.Raw)
	return scram.ChannelBinding{
		Type: scram.ChannelBindingTLSServerEndpoint,
		Data: h.Sum(nil),
	}, true
}

func endPointHash(algorithm x509.SignatureAlgorithm) (crypto.Hash, bool) {
	switch algorithm {
	case x509.SHA256WithRSA, x509.ECDSAWithSHA256:
		return crypto.SHA256, true
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384:
		return crypto.SHA384, true
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512:
		return crypto.SHA512, true
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		return crypto.SHA256, true // RFC 5929: the weak two are replaced
	default:
		return 0, false
	}
}

// Presented remembers the certificate one handshake showed to its client.
type Presented struct {
	mu   sync.Mutex
	leaf *x509.Certificate
}

// Certificate returns it, or nil before the handshake.
func (p *Presented) Certificate() *x509.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaf
}

// NotePresented returns a configuration for one server-side handshake, equal
// to base except that the certificate it shows is remembered. crypto/tls does
// not tell the server afterwards which one it chose, and channel binding has
// to hash exactly that one.
//
// Session tickets are off, as they are in PostgreSQL: a resumed session shows
// no certificate at all. base must not use GetConfigForClient, which would
// replace the configuration behind the note's back.
func NotePresented(base *tls.Config) (*tls.Config, *Presented, error) {
	if base.GetConfigForClient != nil {
		return nil, nil, errors.New("identity: a TLS configuration with GetConfigForClient cannot tell which certificate it shows")
	}
	noted := &Presented{}
	config := base.Clone()
	config.SessionTicketsDisabled = true
	config.Certificates = nil
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		certificate, err := choose(base, hello)
		if err != nil {
			return nil, err
		}
		leaf := certificate.Leaf
		if leaf == nil {
			if leaf, err = x509.ParseCertificate(certificate.Certificate[0]); err != nil {
				return nil, err
			}
		}
		noted.mu.Lock()
		noted.leaf = leaf
		noted.mu.Unlock()
		return certificate, nil
	}
	return config, noted, nil
}

// choose picks as crypto/tls would: GetCertificate when it has an answer,
// then the first certificate the client supports, then the first.
func choose(base *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if base.GetCertificate != nil && (len(base.Certificates) == 0 || hello.ServerName != "") {
		certificate, err := base.GetCertificate(hello)
		if certificate != nil || err != nil {
			return certificate, err
		}
	}
	if len(base.Certificates) == 0 {
		return nil, errors.New("identity: no server certificate is configured")
	}
	for i := range base.Certificates {
		if hello.SupportsCertificate(&base.Certificates[i]) == nil {
			return &base.Certificates[i], nil
		}
	}
	return &base.Certificates[0], nil
}
