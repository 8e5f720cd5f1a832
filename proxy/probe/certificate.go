package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/policy/destination"
)

// certificate is what one handshake showed.
type certificate struct {
	reason      string // why it is not verified; empty if it is
	key         string // SHA-256 of the SPKI, hex
	fact        destination.CertificateFact
	clientAsked bool
}

// judge checks the chain against the policy's authorities and the name in
// the policy. Go's handshake has already proven possession of the key.
func (c *certificate) judge(state tls.ConnectionState, ca *x509.CertPool, name string, now time.Time) {
	if len(state.PeerCertificates) == 0 {
		c.reason = "no certificate was shown"
		return
	}
	leaf := state.PeerCertificates[0]
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	c.key = hex.EncodeToString(sum[:])
	c.fact = factOf(leaf, c.key)
	if ca == nil {
		c.reason = "no CA is named for it in the policy"
		return
	}
	intermediates := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: ca, Intermediates: intermediates, DNSName: name, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	c.reason = whyNotVerified(err, name)
}

// whyNotVerified puts a verification error into words.
func whyNotVerified(err error, name string) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &authority):
		return "certificate not signed by the policy's CA"
	case errors.As(err, &hostname):
		return fmt.Sprintf("certificate not valid for the name %q", destination.Clean(name))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate outside its time of validity"
	}
	return "certificate not verified: " + destination.Clean(err.Error())
}

// shown adds what one handshake showed: the place is verified only as long
// as every handshake was.
func (t *TLS) shown(c *certificate) {
	first := len(t.Keys) == 0 && t.Reason == ""
	if c.key != "" {
		t.Keys = appendNew(t.Keys, c.key)
		t.keep(c.fact)
	}
	if t.Reason == "" {
		t.Reason = c.reason
	}
	t.Verified = (first || t.Verified) && c.reason == ""
	t.AsksClientCertificate = t.AsksClientCertificate || c.clientAsked
}

// maxCertificates bounds how many different certificates are kept of a place.
const maxCertificates = 16

// keep adds a certificate that is not there yet.
func (t *TLS) keep(c destination.CertificateFact) {
	for _, have := range t.Certificates {
		if have == c {
			return
		}
	}
	if len(t.Certificates) < maxCertificates {
		t.Certificates = append(t.Certificates, c)
	}
}

// factOf says what a certificate is worth.
func factOf(c *x509.Certificate, key string) destination.CertificateFact {
	f := destination.CertificateFact{
		Key: key, NotAfter: c.NotAfter.UTC(), KeyType: c.PublicKeyAlgorithm.String(), Signature: c.SignatureAlgorithm.String(),
		SelfSigned: bytes.Equal(c.RawIssuer, c.RawSubject),
	}
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		f.KeyBits = k.N.BitLen()
	case *ecdsa.PublicKey:
		f.KeyBits = k.Curve.Params().BitSize
	case ed25519.PublicKey:
		f.KeyBits = 8 * len(k)
	}
	return f
}
