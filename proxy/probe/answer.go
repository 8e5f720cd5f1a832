package probe

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/sluice-pg/sluice/policy/destination"
)

// Answer is what a server's first answer to a start-up packet means.
type Answer string

// The answers.
const (
	// AnswerUnknown is silence, an early end, or bytes that make no sense.
	AnswerUnknown Answer = "unknown"
	// AnswerOpen is AuthenticationOk without any credential: trust.
	AnswerOpen Answer = "open"
	// AnswerIdent is a server that asks the client's own machine for the
	// user's name.
	AnswerIdent Answer = "ident"
	// AnswerCleartext is AuthenticationCleartextPassword.
	AnswerCleartext Answer = "cleartext-password"
	// AnswerMD5 is AuthenticationMD5Password.
	AnswerMD5 Answer = "md5"
	// AnswerSCRAM and AnswerSCRAMPlus are SASL with SCRAM-SHA-256, the
	// latter also with channel binding.
	AnswerSCRAM     Answer = "scram-sha-256"
	AnswerSCRAMPlus Answer = "scram-sha-256-plus"
	// AnswerOAuth is SASL with OAUTHBEARER and nothing else.
	AnswerOAuth Answer = "oauthbearer"
	// AnswerGSS is GSSAPI or SSPI.
	AnswerGSS Answer = "gss"
	// AnswerCertificate is an error that demands a client certificate.
	AnswerCertificate Answer = "certificate"
	// AnswerRefused is a server that refuses this combination whoever asks.
	AnswerRefused Answer = "refused"
)

// Strengths of an answer, in tenths: how hard it is to get in by it.
const (
	StrengthUnknown          = -1
	StrengthOpen             = 0
	StrengthIdent            = 10
	StrengthCleartext        = 10
	StrengthMD5              = 20
	StrengthCleartextInTLS   = 30
	StrengthSCRAM            = 40
	StrengthSCRAMBound       = 45
	StrengthCertificateOrGSS = 50
	StrengthRefused          = 100
)

// Codes of authentication requests (protocol, "Message Formats").
const (
	authOK        = 0
	authCleartext = 3
	authMD5       = 5
	authGSS       = 7
	authSSPI      = 9
	authSASL      = 10
)

// SQLSTATEs and routines of errors before a session (errcodes.txt, auth.c).
const (
	invalidAuthorization      = "28000"
	invalidPassword           = "28P01"
	routineOfHBARefusal       = "ClientAuthentication"
	routineOfFailedCredential = "auth_failed"
)

// set records an answer.
func (a *Attempt) set(answer Answer, strength int, evidence string) {
	a.Answer, a.Strength, a.Evidence = answer, strength, evidence
}

// unclear records that there was no answer.
func (a *Attempt) unclear(err error) {
	a.set(AnswerUnknown, StrengthUnknown, destination.Clean(err.Error()))
}

// asked reads an authentication request ('R').
func (a *Attempt) asked(body []byte) {
	if len(body) < 4 {
		a.set(AnswerUnknown, StrengthUnknown, "an authentication request without a code")
		return
	}
	encrypted := a.Transport != Plain
	switch code := binary.BigEndian.Uint32(body); code {
	case authOK:
		a.set(AnswerOpen, StrengthOpen, "AuthenticationOk")
	case authCleartext:
		strength := StrengthCleartext
		if encrypted {
			strength = StrengthCleartextInTLS
		}
		a.set(AnswerCleartext, strength, "AuthenticationCleartextPassword")
	case authMD5:
		a.set(AnswerMD5, StrengthMD5, "AuthenticationMD5Password")
	case authGSS:
		a.set(AnswerGSS, StrengthCertificateOrGSS, "AuthenticationGSS")
	case authSSPI:
		a.set(AnswerGSS, StrengthCertificateOrGSS, "AuthenticationSSPI")
	case authSASL:
		a.askedSASL(body[4:], encrypted)
	default:
		a.set(AnswerUnknown, StrengthUnknown, "an authentication request of a kind that is not known")
	}
}

// askedSASL reads the mechanisms of AuthenticationSASL.
func (a *Attempt) askedSASL(list []byte, encrypted bool) {
	var names []string
	offers := map[string]bool{}
	for _, name := range bytes.Split(list, []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
			offers[string(name)] = true
		}
	}
	evidence := destination.Clean("AuthenticationSASL " + strings.Join(names, " "))
	switch {
	case offers["SCRAM-SHA-256-PLUS"] && encrypted:
		a.set(AnswerSCRAMPlus, StrengthSCRAMBound, evidence)
	case offers["SCRAM-SHA-256"]:
		a.set(AnswerSCRAM, StrengthSCRAM, evidence)
	case len(names) == 1 && offers["OAUTHBEARER"]:
		a.set(AnswerOAuth, StrengthSCRAM, evidence)
	default:
		a.set(AnswerUnknown, StrengthUnknown, evidence)
	}
}

// refused reads an error that came before any authentication request. The
// texts may be in the server's language, so the names of the server's own
// routines decide where the English words are not found.
func (a *Attempt) refused(f fields) {
	evidence := destination.Clean(strings.TrimSpace("error " + f.code + " " + f.message))
	says := func(words string) bool { return strings.Contains(f.message, words) }
	switch {
	case f.code != invalidAuthorization && f.code != invalidPassword:
		a.set(AnswerUnknown, StrengthUnknown, evidence)
	case says("valid client certificate"):
		a.set(AnswerCertificate, StrengthCertificateOrGSS, evidence)
	case says("Ident authentication failed"):
		a.set(AnswerIdent, StrengthIdent, evidence)
	case says("no pg_hba.conf entry"), says("pg_hba.conf rejects"), f.routine == routineOfHBARefusal:
		a.set(AnswerRefused, StrengthRefused, evidence)
	case f.routine == routineOfFailedCredential:
		// A credential failed that nobody asked for: somebody else was
		// asked about the client, as ident does.
		a.set(AnswerIdent, StrengthIdent, evidence)
	default:
		a.set(AnswerUnknown, StrengthUnknown, evidence)
	}
}

// fields are the parts of an ErrorResponse that are looked at.
type fields struct{ code, message, routine string }

// parseFields reads what is well-formed and leaves the rest.
func parseFields(body []byte) fields {
	var f fields
	for len(body) > 1 {
		kind := body[0]
		value, rest, found := bytes.Cut(body[1:], []byte{0})
		if !found {
			break
		}
		switch kind {
		case 'C':
			f.code = string(value)
		case 'M':
			f.message = string(value)
		case 'R':
			f.routine = string(value)
		}
		body = rest
	}
	return f
}

// parsePair reads the name and value of a ParameterStatus.
func parsePair(body []byte) (name, value string) {
	n, rest, _ := bytes.Cut(body, []byte{0})
	v, _, _ := bytes.Cut(rest, []byte{0})
	return string(n), string(v)
}
