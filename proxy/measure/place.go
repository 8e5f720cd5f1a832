package measure

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/policy/protection"
)

// Place is a destination of the policy with what it takes to measure it.
type Place struct {
	policy.PlaceDef
	// CA holds the authorities that the policy accepts for its certificate. nil
	// verifies nothing.
	CA *x509.CertPool
	// ServerName is the name that its certificate must be valid for; Host if
	// empty.
	ServerName string
	// Ours reports whether the proxy holds the lease of a login there.
	Ours func(role string) bool
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

func (p *Place) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// certificateMargin is how long certificates must still be valid.
const certificateMargin = 24 * time.Hour

// Floor is what the policy asks of the place in the words of package destination.
func (p *Place) Floor() destination.Floor {
	f := destination.Floor{
		Keys: p.Keys, SystemIdentifier: p.SystemIdentifier, MinimumVersion: p.Version * 10000,
		Replication: only(p.Replication, "closed", "closed"), Logs: logFloor[p.Logs],
		OnwardCopies: only(p.Onward, "closed", "none"), SoftRowFilters: only(p.RowFilters, "hard", "deny"),
		AtRest: only(p.AtRest, "attested", "attested"),
	}
	if p.TLS != none {
		f.TLS, f.MinimumTLS = p.TLS, "1.2"
	}
	if p.TLS == destination.TLSIsProven {
		f.CertificateMargin = certificateMargin
	}
	if p.Authentication != none {
		f.Authentication = p.Authentication
	}
	return f
}

const none = "none"

// logFloor are the words of the policy about logs in those of package destination.
var logFloor = map[string]string{"quiet": destination.LogsNoStatements, "closed": destination.LogsNoValues}

// only is a word if another is what the policy says, else empty.
func only(said, wanted, word string) string {
	if said == wanted {
		return word
	}
	return ""
}

// entryFloor is the weakest entry that the policy calls good enough.
func (p *Place) entryFloor() protection.Entry {
	e := protection.Entry{Known: true}
	switch p.Authentication {
	case destination.AnyPassword:
		e.Authentication = int(destination.StrengthCleartext) + 1
	case destination.NeedsSCRAM:
		e.Authentication = int(destination.StrengthSCRAM)
	case destination.NeedsCert:
		e.Authentication = int(destination.StrengthCertificate)
	}
	switch p.TLS {
	case destination.TLSRequired:
		e.Transport = int(destination.TLSUnverified)
	case destination.TLSIsProven:
		e.Transport = int(destination.TLSVerified)
	}
	return e
}

// sources are the addresses to knock from besides the one that the system chooses.
func (p *Place) sources() (out []net.IP) {
	for _, text := range p.Watch.From {
		out = append(out, net.ParseIP(text))
	}
	return out
}

// maxAttested bounds the file with statements, in bytes.
const maxAttested = 64 << 10

// Attestations reads what was signed about the place. What cannot be read or does
// not verify is an error, and no statement counts.
func (p *Place) Attestations() ([]*destination.Attestation, error) {
	if p.Attested == "" {
		return nil, nil
	}
	info, err := os.Stat(p.Attested)
	if err == nil && info.Size() > maxAttested {
		err = fmt.Errorf("%s has more than %d bytes", p.Attested, maxAttested)
	}
	if err != nil {
		return nil, fmt.Errorf("statements about %s: %w", p.Name, err)
	}
	file, err := os.ReadFile(p.Attested)
	if err != nil {
		return nil, fmt.Errorf("statements about %s: %w", p.Name, err)
	}
	signers := map[string]ed25519.PublicKey{}
	for _, a := range p.Attestors {
		key, err := base64.StdEncoding.DecodeString(a.Key)
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", a.Name, err)
		}
		signers[a.Name] = key
	}
	one, err := destination.Verify(file, signers)
	if err != nil {
		return nil, fmt.Errorf("statements about %s: %w", p.Name, err)
	}
	return []*destination.Attestation{one}, nil
}
