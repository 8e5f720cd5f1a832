package destination

import (
	"net/netip"
	"slices"
)

// matchesAddress compares where a client comes from with a rule's address. A
// network matches if all of it does, and only perhaps if a part does.
func (r *Rule) matchesAddress(c Client) matched {
	if !c.From.IsValid() || r.Address == "all" {
		return matched{answer: yes}
	}
	switch r.Address {
	case "samehost", "samenet":
		return matched{maybe, "which addresses " + r.Address + " means is known to the server alone"}
	}
	address, err := netip.ParseAddr(r.Address)
	mask, maskErr := netip.ParseAddr(r.Netmask)
	switch {
	case err != nil:
		return matched{maybe, "which addresses the name " + Clean(r.Address) + " has is known to the server alone"}
	case maskErr != nil || address.BitLen() != mask.BitLen():
		return matched{maybe, "the netmask " + Clean(r.Netmask) + " cannot be read"}
	case address.BitLen() != c.From.Addr().BitLen():
		return matched{answer: no} // pg_range_sockaddr compares within a family
	case c.From.IsSingleIP():
		if within(c.From.Addr(), address, mask) {
			return matched{answer: yes}
		}
		return matched{answer: no}
	}
	net, ok := network(address, mask)
	switch {
	case !ok:
		return matched{maybe, "the netmask " + r.Netmask + " has holes"}
	case net.Bits() <= c.From.Bits() && net.Contains(c.From.Addr()):
		return matched{answer: yes}
	case net.Overlaps(c.From):
		return matched{maybe, "it is for a part of " + c.From.String()}
	}
	return matched{answer: no}
}

// within reports whether an address has the same bits as another one wherever
// the mask has one.
func within(a, address, mask netip.Addr) bool {
	x, y, m := a.AsSlice(), address.AsSlice(), mask.AsSlice()
	for i := range x {
		if (x[i]^y[i])&m[i] != 0 {
			return false
		}
	}
	return true
}

// network is the prefix of a netmask without holes.
func network(address, mask netip.Addr) (netip.Prefix, bool) {
	bits, ended := 0, false
	for _, b := range mask.AsSlice() {
		for bit := 7; bit >= 0; bit-- {
			switch one := b>>bit&1 == 1; {
			case one && ended:
				return netip.Prefix{}, false
			case one:
				bits++
			default:
				ended = true
			}
		}
	}
	p, err := address.Prefix(bits)
	return p, err == nil
}

// Places divides a network into addresses that stand for all of it: every
// address of the network meets the same rules as one of them. Rules whose
// netmask has holes cannot be divided so; then the whole network comes back as
// well, and is matched as a network.
func (h *HBA) Places(source netip.Prefix) []netip.Prefix {
	source = source.Masked()
	if source.IsSingleIP() || !source.IsValid() {
		return []netip.Prefix{source}
	}
	single := func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
	places := []netip.Prefix{single(source.Addr())}
	add := func(a netip.Addr) {
		if p := single(a); source.Contains(a) && !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	for i := range h.Rules {
		address, err := netip.ParseAddr(h.Rules[i].Address)
		mask, maskErr := netip.ParseAddr(h.Rules[i].Netmask)
		if err != nil || maskErr != nil || address.BitLen() != source.Addr().BitLen() || mask.BitLen() != address.BitLen() {
			continue
		}
		net, ok := network(address, mask)
		if !ok {
			places = append(places, source)
			continue
		}
		add(net.Addr())
		if after := last(net).Next(); after.IsValid() {
			add(after)
		}
	}
	return places
}

// last is the last address of a network.
func last(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(raw) // the length is that of an address
	return a
}
