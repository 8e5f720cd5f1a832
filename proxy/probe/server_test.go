package probe_test

import (
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// realServer is a server set up in one of the ways that matter, and what the
// probe must say about it.
type realServer struct {
	name     string
	options  pgserver.Options
	sentence string
	findings []string
	answers  []string
}

var realServers = []realServer{
	{
		name:     "trust without TLS",
		options:  pgserver.Options{HBA: []string{"host all all 127.0.0.1/32 trust"}},
		sentence: "place let an unknown user in without a password, no TLS",
		findings: []string{probe.OpenToUnknown, probe.OpenToSuperuser, probe.NoTLS},
		answers:  []string{"plain open", "plain refused"},
	},
	{
		name:     "trust for replication",
		options:  pgserver.Options{HBA: []string{"host replication all 127.0.0.1/32 trust"}},
		sentence: "place lets an unknown user ask for replication without a password, no TLS",
		findings: []string{probe.OpenToReplication, probe.OpenToSuperuser, probe.NoTLS},
		answers:  []string{"plain open", "plain refused"},
	},
	{
		name:     "TLS and SCRAM",
		options:  pgserver.Options{TLS: true, HBA: []string{"hostssl all all 127.0.0.1/32 scram-sha-256"}},
		sentence: "place let nobody in without a credential, TLS verified",
		answers:  []string{"plain refused", "tls refused", "tls scram-sha-256-plus"},
	},
	{
		name: "the trap: trust without TLS beside SCRAM over TLS",
		options: pgserver.Options{TLS: true, HBA: []string{
			"hostnossl all all 127.0.0.1/32 trust", "hostssl all all 127.0.0.1/32 scram-sha-256",
		}},
		sentence: "place let an unknown user in without a password when TLS is not used",
		findings: []string{probe.OpenToUnknown, probe.OpenToSuperuser, probe.PlainAccepted},
		answers:  []string{"plain open", "plain refused", "tls refused", "tls scram-sha-256-plus"},
	},
	{
		name: "one role is trusted",
		options: pgserver.Options{InitSQL: []string{"CREATE ROLE copier LOGIN"}, TLS: true, HBA: []string{
			"hostssl all copier 127.0.0.1/32 trust", "hostssl all all 127.0.0.1/32 scram-sha-256",
		}},
		sentence: `place let "copier" in without a password over TLS`,
		findings: []string{probe.OpenToUser},
		answers:  []string{"plain refused", "tls open", "tls refused", "tls scram-sha-256-plus"},
	},
	{
		name: "cleartext passwords and client certificates",
		options: pgserver.Options{TLS: true, HBA: []string{
			"hostssl all postgres 127.0.0.1/32 cert", "host all all 127.0.0.1/32 password",
		}},
		sentence: "place asks for a cleartext password without TLS",
		findings: []string{probe.CleartextPassword, probe.PlainAccepted, probe.PasswordInTLS},
		answers:  []string{"plain cleartext-password", "plain refused", "tls certificate", "tls cleartext-password", "tls refused"},
	},
	{
		name: "MD5",
		options: pgserver.Options{
			Config: map[string]string{"password_encryption": "md5"},
			HBA:    []string{"host all all 127.0.0.1/32 md5"},
		},
		sentence: "place offers no TLS",
		findings: []string{probe.NoTLS, probe.MD5Password},
		// The superuser's verifier is SCRAM, and the server asks for it.
		answers: []string{"plain md5", "plain refused", "plain scram-sha-256"},
	},
}

func TestRealServers(t *testing.T) {
	for _, c := range realServers {
		t.Run(c.name, func(t *testing.T) {
			server, err := pgserver.Start(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := server.Stop(); err != nil {
					t.Error(err)
				}
			}()
			p := probe.Outside(t.Context(), targetOf(t, server), probe.Options{})
			if p.Problem != "" || p.Sentence() != c.sentence {
				t.Errorf("%s\nproblem: %s\nwant: %s", p.Sentence(), p.Problem, c.sentence)
			}
			if got := codes(p); !slices.Equal(got, c.findings) {
				t.Errorf("findings %v, want %v", got, c.findings)
			}
			if got := answers(p); !slices.Equal(got, c.answers) {
				t.Errorf("answers %v, want %v", got, c.answers)
			}
			if c.options.TLS != (p.TLS.Offered && p.TLS.Verified && len(p.TLS.Keys) == 1 && p.TLS.AsksClientCertificate) {
				t.Errorf("TLS: %+v", p.TLS)
			}
			log, err := server.Log()
			if err != nil || !strings.Contains(log, "sluice_probe_"+p.ID) {
				t.Errorf("the server's log does not tell who knocked (%v):\n%s", err, log)
			}
			t.Logf("%d tries in %v", len(p.Attempts), p.Took)
		})
	}
}

func targetOf(t *testing.T, server *pgserver.Server) probe.Target {
	t.Helper()
	target := probe.Target{
		Name: "place", Host: pgserver.Host, Port: server.Port(), Users: []string{"copier"},
		Databases: []string{"template1"}, ServerName: "localhost",
	}
	if server.CAFile != "" {
		pem, err := os.ReadFile(server.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		target.CA = x509.NewCertPool()
		if !target.CA.AppendCertsFromPEM(pem) {
			t.Fatal("no certificate in the CA file")
		}
	}
	return target
}

func codes(p *probe.Posture) []string {
	var out []string
	for _, f := range p.Findings {
		out = append(out, f.Code)
	}
	return slices.Compact(out)
}

// answers lists the distinct transports with their answers, sorted.
func answers(p *probe.Posture) []string {
	var out []string
	for _, a := range p.Attempts {
		out = append(out, string(a.Transport)+" "+string(a.Answer))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
