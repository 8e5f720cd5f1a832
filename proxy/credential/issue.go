package credential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Issue creates a role for one session and returns the login. The role can do
// what the group can do and nothing else, and cannot log in after the lease's
// end; to end sessions at that moment is the caller's task.
//
// When Issue fails, no role is left, or it will be ended by the next Sweep or
// Close.
func (b *Builtin) Issue(ctx context.Context, request Request) (*Lease, error) {
	if err := request.Check(); err != nil {
		return nil, fmt.Errorf("issue credential: %w", err)
	}
	group := cmp.Or(b.config.Group, request.Group)
	if request.Replication {
		if group = b.config.ReplicationGroup; group == "" {
			return nil, fmt.Errorf("issue credential: %w", ErrNoReplication)
		}
	}
	if group == "" {
		return nil, errors.New("issue credential: no group role is named; leases get their rights from it")
	}
	name, err := roleName(b.config.Prefix, request.Subject)
	if err != nil {
		return nil, fmt.Errorf("issue credential: %w", err)
	}
	password, verifier, err := newPassword()
	if err != nil {
		return nil, fmt.Errorf("issue credential: %w", err)
	}
	// UTC and Truncate would take the reading of the monotonic clock away, with
	// which the lease ends in time when somebody sets the clock.
	expires := b.config.Now().Add(b.config.TTL)
	expires = expires.Add(-time.Duration(expires.Nanosecond() % 1000))
	comment := mark{
		Kind: markKind, Instance: b.config.Instance, Run: b.config.Run,
		Session: request.SessionID, Subject: request.Subject, Expires: expires.UTC(),
	}
	b.hold(name, true)
	asked := false
	err = b.admin.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
		if err := checkGroup(ctx, conn, group); err != nil {
			return err
		}
		asked = true
		return b.create(ctx, conn, newRole{
			name, group, verifier, request.Replication, max(b.config.Connections, request.Connections), expires.UTC(), comment.String(),
		})
	})
	switch {
	case err != nil && !asked:
		b.release(name) // it was never created
		return nil, fmt.Errorf("issue credential: %w", err)
	case err != nil:
		return nil, fmt.Errorf("issue credential: %w", errors.Join(err, b.undo(ctx, name)))
	}
	return &Lease{
		ID: name, User: name, Password: password, Role: group, Expires: expires, EndsBackends: true,
	}, nil
}

// ErrNoReplication says that no group is configured for replication.
var ErrNoReplication = errors.New("built-in credentials: no replication_group is configured, so there are no logins for replication")

// newRole is a role to be made.
type newRole struct {
	name, group, verifier string
	replication           bool
	connections           int
	expires               time.Time
	comment               string
}

// create sends all of it as one text, which the server runs as one
// transaction: a role without its mark never exists.
func (b *Builtin) create(ctx context.Context, conn *pgconn.PgConn, r newRole) error {
	role, replication, needs := quoteIdentifier(r.name), "NOREPLICATION", "CREATEROLE"
	if r.replication {
		replication, needs = "REPLICATION", "CREATEROLE and REPLICATION (before PostgreSQL 16 SUPERUSER)"
	}
	sql := fmt.Sprintf("CREATE ROLE %s LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE %s NOBYPASSRLS"+
		" CONNECTION LIMIT %d PASSWORD %s VALID UNTIL %s IN ROLE %s;\nCOMMENT ON ROLE %s IS %s;\n"+
		"SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) %s",
		role, replication, r.connections, quoteLiteral(r.verifier),
		quoteLiteral(r.expires.Format("2006-01-02 15:04:05.999999+00")),
		quoteIdentifier(r.group), role, quoteLiteral(r.comment), quoteLiteral(r.name))
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err == nil {
		oid := results[len(results)-1].Rows[0][0]
		b.learn(r.name, string(oid))
		return nil
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42501" {
		return fmt.Errorf("create role: the admin role needs %s, and ADMIN OPTION on group %q: %w", needs, r.group, err)
	}
	return fmt.Errorf("create role: %w", err)
}

// beyond lists what a group must not be able to act as: each of them can undo
// the lease itself. Roles such as pg_execute_server_program are not in it,
// because the gate judges the statements that would use them.
const beyond = `SELECT r.rolname FROM pg_catalog.pg_roles r
WHERE (r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls)
  AND pg_catalog.pg_has_role($1::pg_catalog.name, r.oid, 'MEMBER')
ORDER BY (r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name) DESC, r.rolname LIMIT 1`

// ActsBeyond names a role that another one is or can become and that is a superuser
// or has CREATEROLE, REPLICATION or BYPASSRLS; empty if there is none. An empty role
// is who the connection belongs to.
func ActsBeyond(ctx context.Context, conn *pgconn.PgConn, role string) (string, error) {
	if role == "" {
		rows, err := Query(ctx, conn, "SELECT SESSION_USER")
		if err != nil {
			return "", fmt.Errorf("look at the login's own rights: %w", err)
		}
		role = rows[0][0]
	}
	rows, err := Query(ctx, conn, beyond, role)
	if err != nil {
		return "", fmt.Errorf("look at what %q can act as: %w", role, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return rows[0][0], nil
}

func checkGroup(ctx context.Context, conn *pgconn.PgConn, group string) error {
	rows, err := Query(ctx, conn, beyond, group)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42704" {
		return fmt.Errorf("the group role %q does not exist; create it NOLOGIN and grant it what sessions may do: %w", group, err)
	}
	if err != nil {
		return fmt.Errorf("look at group %q: %w", group, err)
	}
	if len(rows) > 0 {
		return fmt.Errorf("group %q can act as %q, whose attributes could undo the lease; use a group without SUPERUSER, CREATEROLE, REPLICATION and BYPASSRLS", group, rows[0][0])
	}
	return nil
}

// undo ends a role that may or may not have come into being. It does not
// depend on the caller's context, which is often why Issue failed.
func (b *Builtin) undo(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	b.hold(name, false)
	if err := b.end(ctx, name); err != nil {
		return fmt.Errorf("take the role back: %w", err)
	}
	return nil
}
