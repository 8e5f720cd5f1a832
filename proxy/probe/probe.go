package probe

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/policy/destination"
)

// DefaultTimeout bounds a measurement if Options says nothing, WholeTimeout one
// with Options.Whole.
const (
	DefaultTimeout = 3 * time.Second
	WholeTimeout   = 30 * time.Second
)

const (
	// tryTimeout bounds one connection, so that one slow answer leaves
	// time for the others; wholeTryTimeout with Options.Whole, since a server
	// with host names in its rules may have to ask for them.
	tryTimeout      = time.Second
	wholeTryTimeout = 5 * time.Second
	// maxAddresses bounds how many addresses of one name are measured.
	maxAddresses = 8
	// parallel is how many connections are open at a time.
	parallel = 4
	// maxTries bounds the tries at one address.
	maxTries = 4000
	// maxVantages bounds the addresses to knock from.
	maxVantages = 16
)

// Target is the place to measure.
type Target struct {
	// Name is the place's name in the policy; empty if no policy names it.
	Name string
	// Host is a DNS name or an IP address; Port is 1 to 65535.
	Host string
	Port int
	// Databases and Users are tried besides "postgres" and a name that
	// cannot exist.
	Databases []string
	Users     []string
	// CA holds the authorities the policy accepts for this place. The
	// system's authorities are never used: nil verifies nothing.
	CA *x509.CertPool
	// ServerName is the name the certificate must be valid for; Host if
	// empty.
	ServerName string
}

// Options are the measurement's bounds and its ways to the outside.
type Options struct {
	// Timeout bounds the whole measurement; DefaultTimeout or WholeTimeout if
	// zero.
	Timeout time.Duration
	// Dial opens a connection; a net.Dialer if nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolve finds a name's addresses; the system's resolver if nil.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Now is the clock for certificates and timestamps; time.Now if nil.
	Now func() time.Time
	// Source is the local address to knock from. pg_hba.conf judges it,
	// so another address may meet another answer.
	Source net.IP
	// Sources are more addresses to knock from, each with every try. They
	// cannot be combined with Dial.
	Sources []net.IP
	// Whole tries more than what a quick look does: template1 and a database
	// that cannot exist, logical replication, the newest version of the
	// protocol, and how SCRAM verifiers were made.
	Whole bool
}

// Outside knocks at a place and reports what it met. The result is never
// nil; whatever kept something from being measured is in its Problem.
func Outside(ctx context.Context, t Target, o Options) *Posture {
	o = o.withDefaults()
	p := &Posture{
		ID:         strings.ToLower(rand.Text()[:12]),
		Name:       t.Name,
		Address:    net.JoinHostPort(t.Host, strconv.Itoa(t.Port)),
		MeasuredAt: o.Now().UTC(),
	}
	measure(ctx, t, o, p)
	p.Findings = findings(p)
	p.Took = o.Now().Sub(p.MeasuredAt)
	return p
}

// measure fills p with everything but the findings.
func measure(ctx context.Context, t Target, o Options, p *Posture) {
	if err := t.check(); err != nil {
		p.Problem = err.Error()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	addresses, err := addressesOf(ctx, t, o)
	if err != nil {
		p.Problem = err.Error()
		return
	}
	d := &door{target: t, options: o, id: p.ID}
	if d.vantages, err = vantages(o); err != nil {
		p.Problem = err.Error()
		return
	}
	var met []*visit
	for _, address := range addresses {
		met = append(met, d.visit(ctx, address))
	}
	p.merge(met)
	p.Connections = int(d.connections.Load())
}

// tryTime is how long one connection may take.
func (o Options) tryTime() time.Duration {
	if o.Whole {
		return wholeTryTimeout
	}
	return tryTimeout
}

// withDefaults fills in what the caller left open.
func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
		if o.Whole {
			o.Timeout = WholeTimeout
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return o
}

// check refuses a target that cannot be put into a start-up packet or
// reached over TCP.
func (t Target) check() error {
	switch {
	case t.Host == "":
		return errors.New("no host is given")
	case strings.HasPrefix(t.Host, "/") || strings.HasPrefix(t.Host, "@"):
		return errors.New("a Unix-domain socket cannot be measured from the outside")
	case t.Port < 1 || t.Port > 65535:
		return fmt.Errorf("port %d is not between 1 and 65535", t.Port)
	}
	for _, names := range [][]string{t.Databases, t.Users} {
		for _, name := range names {
			if name == "" || len(name) > 255 || strings.ContainsRune(name, 0) {
				return fmt.Errorf("%q cannot be a database or user name", destination.Clean(name))
			}
		}
	}
	return nil
}

// addressesOf lists every address the host leads to. A name with several
// addresses may lead to several servers, so each is measured.
func addressesOf(ctx context.Context, t Target, o Options) ([]string, error) {
	port := strconv.Itoa(t.Port)
	if _, err := netip.ParseAddr(t.Host); err == nil {
		return []string{net.JoinHostPort(t.Host, port)}, nil
	}
	found, err := o.Resolve(ctx, t.Host)
	if err != nil {
		return nil, fmt.Errorf("the address of the host could not be found: %w", err)
	}
	var addresses []string
	for _, a := range found {
		addresses = appendNew(addresses, net.JoinHostPort(a.Unmap().String(), port))
	}
	switch {
	case len(addresses) == 0:
		return nil, errors.New("the host has no address")
	case len(addresses) > maxAddresses:
		return nil, fmt.Errorf("the host has %d addresses, more than the %d that are measured",
			len(addresses), maxAddresses)
	}
	return addresses, nil
}

// nobodyThere reports whether an error shows that nothing listens at an
// address, as opposed to something that could not be asked.
func nobodyThere(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.ENETUNREACH) ||
		errors.Is(err, syscall.EADDRNOTAVAIL)
}
