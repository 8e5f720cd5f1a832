package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The purposes a session can have. A client declares one at start-up with the
// setting sluice.purpose; who declares none comes to read.
const (
	PurposeRead    = "read"
	PurposeCopyOut = "copy-out"
	PurposeMigrate = "migrate"
)

var purposeNames = []string{PurposeRead, PurposeCopyOut, PurposeMigrate}

// LeaseTerms say which credential a session gets at its database.
type LeaseTerms struct {
	// Rule is the id of the rule that gives it, Position its place as
	// file:line:column.
	Rule     string
	Position string
	// Purpose is what the session is for.
	Purpose string
	// Role is the Vault role that makes the login, Group the role of the
	// database that the session works as.
	Role  string
	Group string
	// ShareFor is how long after it was issued a lease is given to further
	// sessions of the same person, ShareSessions to how many at once, the
	// first included. Both are zero if each session has a lease of its own.
	ShareFor      time.Duration
	ShareSessions int
}

// Same reports whether a session that has one lease may go on with it where the
// policy would give it another. Where the rule stands does not matter.
func (t LeaseTerms) Same(other LeaseTerms) bool {
	return t.Role == other.Role && t.Group == other.Group && t.Purpose == other.Purpose
}

// NoLease says that the policy gives a session no credential.
type NoLease struct {
	// Message is one line for the client, Hint what it can do instead.
	Message, Hint string
}

// Error implements error.
func (n *NoLease) Error() string { return n.Message }

// leaseRule says which sessions get which credential.
type leaseRule struct {
	// who holds the id, and whose sessions are meant.
	who      rule
	purposes []string
	terms    LeaseTerms // without the purpose
}

// Lease says which credential a session gets by the first rule under leases that
// matches it. The error is a *NoLease; nobody gets a credential without a rule.
func (p *Policy) Lease(identity Identity, session Session) (LeaseTerms, error) {
	purpose := cmp.Or(session.Declared["purpose"], PurposeRead)
	if p == nil {
		return LeaseTerms{}, noLease(identity, session, purpose, nil)
	}
	if !slices.Contains(purposeNames, purpose) {
		return LeaseTerms{}, &NoLease{
			Message: fmt.Sprintf("sluice: %q is no purpose that a session can have", shorten(purpose, maxName)),
			Hint: "Declare sluice.purpose as " + strings.Join(purposeNames, ", ") +
				", or leave it out to read. A ticket or a reason goes into sluice.reason.",
		}
	}
	addr := addressOf(session)
	var others []string
	for _, rule := range p.leases {
		if !rule.who.forSession(identity, session, addr) {
			continue
		}
		if slices.Contains(rule.purposes, purpose) {
			terms := rule.terms
			terms.Purpose = purpose
			return terms, nil
		}
		others = append(others, rule.purposes...)
	}
	return LeaseTerms{}, noLease(identity, session, purpose, others)
}

// noLease words that there is no rule for a session. others are the purposes for
// which there is one.
func noLease(identity Identity, session Session, purpose string, others []string) *NoLease {
	n := &NoLease{
		Message: fmt.Sprintf("sluice: no rule under leases gives %s a credential for %s to %s",
			shorten(identity.User, maxName), shorten(session.Database, maxName), purpose),
		Hint: "Ask the owner of the policy for a rule.",
	}
	if len(others) > 0 {
		slices.Sort(others)
		n.Hint = "You can declare sluice.purpose as " + strings.Join(slices.Compact(others), " or ") +
			": PGOPTIONS='-c sluice.purpose=" + others[0] + "'."
	}
	return n
}

// Leases lists what sessions of a database may get, without their purposes, in
// the order of the document.
func (p *Policy) Leases(database string) []LeaseTerms {
	if p == nil {
		return nil
	}
	var all []LeaseTerms
	for _, rule := range p.leases {
		if len(rule.who.databases) == 0 || slices.Contains(rule.who.databases, database) {
			all = append(all, rule.terms)
		}
	}
	return all
}

// LeasesFor lists what sessions of a database with a purpose may get, in the
// order of the document.
func (p *Policy) LeasesFor(database, purpose string) []LeaseTerms {
	if p == nil {
		return nil
	}
	var all []LeaseTerms
	for _, rule := range p.leases {
		if (len(rule.who.databases) == 0 || slices.Contains(rule.who.databases, database)) && slices.Contains(rule.purposes, purpose) {
			terms := rule.terms
			terms.Purpose = purpose
			all = append(all, terms)
		}
	}
	return all
}
