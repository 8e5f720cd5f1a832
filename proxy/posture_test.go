package proxy

import (
	"testing"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy/probe"
)

func TestPostureInWords(t *testing.T) {
	attempt := func(transport probe.Transport, answer probe.Answer, replication bool) probe.Attempt {
		return probe.Attempt{Transport: transport, Answer: answer, Replication: replication}
	}
	plain := func(answer probe.Answer) probe.Attempt { return attempt(probe.Plain, answer, false) }
	inside := func(answer probe.Answer) probe.Attempt { return attempt(probe.TLSAsked, answer, false) }
	verified, unverified := probe.TLS{Offered: true, Verified: true}, probe.TLS{Direct: true}
	for name, c := range map[string]struct {
		posture probe.Posture
		want    policy.Place
	}{
		"not reached": {probe.Posture{}, policy.Place{}},
		"an open door": {
			probe.Posture{
				Reachable: true, Attempts: []probe.Attempt{plain(probe.AnswerOpen), attempt(probe.Plain, probe.AnswerOpen, true)},
				Findings: []probe.Finding{{Code: probe.NoTLS}, {Code: probe.OpenToReplication}},
			},
			policy.Place{TLS: "none", Authentication: "trust", Replication: "open"},
		},
		"well kept": {
			probe.Posture{
				Reachable: true, TLS: verified,
				Attempts: []probe.Attempt{plain(probe.AnswerRefused), inside(probe.AnswerSCRAM), attempt(probe.TLSAsked, probe.AnswerRefused, true)},
			},
			policy.Place{TLS: "verified", Authentication: "scram", Replication: "closed"},
		},
		"talks in plain too": {
			probe.Posture{Reachable: true, TLS: verified, Attempts: []probe.Attempt{plain(probe.AnswerMD5), inside(probe.AnswerSCRAM)}},
			policy.Place{TLS: "offered", Authentication: "md5", Replication: "unknown"},
		},
		"nobody asked in plain": {
			probe.Posture{Reachable: true, TLS: verified, Attempts: []probe.Attempt{inside(probe.AnswerCertificate)}},
			policy.Place{TLS: "offered", Authentication: "certificate", Replication: "unknown"},
		},
		"silent in plain": {
			probe.Posture{Reachable: true, TLS: verified, Attempts: []probe.Attempt{plain(probe.AnswerUnknown)}},
			policy.Place{TLS: "offered", Authentication: "unknown", Replication: "unknown"},
		},
		"turns everybody away, nobody knows who it is": {
			probe.Posture{Reachable: true, TLS: unverified, Attempts: []probe.Attempt{plain(probe.AnswerRefused)}},
			policy.Place{TLS: "required", Authentication: "rejected", Replication: "unknown"},
		},
		"no answer about TLS": {
			probe.Posture{Reachable: true, Attempts: []probe.Attempt{attempt(probe.Plain, probe.AnswerUnknown, true)}},
			policy.Place{Authentication: "unknown", Replication: "unknown"},
		},
	} {
		var got policy.Place
		inWords(&c.posture, &got)
		if got.TLS != c.want.TLS || got.Authentication != c.want.Authentication || got.Replication != c.want.Replication {
			t.Errorf("%s: %q, %q, %q", name, got.TLS, got.Authentication, got.Replication)
		}
	}
}
