package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// warnBefore is how long before its end a certificate is worth a warning; one
// that lives for less than 90 days is worth it in the last third of its life.
const warnBefore = 30 * 24 * time.Hour

const renew = "Renew the certificate, and see to it that something renews it in time."

// readCertificates returns the certificates of a PEM file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return certs, nil
}

// judgeTime says whether a certificate is in its time of validity, and for
// long enough.
func judgeTime(cert *x509.Certificate, now time.Time) (State, string) {
	margin := min(warnBefore, cert.NotAfter.Sub(cert.NotBefore)/3)
	end := cert.NotAfter.UTC().Format(time.DateOnly)
	switch left := cert.NotAfter.Sub(now); {
	case now.Before(cert.NotBefore):
		return Problem, fmt.Sprintf("is not valid before %s", cert.NotBefore.UTC().Format(time.DateTime+"Z"))
	case left < 0:
		return Problem, fmt.Sprintf("ended %s", cert.NotAfter.UTC().Format(time.DateTime+"Z"))
	case left < margin:
		return Warning, fmt.Sprintf("ends in %s, on %s", days(left), end)
	}
	return OK, "is valid until " + end
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// judgeStrength says what is weak about a server's certificate, or empty.
func judgeStrength(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return fmt.Sprintf("has an RSA key of %d bits; 2048 is the least", key.N.BitLen())
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return fmt.Sprintf("has a key on the curve %s; P-256 is the least", key.Curve.Params().Name)
		}
	}
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		return fmt.Sprintf("is signed with %s, which can be forged", cert.SignatureAlgorithm)
	case x509.PureEd25519:
		return "is signed with Ed25519, for which channel binding is not defined (RFC 5929, section 4.1)"
	}
	return ""
}

// names are the names a certificate is valid for.
func names(cert *x509.Certificate) []string {
	list := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		list = append(list, ip.String())
	}
	return list
}

// judgeChain says whether each certificate of a file is signed by the one
// behind it.
func judgeChain(certs []*x509.Certificate) string {
	for i, cert := range certs[:len(certs)-1] {
		if err := cert.CheckSignatureFrom(certs[i+1]); err != nil {
			return fmt.Sprintf("certificate %d (%s) is not signed by the one behind it (%s)",
				i+1, subject(cert), subject(certs[i+1]))
		}
	}
	return ""
}

func subject(cert *x509.Certificate) string {
	if cert.Subject.CommonName != "" {
		return cert.Subject.CommonName
	}
	if list := names(cert); len(list) > 0 {
		return list[0]
	}
	return cert.Subject.String()
}

// matches tells whether a private key belongs to a certificate.
func matches(cert *x509.Certificate, key crypto.PrivateKey) bool {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// lookAtAuthorities judges a file of certificates that others are verified
// with.
func lookAtAuthorities(f *findings, name, path string, now time.Time) []*x509.Certificate {
	certs, err := readCertificates(path)
	if err != nil {
		f.problem(name, "Put the certificates of the authority there, in PEM.", "%s", pathError(err))
		return nil
	}
	state, words := OK, []string{}
	for _, cert := range certs {
		s, word := judgeTime(cert, now)
		if s == OK && cert.BasicConstraintsValid && !cert.IsCA {
			s, word = Warning, "is no authority: it can only stand for itself"
		}
		if s.rank() < state.rank() {
			state = s
		}
		if s != OK {
			words = append(words, subject(cert)+" "+word)
		}
	}
	switch {
	case state != OK:
		f.add(state, name, "Put the authority's present certificates into "+path+".", "%s", strings.Join(words, "; "))
	default:
		f.ok(name, "%s: %s", path, counted(len(certs), "certificate"))
	}
	return certs
}
