package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is a weakness that was seen.
type Finding struct {
	// Code is stable and for programs.
	Code string `json:"code"`
	// Text is a phrase that follows the place's name.
	Text string `json:"text"`
	// Severity is 1 to 100, 100 the worst.
	Severity int `json:"severity"`
}

// The codes of findings, worst first.
const (
	OpenToUnknown     = "open-to-unknown"
	OpenToSuperuser   = "open-to-superuser"
	OpenToUser        = "open-to-user"
	OpenToReplication = "open-to-replication"
	CleartextPassword = "cleartext-password"
	Ident             = "ident"
	NoTLS             = "no-tls"
	CertificateFails  = "certificate-not-verified"
	PlainAccepted     = "plaintext-accepted"
	MD5Password       = "md5-password"
	PasswordInTLS     = "password-in-tls"
	OldTLS            = "old-tls"
)

var severities = map[string]int{
	OpenToUnknown: 100, OpenToReplication: 98, OpenToSuperuser: 97, OpenToUser: 95,
	CleartextPassword: 80, Ident: 75, NoTLS: 70, CertificateFails: 60,
	PlainAccepted: 40, MD5Password: 35, PasswordInTLS: 30, OldTLS: 20,
}

// briefly are the findings about transport as they follow a worse one.
var briefly = map[string]string{
	NoTLS:            "no TLS",
	CertificateFails: "certificate not verified",
	PlainAccepted:    "TLS not required",
}

// findings lists what the measurement amounts to, worst first.
func findings(p *Posture) []Finding {
	var out []Finding
	add := func(code, text string) {
		out = append(out, Finding{Code: code, Text: text, Severity: severities[code]})
	}
	openFindings(p, add)
	askedFindings(p, add)
	tlsFindings(p, add)
	slices.SortStableFunc(out, func(a, b Finding) int { return b.Severity - a.Severity })
	return out
}

// openFindings are the doors that need no credential.
func openFindings(p *Posture, add func(code, text string)) {
	open := func(match func(Attempt) bool) (where string, found bool) {
		return doors(p, func(a Attempt) bool { return a.Answer == AnswerOpen && match(a) })
	}
	where, everybody := open(func(a Attempt) bool { return a.Unknown && !a.Replication })
	if everybody {
		add(OpenToUnknown, "let an unknown user in without a password"+where)
	}
	where, replicas := open(func(a Attempt) bool { return a.Unknown && a.Replication })
	if replicas {
		add(OpenToReplication, "lets an unknown user ask for replication without a password"+where)
	}
	for _, user := range usersOf(p) {
		is := func(a Attempt) bool { return a.User == user }
		if where, found := open(func(a Attempt) bool { return is(a) && a.Superuser }); found {
			add(OpenToSuperuser, fmt.Sprintf("let %q in as a superuser without a password%s", user, where))
			continue
		}
		where, found := open(func(a Attempt) bool { return is(a) && !a.Replication })
		if found && !everybody {
			add(OpenToUser, fmt.Sprintf("let %q in without a password%s", user, where))
			continue
		}
		where, found = open(func(a Attempt) bool { return is(a) && a.Replication })
		if found && !replicas {
			add(OpenToReplication, fmt.Sprintf("lets %q ask for replication without a password%s", user, where))
		}
	}
}

// askedFindings are the doors whose question is a weak one.
func askedFindings(p *Posture, add func(code, text string)) {
	asks := func(answer Answer, plain bool) bool {
		return slices.ContainsFunc(p.Attempts, func(a Attempt) bool {
			return a.Answer == answer && (a.Transport == Plain) == plain
		})
	}
	if asks(AnswerCleartext, true) {
		add(CleartextPassword, "asks for a cleartext password without TLS")
	}
	if asks(AnswerCleartext, false) {
		add(PasswordInTLS, "asks for a cleartext password inside TLS")
	}
	if asks(AnswerMD5, true) || asks(AnswerMD5, false) {
		add(MD5Password, "asks for an MD5 password")
	}
	if asks(AnswerIdent, true) || asks(AnswerIdent, false) {
		add(Ident, "takes the client machine's word for who the user is")
	}
}

// tlsFindings are weaknesses of the transport.
func tlsFindings(p *Posture, add func(code, text string)) {
	if !p.Reachable {
		return
	}
	encrypts := p.TLS.Offered || p.TLS.Direct
	switch {
	case !encrypts && !p.TLS.unclear:
		add(NoTLS, "offers no TLS")
	case encrypts && slices.ContainsFunc(p.Attempts, goesOnInPlain):
		add(PlainAccepted, "talks to clients that use no TLS")
	}
	if encrypts && !p.TLS.Verified {
		add(CertificateFails, "cannot prove who it is: "+p.TLS.Reason)
	}
	for _, version := range []string{"1.0", "1.1"} {
		if slices.Contains(p.TLS.Versions, version) {
			add(OldTLS, "accepts TLS "+version)
		}
	}
}

// goesOnInPlain reports whether a try without TLS was not turned away.
func goesOnInPlain(a Attempt) bool {
	return a.Transport == Plain && a.Answer != AnswerRefused && a.Answer != AnswerUnknown
}

// doors says where the matching tries went in, if any did: nothing if the
// transport made no difference, else which transport it takes.
func doors(p *Posture, match func(Attempt) bool) (where string, found bool) {
	var plain, encrypted bool
	for _, a := range p.Attempts {
		if match(a) {
			plain = plain || a.Transport == Plain
			encrypted = encrypted || a.Transport != Plain
		}
	}
	switch {
	case plain && !encrypted && (p.TLS.Offered || p.TLS.Direct):
		return " when TLS is not used", true
	case encrypted && !plain:
		return " over TLS", true
	}
	return "", plain || encrypted
}

// usersOf lists the names that were tried and may exist.
func usersOf(p *Posture) []string {
	var users []string
	for _, a := range p.Attempts {
		if !a.Unknown {
			users = appendNew(users, a.User)
		}
	}
	return users
}

// Sentence says the worst in one line, for a person: "sandbox let an
// unknown user in without a password, no TLS".
func (p *Posture) Sentence() string {
	name := p.Name
	if name == "" {
		name = p.Address
	}
	if len(p.Findings) == 0 {
		if p.Problem != "" {
			return name + " could not be measured: " + p.Problem
		}
		return name + " let nobody in without a credential, TLS verified"
	}
	worst := p.Findings[0]
	sentence := name + " " + worst.Text
	for _, f := range p.Findings[1:] {
		short := briefly[f.Code]
		if short != "" && !strings.Contains(worst.Text, "TLS") {
			sentence += ", " + short
			break
		}
	}
	if p.Problem != "" {
		sentence += "; not everything could be measured"
	}
	return sentence
}
