package destination

// Strength is how hard it is to get in, in tenths: 0 is no credential at all.
type Strength int

// The strengths of ways in, weakest first. proxy/probe uses the same numbers.
const (
	StrengthTrust        Strength = 0
	StrengthIdent        Strength = 10
	StrengthCleartext    Strength = 10
	StrengthMD5          Strength = 20
	StrengthCleartextTLS Strength = 30
	StrengthSCRAM        Strength = 40
	StrengthSCRAMBound   Strength = 45
	StrengthCertificate  Strength = 50
	StrengthRejected     Strength = 100
)

// Authentication is by what somebody proves who they are. The words are those
// of a policy's measurements.
type Authentication string

// The ways, weakest first.
const (
	UnknownMethod Authentication = "unknown"
	Trust         Authentication = "trust"
	Ident         Authentication = "ident"
	Peer          Authentication = "peer"
	Password      Authentication = "password"
	MD5           Authentication = "md5"
	SCRAM         Authentication = "scram"
	OAuth         Authentication = "oauth"
	GSS           Authentication = "gss"
	Certificate   Authentication = "certificate"
	Rejected      Authentication = "rejected"
)

// strength is the worth of a method. What is not known is worth nothing.
func (a Authentication) strength(encrypted bool) Strength {
	switch a {
	case Rejected:
		return StrengthRejected
	case Certificate, GSS:
		return StrengthCertificate
	case SCRAM, OAuth, Peer:
		return StrengthSCRAM
	case MD5:
		return StrengthMD5
	case Password:
		if encrypted {
			return StrengthCleartextTLS
		}
		return StrengthCleartext
	case Ident:
		return StrengthIdent
	}
	return StrengthTrust
}

// Transport is the road that a way in uses, as a grade in tenths: 10 is TLS
// that proves who answers, 5 is TLS that proves nothing, 0 is no TLS.
type Transport int

// The transports, weakest first. NoWay is where nobody gets in.
const (
	Plaintext     Transport = 0
	TLSUnverified Transport = 5
	TLSVerified   Transport = 10
	NoWay         Transport = 100
)

// String names the transport.
func (t Transport) String() string {
	switch t {
	case Plaintext:
		return "plaintext"
	case TLSUnverified:
		return "TLS without a verified certificate"
	case TLSVerified:
		return "verified TLS"
	}
	return "no way in"
}
