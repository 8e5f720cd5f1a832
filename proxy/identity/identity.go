package identity

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Login methods, as written in a [Rule] and in [Identity.Method].
const (
	MethodSCRAM       = "scram-sha-256"
	MethodCertificate = "cert"
	MethodJWT         = "jwt"
	MethodOAuthBearer = "oauthbearer"
	MethodReject      = "reject"
)

// Identity is a proven name.
type Identity struct {
	// User is the name from the start-up packet, which the login proved.
	User string
	// Method is how: MethodSCRAM, MethodCertificate, MethodJWT or
	// MethodOAuthBearer.
	Method string
	// TLS tells that the connection is encrypted.
	TLS bool
	// ChannelBound tells that the login was tied to the server certificate
	// the client saw (SCRAM-SHA-256-PLUS, tls-server-end-point of RFC 5929),
	// or that a client certificate proved it; either rules out a machine in
	// the middle.
	ChannelBound bool
	// Certificate is the SHA-256 of the client's certificate in lower-case
	// hexadecimal; empty for other methods.
	Certificate string
	// Bearer is what the token said of its holder; nil for methods without
	// one.
	Bearer *Bearer
}

// Bearer is what a token says of its holder, verified and bounded.
type Bearer struct {
	// Issuer is the provider (claim iss), Subject the person there (claim
	// sub): together they never change and are never given to another.
	Issuer, Subject string
	// Name is the value of the issuer's user_claim.
	Name string
	// Groups are sorted, each once.
	Groups []string
	// ACR and AMR say how the person proved who they are to the provider
	// (OpenID Connect Core 1.0, section 2; RFC 8176). Empty if it did not say.
	ACR string
	AMR []string
	// Expires is when the token does (claim exp).
	Expires time.Time
	// EndsSession tells that the session is to end then.
	EndsSession bool
}

// Causes of a failed login, for errors.Is on a [Failure]. They are for the
// log and the trail; the client is not told which one it was.
var (
	ErrUnknownUser   = errors.New("no such user in the verifiers file")
	ErrWrongPassword = errors.New("the proof does not fit the password")
	ErrMalformed     = errors.New("the client's login message is malformed")
	ErrDowngrade     = errors.New("the client was led to believe that channel binding is not offered")
	ErrBinding       = errors.New("the client saw another server certificate than the one presented")
	ErrNoCertificate = errors.New("the client showed no certificate that leads to a trusted authority")
	ErrWrongName     = errors.New("the certificate is for another name")
	ErrNotAdmitted   = errors.New("no login rule admits the connection")
	ErrThrottled     = errors.New("too many failed logins")
	ErrVerifiers     = errors.New("the verifiers file cannot be used")
)

// ErrToken is behind every token that was refused; the others say why.
var (
	ErrToken          = errors.New("the token is not accepted")
	ErrTokenMalformed = fmt.Errorf("%w: it is no signed JWT of the compact form", ErrToken)
	ErrAlgorithm      = fmt.Errorf("%w: its signature is of a kind that this issuer does not accept", ErrToken)
	ErrIssuer         = fmt.Errorf("%w: it is from another issuer", ErrToken)
	ErrAudience       = fmt.Errorf("%w: it is for another audience", ErrToken)
	ErrExpired        = fmt.Errorf("%w: it has expired, or says no time at which it will", ErrToken)
	ErrNotYetValid    = fmt.Errorf("%w: it is not valid yet", ErrToken)
	ErrTooOld         = fmt.Errorf("%w: it was issued too long ago", ErrToken)
	ErrUnknownKey     = fmt.Errorf("%w: the provider has no key of the name it gives", ErrToken)
	ErrSignature      = fmt.Errorf("%w: its signature is wrong", ErrToken)
	ErrClaims         = fmt.Errorf("%w: a claim is missing or cannot be used", ErrToken)
	ErrBound          = fmt.Errorf("%w: it is bound to a key (claim cnf), which this login cannot check", ErrToken)
	ErrOtherPerson    = fmt.Errorf("%w: it is for another name", ErrToken)
	ErrGroup          = fmt.Errorf("%w: its holder is in none of the groups that the login rule asks for", ErrToken)
	ErrReplayed       = fmt.Errorf("%w: it was used before", ErrToken)
)

// These are no fault of a token.
var (
	// ErrProvider says that the provider's keys could not be had.
	ErrProvider = errors.New("the provider cannot be asked for its keys")
	// ErrUsedFull says that no more tokens can be remembered as used.
	ErrUsedFull = errors.New("too many single-use tokens are remembered")
	// ErrDiscovery ends the first connection of a client that asked where to
	// get a token (RFC 7628 section 3.2.2). It is no failed login.
	ErrDiscovery = errors.New("the client asked where to get a token")
)

// SQLSTATE codes of failed logins (PostgreSQL documentation, appendix A).
const (
	codeInvalidPassword      = "28P01"
	codeInvalidAuthorization = "28000"
	codeSystemError          = "58000"
)

// Failure is a login that did not succeed. What the client may read and what
// the log should say are kept apart: Code, Message and Hint go to the client
// in a FATAL ErrorResponse, Error and Cause go to the log.
type Failure struct {
	// Code is the SQLSTATE.
	Code string
	// Message and Hint are safe to send to a client that proved nothing.
	Message string
	Hint    string
	// Cause wraps one of the Err values of this package.
	Cause error
}

// Error implements error, with the cause; it is not for the client.
func (f *Failure) Error() string { return f.Message + ": " + f.Cause.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Guessed reports whether the client may have been guessing, so that the
// failure counts for a [Throttle].
func (f *Failure) Guessed() bool {
	return f.Code == codeInvalidPassword || errors.Is(f.Cause, ErrToken) || errors.Is(f.Cause, ErrMalformed)
}

// passwordFailure is the one answer to everything that goes wrong inside a
// SCRAM exchange.
func passwordFailure(user string, cause error) *Failure {
	return &Failure{
		Code:    codeInvalidPassword,
		Message: fmt.Sprintf("password authentication failed for user %q", user),
		Cause:   cause,
	}
}

// NotAdmitted is the failure of a connection that no rule fits, or that meets
// a rule whose method is "reject". The client is not told which of the two.
func NotAdmitted(database, user string, addr netip.Addr, tls bool) *Failure {
	transport := "without TLS"
	hint := "connect with sslmode=verify-full, or ask the operator for a rule in `auth:`"
	if tls {
		transport = "with TLS"
		hint = "ask the operator for a rule in `auth:`"
	}
	return &Failure{
		Code: codeInvalidAuthorization,
		Message: fmt.Sprintf("sluice: no login rule admits user %q to database %q from %s %s",
			user, database, addr, transport),
		Hint:  hint,
		Cause: ErrNotAdmitted,
	}
}
