package policy

import (
	"net/netip"
	"slices"
)

// client is a client endpoint: where people sit, and what may be shown
// there.
type client struct {
	name     string
	networks []netip.Prefix
	methods  []string
	tls      bool // only encrypted connections
	// assurance are values of the claim acr, one of which the person's token
	// has to have.
	assurance []string
	accepts   []classPattern
	// masks are for classes that are shown there masked only.
	masks    []maskOf
	position string // file:line:column
}

// is reports whether a session comes from this endpoint. It looks only at
// what the proxy saw itself.
func (c *client) is(identity Identity, session Session, addr netip.Addr) bool {
	if c.tls && !session.TLS || len(c.methods) > 0 && !slices.Contains(c.methods, identity.Method) ||
		len(c.assurance) > 0 && !slices.Contains(c.assurance, identity.ACR) {
		return false
	}
	return len(c.networks) == 0 ||
		addr.IsValid() && slices.ContainsFunc(c.networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// covers reports whether every session of the other endpoint is one of c.
func (c *client) covers(other *client) bool {
	return (!c.tls || other.tls) &&
		coversAll(c.methods, other.methods, func(a, b string) bool { return a == b }) &&
		coversAll(c.assurance, other.assurance, func(a, b string) bool { return a == b }) &&
		coversAll(c.networks, other.networks, coversPrefix)
}

// masksClass reports whether values of a class are shown there masked only.
func (c *client) masksClass(class string) bool {
	return slices.ContainsFunc(c.masks, func(m maskOf) bool { return hasClass(m.classes, class) })
}
