package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
)

// lookAtPlace looks at what copies to a destination depend on besides its
// protection, which sluice destination check measures: that policy and
// configuration mean the same server, that its roles are there, and that the logins
// can be had with which it is measured, loaded and closed.
func lookAtPlace(ctx context.Context, f *findings, config *proxy.Config, d *proxy.Destination) {
	def, err := placeIn(config.Policy, d)
	if err != nil {
		f.problem("place.policy", "Correct destinations in the policy or in the configuration.", "%v", err)
		return
	}
	f.ok("place.policy", "the policy says the same of where it is")
	if d.Credential.Vault != nil {
		lookAtPlaceThroughVault(ctx, f, config, d, def)
		return
	}
	lookAtPassword(f, d.Credential.Builtin.Admin)
	login, err := pgconn.ParseConfig(d.Credential.Builtin.Admin)
	if err != nil {
		// The error would quote the connection string.
		f.problem("credential.admin", "Correct credential.builtin.admin.", "%v", errConnectionString)
		return
	}
	lookAtIssuerTransport(ctx, f, login)
	login.Database = d.Server.Database
	readOnly(login)
	conn, err := pgconn.ConnectConfig(ctx, login)
	if err != nil {
		f.problem("place.login", loginFix(err), "%v", err)
		return
	}
	defer hangUp(ctx, conn)
	f.ok("place.login", "%s logs in to %s", login.User, login.Database)
	lookAtPlaceRoles(ctx, f, connection{conn}, d, def)
}

// placeIn is what the policy says about a destination, if that is the server which
// the configuration means.
func placeIn(path string, d *proxy.Destination) (def policy.PlaceDef, err error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return def, err
	}
	p, err := policy.Parse(filepath.Base(path), source)
	if err != nil {
		return def, err
	}
	def, known := p.PlaceNamed(d.Name)
	if !known {
		return def, fmt.Errorf("the policy has no destination %q", d.Name)
	}
	return def, d.SameServer(&def)
}

// lookAtPlaceRoles looks whether the roles are there that sluice destination setup
// makes.
func lookAtPlaceRoles(ctx context.Context, f *findings, server asker, d *proxy.Destination, def policy.PlaceDef) {
	const name = "place.roles"
	roles := []string{def.Roles.Owner, def.Roles.Probe, def.Roles.Carrier, def.Roles.Reactor}
	rows, ok := rolesAsk(ctx, f, server, name, "SELECT rolname FROM pg_roles WHERE rolname IN ($1, $2, $3, $4)", roles...)
	if !ok {
		return
	}
	there := map[string]bool{}
	for _, row := range rows {
		there[row[0]] = true
	}
	var missing []string
	for _, role := range roles {
		if !there[role] {
			missing = append(missing, role)
		}
	}
	if len(missing) > 0 {
		f.problem(name, "Have its DBA run what this prints: sluice destination setup --print "+d.Name, "there is no role %s", strings.Join(missing, ", "))
		return
	}
	f.ok(name, "%s are there", strings.Join(roles, ", "))
}

// placeLogin is a login at a destination that Vault makes.
type placeLogin struct {
	// purpose is what it is for, role that of Vault, group that of the server.
	purpose, role, group string
	// owner is whom it has to be able to become, empty for nobody.
	owner string
}

// lookAtPlaceThroughVault has each of the logins made that copies need, logs in, and
// gives them back.
func lookAtPlaceThroughVault(ctx context.Context, f *findings, config *proxy.Config, d *proxy.Destination, def policy.PlaceDef) {
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
	settings, err := d.VaultIssuer()
	var issuer *vault.Issuer
	if err == nil {
		issuer, err = client.Issuer(settings)
	}
	if err != nil {
		f.problem("vault.issuer", "Correct credential.vault.", "%v", err)
		return
	}
	if err := issuer.Begin(ctx); err != nil {
		f.problem("vault.login", vaultFix(err), "%v", err)
		f.unknown("place.login", "See vault.login.", "the logins of the place were not looked at: Vault gave none")
		return
	}
	f.ok("vault.login", "Vault lets the proxy in, and its policies allow what is needed")
	v := d.Credential.Vault
	if v.ControlRole == "" {
		f.warning("place.control", "Make a Vault role whose logins are members of pg_signal_backend (examples/vault), and set credential.vault.control_role.",
			"nobody can see that a login's connections are gone from the server")
	}
	if v.ReactorRole == "" {
		f.warning("place.reactor", "Make a Vault role whose logins are members of "+def.Roles.Reactor+" (examples/vault), and set credential.vault.reactor_role.",
			"when its protection becomes less, nobody can close or remove the copies there")
	}
	for at, login := range []placeLogin{
		{"looks", v.ProbeRole, def.Roles.Probe, ""},
		{"loads", v.CarrierRole, def.Roles.Carrier, def.Roles.Owner},
		{"closes", v.ReactorRole, def.Roles.Reactor, def.Roles.Owner},
	} {
		if login.role != "" && !lookAtPlaceLogin(ctx, f, d, def, issuer, login, at == 0) {
			return
		}
	}
}

// lookAtPlaceLogin reports whether the next one is worth a look.
func lookAtPlaceLogin(ctx context.Context, f *findings, d *proxy.Destination, def policy.PlaceDef, issuer *vault.Issuer, login placeLogin, first bool) (goOn bool) {
	const name = "place.login"
	lease, err := issuer.Issue(ctx, credential.Request{SessionID: "doctor", Subject: "doctor", Database: d.Name, Role: login.role, Group: login.group})
	if err != nil {
		f.problem(name, vaultFix(err), "%s, which %s: %v", login.role, login.purpose, err)
		return true
	}
	defer func() {
		if err := issuer.End(ctx, lease); err != nil {
			f.problem("leases.end", "Give the control role pg_signal_backend, and the proxy's login in Vault what the policy of examples/vault allows.", "%v", err)
		}
	}()
	config, err := proxy.ControlConfig(d.Server)
	if err != nil {
		f.problem(name, "Correct server in the configuration.", "%v", err)
		return false
	}
	config.User, config.Password = lease.User, lease.Password.Reveal()
	readOnly(config)
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		f.problem(name, "Start the server, open the way to it, admit Vault's logins in pg_hba.conf, or correct the Vault role's creation statements.",
			"%s, which %s: %v", login.role, login.purpose, err)
		return false
	}
	defer hangUp(ctx, conn)
	lease.Backends.Add(conn.PID())
	if first {
		lookAtPlaceRoles(ctx, f, connection{conn}, d, def)
	}
	if what := login.lacks(ctx, conn); what != "" {
		f.problem(name, "Give the Vault role the creation statements of examples/vault/sql/create-copies.sql, with IN ROLE "+quote.Name(login.group)+".",
			"%s, which %s: %s", login.role, login.purpose, what)
		return true
	}
	f.ok(name, "a login of %s works as %s", login.role, login.group)
	return true
}

// lacks says what is wrong with what a login may do, empty if nothing.
func (l *placeLogin) lacks(ctx context.Context, conn *pgconn.PgConn) string {
	switch who, err := credential.ActsBeyond(ctx, conn, ""); {
	case err != nil:
		return err.Error()
	case who != "":
		return fmt.Sprintf("its login can act as %s, which is a superuser or has CREATEROLE, REPLICATION or BYPASSRLS; no copy is carried with it", quote.Name(who))
	}
	switch rows, err := (connection{conn}).ask(ctx, "SELECT pg_has_role(SESSION_USER, $1::name, 'USAGE')", l.group); {
	case err != nil:
		return err.Error()
	case rows[0][0] != "t":
		return "its login has not the rights of " + quote.Name(l.group) + " from the start, as a member with INHERIT would"
	}
	if l.owner == "" {
		return ""
	}
	if err := conn.Exec(ctx, "SET ROLE "+quote.Identifier(l.owner)).Close(); err != nil {
		return fmt.Sprintf("its login cannot become %s, who owns copies: %v", quote.Name(l.owner), err)
	}
	return ""
}
