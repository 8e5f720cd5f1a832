package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// End ends a lease: nobody can log in with it, every backend that did is
// gone, what it owned belongs to the group, and the role does not exist. It
// may be called again and does nothing then.
//
// On an error the role may be left, unable to log in; the error says what is
// still alive. The next End, Sweep or Close goes on from there.
func (b *Builtin) End(ctx context.Context, lease *Lease) error {
	if lease == nil {
		return errors.New("end credential: no lease is given")
	}
	return b.end(ctx, lease.User)
}

// Sweep ends every lease of this instance that an earlier run left behind, and
// what this issuer could not end before. It returns how many are gone, and goes
// on to the next when one cannot be ended. Leases that another issuer of the
// same run holds, for another database on the same server, stay.
func (b *Builtin) Sweep(ctx context.Context) (n int, err error) {
	names, err := b.left(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep credentials: %w", err)
	}
	var failures []error
	for _, name := range names {
		if b.isLive(name) {
			continue
		}
		if err := b.end(ctx, name); err != nil {
			failures = append(failures, err)
			continue
		}
		n++
	}
	return n, errors.Join(failures...)
}

// EndLeft tries again what this issuer could not end, or take back after a
// failed Issue. Unlike Sweep it touches nothing that it did not make itself, so
// it may be called while other issuers of the same instance are at work. It
// returns how many are gone, and stops at the first that cannot be ended.
func (b *Builtin) EndLeft(ctx context.Context) (n int, err error) {
	for _, name := range b.held() {
		if b.isLive(name) {
			continue
		}
		if err := b.end(ctx, name); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// left lists the roles that bear the mark of this instance and that no other
// issuer of this run holds.
func (b *Builtin) left(ctx context.Context) ([]string, error) {
	const sql = `SELECT r.rolname, pg_catalog.shobj_description(r.oid, 'pg_authid') FROM pg_catalog.pg_roles r
WHERE pg_catalog.starts_with(r.rolname::pg_catalog.text, $1::pg_catalog.text) ORDER BY r.rolname`
	var names []string
	err := b.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := Query(ctx, conn, sql, b.config.Prefix)
		if err != nil {
			return fmt.Errorf("list roles: %w", err)
		}
		for _, row := range rows {
			m, ok := parseMark(row[1])
			if ok && m.Instance == b.config.Instance && (m.Run != b.config.Run || b.holds(row[0])) {
				names = append(names, row[0])
			}
		}
		return nil
	})
	return names, err
}

// end takes a role through its last states. Only one call at a time works on
// a role.
func (b *Builtin) end(ctx context.Context, name string) error {
	h := b.hold(name, false)
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("end credential %s: %w", name, ctx.Err())
	}
	defer func() { <-h.turn }()
	e := &ending{admin: b.admin, config: &b.config, name: name, role: quoteIdentifier(name), oid: b.oidOf(name)}
	err := e.run(ctx)
	if err == nil || errors.Is(err, errForeign) {
		b.release(name)
	}
	if err != nil {
		return fmt.Errorf("end credential %s: %w", name, err)
	}
	return nil
}

// errForeign says that a role is not ours to end.
var errForeign = errors.New("the role is no lease of this instance and stays as it is")

// ending is one run through the end of a role.
type ending struct {
	admin  *admin
	config *BuiltinConfig
	name   string
	role   string // quoted
	oid    string
	super  bool // the admin is a superuser
}

// mostClashes is how often an end begins anew.
const mostClashes = 10

// run ends the role. Where two databases of a proxy are on one server, both end
// what an earlier run left there, maybe the same role at the same moment: who
// comes second looks again at what there is.
func (e *ending) run(ctx context.Context) error {
	for n := 0; ; n++ {
		err := e.once(ctx)
		if err == nil || n == mostClashes || !clash(err) {
			return err
		}
	}
}

// clash says whether a statement failed because somebody else has dropped or
// changed the role meanwhile.
func clash(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Code == "42704" || refused.Code == "XX000" && slices.ContainsFunc(clashes, func(begin string) bool { return strings.HasPrefix(refused.Message, begin) })
}

// clashes are how messages begin that servers have no code for: of 13 to 15, of 16 and
// later, and of statements that have found the role a moment before.
var clashes = []string{"tuple concurrently ", "could not find tuple for role ", "cache lookup failed for role "}

func (e *ending) once(ctx context.Context) error {
	exists, err := e.find(ctx)
	switch {
	case err != nil:
		return err
	case !exists && e.oid != "":
		return e.terminate(ctx) // somebody dropped the role; its sessions live on
	case !exists:
		return nil
	}
	for _, step := range []func(context.Context) error{e.lock, e.terminate, e.leave, e.drop} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	// A login that was under way while the role was locked shows up late.
	return e.terminate(ctx)
}

// find looks the role up and makes sure that it is a lease of this instance:
// whatever we are handed, nothing else is ever dropped.
func (e *ending) find(ctx context.Context) (exists bool, err error) {
	const sql = `SELECT r.oid, pg_catalog.shobj_description(r.oid, 'pg_authid'),
  (SELECT me.rolsuper FROM pg_catalog.pg_roles me WHERE me.rolname OPERATOR(pg_catalog.=) CURRENT_USER)
FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name`
	err = e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := Query(ctx, conn, sql, e.name)
		if err != nil {
			return fmt.Errorf("look the role up: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		m, ok := parseMark(rows[0][1])
		if !ok || m.Instance != e.config.Instance || !strings.HasPrefix(e.name, e.config.Prefix) {
			return errForeign
		}
		exists, e.oid, e.super = true, rows[0][0], rows[0][2] == "t"
		return nil
	})
	return exists, err
}

// lock keeps new logins out. An admin that is no superuser also needs to be a
// member of the role, to terminate its backends and give its objects away.
func (e *ending) lock(ctx context.Context) error {
	return e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		sql := "ALTER ROLE " + e.role + " NOLOGIN"
		if !e.super {
			sql += ";\nGRANT " + e.role + " TO CURRENT_USER"
			if majorVersion(conn) >= 16 {
				sql += " WITH INHERIT TRUE, SET TRUE"
			}
		}
		if err := run(ctx, conn, sql); err != nil {
			return fmt.Errorf("lock the role: %w", err)
		}
		return nil
	})
}

// majorVersion reads the first number of server_version, such as 15 in
// "15.18 (Debian ...)".
func majorVersion(conn *pgconn.PgConn) int {
	var major int
	_, _ = fmt.Sscanf(conn.ParameterStatus("server_version"), "%d", &major)
	return major
}

// terminate ends the role's backends and returns when the server shows none.
func (e *ending) terminate(ctx context.Context) error {
	return UntilGone(ctx, e.config.EndTimeout, e.signal)
}

// signal tells every backend of the role to end, and returns which there are.
func (e *ending) signal(ctx context.Context) (alive []string, err error) {
	const sql = `SELECT a.pid, pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
WHERE a.usesysid OPERATOR(pg_catalog.=) $1::pg_catalog.oid ORDER BY a.pid`
	err = e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := Query(ctx, conn, sql, e.oid)
		if err != nil {
			return fmt.Errorf("terminate backends: %w", err)
		}
		for _, row := range rows {
			alive = append(alive, row[0])
		}
		return nil
	})
	return alive, err
}

// leave rolls back prepared transactions, which outlive their session and
// keep its locks, and then empties the role in every database that knows it.
func (e *ending) leave(ctx context.Context) error {
	const prepared = `SELECT p.database, p.gid FROM pg_catalog.pg_prepared_xacts p
WHERE p.owner OPERATOR(pg_catalog.=) $1::pg_catalog.name ORDER BY p.gid`
	var transactions [][]string
	err := e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) (err error) {
		transactions, err = Query(ctx, conn, prepared, e.name)
		return err
	})
	if err != nil {
		return fmt.Errorf("list prepared transactions: %w", err)
	}
	for _, transaction := range transactions {
		if err := e.rollBack(ctx, transaction[0], transaction[1]); err != nil {
			return fmt.Errorf("still alive: prepared transaction in database %q: %w", transaction[0], err)
		}
	}
	databases, err := e.databases(ctx)
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := e.empty(ctx, database); err != nil {
			return fmt.Errorf("give away what it owns in database %q: %w", database, err)
		}
	}
	return nil
}

// rollBack ends a prepared transaction, which only its owner and superusers
// may. ROLLBACK PREPARED is refused inside a transaction, so the statements
// go one by one.
func (e *ending) rollBack(ctx context.Context, database, gid string) error {
	return e.admin.doIn(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
		statement := "ROLLBACK PREPARED " + quoteLiteral(gid)
		if e.super {
			return run(ctx, conn, statement)
		}
		if err := run(ctx, conn, "SET ROLE "+e.role); err != nil {
			return err
		}
		err := run(ctx, conn, statement)
		if resetErr := run(ctx, conn, "RESET ROLE"); resetErr != nil {
			hangUp(conn)
			return errors.Join(err, resetErr)
		}
		return err
	})
}

// databases lists where the role owns something or was granted something.
// What belongs to the whole server can be given away from any database.
func (e *ending) databases(ctx context.Context) ([]string, error) {
	const sql = `SELECT DISTINCT coalesce(d.datname, $2::pg_catalog.name)
FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.dbid
WHERE s.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
  AND s.refobjid OPERATOR(pg_catalog.=) $1::pg_catalog.oid ORDER BY 1`
	var names []string
	err := e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		rows, err := Query(ctx, conn, sql, e.oid, e.admin.config.Database)
		for _, row := range rows {
			names = append(names, row[0])
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list what it owns: %w", err)
	}
	return names, nil
}

// empty gives objects to the group and takes rights back, in one transaction.
// DROP OWNED has no objects left to drop then.
func (e *ending) empty(ctx context.Context, database string) error {
	return e.admin.doIn(ctx, database, func(ctx context.Context, conn *pgconn.PgConn) error {
		return run(ctx, conn, fmt.Sprintf("REASSIGN OWNED BY %s TO %s;\nDROP OWNED BY %s",
			e.role, quoteIdentifier(e.config.Group), e.role))
	})
}

func (e *ending) drop(ctx context.Context) error {
	return e.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		err := run(ctx, conn, "DROP ROLE "+e.role)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Detail != "" {
			return fmt.Errorf("drop the role: %w (%s)", err, refused.Detail)
		}
		if err != nil {
			return fmt.Errorf("drop the role: %w", err)
		}
		return nil
	})
}
