package identity

import (
	"errors"
	"fmt"
	"net/netip"
)

// Login methods, as written in a [Rule] and in [Identity.Method].
const (
	MethodSCRAM       = "scram-sha-256"
	MethodCertificate = "cert"
	MethodReject      = "reject"
)

// Identity is a proven name.
type Identity struct {
	// User is the name from the start-up packet, which the login proved.
	User string
	// Method is how: MethodSCRAM or MethodCertificate.
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
