package policy

import (
	"net/netip"
)

// View is a policy as one session meets it: only the rules that may speak
// about it. It makes decisions cheap where a policy is large. A View never
// changes, so any number of goroutines may use it.
type View struct {
	policy   *Policy
	identity Identity
	session  Session
	// deny are the rules that refuse, watch those that only would.
	deny  []*rule
	watch []*rule
	// leave are the other rules, in the order of the document.
	leave []*rule
	// feeds are what the session may follow.
	feeds []*feed
	// budgets are what the session may spend.
	budgets []*budgetRule
	// client is the first endpoint the session comes from, nil for none.
	client *client
}

// View prepares decisions for one session. What the client declared, and
// its application name, do not matter to which rules these are. A nil policy
// has a view that refuses everything.
func (p *Policy) View(identity Identity, session Session) *View {
	v := &View{policy: p, identity: identity, session: session}
	if p == nil {
		return v
	}
	addr := addressOf(session)
	for _, r := range p.deny {
		switch {
		case !r.forSession(identity, session, addr):
		case r.acts():
			v.deny = append(v.deny, r)
		default:
			v.watch = append(v.watch, r)
		}
	}
	for _, r := range p.leave {
		if r.forSession(identity, session, addr) {
			v.leave = append(v.leave, r)
		}
	}
	for _, f := range p.feeds {
		if f.who.forSession(identity, session, addr) {
			v.feeds = append(v.feeds, f)
		}
	}
	for _, b := range p.budgets {
		if b.who.forSession(identity, session, addr) {
			v.budgets = append(v.budgets, b)
		}
	}
	for i := range p.clients {
		if p.clients[i].is(identity, session, addr) {
			v.client = &p.clients[i]
			break
		}
	}
	return v
}

// Decide judges a request as the view's policy does. A request of another
// session than the view was made for gets the policy's own answer.
func (v *View) Decide(req *Request) Decision {
	if v == nil {
		var none *Policy
		return none.Decide(req)
	}
	if d, done := v.policy.decideWhole(req); done {
		return d
	}
	if !v.isFor(req) {
		return v.policy.Decide(req)
	}
	return v.decide(req)
}

// isFor reports whether a request is one of the view's session, as far as
// its choice of rules depends on that.
func (v *View) isFor(req *Request) bool {
	return v.identity.equal(req.Identity) && v.session.Database == req.Session.Database &&
		v.session.Address == req.Session.Address && v.session.TLS == req.Session.TLS
}

// addressOf is the client's address as rules compare it; not valid if it
// cannot be read.
func addressOf(session Session) netip.Addr {
	addr, err := netip.ParseAddr(session.Address)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
