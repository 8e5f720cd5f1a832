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
		lease, err = l.fromBuiltin(ctx, config, d)
	}
	if err != nil {
		return nil, err
	}
	login, err := proxy.ControlConfig(d.Upstream)
	if err != nil {
		return nil, err
	}
	login.User, login.Password = lease.User, lease.Password.Reveal()
	pin(login.RuntimeParams, lease.Role)
	login.MaxProtocolMessageBodyLen = catalog.MostText
	if l.conn, err = pgconn.ConnectConfig(ctx, login); err != nil {
		return nil, fmt.Errorf("log in to database %s: %w", d.Name, err)
	}
	lease.Backends.Add(l.conn.PID())
	l.Role = lease.Role
	return l, nil
}

// pin sets what the questions depend on.
func pin(params map[string]string, role string) {
	for name, value := range map[string]string{
		"application_name": "sluice/classify", "search_path": "pg_catalog, pg_temp", "default_transaction_read_only": "on",
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
func (l *Login) fromBuiltin(ctx context.Context, config *proxy.Config, d proxy.Database) (*credential.Lease, error) {
	b := d.Credential.Builtin
	admin, err := pgconn.ParseConfig(b.Admin)
	if err != nil {
		// The error would quote the connection string.
		return nil, errors.New("credential.builtin.admin is no valid connection string")
	}
	admin.Database = d.Upstream.Database
	issuer, err := credential.NewBuiltin(credential.BuiltinConfig{
		Admin: admin, Database: d.Upstream.Database, Group: b.Group, TTL: leaseTTL, Instance: config.Instance,
	})
	if err != nil {
		return nil, err
	}
	l.end = append(l.end, issuer.Close)
	return issuer.Issue(ctx, credential.Request{SessionID: "classify", Subject: subject, Database: d.Name})
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
