package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// beginner is an issuer that has something to do before its first credential.
type beginner interface {
	proxy.Credentials
	begin(context.Context) error
	database() string
}

// issuers are what issues credentials, by the names of databases and of
// destinations.
type issuers struct {
	databases, destinations map[string]proxy.Credentials
}

// openIssuers makes what issues credentials, and ends what an earlier run left
// behind. A database or a Vault that is away keeps nobody from the others: it
// takes sessions when it is back and the same has been done there. What is wrong at
// a destination keeps copies from going there, and nobody from working.
func (r *running) openIssuers(ctx context.Context, p *policy.Policy) (*issuers, error) {
	run := rand.Text()
	var all []beginner
	for _, d := range r.config.Databases {
		i, err := r.newIssuer(d, run, p)
		if err != nil {
			return nil, fmt.Errorf("database %s: %w", d.Name, err)
		}
		all = append(all, i)
	}
	for i := range r.config.Destinations {
		d := &r.config.Destinations[i]
		one, err := r.newDestinationIssuer(d, run)
		if err != nil {
			return nil, fmt.Errorf("destination %s: %w", d.Name, err)
		}
		all = append(all, one)
	}
	found := make([]error, len(all))
	var begun sync.WaitGroup
	for n, i := range all {
		begun.Go(func() { found[n] = i.begin(ctx) })
	}
	begun.Wait()
	out := &issuers{map[string]proxy.Credentials{}, map[string]proxy.Credentials{}}
	for n, i := range all {
		err, destination := found[n], n >= len(r.config.Databases)
		if destination {
			if err != nil && ctx.Err() == nil {
				r.log.Error("no copy can be carried to a destination until this is mended", "destination", i.database(), "err", err)
			} else if err != nil {
				return nil, fmt.Errorf("destination %s: %w", i.database(), err)
			}
			out.destinations[i.database()] = r.told.Credentials(i)
			continue
		}
		switch {
		case proxy.Away(err) && ctx.Err() == nil:
			r.log.Error("a database is away, or Vault is; nobody works on it until both are back", "database", i.database(), "err", err)
		case err != nil:
			return nil, fmt.Errorf("database %s: %w", i.database(), err)
		}
		out.databases[i.database()] = r.told.Credentials(i)
	}
	return out, nil
}

// newDestinationIssuer makes what issues logins at a destination.
func (r *running) newDestinationIssuer(d *proxy.Destination, run string) (beginner, error) {
	if d.Credential.Vault != nil {
		config, err := d.VaultIssuer()
		if err != nil {
			return nil, err
		}
		return r.openVaultIssuer(config, d.Name)
	}
	i, err := newBuiltinIssuer(d.Name, d.Server.Database, d.Credential.Builtin.Admin, credential.BuiltinConfig{
		TTL: d.Credential.Builtin.TTL, Instance: r.config.Instance, Run: run,
	}, r.log)
	if err != nil {
		return nil, err
	}
	r.issuers = append(r.issuers, i.Builtin)
	r.log.Warn(i.Warning(), "destination", d.Name)
	return i, nil
}

func (r *running) newIssuer(d proxy.Database, run string, p *policy.Policy) (beginner, error) {
	if d.Credential.Vault != nil {
		return r.newVaultIssuer(d, p)
	}
	i, err := newIssuer(d, r.config.Instance, run, r.log)
	if err != nil {
		return nil, err
	}
	r.issuers = append(r.issuers, i.Builtin)
	r.log.Warn(i.Warning(), "database", d.Name)
	return i, nil
}

// beginTimeout bounds the first look at a database, and each later one until it
// has been looked at.
const beginTimeout = 15 * time.Second

// issuer issues credentials for one database once it is known what server that
// is, and what an earlier run left there has been ended.
type issuer struct {
	*credential.Builtin
	name  string
	admin *pgconn.Config
	log   *slog.Logger
	turn  chan struct{} // a mutex that a context can leave
	begun bool
}

func newIssuer(d proxy.Database, instance, run string, log *slog.Logger) (*issuer, error) {
	b := d.Credential.Builtin
	return newBuiltinIssuer(d.Name, d.Upstream.Database, b.Admin, credential.BuiltinConfig{
		Group: b.Group, ReplicationGroup: b.ReplicationGroup, TTL: b.TTL, Instance: instance, Run: run,
	}, log)
}

func newBuiltinIssuer(name, database, login string, config credential.BuiltinConfig, log *slog.Logger) (*issuer, error) {
	admin, err := pgconn.ParseConfig(login)
	if err != nil {
		// The error would quote the connection string.
		return nil, errors.New("credential.builtin.admin is no valid connection string")
	}
	// A login may name no database, and then means one of the role's name.
	admin.Database = database
	config.Admin, config.Database = admin, database
	builtin, err := credential.NewBuiltin(config)
	if err != nil {
		return nil, err
	}
	return &issuer{Builtin: builtin, name: name, admin: admin, log: log, turn: make(chan struct{}, 1)}, nil
}

// Issue implements proxy.Credentials.
func (i *issuer) Issue(ctx context.Context, request credential.Request) (*credential.Lease, error) {
	if err := i.begin(ctx); err != nil {
		return nil, err
	}
	return i.Builtin.Issue(ctx, request)
}

// EndLeft implements proxy.Credentials.
func (i *issuer) EndLeft(ctx context.Context) (ended int, err error) {
	if err := i.begin(ctx); err != nil {
		return 0, err
	}
	return i.Builtin.EndLeft(ctx)
}

// database is the name of the database or destination it is for.
func (i *issuer) database() string { return i.name }

// begin looks at the database and ends what was left there, once.
func (i *issuer) begin(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, beginTimeout)
	defer done()
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for the first look at the database: %w", ctx.Err())
	}
	if i.begun {
		return nil
	}
	if err := i.nameVersion(ctx); err != nil {
		return err
	}
	n, err := i.Sweep(ctx)
	if err != nil {
		return fmt.Errorf("ending what an earlier run left: %w", err)
	}
	if n > 0 {
		i.log.Warn("ended credentials that an earlier run left behind", "database", i.name, "count", n)
	}
	i.begun = true
	return nil
}

// nameVersion says which server is behind a database, and loudly so if its
// grammar is newer than the parser's: new syntax will be refused there.
func (i *issuer) nameVersion(ctx context.Context) error {
	conn, err := pgconn.ConnectConfig(ctx, i.admin)
	if err != nil {
		return err
	}
	version := conn.ParameterStatus("server_version")
	conn.Close(ctx)
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n > statement.Grammar {
		i.log.Warn("the server is newer than the grammar that Sluice reads; syntax it does not know will be refused",
			"database", i.name, "server", version, "grammar", statement.Grammar)
		return nil
	}
	i.log.Info("database", "name", i.name, "server", version)
	return nil
}
