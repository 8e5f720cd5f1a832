package policy

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
)

// hostPattern is an address of a place: a range of IP addresses, or host
// names.
type hostPattern struct {
	network netip.Prefix
	// host is a name, or with wild set what follows the star: ".example".
	host string
	wild bool
}

// hostName is a host name in lower case (RFC 1123, with underscores, which
// private networks have).
var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// parseHostPattern reads 10.0.0.0/8, 10.0.0.7, db.example.net or
// *.example.net.
func parseHostPattern(text string) (hostPattern, error) {
	if prefix, err := parsePrefix(text); err == nil {
		switch {
		case prefix.Addr().Is4In6():
			return hostPattern{}, errors.New("this is an IPv4 range in IPv6 clothes: write it as IPv4")
		case prefix != prefix.Masked():
			return hostPattern{}, errors.New("it has bits behind the prefix: do you mean " + prefix.Masked().String() + "?")
		}
		return hostPattern{network: prefix}, nil
	}
	name, wild := strings.CutPrefix(strings.ToLower(text), "*.")
	if !hostName.MatchString(name) || len(name) > 253 || wild && !strings.Contains(name, ".") {
		return hostPattern{}, errors.New("write a host name, a range such as 10.0.0.0/8, or *.example.net for all hosts of a domain")
	}
	if wild {
		name = "." + name
	}
	return hostPattern{host: name, wild: wild}, nil
}

// has reports whether a host, as a text names it, is one of the pattern's. A
// name is never an address: what it stands for is not known here.
func (h hostPattern) has(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return h.network.IsValid() && h.network.Contains(addr.Unmap())
	}
	host = strings.ToLower(host)
	if h.network.IsValid() || !hostName.MatchString(host) {
		return false
	}
	if h.wild {
		return strings.HasSuffix(host, h.host) && len(host) > len(h.host)
	}
	return host == h.host
}

// String writes the pattern as a policy does.
func (h hostPattern) String() string {
	switch {
	case h.network.IsSingleIP():
		return h.network.Addr().String()
	case h.network.IsValid():
		return h.network.String()
	case h.wild:
		return "*" + h.host
	}
	return h.host
}
