package survey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

const (
	// loginTimeout bounds getting a credential and logging in with it.
	loginTimeout = 30 * time.Second
	// endTimeout bounds giving it back.
	endTimeout = 10 * time.Second
	// leaseTTL is for how long the built-in issuer's credential is made:
	// what a crash leaves behind is of no use after it.
	leaseTTL = time.Hour
	// subject is for whom the credential is, and in its name.
	subject = "sluice classify"
)

// Login is a connection with a credential of its own.
type Login struct {
	conn *pgconn.PgConn
	// Role is the role of the database that it works as; empty if the
	// credential says none.
	Role string
	// User is the login's name.
	User string
	end  []func(context.Context) error
}

// Open has a credential issued as for a session that comes to read, and logs
// in with it. It works beside a running proxy. The policy says which of Vault's
// roles that is; it is not needed for the built-in issuer.
func Open(ctx context.Context, config *proxy.Config, d proxy.Database, p *policy.Policy) (_ *Login, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	l := &Login{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close(ctx))
		}
	}()
	var lease *credential.Lease
	if d.Credential.Vault != nil {
		lease, err = l.fromVault(ctx, config, d, p)
	} else {
		lease, err = l.fromBuiltin(ctx, config.Instance, d.Name, d.Upstream.Database, d.Credential.Builtin.Admin, d.Credential.Builtin.Group)
	}
	if err != nil {
		return nil, err
	}
	if err := l.connect(ctx, d.Upstream, lease, lease.Role, "sluice/classify"); err != nil {
		return nil, fmt.Errorf("log in to database %s: %w", d.Name, err)
	}
	return l, nil
}

// OpenPlace has a credential issued that looks at a destination, as a member of the
// role that the policy names for that, and logs in with it.
func OpenPlace(ctx context.Context, config *proxy.Config, d *proxy.Destination, probe string) (_ *Login, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	l := &Login{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close(ctx))
		}
	}()
	var lease *credential.Lease
	if v := d.Credential.Vault; v != nil {
		issuing, e := d.VaultIssuer()
		if e != nil {
			return nil, e
		}
		lease, err = l.issueInVault(ctx, config, issuing, v.ProbeRole, probe)
	} else {
		lease, err = l.fromBuiltin(ctx, config.Instance, d.Name, d.Server.Database, d.Credential.Builtin.Admin, probe)
	}
	if err != nil {
		return nil, err
	}
	// The server tells a login about its own connection only while it is itself.
	if err := l.connect(ctx, d.Server, lease, "", "sluice/probe"); err != nil {
		return nil, fmt.Errorf("log in to destination %s: %w", d.Name, err)
	}
	return l, nil
}

// connect logs in with a lease, to work as a role.
func (l *Login) connect(ctx context.Context, at proxy.Upstream, lease *credential.Lease, role, application string) error {
	login, err := proxy.ControlConfig(at)
	if err != nil {
		return err
	}
	login.User, login.Password = lease.User, lease.Password.Reveal()
	pin(login.RuntimeParams, role)
	login.RuntimeParams["application_name"] = application
	login.MaxProtocolMessageBodyLen = catalog.MostText
	if l.conn, err = pgconn.ConnectConfig(ctx, login); err != nil {
		return err
	}
	lease.Backends.Add(l.conn.PID())
	l.Role, l.User = lease.Role, lease.User
	return nil
}

// Ask asks something in one transaction that only reads.
func (l *Login) Ask(ctx context.Context, question func(context.Context, catalog.Querier) error) (err error) {
	none := func([][]byte) error { return nil }
	if err := l.Query(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", none); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Query(ctx, "ROLLBACK", none)) }()
	return question(ctx, l)
}

// pin sets what the questions depend on.
func pin(params map[string]string, role string) {
	for name, value := range map[string]string{
		"search_path": "pg_catalog, pg_temp", "default_transaction_read_only": "on",
		"statement_timeout": fmt.Sprint(questionTimeout.Milliseconds()), "lock_timeout": "2000", "bytea_output": "hex",
	} {
		params[name] = value
	}
	if role != "" {
		params["role"] = role
	}
}

// fromBuiltin has the built-in issuer make a role. It bears the proxy's own
// instance, so that the next start of the proxy ends what a crash leaves here.
func (l *Login) fromBuiltin(ctx context.Context, instance, name, database, login, group string) (*credential.Lease, error) {
	admin, err := pgconn.ParseConfig(login)
	if err != nil {
		// The error would quote the connection string.
		return nil, errors.New("credential.builtin.admin is no valid connection string")
	}
	admin.Database = database
	issuer, err := credential.NewBuiltin(credential.BuiltinConfig{
		Admin: admin, Database: database, Group: group, TTL: leaseTTL, Instance: instance,
	})
	if err != nil {
		return nil, err
	}
	l.end = append(l.end, issuer.Close)
	return issuer.Issue(ctx, credential.Request{SessionID: "classify", Subject: subject, Database: name})
}

// Close ends the connection and gives the credential back.
func (l *Login) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	var errs []error
	if l.conn != nil {
		polite, done := context.WithTimeout(ctx, time.Second)
		_ = l.conn.Close(polite) // the end of the credential cuts it for good
		done()
	}
	for i := len(l.end) - 1; i >= 0; i-- {
		errs = append(errs, l.end[i](ctx))
	}
	l.conn, l.end = nil, nil
	return errors.Join(errs...)
}
