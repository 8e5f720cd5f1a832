package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// errNoRoom says that the doctor has no place for a journal of its own.
var errNoRoom = errors.New("no folder can be made for the doctor's journal")

// noVault says why there is no client, as the check of that name.
func noVault(f *findings, name string, err error) {
	if errors.Is(err, errNoRoom) {
		f.unknown(name, "Make room in the folder for temporary files.", "%v", err)
		return
	}
	f.problem(name, "Correct the section vault.", "%v", err)
}

// openVault makes a client that logs in as the proxy does. Its journal is its own,
// so that a running proxy is not disturbed. What it took is given back with the
// function it returns.
func openVault(config *proxy.Config) (client *vault.Client, giveBack func(context.Context) error, err error) {
	dir, err := os.MkdirTemp("", "sluice-doctor-")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNoRoom, err)
	}
	settings := config.Vault.Client(nil)
	settings.Journal = filepath.Join(dir, "journal")
	if client, err = vault.Open(settings); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return client, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(client.Close(ctx), os.RemoveAll(dir))
	}, nil
}

// lookThroughVault logs in to Vault as the proxy does, takes a credential, looks
// at the database with it, and gives it back.
func lookThroughVault(ctx context.Context, f *findings, config *proxy.Config, d proxy.Database, now time.Time) {
	client, giveBack, err := openVault(config)
	if err != nil {
		noVault(f, "vault.login", err)
		return
	}
	defer func() {
		if err := giveBack(ctx); err != nil {
			f.warning("vault.returned", "Revoke it in Vault, or let it run out.", "what this look took from Vault is not given back: %v", err)
		}
	}()
	rules := leaseRules(config.Policy, d.Name)
	lookAtLeases(f, d, rules)
	settings, err := d.VaultIssuer(rules)
	var issuer *vault.Issuer
	if err == nil {
		issuer, err = client.Issuer(settings)
	}
	if err != nil {
		f.problem("vault.issuer", "Correct credential.vault.", "%v", err)
		return
	}
	if err := client.Begin(ctx); err != nil {
		f.problem("vault.login", vaultFix(err), "%v", err)
		f.unknown("database.inside", "See vault.login.", "version, clock, settings and roles were not looked at: Vault gave no credential")
		return
	}
	f.ok("vault.login", "Vault lets the proxy in, and its policies allow what is needed")
	if len(rules) == 0 {
		f.unknown("database.inside", "See leases.rules.", "there is no Vault role to look at the database with")
		return
	}
	first := rules[0]
	lease, err := issuer.Issue(ctx, credential.Request{SessionID: "doctor", Subject: "doctor", Database: d.Name, Role: first.Role, Group: first.Group})
	if err != nil {
		f.problem("vault.credential", vaultFix(err), "%v", err)
		return
	}
	f.ok("vault.credential", "Vault makes logins of the role %s", first.Role)
	lookWith(ctx, f, config, d, lease, rules, now)
	lookAtEnd(ctx, f, d, issuer, lease)
}

// lookAtEnd gives the credential back, as the proxy does at the end of a session.
func lookAtEnd(ctx context.Context, f *findings, d proxy.Database, issuer *vault.Issuer, lease *credential.Lease) {
	const name = "leases.end"
	switch err := issuer.End(ctx, lease); {
	case err != nil:
		f.problem(name, "Give the control role pg_signal_backend, and the proxy's login in Vault what the policy of examples/vault allows.", "%v", err)
	case d.Credential.Vault.ControlRole != "":
		f.ok(name, "its session was ended, seen gone, and the lease revoked")
	}
}

// leaseRules are the rules of the policy that are about a database; none if it
// cannot be read, which is said elsewhere.
func leaseRules(path, database string) []policy.LeaseTerms {
	if path == "" {
		return nil
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	p, err := policy.Parse(filepath.Base(path), source)
	if err != nil {
		return nil
	}
	return p.Leases(database)
}

// lookAtLeases judges what the configuration and the policy say about
// credentials.
func lookAtLeases(f *findings, d proxy.Database, rules []policy.LeaseTerms) {
	if len(rules) == 0 {
		f.problem("leases.rules", "Write a rule under leases in the policy.", "no rule gives anybody a credential for %s", d.Name)
	} else {
		f.ok("leases.rules", "%s give credentials for %s", counted(len(rules), "rule"), d.Name)
	}
	if d.Credential.Vault.ControlRole == "" {
		f.warning("leases.control", "Make a Vault role whose logins are members of pg_signal_backend (examples/vault), and set credential.vault.control_role.",
			"nobody can see that a session is gone from the server")
	}
	if d.Credential.Vault.Engine != "database" {
		f.warning("leases.weak", "Use the engine database where Vault can reach the server.",
			"passwords are not made for the session: they stay valid after it, and others may know them")
	}
}

// vaultFix says what to do about a question that Vault did not answer well.
func vaultFix(err error) string {
	switch {
	case errors.Is(err, vault.ErrAway):
		return "Start or unseal Vault, open the way to it, or correct vault.address."
	case errors.Is(err, vault.ErrDenied):
		return "Give the proxy's login the policy of examples/vault, with the paths that are named."
	}
	return "Correct vault.auth and credential.vault, or what they name in Vault."
}

// lookWith looks at the server, and at the groups that sessions work as, with a
// credential of Vault's.
func lookWith(ctx context.Context, f *findings, config *proxy.Config, d proxy.Database, lease *credential.Lease, rules []policy.LeaseTerms, now time.Time) {
	login, err := proxy.ControlConfig(d.Upstream)
	if err != nil {
		f.problem("database.login", "Correct upstream in the configuration.", "%v", err)
		return
	}
	login.User, login.Password = lease.User, lease.Password.Reveal()
	readOnly(login)
	conn, err := pgconn.ConnectConfig(ctx, login)
	if err != nil {
		f.problem("database.login", "Start the server, open the way to it, admit Vault's logins in pg_hba.conf, or correct the Vault role's creation statements.", "%v", err)
		f.unknown("database.inside", "See database.login.", "version, clock, settings and roles were not looked at: nobody could log in")
		return
	}
	defer hangUp(ctx, conn)
	lease.Backends.Add(conn.PID())
	f.ok("database.login", "a login that Vault has made works at %s", d.Upstream.Database)
	server := connection{conn}
	lookAtServerClock(ctx, f, server, time.Now)
	lookAtVersion(ctx, f, server, now)
	lookAtRoom(ctx, f, server, config.Limits.Connections)
	for _, group := range groupsOf(rules, d.Credential.Vault.ReplicationGroup) {
		lookAtGroup(ctx, f, server, group)
	}
	lookAtPublic(ctx, f, server, d.Upstream.Database)
	f.unknown("hba", "Read pg_hba.conf on the server: it should admit the proxy's address and Vault's, and no other.",
		"a login of Vault's may not see whom the server lets in")
}

// groupsOf are the roles that sessions work as, and those that follow changes.
func groupsOf(rules []policy.LeaseTerms, replication string) []string {
	groups := []string{replication}
	for _, r := range rules {
		groups = append(groups, r.Group)
	}
	slices.Sort(groups)
	return slices.DeleteFunc(slices.Compact(groups), func(group string) bool { return group == "" })
}

// hangUp ends a connection without waiting long.
func hangUp(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
