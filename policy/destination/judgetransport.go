package destination

import (
	"fmt"
	"slices"
	"time"
)

const fixTLS = "Set ssl = on with a certificate of the policy's authority for the place's name, and write hostssl instead of host in pg_hba.conf; then reload."

// transport judges TLS and certificates as strangers met them.
func (j *judge) transport() {
	for _, o := range j.m.Outside {
		if !o.Reachable {
			continue
		}
		j.encryption(o)
		j.certificates(o)
		j.versions(o)
	}
	if j.floor.TLS == TLSRequired || j.floor.TLS == TLSIsProven {
		j.plaintextRules()
	}
}

// encryption judges whether there is TLS and whether it can be left out.
func (j *judge) encryption(o *Outside) {
	if j.floor.TLS == "" {
		return
	}
	switch {
	case o.TLS.Offered, o.TLS.Direct:
	case o.TLS.Unclear: // a server that starts, or is cut off, says neither
		j.unknown(CodeNoTLS, "Whether the server offers TLS", "SSLRequest had no answer that makes sense", fixReach)
		return
	default:
		j.add(CodeNoTLS, Critical, "The server offers no TLS.", fixTLS, "SSLRequest was answered with N")
		return
	}
	if j.floor.TLS == TLSOffered {
		return
	}
	for i := range o.Knocks {
		if k := &o.Knocks[i]; !k.encrypted() && k.admits() && k.Authentication != UnknownMethod {
			j.add(CodePlaintext, High, "The server talks to clients that use no TLS.", fixTLS, "knocked "+k.words()+": "+k.Evidence)
			return
		}
	}
}

// plaintextRules looks for rules that let clients in without TLS from
// addresses that were not knocked from.
func (j *judge) plaintextRules() {
	in := j.m.Inside
	if in == nil {
		return
	}
	if !in.HBA.Known {
		j.unknown(CodePlaintext, "Whether clients without TLS are turned away everywhere", in.HBA.Evidence, fixSetup)
		return
	}
	for _, name := range j.everybody() {
		for _, s := range j.doors.simulate(name, false) {
			if s.encrypted || s.outcome.Rule == nil || s.outcome.Authentication == Rejected || s.outcome.Authentication == UnknownMethod {
				continue
			}
			r := s.outcome.Rule
			j.add(CodePlaintext, High, fmt.Sprintf("%s lets clients in that use no TLS, such as from %s.", r.where(), s.from.Addr()), fixTLS,
				fmt.Sprintf("%s %s %s %s %s", r.Type, named(r.Databases), named(r.Users), Clean(r.Address), Clean(r.Method)))
			return
		}
	}
}

// certificates judges what was shown.
func (j *judge) certificates(o *Outside) {
	if !o.TLS.Offered && !o.TLS.Direct {
		return
	}
	if j.floor.TLS == TLSIsProven && !o.TLS.Verified {
		j.add(CodeCertificate, Critical, "The server cannot prove who it is: "+Clean(o.TLS.Reason)+".",
			"Give it a certificate of the policy's authority for the place's name.", "TLS handshake: "+Clean(o.TLS.Reason))
	}
	if len(j.floor.Keys) == 0 && j.floor.CertificateMargin == 0 && j.floor.TLS != TLSIsProven {
		return
	}
	if len(o.TLS.Certificates) == 0 {
		j.unknown(CodeCertificate, "Which certificate the server has", "no certificate was kept", fixReach)
	}
	for _, c := range o.TLS.Certificates {
		j.certificate(c)
	}
}

func (j *judge) certificate(c CertificateFact) {
	if len(j.floor.Keys) > 0 && !slices.Contains(j.floor.Keys, c.Key) {
		j.add(CodeWrongKey, Critical, "The server answers with a key that the policy does not name.",
			"Find out who changed the certificate. If that was right, have the new key approved.", "SHA-256 of the public key: "+c.Key)
	}
	if left := c.NotAfter.Sub(j.with.Now); j.floor.CertificateMargin > 0 && left < j.floor.CertificateMargin {
		j.add(CodeCertificateEnds, Medium,
			fmt.Sprintf("The certificate ends on %s, in less than %s.", c.NotAfter.UTC().Format(time.DateOnly), j.floor.CertificateMargin),
			"Renew the certificate and reload the server.", "not after "+c.NotAfter.UTC().Format(time.RFC3339))
	}
	if j.floor.TLS == TLSIsProven && (c.KeyType == "RSA" && c.KeyBits < 2048 || c.KeyType == "ECDSA" && c.KeyBits < 256 || weakSignature(c.Signature)) {
		j.add(CodeWeakKey, Medium, fmt.Sprintf("The certificate is weak: %s of %d bits, signed with %s.", c.KeyType, c.KeyBits, Clean(c.Signature)),
			"Have a certificate made with RSA of 2048 bits or ECDSA P-256 at least, signed with SHA-256.", "TLS handshake")
	}
}

func weakSignature(name string) bool {
	return slices.Contains([]string{"MD2-RSA", "MD5-RSA", "SHA1-RSA", "DSA-SHA1", "ECDSA-SHA1"}, name)
}

// versions judges which versions of TLS work.
func (j *judge) versions(o *Outside) {
	if j.floor.MinimumTLS == "" || !o.TLS.Offered && !o.TLS.Direct {
		return
	}
	const fix = "Set ssl_min_protocol_version and reload the server."
	if len(o.TLS.Versions) == 0 {
		j.unknown(CodeOldTLS, "Which versions of TLS work", "no version of TLS could be tried", fix)
	}
	for _, v := range o.TLS.Versions {
		if v < j.floor.MinimumTLS {
			j.add(CodeOldTLS, Medium, fmt.Sprintf("TLS %s works, and %s is the oldest that may.", v, j.floor.MinimumTLS), fix, "a handshake with TLS "+v)
		}
	}
}
