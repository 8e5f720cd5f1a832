package vault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/credential"
)

// endTimeout bounds the wait for backends to go.
const endTimeout = 10 * time.Second

// backendsOf says whose backends are meant.
type backendsOf struct {
	user   string
	oid    string // of the user; empty if it is not known
	pids   []uint32
	shared bool // others log in as the same user: only the pids are meant
}

const (
	// endUser finds backends of a user, and of one that was dropped: then only
	// its oid is left, or the process ids of who logged in.
	endUser = `SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() AND (a.usename OPERATOR(pg_catalog.=) $1::pg_catalog.name
  OR a.usesysid OPERATOR(pg_catalog.=) $2::pg_catalog.oid
  OR a.usename IS NULL AND a.usesysid IS NOT NULL AND a.pid OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.int4[])) ORDER BY a.pid`
	endShared = `SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.usename OPERATOR(pg_catalog.=) $1::pg_catalog.name
  AND a.pid OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.int4[]) ORDER BY a.pid`
	lookAtRoles = `SELECT r.rolname, r.oid, r.rolcanlogin FROM pg_catalog.pg_roles r
WHERE r.rolname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[]::pg_catalog.name[])`
)

// terminate ends backends and returns when the server shows none.
func (k *control) terminate(ctx context.Context, of backendsOf) error {
	err := credential.UntilGone(ctx, endTimeout, func(ctx context.Context) ([]string, error) { return k.signal(ctx, of) })
	if err != nil {
		return fmt.Errorf("terminate the backends of %s: %w", of.user, err)
	}
	return nil
}

// signal tells backends to end, and returns which there are.
func (k *control) signal(ctx context.Context, of backendsOf) (alive []string, err error) {
	pids := make([]string, len(of.pids))
	for n, pid := range of.pids {
		pids[n] = strconv.FormatUint(uint64(pid), 10)
	}
	sql, parameters := endUser, []string{of.user, "0", credential.ArrayLiteral(pids)}
	if of.oid != "" {
		parameters[1] = of.oid
	}
	if of.shared {
		sql, parameters = endShared, []string{of.user, credential.ArrayLiteral(pids)}
	}
	err = k.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := credential.Query(ctx, conn, sql, parameters...)
		alive = nil
		for _, row := range rows {
			alive = append(alive, row[0])
		}
		return err
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42501" {
		err = fmt.Errorf("the roles that Vault makes for %s need pg_signal_backend: %w", k.issuer.config.ControlRole, err)
	}
	return alive, err
}

// serverRole is a role as the server shows it.
type serverRole struct {
	name, oid string
	logsIn    bool
}

// roles returns which of some roles there are.
func (k *control) roles(ctx context.Context, names []string) (found []serverRole, err error) {
	err = k.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := credential.Query(ctx, conn, lookAtRoles, credential.ArrayLiteral(names))
		found = nil
		for _, row := range rows {
			found = append(found, serverRole{row[0], row[1], row[2] == "t"})
		}
		return err
	})
	return found, err
}
