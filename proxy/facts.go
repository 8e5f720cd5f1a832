package proxy

import (
	"context"
	"crypto/x509"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// measureTimeout bounds one measurement of a place.
const measureTimeout = 3 * time.Second

// measure probes every server the statements name, from the outside and at
// this moment. A place that cannot be measured has a Problem, which no rule
// takes for fine.
func (s *Server) measure(ctx context.Context, p *policy.Policy, statements []statement.Statement) []policy.Place {
	var places []policy.Place
	seen := map[string]bool{}
	for i := range statements {
		for _, d := range statements[i].Destinations {
			if d.Type != statement.ToServer || d.Host == "" {
				continue
			}
			port := d.Port
			if port == 0 {
				port = 5432
			}
			address := net.JoinHostPort(d.Host, strconv.Itoa(port))
			if seen[address] || len(places) >= 4 {
				continue
			}
			seen[address] = true
			places = append(places, s.measureOne(ctx, p, d, port, address))
		}
	}
	return places
}

func (s *Server) measureOne(ctx context.Context, p *policy.Policy, d statement.Destination, port int, address string) policy.Place {
	place := policy.Place{Address: address, MeasuredAt: s.now().UTC().Format(time.RFC3339)}
	def, named := p.Place(d.Host, port)
	if !named {
		// Knocking at whatever address a text names would make the proxy
		// a port scanner for anybody who may log in.
		place.Problem = "no policy names this place, so it was not measured"
		return place
	}
	place.Name = def.Name
	target := probe.Target{Name: def.Name, Host: d.Host, Port: port, Databases: databases(def.Database, d.Database)}
	if def.CA != "" {
		pool, err := LoadPool(def.CA)
		if err != nil {
			place.Problem = "the policy's certificate authority for it cannot be read"
			return place
		}
		target.CA = pool
	} else {
		target.CA = x509.NewCertPool()
	}
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	posture := probe.Outside(ctx, target, probe.Options{Timeout: measureTimeout, Now: s.now})
	place.MeasuredAt = posture.MeasuredAt.UTC().Format(time.RFC3339)
	place.Problem = posture.Problem
	place.Findings = findings(posture)
	inWords(posture, &place)
	return place
}

// findings puts the posture's own summary of the worst first, and what it
// leaves out after it.
func findings(p *probe.Posture) []string {
	if len(p.Findings) == 0 {
		return nil
	}
	summary := strings.TrimPrefix(p.Sentence(), p.Name+" ")
	out := []string{summary}
	for _, f := range p.Findings[1:] {
		if !strings.Contains(f.Text, "TLS") || !strings.Contains(summary, "TLS") {
			out = append(out, f.Text)
		}
	}
	return out
}

func databases(names ...string) []string {
	var out []string
	for _, n := range names {
		if n != "" && (len(out) == 0 || out[0] != n) {
			out = append(out, n)
		}
	}
	return out
}
