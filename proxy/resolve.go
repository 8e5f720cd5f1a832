package proxy

import (
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// resolve replaces the names in a text by what they may stand for at this
// moment.
func (s *session) resolve(statements []statement.Statement) []statement.Statement {
	return policy.Resolve(statements, s.pending.meaningsOf)
}

// meaningsOf returns what a name may stand for at this moment.
func (p *pending) meaningsOf(use statement.NameUse) []*statement.Statement {
	p.mu.Lock()
	defer p.mu.Unlock()
	space := p.statements
	if use.Op == statement.Fetch {
		space = p.portals
	}
	var found []*statement.Statement
	for _, m := range space.lookup(use.Name) {
		found = append(found, m.statement)
	}
	return found
}
