package posture

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/probe"
)

// entry is the beginning of an entry of the server's log; DETAIL, HINT and
// STATEMENT belong to the one before.
var entry = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d .*(LOG|FATAL|ERROR|WARNING|PANIC):  .*$`)

// A whole measurement adds no more to a server's log than is said, all of it
// tells who knocked, and no password, secret or value of a row is in it.
func TestWhatTheServerLogs(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		for _, logging := range []string{"on", "off"} {
			s := start(t, version, pgserver.Options{
				TLS: true, Config: map[string]string{"log_connections": logging, "log_disconnections": logging, "autovacuum": "off", "log_checkpoints": "off"},
				InitSQL: append([]string{"CREATE TABLE t AS SELECT '" + rowValue + "'::text AS v"}, people...),
				HBA: []string{
					"hostnossl all +crew 127.0.0.1/32 trust", "hostssl all bert 127.0.0.1/32 md5", "hostssl all copies 127.0.0.1/32 cert",
					"hostssl all boss 127.0.0.1/32 trust", "hostssl all all 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.5/32 reject",
					"host all +crew 127.0.0.6/32 password", "host all anna 127.0.0.6/32 ident",
				},
			})
			before := s.entries(t)
			p := probe.Outside(t.Context(), s.target(t, hbaUsers...), probe.Options{
				Whole: true, Source: net.IPv4(127, 0, 0, 1), Sources: []net.IP{net.IPv4(127, 0, 0, 5), net.IPv4(127, 0, 0, 6)},
			})
			if p.Problem != "" {
				t.Errorf("PostgreSQL %d: %v", version, p.Problems)
			}
			added := s.settled(t)[before:]
			if most := p.Connections * probe.LinesPerConnection; len(added) > most || len(added) == 0 {
				t.Errorf("PostgreSQL %d, log_connections %s: %d connections added %d entries, more than %d", version, logging, p.Connections, len(added), most)
			}
			if most := busiest(added); most > probe.LinesPerConnection || logging == "on" && version >= 17 && most != probe.LinesPerConnection {
				t.Errorf("PostgreSQL %d, log_connections %s: one connection has %d entries, and %d are promised", version, logging, most, probe.LinesPerConnection)
			}
			t.Logf("PostgreSQL %d, log_connections %s: %d tries, %d connections, %d entries in the log, in %v", version, logging, len(p.Attempts), p.Connections, len(added), p.Took)
			s.checkLog(t, p, added)
		}
	}
}

// process is the process of an entry, one for each connection.
var process = regexp.MustCompile(`\[(\d+)\]`)

// busiest is how many entries the connection with most of them has.
func busiest(entries []string) int {
	most, count := 0, map[string]int{}
	for _, line := range entries {
		pid := process.FindString(line)
		count[pid]++
		most = max(most, count[pid])
	}
	return most
}

// rowValue is in a table, and must not be in a log.
const rowValue = "anna@example.org"

func (s *server) checkLog(t *testing.T, p *probe.Posture, added []string) {
	log, err := s.Log()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log, "sluice_probe_"+p.ID) || strings.Contains(strings.Join(added, "\n"), "ReadyForQuery") {
		t.Errorf("PostgreSQL %d: the log does not tell who knocked", s.version)
	}
	lines := strings.Join(added, "\n")
	for _, secret := range []string{password, rowValue, "statement:", "SCRAM-SHA-256$"} {
		if strings.Contains(lines, secret) {
			t.Errorf("PostgreSQL %d: the log holds %q", s.version, secret)
		}
	}
	for _, a := range p.Attempts {
		if a.User == "anna" && a.Transport == probe.TLSAsked && a.Database == database && !a.Replication && a.Source == "127.0.0.1" && a.Iterations != 4096 {
			t.Errorf("PostgreSQL %d: SCRAM of anna: %+v", s.version, a)
		}
	}
	want := "3.0"
	if s.version >= 18 {
		want = "3.2"
	}
	if p.Protocol != want || p.TLS.Direct != (s.version >= 17) {
		t.Errorf("PostgreSQL %d: protocol %q, direct TLS %t", s.version, p.Protocol, p.TLS.Direct)
	}
}

// Asking a server about itself leaves in its log what a login leaves, and
// nothing of what was asked or found.
func TestInsideLeavesNothingInTheLog(t *testing.T) {
	t.Parallel()
	for _, version := range versions(t) {
		s := start(t, version, pgserver.Options{TLS: true})
		s.setup(t, destination.SetupOptions{})
		q := s.login(t, "look", "sluice_probe")
		before := len(s.settled(t))
		s.insideAs(t, q)
		if added := s.settled(t)[before:]; len(added) > 0 {
			t.Errorf("PostgreSQL %d: the log has %q", version, added)
		}
	}
}

// entries is how many entries the log has.
func (s *server) entries(t *testing.T) int { return len(s.settled(t)) }

// settled are the entries of the log once no more come.
func (s *server) settled(t *testing.T) []string {
	t.Helper()
	var last []string
	for calm := 0; calm < 4; {
		log, err := s.Log()
		if err != nil {
			t.Fatal(err)
		}
		now := entry.FindAllString(log, -1)
		if calm++; len(now) != len(last) {
			calm = 0
		}
		last = now
		time.Sleep(50 * time.Millisecond)
	}
	return last
}
