package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// everything is the word that stands for every database, user or address.
const everything = "all"

// What a rule asks of the transport; the empty string means tlsAny.
const (
	tlsAny      = "any"
	tlsRequired = "required"
	tlsAbsent   = "absent"
)

// Rule is one line of the login list.
type Rule struct {
	// Databases are names as the client gives them, or "all". Names are
	// compared byte for byte.
	Databases []string `yaml:"databases"`
	// Users are names as the client gives them, or "all".
	Users []string `yaml:"users"`
	// Addresses are networks (10.0.0.0/8), single addresses, or "all".
	Addresses []string `yaml:"addresses"`
	// TLS is "required", "absent" or "any"; empty means "any".
	TLS string `yaml:"tls"`
	// Method is "scram-sha-256", "cert", "jwt" (a token as the password),
	// "oauthbearer" (a token by SASL, RFC 7628) or "reject".
	Method string `yaml:"method"`
	// OIDC is the name of the issuer whose tokens count; for jwt and
	// oauthbearer.
	OIDC string `yaml:"oidc"`
	// Groups are asked of the token: its holder must be in one of them. Empty
	// asks for none.
	Groups []string `yaml:"groups"`
	// Subjects are the people, by the issuer's user_claim, who may use the
	// names under users; "all" is everybody in the groups. Empty means that
	// everybody uses their own name.
	Subjects []string `yaml:"subjects"`
}

// Rules is the login list, in order.
type Rules []Rule

// Validate reports the first rule that means nothing, counted from 1.
func (rules Rules) Validate() error {
	for i, rule := range rules {
		if err := rule.validate(); err != nil {
			return fmt.Errorf("auth rule %d: %w", i+1, err)
		}
	}
	return nil
}

// Uses reports whether any rule has the method.
func (rules Rules) Uses(method string) bool {
	return slices.ContainsFunc(rules, func(rule Rule) bool { return rule.Method == method })
}

// Match returns the first rule that fits. When none does, or when the list
// is not valid, it reports false and the connection is to be refused. IPv4
// addresses in their IPv6 form count as IPv4, zones are ignored, and an
// address that is not one (the zero value) fits nothing. The caller still has
// to look for the method "reject".
func (rules Rules) Match(database, user string, addr netip.Addr, tls bool) (Rule, bool) {
	if rules.Validate() != nil || !addr.IsValid() {
		return Rule{}, false
	}
	addr = addr.Unmap().WithZone("")
	for _, rule := range rules {
		if rule.fits(database, user, addr, tls) {
			return rule, true
		}
	}
	return Rule{}, false
}

func (rule Rule) fits(database, user string, addr netip.Addr, tls bool) bool {
	return fitsName(rule.Databases, database) && fitsName(rule.Users, user) &&
		fitsAddress(rule.Addresses, addr) && fitsTransport(rule.TLS, tls)
}

func fitsName(names []string, name string) bool {
	return slices.Contains(names, everything) || slices.Contains(names, name)
}

func fitsAddress(addresses []string, addr netip.Addr) bool {
	for _, text := range addresses {
		if text == everything {
			return true
		}
		if network, err := ParseNetwork(text); err == nil && network.Contains(addr) {
			return true
		}
	}
	return false
}

func fitsTransport(wanted string, tls bool) bool {
	switch wanted {
	case "", tlsAny:
		return true
	case tlsRequired:
		return tls
	case tlsAbsent:
		return !tls
	default:
		return false
	}
}

func (rule Rule) validate() error {
	for _, list := range []struct {
		field  string
		values []string
	}{{"databases", rule.Databases}, {"users", rule.Users}, {"addresses", rule.Addresses}} {
		if len(list.values) == 0 {
			return fmt.Errorf("%s is empty; write [all] to mean every one", list.field)
		}
		if slices.Contains(list.values, "") {
			return fmt.Errorf("%s contains an empty value", list.field)
		}
	}
	for _, text := range rule.Addresses {
		if text == everything {
			continue
		}
		if _, err := ParseNetwork(text); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{"", tlsAny, tlsRequired, tlsAbsent}, rule.TLS) {
		return fmt.Errorf("tls %q is not one of required, absent, any", rule.TLS)
	}
	return rule.validateMethod()
}

// Methods lists the login methods.
func Methods() []string {
	return []string{MethodSCRAM, MethodCertificate, MethodJWT, MethodOAuthBearer, MethodReject}
}

// WithToken reports whether the rule's method is one with a token.
func (rule Rule) WithToken() bool {
	return rule.Method == MethodJWT || rule.Method == MethodOAuthBearer
}

func (rule Rule) validateMethod() error {
	if !rule.WithToken() && (rule.OIDC != "" || len(rule.Groups) > 0 || len(rule.Subjects) > 0) {
		return fmt.Errorf("oidc, groups and subjects are for the methods %s and %s", MethodJWT, MethodOAuthBearer)
	}
	switch rule.Method {
	case MethodSCRAM, MethodReject:
		return nil
	case MethodCertificate:
		if rule.TLS != tlsRequired {
			return fmt.Errorf("method %s needs tls: required, since only TLS carries a certificate", rule.Method)
		}
		return nil
	case MethodJWT, MethodOAuthBearer:
		return rule.validateToken()
	case "":
		return fmt.Errorf("method is missing; write one of %s", strings.Join(Methods(), ", "))
	default:
		return fmt.Errorf("method %q is not one of %s", rule.Method, strings.Join(Methods(), ", "))
	}
}

func (rule Rule) validateToken() error {
	switch {
	case rule.TLS != tlsRequired:
		return fmt.Errorf("method %s needs tls: required, since whoever reads the token can use it", rule.Method)
	case rule.OIDC == "":
		return fmt.Errorf("method %s needs oidc: the name of an issuer under oidc", rule.Method)
	case slices.Contains(rule.Groups, ""), slices.Contains(rule.Subjects, ""):
		return errors.New("groups or subjects contains an empty value")
	case len(rule.Subjects) > 0 && slices.Contains(rule.Users, everything):
		return errors.New("subjects says who may use the names under users, so these are written out, not all")
	case slices.Contains(rule.Subjects, everything) && len(rule.Groups) == 0:
		return errors.New("subjects: [all] needs groups; without them everybody the provider knows could use these names")
	}
	return nil
}

// ParseNetwork reads a network or a single address. A network with bits
// beyond its length is refused: 10.1.0.0/8 is a slip for one of two things.
func ParseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("address %q is neither an address, a network such as 10.0.0.0/8, nor all", text)
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("address %q is not a network such as 10.0.0.0/8", text)
	}
	if network.Masked() != network {
		return netip.Prefix{}, fmt.Errorf("network %q has bits set beyond its length; did you mean %s?", text, network.Masked())
	}
	if network.Addr().Is4In6() {
		if network.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("network %q mixes IPv4 and IPv6; write it in IPv4 form", text)
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network, nil
}
