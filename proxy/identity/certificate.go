package identity

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// commonName is the object identifier 2.5.4.3.
var commonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// Certificate proves by the client's TLS certificate that it is user. The
// handshake must have verified the certificate against the authorities for
// clients (tls.VerifyClientCertIfGiven or stricter, with ClientCAs), and the
// subject must have exactly one common name, equal to user.
//
// Every error is a [*Failure] with SQLSTATE 28000.
func Certificate(user string, state *tls.ConnectionState) (Identity, error) {
	if state == nil || !state.HandshakeComplete || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return Identity{}, certificateFailure(user, ErrNoCertificate)
	}
	leaf := state.PeerCertificates[0]
	if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return Identity{}, certificateFailure(user, fmt.Errorf("%w: it is valid from %s to %s",
			ErrNoCertificate, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339)))
	}
	if names := commonNames(leaf); user == "" || !slices.Equal(names, []string{user}) {
		return Identity{}, certificateFailure(user, fmt.Errorf("%w: its common names are %q", ErrWrongName, names))
	}
	fingerprint := sha256.Sum256(leaf.Raw)
	return Identity{
		User:         user,
		Method:       MethodCertificate,
		TLS:          true,
		ChannelBound: true,
		Certificate:  hex.EncodeToString(fingerprint[:]),
	}, nil
}

// commonNames lists all of them: with two, which one counts would depend on
// who reads the certificate.
func commonNames(certificate *x509.Certificate) []string {
	var names []string
	for _, part := range certificate.Subject.Names {
		if part.Type.Equal(commonName) {
			name, _ := part.Value.(string)
			names = append(names, name)
		}
	}
	return names
}

func certificateFailure(user string, cause error) *Failure {
	return &Failure{
		Code:    codeInvalidAuthorization,
		Message: fmt.Sprintf("certificate authentication failed for user %q", user),
		Hint:    "give a client certificate whose common name is the user (sslcert and sslkey), signed by an authority the proxy trusts",
		Cause:   cause,
	}
}
