package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
)

// first is the only column of rows.
func first(rows [][]string) []string {
	var list []string
	for _, row := range rows {
		list = append(list, row[0])
	}
	return list
}

// rolesAsk asks and reports a question that failed as unknown.
func rolesAsk(ctx context.Context, f *findings, server asker, name, sql string, parameters ...string) ([][]string, bool) {
	rows, err := server.ask(ctx, sql, parameters...)
	if err != nil {
		f.unknown(name, seeLogin, "%v", err)
	}
	return rows, err == nil
}

// lookAtIssuer judges the login that mints roles: it needs CREATEROLE and
// ADMIN OPTION on the group, the same and REPLICATION where there is a group for
// replication as well, and nothing else.
func lookAtIssuer(ctx context.Context, f *findings, server asker, group, replicationGroup string, now time.Time) {
	const name = "issuer.rights"
	const sql = `SELECT rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls,
  CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil)::int8 END,
  current_setting('server_version_num')::int4 < 160000
    OR (SELECT bool_and(pg_has_role(r.oid, g.oid, 'MEMBER WITH ADMIN OPTION')) FROM pg_roles g WHERE g.rolname IN ($1, $2)),
  current_setting('server_version_num')::int4 < 160000
FROM pg_roles r WHERE rolname = current_user`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group, replicationGroup)
	if !ok {
		return
	}
	groups, attributes, replication := quote.Name(group), "LOGIN CREATEROLE", replicationGroup != ""
	if replication {
		groups, attributes = groups+", "+quote.Name(replicationGroup), attributes+" REPLICATION"
	}
	issuer := rows[0]
	role := quote.Name(issuer[0])
	has := func(i int) bool { return issuer[i] == "t" }
	const orNone = "or leave credential.builtin.replication_group out: from PostgreSQL 16 on CREATEROLE and REPLICATION are enough for it."
	switch beforeSixteen := has(7); {
	case has(1) && replication && beforeSixteen:
		f.warning(name, "Move to PostgreSQL 16,\n"+orNone, "%s is a superuser, and the proxy holds its password: nobody else can make logins for replication here", issuer[0])
	case has(1):
		f.problem(name, fmt.Sprintf("Make a login for this alone, and name it in credential.builtin.admin:\n"+
			"CREATE ROLE shop_issuer %s;\nGRANT %s TO shop_issuer WITH ADMIN OPTION;\nGRANT pg_signal_backend TO shop_issuer;\n\\password shop_issuer", attributes, groups),
			"%s is a superuser, and the proxy holds its password", issuer[0])
	case has(3) && !replication || has(4):
		f.problem(name, "ALTER ROLE "+role+" NOREPLICATION NOBYPASSRLS;", "%s has REPLICATION or BYPASSRLS and reads everything", issuer[0])
	case !has(2):
		f.problem(name, "ALTER ROLE "+role+" CREATEROLE;", "%s cannot make roles, so nobody can log in", issuer[0])
	case replication && beforeSixteen:
		f.problem(name, "ALTER ROLE "+role+" SUPERUSER;\n"+orNone, "%s cannot make logins for replication, as only a superuser can here", issuer[0])
	case replication && !has(3):
		f.problem(name, "ALTER ROLE "+role+" REPLICATION;", "%s cannot make logins for replication", issuer[0])
	case issuer[6] == "f":
		f.problem(name, fmt.Sprintf("GRANT %s TO %s WITH ADMIN OPTION;", groups, role),
			"%s may not give %s to the roles it makes, so nobody can log in", issuer[0], groups)
	default:
		f.ok(name, "%s makes roles, and is no superuser", issuer[0])
	}
	lookAtIssuerEnd(f, issuer[0], issuer[5], now)
}

// lookAtIssuerEnd judges until when the issuer can log in; end is in seconds
// since 1970, or empty.
func lookAtIssuerEnd(f *findings, issuer, end string, now time.Time) {
	seconds, err := strconv.ParseInt(end, 10, 64)
	if err != nil {
		return
	}
	if until := time.Unix(seconds, 0); until.Sub(now) < warnBefore {
		f.warning("issuer.end", "ALTER ROLE "+quote.Name(issuer)+" VALID UNTIL 'infinity';\nor give it a new password with a later end.",
			"%s can log in until %s only", issuer, until.UTC().Format(time.DateTime+"Z"))
	}
}

// lookAtGroup judges what a session could do if nothing stood in front of the
// server.
func lookAtGroup(ctx context.Context, f *findings, server asker, group string) {
	const exists = `SELECT rolsuper FROM pg_roles WHERE rolname = $1`
	rows, ok := rolesAsk(ctx, f, server, "group.attributes", exists, group)
	if !ok {
		return
	}
	role := quote.Name(group)
	switch {
	case len(rows) == 0:
		f.problem("group.attributes", "CREATE ROLE "+role+" NOLOGIN;\nand grant to it what sessions may do.", "the role %s does not exist, so nobody can log in", group)
		return
	case rows[0][0] == "t":
		// It may do everything, so every other check would say so again.
		f.problem("group.attributes", "ALTER ROLE "+role+" NOSUPERUSER;", "%s is a superuser; no session gets a login", group)
		return
	}
	lookAtAttributes(ctx, f, server, group)
	lookAtMemberships(ctx, f, server, group)
	lookAtOwnership(ctx, f, server, group)
	lookAtLogins(ctx, f, server, group)
	lookAtBackstops(ctx, f, server, group)
}

func lookAtAttributes(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.attributes"
	const sql = `SELECT rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls, rolcreatedb, rolcanlogin
FROM pg_roles WHERE pg_has_role($1::name, oid, 'MEMBER') ORDER BY rolname <> $1, rolname`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	words := []string{"", "SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS", "CREATEDB", "LOGIN"}
	fine := true
	for _, row := range rows {
		var much, some []string
		for i, word := range words {
			switch {
			case i == 0 || row[i] != "t":
			case i <= 4:
				much = append(much, word)
			default:
				some = append(some, word)
			}
		}
		fix := "ALTER ROLE " + quote.Name(row[0]) + " NO" + strings.Join(append(slices.Clone(much), some...), " NO") + ";"
		evidence := row[0] + " has " + strings.Join(append(slices.Clone(much), some...), ", ")
		if row[0] != group {
			fix = "REVOKE " + quote.Name(row[0]) + " FROM " + quote.Name(group) + ";"
			evidence += ", and " + group + " is a member of it"
		}
		switch {
		case len(much) > 0:
			f.problem(name, fix, "%s; no session gets a login", evidence)
		case len(some) > 0:
			f.warning(name, fix, "%s", evidence)
		}
		fine = fine && len(much)+len(some) == 0
	}
	if fine {
		f.ok(name, "%s has none that a session should not have", group)
	}
}

// powers says what a predefined role gives that a session should not have.
// Those that only see or slow down others are worth a warning.
var powers = map[string]struct {
	state State
	what  string
}{
	"pg_read_server_files":        {Problem, "reads every file of the server"},
	"pg_write_server_files":       {Problem, "writes every file of the server"},
	"pg_execute_server_program":   {Problem, "runs programs at the server"},
	"pg_read_all_data":            {Problem, "reads every relation"},
	"pg_write_all_data":           {Problem, "writes every relation"},
	"pg_create_subscription":      {Problem, "makes the server connect to others"},
	"pg_monitor":                  {Warning, "sees the statements of others"},
	"pg_read_all_stats":           {Warning, "sees the statements of others"},
	"pg_read_all_settings":        {Warning, "sees every setting"},
	"pg_stat_scan_tables":         {Warning, "reads pages, and locks what it measures"},
	"pg_signal_backend":           {Warning, "ends the sessions of others"},
	"pg_signal_autovacuum_worker": {Warning, "ends the server's own work"},
	"pg_maintain":                 {Warning, "locks every relation"},
	"pg_checkpoint":               {Warning, "slows the server down"},
	"pg_use_reserved_connections": {Warning, "takes the last connections"},
}

func lookAtMemberships(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.memberships"
	// Only edges that somebody made: what pg_monitor contains is not news.
	const sql = `SELECT DISTINCT g.rolname, m.rolname FROM pg_auth_members a
JOIN pg_roles g ON g.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
WHERE g.rolname ~ '^pg_' AND m.rolname !~ '^pg_' AND pg_has_role($1::name, m.oid, 'MEMBER') ORDER BY 1, 2`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	for _, row := range rows {
		power, known := powers[row[0]]
		if !known {
			power.state, power.what = Warning, "is not known to this version of Sluice"
		}
		f.add(power.state, name, fmt.Sprintf("REVOKE %s FROM %s;", row[0], quote.Name(row[1])), "%s is a member of %s, which %s", row[1], row[0], power.what)
	}
	if len(rows) == 0 {
		f.ok(name, "%s is a member of no predefined role", group)
	}
}

func lookAtOwnership(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.ownership"
	const sql = `SELECT c.oid::regclass::text FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384 AND c.relpersistence <> 't'
  AND pg_has_role($1::name, c.relowner, 'MEMBER') ORDER BY 1`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	if len(rows) == 0 {
		f.ok(name, "%s owns no relation", group)
		return
	}
	owner := quote.Name(group + "_owner")
	f.warning(name, fmt.Sprintf("Let a role own them that no session works as, and grant what sessions need:\nCREATE ROLE %s NOLOGIN;\nREASSIGN OWNED BY %s TO %s;\n"+
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %s;", owner, quote.Name(group), owner, quote.Name(group)),
		"%s owns %s, so it can grant on them and switch off their row policies: %s", group, counted(len(rows), "relation"), listed(first(rows)))
}

// lookAtLogins finds who could work as the group without the proxy. Minted
// logins bear a comment that says so (see proxy/credential), or end within a day
// as those of Vault do. Who makes logins for the group is no such login: that is
// Vault's own, whose password nobody knows.
func lookAtLogins(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.logins"
	const sql = `SELECT r.rolname FROM pg_roles r
WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> current_user AND r.rolname <> $1
  AND pg_has_role(r.oid, (SELECT g.oid FROM pg_roles g WHERE g.rolname = $1), 'MEMBER')
  AND coalesce(shobj_description(r.oid, 'pg_authid'), '') NOT LIKE '%"sluice lease"%'
  AND coalesce(r.rolvaliduntil, 'infinity') NOT BETWEEN now() AND now() + interval '1 day'
  AND NOT (r.rolcreaterole AND EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
    WHERE m.member = r.oid AND m.admin_option AND g.rolname = $1)) ORDER BY 1`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	if len(rows) == 0 {
		f.ok(name, "nobody but the proxy's own logins can work as %s", group)
		return
	}
	var shut, leave []string
	for _, login := range first(rows)[:min(len(rows), 5)] {
		shut = append(shut, "ALTER ROLE "+quote.Name(login)+" NOLOGIN;")
		leave = append(leave, "REVOKE "+quote.Name(group)+" FROM "+quote.Name(login)+";")
	}
	// A program may live on such a login, so the harder way is not the only one.
	f.warning(name, strings.Join(shut, "\n")+"\nif nothing logs in with it; else take the role away:\n"+strings.Join(leave, "\n"),
		"who has a password of these can go around the proxy as %s: %s", group, listed(first(rows)))
}
