package proxytest

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
)

// allowAll is the policy under which the proxy must not be noticed.
const allowAll = "allow-all"

// Target is something a script runs against: a server, or a server behind
// the proxy.
type Target struct {
	// Name tells targets apart in the names of subtests.
	Name string
	// Policy is the policy the proxy runs; empty for a target without a
	// proxy, whose answers are the measure of all others.
	Policy string
	// Version is the server's major version.
	Version int
	// Dial opens a connection.
	Dial func(context.Context) (net.Conn, error)
	// TLS is the client's side of TLS; nil if the target offers none.
	TLS *tls.Config
	// User, Password and Database log in unless a script says otherwise.
	User, Password, Database string
	// Admin runs SQL on the server itself, as somebody who may do
	// everything, and returns the rows: columns divided by |, one row per
	// line.
	Admin func(ctx context.Context, sql string) (string, error)
	// Reset brings the database back to how every script finds it.
	Reset func(context.Context) error
}

func (t Target) proxied() bool { return t.Policy != "" }

// runs reports whether the script is meant for the target.
func (t Target) runs(s *Script) bool {
	if !s.Server.Holds(t.Version) {
		return false
	}
	if t.proxied() {
		return s.Only != "direct" && s.Policy == t.Policy
	}
	return s.Only != "proxy" && s.Policy == allowAll
}

// measures reports whether the target's answers are the ones to write down:
// those of a server, and those of the proxy where only the proxy answers.
func (t Target) measures(s *Script) bool {
	return !t.proxied() || s.Only == "proxy" || s.Policy != allowAll
}

// expand puts the target's own values into a line of a script.
func (t Target) expand(line string) string {
	if !strings.Contains(line, "$") {
		return line
	}
	return strings.NewReplacer("$user", t.User, "$database", t.Database).Replace(line)
}
