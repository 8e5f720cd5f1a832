package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// statementTimeout bounds one question, in milliseconds.
const statementTimeout = "10000"

// seeLogin is what to do where a server that let us in does not answer.
const seeLogin = "Look into the server's log."

// connection asks over a connection of the issuer.
type connection struct{ conn *pgconn.PgConn }

func (c connection) ask(ctx context.Context, sql string, parameters ...string) ([][]string, error) {
	return credential.Query(ctx, c.conn, sql, parameters...)
}

// lookAtDatabase logs in as the issuer of credentials and judges the server,
// the issuer and the role that sessions work as.
func lookAtDatabase(ctx context.Context, f *findings, d proxy.Database, limits proxy.Limits, now time.Time) {
	b := d.Credential.Builtin
	lookAtPassword(f, b.Admin)
	config, err := pgconn.ParseConfig(b.Admin)
	if err != nil {
		// The error would quote the connection string.
		f.problem("credential.admin", "Correct credential.builtin.admin.", "%v", errConnectionString)
		return
	}
	lookAtIssuerTransport(ctx, f, config)
	config.Database = d.Upstream.Database
	readOnly(config)
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		f.problem("database.login", loginFix(err), "%v", err)
		f.unknown("database.inside", "See database.login.", "version, clock, settings and roles were not looked at: nobody could log in")
		return
	}
	defer hangUp(ctx, conn)
	f.ok("database.login", "%s logs in to %s", config.User, config.Database)
	server := connection{conn}
	lookAtServerClock(ctx, f, server, time.Now)
	lookAtVersion(ctx, f, server, now)
	lookAtRoom(ctx, f, server, limits.Connections)
	lookAtIssuer(ctx, f, server, b.Group, b.ReplicationGroup, now)
	lookAtGroup(ctx, f, server, b.Group)
	if b.ReplicationGroup != "" {
		lookAtGroup(ctx, f, server, b.ReplicationGroup)
	}
	lookAtPublic(ctx, f, server, d.Upstream.Database)
	lookAtHBA(ctx, f, server)
}

// readOnly pins what our questions depend on.
func readOnly(config *pgconn.Config) {
	if config.RuntimeParams == nil {
		config.RuntimeParams = map[string]string{}
	}
	for name, value := range map[string]string{
		"application_name": "sluice/doctor", "search_path": "pg_catalog", "client_encoding": "UTF8",
		"standard_conforming_strings": "on", "default_transaction_read_only": "on", "statement_timeout": statementTimeout,
	} {
		config.RuntimeParams[name] = value
	}
}

// loginFix says what to do about a login that failed.
func loginFix(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "28P01", "28000":
			return "Correct the user or the passfile in credential.builtin.admin, or admit the proxy in pg_hba.conf."
		case "3D000":
			return "Correct upstream.database in the configuration."
		case "53300":
			return "Raise max_connections at the server, or lower limits.connections."
		}
	}
	return "Start the server, open the way to it, or correct credential.builtin.admin."
}

// lookAtIssuerTransport judges how the issuer's password and the minted
// verifiers travel.
func lookAtIssuerTransport(ctx context.Context, f *findings, config *pgconn.Config) {
	const name = "credential.transport"
	verified := config.TLSConfig != nil && (!config.TLSConfig.InsecureSkipVerify || config.TLSConfig.VerifyPeerCertificate != nil)
	for _, fallback := range config.Fallbacks {
		verified = verified && fallback.TLSConfig != nil
	}
	if verified {
		f.ok(name, "the issuer's login verifies the server")
		return
	}
	if network, _ := pgconn.NetworkAddress(config.Host, config.Port); network == "unix" {
		f.ok(name, "the issuer logs in over a socket of this machine")
		return
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", config.Host)
	if err != nil {
		f.problem(name, "Correct the host in credential.builtin.admin.", "%v", err)
		return
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			f.problem(name, "Add sslmode=verify-full sslrootcert=FILE to credential.builtin.admin.",
				"the issuer logs in to %s without verifying who answers there", config.Host)
			return
		}
	}
	f.ok(name, "the issuer logs in on this machine only")
}

// lookAtRoom compares how many sessions the proxy lets in with how many the
// server has room for.
func lookAtRoom(ctx context.Context, f *findings, server asker, sessions int) {
	const name = "database.room"
	rows, err := server.ask(ctx, `SELECT current_setting('max_connections'), current_setting('superuser_reserved_connections')`)
	if err != nil {
		f.unknown(name, seeLogin, "%v", err)
		return
	}
	most, _ := strconv.Atoi(rows[0][0])
	reserved, _ := strconv.Atoi(rows[0][1])
	if most-reserved < sessions {
		f.warning(name, fmt.Sprintf("Set limits.connections below %d, or raise max_connections at the server.", most-reserved),
			"the proxy lets %d sessions in, the server %d", sessions, most-reserved)
		return
	}
	f.ok(name, "%d sessions, and the server has room for %d", sessions, most-reserved)
}
