package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/transfer"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// end is one end of a copy: a lease with its connections.
type end struct {
	carrier     *carrier
	credentials Credentials
	target      *target
	lease       *credential.Lease
	side        wire.Side
}

func (c *carrier) openEnd(ctx context.Context, credentials Credentials, t *target, r credential.Request, side wire.Side) (*end, error) {
	lease, err := credentials.Issue(ctx, r)
	if err != nil {
		c.server.unrevoked.doubt(credentials)
		return nil, &transfer.Error{Side: side, Step: "get a login", Err: err}
	}
	e := &end{carrier: c, credentials: credentials, target: t, lease: lease, side: side}
	record := leaseRecord{
		Lease: lease.ID, Role: lease.User, Group: lease.Role, Expires: lease.Expires.UTC().Format(time.RFC3339),
		VaultRole: r.Role, Purpose: e.purpose(),
	}
	if err := c.session.append(ctx, c.session.event("credential.issued", c.request, record)); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *end) purpose() string {
	if e.side == sideSource {
		return "reads a copy that is carried"
	}
	return "loads a copy that is carried"
}

// open logs in. At the destination a login that could do more than it is for is not
// used.
func (e *end) open(ctx context.Context) (*pgconn.PgConn, error) {
	config, err := e.target.loginConfig(e.lease, []param{{"application_name", "sluice/copy " + e.carrier.id[:10] + " for " + e.carrier.session.identity.User}})
	if err != nil {
		return nil, err
	}
	config.MaxProtocolMessageBodyLen = 0
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	e.lease.Backends.Add(conn.PID())
	if e.side != sideDestination {
		return conn, nil
	}
	if err = e.sameServer(ctx, conn); err == nil {
		err = harmless(ctx, conn)
	}
	if err != nil {
		_ = conn.Close(ctx) // nothing was sent that could be lost
		return nil, err
	}
	return conn, nil
}

// sameServer makes sure that a connection leads to the server that was measured,
// before a row goes there: its name may mean another one by now.
func (e *end) sameServer(ctx context.Context, conn *pgconn.PgConn) error {
	system, err := systemIdentifier(ctx, catalogQuerier{conn})
	if err != nil {
		return err
	}
	return sameSystem(system, e.carrier.plan.state.System())
}

func sameSystem(system, was string) error {
	if system == "" || system != was {
		return fmt.Errorf("another server answers than the one that was measured: its system identifier is %s, and that was %s", system, was)
	}
	return nil
}

// harmless refuses a login with attributes for which rights on tables do not count,
// its own or those of a role that it can become. Copies are judged as if such a login
// could do nothing with them, so that has to be true.
func harmless(ctx context.Context, conn *pgconn.PgConn) error {
	who, err := credential.ActsBeyond(ctx, conn, "")
	if err == nil && who != "" {
		err = fmt.Errorf("the login that was issued can act as %q, which is a superuser or has CREATEROLE, REPLICATION or BYPASSRLS: "+
			"give the Vault role creation statements without them (examples/vault/sql/create-copies.sql)", bounded(who))
	}
	return err
}

// loginOver says that a login's time was over before the copy was done.
type loginOver struct{ last error }

func (e *loginOver) Error() string {
	if e.last == nil {
		return "the login has come to its end and was not renewed"
	}
	return "the login has come to its end: " + e.last.Error()
}

// over is the error of a copy whose login is over.
func (e *end) over(term credential.Term) *transfer.Error {
	return &transfer.Error{Side: e.side, Step: "keep its login", Err: &loginOver{term.Last}}
}

// follow cancels the copy when the login's time is over, because it was taken away
// or nobody can renew it: the server lets a connection go on. What it returns ends
// that.
func (e *end) follow(ctx context.Context, cancel context.CancelCauseFunc) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var over sync.WaitGroup
	over.Go(func() {
		for {
			term, changed := termOf(e.lease)
			left := time.Until(term.Expires)
			if left <= 0 {
				cancel(e.over(term))
				return
			}
			timer := time.NewTimer(left)
			select {
			case <-changed:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
			if ctx.Err() != nil {
				return
			}
		}
	})
	return func() { stop(); over.Wait() }
}

// tellOver is for how long a server that cut the copy off is believed to have meant
// nothing by it: that a login was taken away in Vault is noticed a little later than
// Vault ends its connections.
const tellOver = 5 * time.Second

// cutOff finds out whether a copy that a server cut off has lost its login.
func cutOff(err error, ends ...*end) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "57P01" && !strings.HasPrefix(refused.Code, "28") { // admin_shutdown, invalid authorization
		return err
	}
	var at *transfer.Error
	for _, e := range ends {
		if !errors.As(err, &at) || at.Side != e.side {
			continue
		}
		if over := e.awaitOver(tellOver); over != nil {
			over.Left = at.Left
			return over
		}
	}
	return err
}

// awaitOver waits for a login to be over, nil if it goes on.
func (e *end) awaitOver(patience time.Duration) *transfer.Error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		term, changed := termOf(e.lease)
		if time.Until(term.Expires) <= 0 {
			return e.over(term)
		}
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-late.C:
			return nil
		}
	}
}

// close takes the login back.
func (e *end) close() {
	ctx, done := context.WithTimeout(context.Background(), cutTimeout)
	defer done()
	s := e.carrier.server
	typ, record := "credential.revoked", leaseRecord{Lease: e.lease.ID, Role: e.lease.User, Purpose: e.purpose()}
	if err := e.credentials.End(ctx, e.lease); err != nil {
		typ, record.Problem = "credential.not_revoked", notRevoked
		s.log.Error("credential not revoked", "lease", e.lease.ID, "err", err)
		s.unrevoked.add(unrevokedLease{e.credentials, e.lease, e.carrier.session.id, e.purpose()})
	}
	if err := e.carrier.session.append(ctx, e.carrier.session.event(typ, e.carrier.request, record)); err != nil {
		s.log.Error("end of a credential not recorded", "lease", e.lease.ID, "err", err)
	}
}
