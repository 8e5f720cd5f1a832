package proxy

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/transfer"
	"github.com/sluice-pg/sluice/proxy/watch"
)

// errandTime bounds what is done over one login for the watch.
const errandTime = 2 * time.Minute

// errand is a lease that the watch works with for a moment.
type errand struct {
	at      *destination
	lease   *credential.Lease
	id      string
	use     purpose
	purpose string
}

// purposes of errands, in words for the trail.
var errandPurposes = map[purpose]string{
	asCarrier: "looks after copies: leases, and what crashed ones have left", asReactor: "closes or removes copies",
}

// run issues a login, has work done with it, and takes it back.
func (d *destination) run(ctx context.Context, use purpose, work func(context.Context, *errand) error) error {
	ctx, cancel := context.WithTimeout(ctx, errandTime)
	defer cancel()
	request, err := d.request(use)
	if err != nil {
		return err
	}
	e := &errand{at: d, id: newID() + newID(), use: use, purpose: errandPurposes[use]}
	request.SessionID, request.Subject, request.Database, request.Connections = e.id, "sluice watch", d.config.Name, 3
	if e.lease, err = d.Issue(ctx, request); err != nil {
		d.server.unrevoked.doubt(d)
		return sideError{"no login could be issued", err}
	}
	defer e.end()
	e.note(ctx, "credential.issued", leaseRecord{
		Lease: e.lease.ID, Role: e.lease.User, Group: e.lease.Role, Expires: e.lease.Expires.UTC().Format(time.RFC3339), VaultRole: request.Role, Purpose: e.purpose,
	})
	return work(ctx, e)
}

// open logs in.
func (e *errand) open(ctx context.Context) (*pgconn.PgConn, error) {
	config, err := e.at.target.loginConfig(e.lease, []param{
		{"application_name", "sluice/watch"}, {"search_path", "pg_catalog, pg_temp"}, {"statement_timeout", fmt.Sprint(errandTime.Milliseconds())},
	})
	if err != nil {
		return nil, err
	}
	config.MaxProtocolMessageBodyLen = catalog.MostText
	if e.use == asReactor && config.TLSConfig != nil {
		// A server that lets everybody in without a password is what the reactor is
		// for: it is let in the same way, and knows the server by its certificate.
		config.RequireAuth, config.ChannelBinding = "scram-sha-256,none", "prefer"
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err == nil {
		e.lease.Backends.Add(conn.PID())
	}
	return conn, err
}

// end takes the login back.
func (e *errand) end() {
	ctx, done := context.WithTimeout(context.Background(), cutTimeout)
	defer done()
	s := e.at.server
	typ, record := "credential.revoked", leaseRecord{Lease: e.lease.ID, Role: e.lease.User, Purpose: e.purpose}
	if err := e.at.End(ctx, e.lease); err != nil {
		typ, record.Problem = "credential.not_revoked", notRevoked
		s.log.Error("credential not revoked", "lease", e.lease.ID, "err", err)
		s.unrevoked.add(unrevokedLease{e.at, e.lease, e.id, e.purpose})
	}
	e.note(ctx, typ, record)
}

// note records something about the login. Where that cannot be done, copies are closed
// all the same: it is the trail that is broken then, and nothing else runs.
func (e *errand) note(ctx context.Context, typ string, record leaseRecord) {
	s := e.at.server
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Trail.Timeout)
	defer cancel()
	if _, err := s.recorder.Append(ctx, audit.Event{Time: s.now(), Type: typ, Session: e.id, Body: record}); err != nil {
		s.log.Error("a login of the watch was not recorded", "lease", e.lease.ID, "type", typ, "err", err)
	}
}

// Act implements watch.Place.
func (p *watchedPlace) Act(ctx context.Context, as watch.Part, work func(context.Context, catalog.Querier) error) error {
	use := asCarrier
	if as == watch.Reactor {
		use = asReactor
	}
	return p.at.run(ctx, use, func(ctx context.Context, e *errand) error {
		conn, err := e.open(ctx)
		if err != nil {
			return sideError{"the destination refused or did not answer the login", err}
		}
		defer func() {
			polite, done := context.WithTimeout(context.Background(), farewell)
			defer done()
			_ = conn.Close(polite) // the lease's end cuts it for good
		}()
		return work(ctx, catalogQuerier{conn})
	})
}

// Sweep implements watch.Place.
func (p *watchedPlace) Sweep(ctx context.Context) (ids []string, err error) {
	terms, _, err := p.Terms()
	if err != nil {
		return nil, err
	}
	err = p.at.run(ctx, asCarrier, func(ctx context.Context, e *errand) error {
		ids, err = transfer.Sweep(ctx, e.open, terms.Roles.Owner)
		return err
	})
	return ids, err
}

// Outcome implements watch.Place.
func (p *watchedPlace) Outcome(ctx context.Context, id string) (published bool, err error) {
	terms, _, err := p.Terms()
	if err != nil {
		return false, err
	}
	err = p.at.run(ctx, asCarrier, func(ctx context.Context, e *errand) error {
		published, err = transfer.Outcome(ctx, e.open, terms.Roles.Owner, id)
		return err
	})
	return published, err
}
