package identity

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Issuer is an OpenID provider whose tokens are believed.
type Issuer struct {
	// Name is what login rules call the provider.
	Name string `yaml:"name"`
	// URL is the provider's address, letter for letter as its tokens have it
	// (claim iss). It begins with https://.
	URL string `yaml:"issuer"`
	// Audiences are what tokens have to be for: one of these must be in the
	// claim aud. A token for another service is refused.
	Audiences []string `yaml:"audiences"`
	// CA is a PEM file with who signed the provider's certificate; empty
	// means the system's pool.
	CA string `yaml:"ca"`
	// Algorithms are the signatures that are accepted (RFC 7518, RFC 8037).
	// Default RS256, ES256, EdDSA.
	Algorithms []string `yaml:"algorithms"`
	// UserClaim is the claim that holds the person's name. Default sub; email
	// counts only with email_verified.
	UserClaim string `yaml:"user_claim"`
	// GroupsClaim is the claim that lists groups. Default groups.
	GroupsClaim string `yaml:"groups_claim"`
	// Scopes are what clients are told to ask for (method oauthbearer).
	// Default openid.
	Scopes []string `yaml:"scopes"`
	// ClockSkew is how far the provider's clock may be from this one. Default
	// 1m; at most 10m.
	ClockSkew time.Duration `yaml:"clock_skew"`
	// MaxAge is how long ago a token may have been issued (claim iat). Zero
	// means until it expires.
	MaxAge time.Duration `yaml:"max_age"`
	// SingleUse, if true, takes each token for one login only. What was used
	// is remembered in memory until it expires. Default false.
	SingleUse bool `yaml:"single_use"`
	// SessionEndsWithToken, if true, ends a session when the token it was
	// opened with expires. Default false: it lives on, as in PostgreSQL.
	SessionEndsWithToken bool `yaml:"session_ends_with_token"`
	// InsecureLoopback, if true, lets a provider on this machine be asked
	// without TLS: for trying things out. Default false.
	InsecureLoopback bool `yaml:"insecure_loopback"`
}

// Algorithms that can be accepted. Those with a shared secret (HS256 and its
// like) and none are no choice: with them, whoever can check a token can make
// one.
var signatureAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// MaxClockSkew is the largest [Issuer.ClockSkew]: no token is accepted longer
// than this after its end.
const MaxClockSkew = 10 * time.Minute

const (
	defaultSkew = time.Minute
	maxURL      = 512
	emailClaim  = "email"
)

// Complete fills in the defaults.
func (c *Issuer) Complete() {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	}
	if c.UserClaim == "" {
		c.UserClaim = "sub"
	}
	if c.GroupsClaim == "" {
		c.GroupsClaim = "groups"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid"}
	}
	if c.ClockSkew == 0 {
		c.ClockSkew = defaultSkew
	}
}

// Validate calls wrong for everything that is wrong. Each message begins with
// the key it is about.
func (c *Issuer) Validate(wrong func(format string, args ...any)) {
	if !isPlain(c.Name, maxNameLength) {
		wrong("name: is needed, without white space")
	}
	if err := c.mayAsk(c.URL); err != nil {
		wrong("issuer: %w", err)
	}
	if u, err := url.Parse(c.URL); err == nil && (u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(c.URL) > maxURL) {
		wrong("issuer: is an address without ? and #, of at most %d bytes", maxURL)
	}
	if c.InsecureLoopback && !strings.HasPrefix(c.URL, "http://") {
		wrong("insecure_loopback: is for an issuer that begins with http://; leave it out")
	}
	if len(c.Audiences) == 0 || slices.Contains(c.Audiences, "") {
		wrong("audiences: at least one is needed; without it a token for any other service would open this one")
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(signatureAlgorithms, a) {
			wrong("algorithms: %q is not one of %s; signatures with a shared secret are never accepted, nor is none",
				a, strings.Join(signatureAlgorithms, ", "))
		}
	}
	for _, scope := range c.Scopes {
		if !isPlain(scope, maxURL) || strings.ContainsAny(scope, `"\`) {
			wrong("scopes: %q is not a scope (RFC 6749 section 3.3)", scope)
		}
	}
	if c.ClockSkew < 0 || c.ClockSkew > MaxClockSkew {
		wrong("clock_skew: %s is not between 0s and %s", c.ClockSkew, MaxClockSkew)
	}
	if c.MaxAge < 0 {
		wrong("max_age: %s is negative", c.MaxAge)
	}
}

// isPlain reports whether a text is printable ASCII without spaces.
func isPlain(text string, most int) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= most
}

func (c *Issuer) mayAsk(address string) error { return MayAsk(address, c.InsecureLoopback) }

// MayAsk refuses addresses where somebody in between could answer. loopback
// lets those on this machine be asked without TLS.
func MayAsk(address string, loopback bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Opaque != "":
		return errors.New("is an address that begins with https://")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		if loopback {
			return nil
		}
		return errors.New("has no TLS; on this machine insecure_loopback: true allows that, for trying things out")
	}
	return errors.New("begins with https://: whoever could answer in the provider's place could make tokens")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// configuration is where the provider describes itself (OpenID Connect
// Discovery 1.0, section 4).
func (c *Issuer) configuration() string {
	return strings.TrimSuffix(c.URL, "/") + "/.well-known/openid-configuration"
}
