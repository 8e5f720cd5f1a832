package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
)

// defaultPort is PostgreSQL's registered port, used where none is named.
const defaultPort = 5432

// Policy is a document that was read and found in order. It never changes,
// so any number of goroutines may use it. A nil Policy refuses everything.
type Policy struct {
	name   string
	digest string
	// deny holds the rules that refuse, leave the others, and all of them
	// in the order of the document.
	deny   []*rule
	leave  []*rule
	rules  []*rule
	places []*place
	feeds  []*feed
	// readers say whom roles stand for, by database.
	readers map[string][]Readers

	// classNames are the declared classes, sorted.
	classNames []string
	columns    columnTable
	// masks are in the order of the document.
	masks   []maskOf
	known   map[string][]*knownFunction // by the function's name
	clients []client
	// hasClients is true if the document has the section, even an empty
	// one.
	hasClients bool
	// leases are in the order of the document.
	leases []*leaseRule
	// budgets are in the order of the document, subjects sorted by their
	// relations.
	budgets  []*budgetRule
	subjects []Subject

	defaults         limitSet
	defaultsPosition string // file:line:column
}

// Name is what the document was called when it was read, usually the name
// of its file.
func (p *Policy) Name() string {
	if p == nil {
		return ""
	}
	return p.name
}

// Digest is the SHA-256 of the document's bytes in lower-case hex; empty
// for a nil policy.
func (p *Policy) Digest() string {
	if p == nil {
		return ""
	}
	return p.digest
}

// Places lists the destinations of the policy by name.
func (p *Policy) Places() []PlaceDef {
	if p == nil {
		return nil
	}
	var out []PlaceDef
	for _, one := range p.places {
		out = append(out, one.PlaceDef)
	}
	return out
}

// Place finds the destination at a host and port: one that is written with
// this very host, or else the first, by name, that has it by a pattern. Port
// 0 means PostgreSQL's own, 5432.
func (p *Policy) Place(host string, port int) (PlaceDef, bool) {
	if p == nil {
		return PlaceDef{}, false
	}
	for _, exact := range []bool{true, false} {
		for _, one := range p.places {
			if one.at(host, port) || !exact && one.reachedAt(host, port) {
				return one.PlaceDef, true
			}
		}
	}
	return PlaceDef{}, false
}

func (d PlaceDef) at(host string, port int) bool {
	return portOf(port) == d.Port && sameHost(host, d.Host)
}

// sameHost compares two host names without regard to case, two addresses
// without regard to how they are written. A name and an address are never
// the same: what a name stands for is not known here.
func sameHost(a, b string) bool {
	if left, err := netip.ParseAddr(a); err == nil {
		right, err := netip.ParseAddr(b)
		return err == nil && left.Unmap() == right.Unmap()
	}
	return a != "" && strings.EqualFold(a, b)
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
