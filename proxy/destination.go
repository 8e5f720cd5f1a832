package proxy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/measure"
)

// destination is a configured destination, ready to be reached.
type destination struct {
	config      Destination
	server      *Server
	target      *target
	credentials Credentials
	// side asks the place about itself, watching is what the watch asks with.
	side, watching *side

	mu sync.Mutex
	// ours are the logins there that the proxy has leases of; ended are those that it
	// had, by when they were ended.
	ours  map[string]bool
	ended map[string]time.Time
	// issuing are the times at which logins were asked for that have not come yet;
	// left is since when some may be there that nobody knows of, zero if none are.
	issuing map[uint64]time.Time
	issues  uint64
	left    time.Time
	// system is the identifier of the server that was found there, empty if none was
	// asked yet.
	system string
	// made are closed when such a login has come, or not.
	made map[uint64]chan struct{}
	// state is what was measured last, and measuredAt when that was done; whoever
	// measures has put something into measuring.
	state      *measure.State
	measuredAt time.Time
	measuring  chan struct{}
	// planning has something in it for each session that plans a copy to it.
	planning chan struct{}
}

// stateAge is for how long what was measured about a place is not measured again
// while statements are judged: a Parse, a Bind and an Execute are one copy.
const stateAge = 5 * time.Second

// atOncePlanned is how many copies to one place are planned at a time. Each holds what
// the catalogs of both ends say of rights, which is large where they are.
const atOncePlanned = 2

func (s *Server) openDestinations(issuers map[string]Credentials) error {
	s.destinations, s.copying = map[string]*destination{}, make(chan struct{}, max(s.config.Copies.AtOnce, 1))
	for _, c := range s.config.Destinations {
		t, err := newTarget(c.Server, keepAliveWithin(s.config.Limits.Unreachable))
		if err != nil {
			return fmt.Errorf("destination %s: %w", c.Name, err)
		}
		issuer, ok := issuers[c.Name]
		if !ok {
			return fmt.Errorf("destination %s: nothing issues credentials for it", c.Name)
		}
		d := &destination{
			config: c, server: s, target: t, credentials: issuer, ours: map[string]bool{}, ended: map[string]time.Time{}, issuing: map[uint64]time.Time{},
			made: map[uint64]chan struct{}{}, left: s.now(), measuring: make(chan struct{}, 1), planning: make(chan struct{}, atOncePlanned),
		}
		asProber := func() (credential.Request, error) { return d.request(asProbe) }
		d.side = newSideAs(s, c.Name, t, d, forPosture, asProber)
		d.watching = newSideAs(s, c.Name, t, d, forWatch, asProber)
		s.destinations[c.Name] = d
		s.unrevoked.doubt(d)
	}
	return nil
}

// purpose is what a login at a destination is for.
type purpose uint8

const (
	asProbe purpose = iota
	asCarrier
	asReactor
)

var errNoReactor = errors.New("credential.vault.reactor_role is not set, so nobody may close copies there")

// request is for a lease: the roles are those of the policy in force.
func (d *destination) request(use purpose) (r credential.Request, err error) {
	def, known := d.server.policy.Load().PlaceNamed(d.config.Name)
	if !known {
		return r, fmt.Errorf("%s is no destination of the policy", d.config.Name)
	}
	v := d.config.Credential.Vault
	switch use {
	case asProbe:
		r.Group = def.Roles.Probe
	case asCarrier:
		r.Group = def.Roles.Carrier
	case asReactor:
		r.Group = def.Roles.Reactor
	}
	if v == nil {
		return r, nil
	}
	r.Role = map[purpose]string{asProbe: v.ProbeRole, asCarrier: v.CarrierRole, asReactor: v.ReactorRole}[use]
	if r.Role == "" {
		return r, errNoReactor
	}
	return r, nil
}

// place is the destination as the policy has it, nil with a reason if policy and
// configuration do not speak of the same server.
func (d *destination) place(p *policy.Policy) (*measure.Place, error) {
	def, known := p.PlaceNamed(d.config.Name)
	if !known {
		return nil, fmt.Errorf("%s is no destination of the policy", d.config.Name)
	}
	if err := d.config.SameServer(&def); err != nil {
		return nil, err
	}
	place := &measure.Place{PlaceDef: def, ServerName: d.config.Server.TLS.ServerName, Ours: d.isOurs, Now: d.server.now, CA: x509.NewCertPool()}
	if def.CA != "" {
		pool, err := LoadPool(def.CA)
		if err != nil {
			return nil, errors.New("the policy's certificate authority for it cannot be read")
		}
		place.CA = pool
	}
	return place, nil
}

func serverWords(host string, port int, database string) string {
	return serverAddress(host, port) + "/" + database
}

func serverAddress(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// ask has a question asked in one transaction of the probe's login.
func (d *destination) ask(ctx context.Context, question func(context.Context, catalog.Querier) error) error {
	return d.side.told(askReading(ctx, d.side, question))
}

// askReading has a question asked over a side connection, in one transaction that
// only reads.
func askReading(ctx context.Context, s *side, question func(context.Context, catalog.Querier) error) error {
	_, err := ask(ctx, s, func(ctx context.Context, conn *pgconn.PgConn) (struct{}, error) {
		return struct{}{}, readingIn(ctx, conn, question)
	})
	return err
}

func readingIn(ctx context.Context, conn *pgconn.PgConn, question func(context.Context, catalog.Querier) error) error {
	q := catalogQuerier{conn}
	none := func([][]byte) error { return nil }
	if err := q.Query(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", none); err != nil {
		return err
	}
	err := question(ctx, q)
	if undo := q.Query(ctx, "ROLLBACK", none); undo != nil {
		return errors.Join(err, undo)
	}
	return err
}

// measured is what is known of the place, measured now or a moment ago.
// The error says why nobody could wait for it. A place that is slow to answer is asked
// once for all who wait.
func (d *destination) measured(ctx context.Context, place *measure.Place, sourceSystem string) (*measure.State, error) {
	select {
	case d.measuring <- struct{}{}:
		defer func() { <-d.measuring }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if d.state != nil && d.server.now().Sub(d.measuredAt) < stateAge && d.state.Source == sourceSystem {
		return d.state, nil
	}
	state := place.Measure(ctx, d.ask, sourceSystem)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // what was not measured is not to be held against it
	}
	d.state, d.measuredAt = state, d.server.now()
	d.found(state.System())
	return state, nil
}
