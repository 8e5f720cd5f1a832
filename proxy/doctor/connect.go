package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Connect logs in to a database as the doctor does: as the issuer of credentials,
// or with one that Vault makes for this, in transactions that cannot write. What it
// took is given back with the function it returns, which also hangs up.
func Connect(ctx context.Context, config *proxy.Config, d proxy.Database) (conn *pgconn.PgConn, end func() error, err error) {
	if d.Credential.Vault != nil {
		return connectThroughVault(ctx, config, d)
	}
	login, err := pgconn.ParseConfig(d.Credential.Builtin.Admin)
	if err != nil {
		return nil, nil, errConnectionString // the error would quote the connection string
	}
	login.Database = d.Upstream.Database
	readOnly(login)
	if conn, err = pgconn.ConnectConfig(ctx, login); err != nil {
		return nil, nil, err
	}
	return conn, func() error { hangUp(ctx, conn); return nil }, nil
}

// connectThroughVault takes the first login that a rule of the policy gives for
// the database.
func connectThroughVault(ctx context.Context, config *proxy.Config, d proxy.Database) (conn *pgconn.PgConn, end func() error, err error) {
	client, giveBack, err := openVault(config)
	if err != nil {
		return nil, nil, err
	}
	var ends []func() error
	end = func() (err error) {
		for i := len(ends) - 1; i >= 0; i-- {
			err = errors.Join(err, ends[i]())
		}
		return err
	}
	ends = append(ends, func() error { return giveBack(ctx) })
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	rules := leaseRules(config.Policy, d.Name)
	if len(rules) == 0 {
		return nil, nil, fmt.Errorf("no rule under leases of the policy gives anybody a credential for %s", d.Name)
	}
	settings, err := d.VaultIssuer(rules)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := client.Issuer(settings)
	if err != nil {
		return nil, nil, err
	}
	if err := client.Begin(ctx); err != nil {
		return nil, nil, err
	}
	lease, err := issuer.Issue(ctx, credential.Request{
		SessionID: "doctor", Subject: "doctor", Database: d.Name, Role: rules[0].Role, Group: rules[0].Group,
	})
	if err != nil {
		return nil, nil, err
	}
	ends = append(ends, func() error { return issuer.End(context.WithoutCancel(ctx), lease) })
	login, err := proxy.ControlConfig(d.Upstream)
	if err != nil {
		return nil, nil, err
	}
	login.User, login.Password = lease.User, lease.Password.Reveal()
	readOnly(login)
	if conn, err = pgconn.ConnectConfig(ctx, login); err != nil {
		return nil, nil, err
	}
	ends = append(ends, func() error { hangUp(ctx, conn); return nil })
	return conn, end, nil
}
