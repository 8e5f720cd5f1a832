package probe

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/destination"
)

// Facts is the posture in the form in which it is judged.
func (p *Posture) Facts() *destination.Outside {
	o := &destination.Outside{
		ID: p.ID, Address: p.Address, MeasuredAt: p.MeasuredAt, Reachable: p.Reachable,
		Problems: slices.Clone(p.Problems), Closed: slices.Clone(p.Closed), Protocol: p.Protocol,
		TLS: destination.OutsideTLS{
			Offered: p.TLS.Offered, Direct: p.TLS.Direct, Unclear: p.TLS.unclear, Verified: p.TLS.Verified, Reason: p.TLS.Reason,
			Versions: slices.Clone(p.TLS.Versions), Certificates: slices.Clone(p.TLS.Certificates),
		},
	}
	if len(o.Problems) == 0 && p.Problem != "" {
		o.Problems = []string{p.Problem}
	}
	for _, a := range p.Attempts {
		o.Knocks = append(o.Knocks, destination.Knock{
			Source: a.Source, Server: a.Address, Transport: string(a.Transport), User: a.User, Unknown: a.Unknown,
			Database: a.Database, Replication: a.Replication, Authentication: authentications[a.Answer],
			Strength: destination.Strength(a.Strength), Superuser: a.Superuser, Evidence: a.Evidence, Iterations: a.Iterations,
		})
	}
	return o
}

// authentications are the answers in the words of package destination.
var authentications = map[Answer]destination.Authentication{
	AnswerUnknown: destination.UnknownMethod, AnswerOpen: destination.Trust, AnswerIdent: destination.Ident,
	AnswerCleartext: destination.Password, AnswerMD5: destination.MD5, AnswerSCRAM: destination.SCRAM,
	AnswerSCRAMPlus: destination.SCRAM, AnswerOAuth: destination.OAuth, AnswerGSS: destination.GSS,
	AnswerCertificate: destination.Certificate, AnswerRefused: destination.Rejected,
}
