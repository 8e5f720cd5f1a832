package proxy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// inWords puts a posture into the words that a policy's floor is compared
// with. What was not seen is left out, which reaches no floor.
func inWords(p *probe.Posture, into *policy.Place) {
	if !p.Reachable {
		return
	}
	into.TLS = tlsWord(p)
	into.Authentication = authenticationWord(p)
	into.Replication = replicationWord(p)
}

// tlsWord calls TLS required only if every try without it was turned away.
func tlsWord(p *probe.Posture) string {
	if found(p, probe.NoTLS) {
		return "none"
	}
	if !p.TLS.Offered && !p.TLS.Direct {
		return ""
	}
	plain := 0
	for _, a := range p.Attempts {
		if a.Transport != probe.Plain {
			continue
		}
		if plain++; a.Answer != probe.AnswerRefused {
			return "offered"
		}
	}
	switch {
	case plain == 0:
		return "offered"
	case p.TLS.Verified:
		return "verified"
	}
	return "required"
}

// answerWords are the answers from the weakest on, with their words.
var answerWords = []struct {
	answers []probe.Answer
	word    string
}{
	{[]probe.Answer{probe.AnswerOpen}, "trust"},
	{[]probe.Answer{probe.AnswerIdent}, "ident"},
	{[]probe.Answer{probe.AnswerCleartext}, "password"},
	{[]probe.Answer{probe.AnswerMD5}, "md5"},
	{[]probe.Answer{probe.AnswerSCRAM, probe.AnswerSCRAMPlus}, "scram"},
	{[]probe.Answer{probe.AnswerOAuth}, "oauth"},
	{[]probe.Answer{probe.AnswerGSS}, "gss"},
	{[]probe.Answer{probe.AnswerCertificate}, "certificate"},
	{[]probe.Answer{probe.AnswerRefused}, "rejected"},
}

// authenticationWord is the weakest answer to anybody who knocked.
func authenticationWord(p *probe.Posture) string {
	for _, w := range answerWords {
		if slices.ContainsFunc(p.Attempts, func(a probe.Attempt) bool { return slices.Contains(w.answers, a.Answer) }) {
			return w.word
		}
	}
	return "unknown"
}

func replicationWord(p *probe.Posture) string {
	if found(p, probe.OpenToReplication) {
		return "open"
	}
	asked := func(a probe.Attempt) bool { return a.Replication && a.Answer != probe.AnswerUnknown }
	if slices.ContainsFunc(p.Attempts, asked) {
		return "closed"
	}
	return "unknown"
}

func found(p *probe.Posture, code string) bool {
	return slices.ContainsFunc(p.Findings, func(f probe.Finding) bool { return f.Code == code })
}
