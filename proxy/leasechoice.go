package proxy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// errNoLease says that the policy gives a session no credential, or not the one
// it has.
var errNoLease = errors.New("the policy gives no such credential")

// chosenLease is what the policy says about a session's credential.
type chosenLease struct {
	terms policy.LeaseTerms
	// by is the policy that was asked last.
	by *policy.Policy
}

// chooseLease asks the policy which credential the session gets. Where the proxy
// makes the roles itself there is one group for all, and nothing to choose.
func (s *session) chooseLease() error {
	p := s.server.policy.Load()
	if s.database.config.Credential.Vault == nil {
		s.chosen = chosenLease{by: p}
		return nil
	}
	terms, err := s.leaseBy(p)
	if err != nil {
		return err
	}
	s.chosen = chosenLease{terms, p}
	return nil
}

// leaseBy is what a policy says. For replication connections there is one Vault
// role for all who may follow anything.
func (s *session) leaseBy(p *policy.Policy) (policy.LeaseTerms, error) {
	r := s.request(nil, statement.OrdinaryRead, nil)
	r.Session.Declared = s.startup.declared // the credential is for what the session was begun for
	if s.startup.replication {
		v := s.database.config.Credential.Vault
		switch {
		case v.ReplicationRole == "":
			return policy.LeaseTerms{}, noReplicationLogin.because(errNotSetUp)
		case !s.viewOf(p).Feeds():
			return policy.LeaseTerms{}, startupError{
				"42501", "sluice: no entry under replication lets you follow changes here", "Ask the owner of the policy for one.",
			}.because(errNoLease)
		}
		return policy.LeaseTerms{Role: v.ReplicationRole, Group: v.ReplicationGroup}, nil
	}
	terms, err := p.Lease(r.Identity, r.Session)
	var none *policy.NoLease
	if errors.As(err, &none) {
		return terms, startupError{"42501", none.Message, none.Hint}.because(errNoLease)
	}
	return terms, err
}

// keepsLease asks again when another policy has come into force. A session whose
// credential it would not get now ends.
func (s *session) keepsLease() error {
	p := s.server.policy.Load()
	if p == s.chosen.by {
		return nil
	}
	if s.database.config.Credential.Vault == nil {
		s.chosen.by = p
		return nil
	}
	terms, err := s.leaseBy(p)
	if e, refused := asStartupError(err); refused {
		e.message = strings.Replace(e.message, "sluice: ", "sluice: session ended: ", 1)
	}
	if err != nil {
		return err
	}
	if !terms.Same(s.chosen.terms) {
		return startupError{
			"57P01", fmt.Sprintf("sluice: session ended: the policy now gives you another role (%s, rule %s)", terms.Group, terms.Rule),
			"Connect again to work as it.",
		}.because(errNoLease)
	}
	s.chosen = chosenLease{terms, p}
	return nil
}
