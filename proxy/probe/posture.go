package probe

import (
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/policy/destination"
)

// Posture is what was measured about a place.
type Posture struct {
	// ID is in the application_name of every try, so that the server's
	// log and this measurement can be laid side by side.
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// Address is host:port as it was asked for.
	Address string `json:"address"`
	// MeasuredAt is when the measurement began, UTC; Took is how long it
	// lasted, in nanoseconds in JSON.
	MeasuredAt time.Time     `json:"measured_at"`
	Took       time.Duration `json:"took"`
	// Reachable is true if something accepted a connection.
	Reachable bool      `json:"reachable"`
	TLS       TLS       `json:"tls"`
	Attempts  []Attempt `json:"attempts,omitempty"`
	// Findings are the weaknesses, worst first.
	Findings []Finding `json:"findings,omitempty"`
	// Problem says what could not be measured; empty if all was. Problems
	// are all such things, at most 50.
	Problem  string   `json:"problem,omitempty"`
	Problems []string `json:"problems,omitempty"`
	// Closed are addresses to knock from to which nothing answers.
	Closed []string `json:"closed,omitempty"`
	// Connections is how many were opened; LinesPerConnection says what that
	// is in the server's log.
	Connections int `json:"connections"`
	// Protocol is the newest version of the protocol that the server named, if
	// it was asked: "3.0" up to PostgreSQL 17.
	Protocol string `json:"protocol,omitempty"`
}

// LinesPerConnection is how many entries one connection of a measurement adds
// to the server's log at most, if it logs connections and disconnections, which
// it does not by default. An entry is what has a log_line_prefix of its own
// and the level LOG or FATAL.
const LinesPerConnection = 4

// maxProblems is how many problems a posture keeps.
const maxProblems = 50

// TLS is what was measured about encryption. With several addresses it
// holds only what is true of all of them.
type TLS struct {
	// Offered is true if SSLRequest led to a TLS session, Direct if TLS
	// from the first byte did (PostgreSQL 17 and newer).
	Offered bool `json:"offered"`
	Direct  bool `json:"direct"`
	// Verified is true if every certificate shown is signed by the
	// policy's CA and valid for the place's name; if not, Reason says why.
	Verified bool   `json:"verified"`
	Reason   string `json:"reason,omitempty"`
	// Versions are the protocol versions that work: "1.0" to "1.3".
	Versions []string `json:"versions,omitempty"`
	// AsksClientCertificate is true if the server requested one, which
	// does not mean that it demands one.
	AsksClientCertificate bool `json:"asks_client_certificate"`
	// Keys are the SHA-256 of the public keys shown (SPKI), in hex;
	// Certificates is what is known of each certificate.
	Keys         []string                      `json:"keys,omitempty"`
	Certificates []destination.CertificateFact `json:"certificates,omitempty"`

	// unclear is true if SSLRequest had no answer that makes sense.
	unclear bool
}

// Transport is how a try's connection was opened.
type Transport string

// The transports.
const (
	Plain     Transport = "plain"
	TLSAsked  Transport = "tls"
	TLSDirect Transport = "direct"
)

// Attempt is one try and its answer.
type Attempt struct {
	// Address is the IP address and port that answered; Source is the address
	// that was knocked from.
	Address   string    `json:"address"`
	Source    string    `json:"source,omitempty"`
	Transport Transport `json:"transport"`
	// User is the name sent; Unknown is true if it was made up.
	User    string `json:"user"`
	Unknown bool   `json:"unknown,omitempty"`
	// Database is empty for physical replication, which belongs to none. With
	// a database Replication is logical replication.
	Database    string `json:"database,omitempty"`
	Replication bool   `json:"replication,omitempty"`
	// Answer is what the server asked for first; Strength is the worth of
	// that, see the Strength constants.
	Answer   Answer `json:"answer"`
	Strength int    `json:"strength"`
	// Superuser is true if the session that was given had is_superuser=on.
	Superuser bool `json:"superuser,omitempty"`
	// Evidence is the server's answer in short.
	Evidence string `json:"evidence"`
	// Iterations is what SCRAM was to be computed with, if that was asked.
	Iterations int `json:"iterations,omitempty"`
}

// visit is everything met at one address.
type visit struct {
	address  string
	err      error // the first connection could not be opened
	reached  bool
	tls      TLS
	attempts []Attempt
	problems []string
	protocol string
	closed   []string
}

// merge puts together what was met at each address of the place.
func (p *Posture) merge(visits []*visit) {
	var problems []string
	var absent error
	for _, v := range visits {
		if v.err != nil {
			if nobodyThere(v.err) {
				absent = v.err
				continue
			}
			problems = append(problems, "no connection could be opened: "+destination.Clean(v.err.Error()))
			continue
		}
		p.mergeTLS(v.tls)
		p.Reachable = true
		p.Attempts = append(p.Attempts, v.attempts...)
		for _, source := range v.closed {
			p.Closed = appendNew(p.Closed, source)
		}
		if p.Protocol == "" || v.protocol < p.Protocol {
			p.Protocol = v.protocol
		}
		problems = append(problems, v.problems...)
	}
	if !p.Reachable && len(problems) == 0 && absent != nil {
		problems = append(problems, "nothing answers there: "+destination.Clean(absent.Error()))
	}
	p.Problem = inShort(problems)
	for _, problem := range problems[:min(len(problems), maxProblems)] {
		p.Problems = appendNew(p.Problems, problem)
	}
}

// refused reports whether the server said that it has no TLS.
func (t *TLS) refused() bool { return !t.Offered && !t.unclear }

// mergeTLS narrows the posture to what is true of one more address.
func (p *Posture) mergeTLS(t TLS) {
	if !p.Reachable {
		p.TLS = t
		return
	}
	p.TLS.unclear = !p.TLS.refused() && !t.refused() && (p.TLS.unclear || t.unclear)
	p.TLS.Offered = p.TLS.Offered && t.Offered
	p.TLS.Direct = p.TLS.Direct && t.Direct
	p.TLS.AsksClientCertificate = p.TLS.AsksClientCertificate && t.AsksClientCertificate
	p.TLS.Verified = p.TLS.Verified && t.Verified
	if p.TLS.Reason == "" {
		p.TLS.Reason = t.Reason
	}
	for _, version := range t.Versions {
		p.TLS.Versions = appendNew(p.TLS.Versions, version)
	}
	for _, key := range t.Keys {
		p.TLS.Keys = appendNew(p.TLS.Keys, key)
	}
	for _, c := range t.Certificates {
		p.TLS.keep(c)
	}
}

// inShort is the first problem and how many more there are.
func inShort(problems []string) string {
	switch len(problems) {
	case 0:
		return ""
	case 1:
		return problems[0]
	}
	return fmt.Sprintf("%s (and %d more)", problems[0], len(problems)-1)
}

// appendNew appends a value that is not there yet.
func appendNew(list []string, value string) []string {
	for _, have := range list {
		if have == value {
			return list
		}
	}
	return append(list, value)
}
