package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// The names of the ways that are always there. Sluice's are those of its
// builds.
const (
	wayDirect    = "direct"
	wayPgBouncer = "pgbouncer"
	wayHAProxy   = "haproxy"
)

// policyMark stands between the name of a build and that of a policy.
const policyMark = "+"

// way is a road from a client to the database, with the proxy that stands in
// it, if one does.
type way struct {
	name string
	port int
	// launch starts the proxy; nil where there is none.
	launch func(ctx context.Context) (*process, error)
	// version is what the proxy says it is.
	version string
	// sluice says that the goals are meant for this way.
	sluice bool
	// policy is the one of that Sluice, beside the usual one; empty for that.
	policy string
	// proxy is running now; nil if not.
	proxy *process
}

// start starts the proxy anew: one that ran is stopped first.
func (w *way) start(ctx context.Context) error {
	if w.launch == nil {
		return nil
	}
	if err := w.stop(); err != nil {
		return err
	}
	var err error
	if w.proxy, err = w.launch(ctx); err != nil {
		return fmt.Errorf("start %s: %w", w.name, err)
	}
	return nil
}

// stop ends the proxy if it runs.
func (w *way) stop() error {
	if w.proxy == nil {
		return nil
	}
	p := w.proxy
	w.proxy = nil
	if err := p.stop(); err != nil {
		return fmt.Errorf("stop %s: %w", w.name, err)
	}
	return nil
}

// transport is how a client comes: with TLS, verified in full, or without.
type transport struct {
	tls    bool
	caFile string
}

// environment is the way for libpq's programs.
func (w *way) environment(t transport) []string {
	env := []string{
		"LC_ALL=C", "PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(w.port), "PGUSER=" + person,
		"PGPASSWORD=" + password, "PGDATABASE=" + database, "PGGSSENCMODE=disable", "PGSSLMODE=disable",
	}
	if t.tls {
		env = append(env[:len(env)-1], "PGSSLMODE=verify-full", "PGSSLROOTCERT="+t.caFile)
	}
	return env
}

// url is the way for a driver.
func (w *way) url(t transport) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(person, password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(w.port)), Path: "/" + database,
	}
	q := url.Values{"sslmode": {"disable"}}
	if t.tls {
		q = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {t.caFile}}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
