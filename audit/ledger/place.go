package ledger

import "fmt"

// Measured is place.measured: what was measured at a place is not what was
// measured before. Looks that find no change are not recorded.
type Measured struct {
	Address string `json:"address"`
	// CertificateKey is the SHA-256 of the public key of the server's
	// certificate, empty if it showed none.
	CertificateKey string    `json:"certificate_key_sha256,omitempty"`
	Database       string    `json:"database"`
	Deficits       []Deficit `json:"deficits,omitempty"`
	// Facts is the digest of all facts in the trail's store, if they are
	// kept there.
	Facts string `json:"facts_digest,omitempty"`
	// Inside and Outside are the digests of what was seen from a session and
	// by connections that anybody could make; one of them may be missing.
	Inside string `json:"inside_sha256,omitempty"`
	// LastGood is when the place was last seen as it must be; it is missing if
	// that was never so.
	LastGood Moment `json:"last_good,omitzero"`
	Outside  string `json:"outside_sha256,omitempty"`
	Place    string `json:"place"`
	// System is the server's system identifier, decimal, empty if nobody
	// could ask for it.
	System string `json:"system_identifier,omitempty"`
	// Unknown is what could not be measured, in sentences. It is never fine.
	Unknown []string `json:"unknown,omitempty"`
}

// EventType implements Body.
func (b *Measured) EventType() string { return "place.measured" }

func (b *Measured) placeName() string { return b.Place }

// Check implements Body.
func (b *Measured) Check() error {
	c := &check{event: b.EventType()}
	c.name("place", b.Place)
	c.name("address", b.Address)
	c.name("database", b.Database)
	for _, sum := range []struct{ what, digits string }{
		{"certificate_key_sha256", b.CertificateKey}, {"inside_sha256", b.Inside}, {"outside_sha256", b.Outside}, {"facts_digest", b.Facts},
	} {
		if sum.digits != "" {
			c.sum(sum.what, sum.digits)
		}
	}
	if b.System != "" {
		c.system("system_identifier", b.System)
	}
	c.must(b.Inside+b.Outside != "" || len(b.Unknown) > 0, "nothing was measured, and nothing is said to be unknown")
	c.deficits(b.Deficits)
	c.texts("unknown", b.Unknown)
	if !b.LastGood.IsZero() {
		c.moment("last_good", b.LastGood)
	}
	return c.err()
}

// severity is how far the place's protection has gone.
func (b *Measured) severity() Severity {
	switch {
	case len(b.Deficits) > 0:
		return SeverityServer
	case len(b.Unknown) > 0:
		return SeverityUnknown
	}
	return ""
}

// Changed is place.changed: the place itself is not what it was.
type Changed struct {
	// By is who changed it, as far as anybody knows.
	By       string     `json:"by,omitempty"`
	Changes  []Change   `json:"changes"`
	Evidence []Evidence `json:"evidence"`
	Place    string     `json:"place"`
}

// Change is one fact about a place that is another now.
type Change struct {
	Is  string `json:"is"`
	Was string `json:"was"`
	// What is the fact: address, system_identifier, certificate_key, version.
	What string `json:"what"`
}

// EventType implements Body.
func (b *Changed) EventType() string { return "place.changed" }

func (b *Changed) placeName() string { return b.Place }

// Check implements Body.
func (b *Changed) Check() error {
	c := &check{event: b.EventType()}
	c.name("place", b.Place)
	c.maybe("by", b.By)
	c.must(len(b.Changes) > 0, "changes are missing")
	c.must(len(b.Changes) <= MaxList, "changes are %d, more than %d", len(b.Changes), MaxList)
	for i, one := range b.Changes {
		where := fmt.Sprintf("changes[%d]", i)
		c.name(where+".what", one.What)
		c.bounded(where+".was", one.Was, MaxText)
		c.bounded(where+".is", one.Is, MaxText)
		c.must(one.Was != one.Is, "%s says that nothing changed", where)
	}
	c.must(len(b.Evidence) > 0, "evidence is missing")
	c.evidence("evidence", b.Evidence)
	return c.err()
}
