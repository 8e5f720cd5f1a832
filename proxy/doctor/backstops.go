package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// lookAtBackstops judges what the group can do in a database that makes it easier
// to take data out.
func lookAtBackstops(ctx context.Context, f *findings, server asker, group string) {
	lookAtServerFunctions(ctx, f, server, group)
	lookAtRunners(ctx, f, server, group)
	lookAtRoutines(ctx, f, server, group)
	lookAtExtensions(ctx, f, server, group)
}

// lookAtPublic judges what everybody may do: make objects, and keep copies in
// temporary tables.
func lookAtPublic(ctx context.Context, f *findings, server asker, database string) {
	const name = "public.create"
	const schemas = `SELECT n.nspname FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x
WHERE x.grantee = 0 AND x.privilege_type = 'CREATE' AND n.nspname !~ '^pg_' ORDER BY 1`
	if rows, ok := rolesAsk(ctx, f, server, name, schemas); ok {
		var fix []string
		for _, schema := range first(rows) {
			fix = append(fix, "REVOKE CREATE ON SCHEMA "+quote.Name(schema)+" FROM PUBLIC;")
		}
		if len(rows) > 0 {
			f.warning(name, strings.Join(fix, "\n"), "everybody may make objects in %s, also some that stand in front of others' names", listed(first(rows)))
		} else {
			f.ok(name, "not everybody may make objects")
		}
	}
	const temporary = `SELECT count(*) FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) x
WHERE d.datname = $1 AND x.grantee = 0 AND x.privilege_type = 'TEMPORARY'`
	if rows, ok := rolesAsk(ctx, f, server, "public.temporary", temporary, database); ok {
		if rows[0][0] != "0" {
			f.warning("public.temporary", "REVOKE TEMPORARY ON DATABASE "+quote.Name(database)+" FROM PUBLIC;",
				"everybody may make temporary tables, which are copies that no grant protects")
		} else {
			f.ok("public.temporary", "not everybody may make temporary tables")
		}
	}
}

// lookAtServerFunctions finds functions that initdb kept from PUBLIC, such as
// pg_read_file, and that the group can call all the same.
func lookAtServerFunctions(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.functions"
	// What a predefined role brings along is reported with the membership.
	const sql = `SELECT p.oid::regprocedure::text FROM pg_proc p
JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND i.objsubid = 0
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege($1::name, p.oid, 'EXECUTE')
  AND NOT EXISTS (SELECT 1 FROM aclexplode(i.initprivs) x WHERE x.privilege_type = 'EXECUTE'
    AND (x.grantee = 0 OR x.grantee <> 10 AND pg_has_role($1::name, x.grantee, 'USAGE')))
ORDER BY 1`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	if len(rows) == 0 {
		f.ok(name, "%s can call no function that PostgreSQL keeps from ordinary roles", group)
		return
	}
	f.problem(name, fmt.Sprintf("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, %s;", strings.Join(first(rows), ", "), quote.Name(group)),
		"%s can call what PostgreSQL keeps from ordinary roles: %s", group, listed(first(rows)))
}

// lookAtRunners finds functions that run SQL text, or leave something behind
// that outlives the session, and that everybody can call unless somebody took
// the right away.
func lookAtRunners(ctx context.Context, f *findings, server asker, group string) {
	const name = "public.functions"
	const sql = `SELECT p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege($1::name, p.oid, 'EXECUTE')
  AND (p.proname ~ '^(query|table|schema|database|cursor)_to_xml'
    OR p.proname IN ('ts_stat', 'pg_logical_emit_message', 'pg_export_snapshot', 'lo_from_bytea', 'lo_creat', 'lo_create')
    OR p.proname = 'ts_rewrite' AND p.pronargs = 2)
ORDER BY 1`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	if len(rows) == 0 {
		f.ok(name, "%s can call no function that runs SQL text", group)
		return
	}
	f.warning(name, "As a superuser, and again after a restore into another server:\nREVOKE EXECUTE ON FUNCTION "+strings.Join(first(rows), ", ")+" FROM PUBLIC;",
		"%s that run SQL text, or keep data outside of relations, are everybody's, as PostgreSQL comes: %s", counted(len(rows), "function"), listed(first(rows)))
}

// lookAtRoutines finds functions that act with the rights of somebody else, or
// in a language that knows no limits.
func lookAtRoutines(ctx context.Context, f *findings, server asker, group string) {
	const name = "group.routines"
	const sql = `SELECT p.oid::regprocedure::text, l.lanpltrusted OR l.lanname IN ('c', 'internal', 'sql') FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
WHERE p.oid >= 16384 AND has_function_privilege($1::name, p.oid, 'EXECUTE')
  AND has_schema_privilege($1::name, p.pronamespace, 'USAGE')
  AND (p.prosecdef AND NOT pg_has_role($1::name, p.proowner, 'MEMBER')
    OR NOT l.lanpltrusted AND l.lanname NOT IN ('c', 'internal', 'sql'))
ORDER BY 1`
	rows, ok := rolesAsk(ctx, f, server, name, sql, group)
	if !ok {
		return
	}
	var definers, untrusted []string
	for _, row := range rows {
		if row[1] == "t" {
			definers = append(definers, row[0])
		} else {
			untrusted = append(untrusted, row[0])
		}
	}
	revoke := func(names []string) string {
		return fmt.Sprintf("REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, %s;", strings.Join(names, ", "), quote.Name(group))
	}
	if len(untrusted) > 0 {
		f.problem(name, revoke(untrusted), "%s can call functions in a language that can do everything at the server: %s", group, listed(untrusted))
	}
	if len(definers) > 0 {
		f.warning(name, revoke(definers)+"\nif sessions need not call them.", "%s can call functions that act with their owner's rights: %s", group, listed(definers))
	}
	if len(rows) == 0 {
		f.ok(name, "%s can call no function that acts with more rights than its own", group)
	}
}

// reaching says what extensions do that data can leave by.
var reaching = map[string]string{
	"adminpack": "writes files of the server", "file_fdw": "reads files of the server and runs programs there",
	"dblink": "connects to other servers", "postgres_fdw": "connects to other servers", "oracle_fdw": "connects to other servers",
	"mysql_fdw": "connects to other servers", "tds_fdw": "connects to other servers", "mongo_fdw": "connects to other servers",
	"redis_fdw": "connects to other servers", "http": "sends to web addresses", "pg_net": "sends to web addresses",
	"aws_s3": "writes to object stores", "aws_lambda": "calls programs elsewhere", "azure_storage": "writes to object stores",
	"pg_parquet": "writes to object stores", "pg_duckdb": "writes to object stores", "pageinspect": "reads pages without asking for rights",
	"pg_cron": "runs statements later", "plsh": "runs programs at the server", "plpython3u": "runs programs at the server",
	"plperlu": "runs programs at the server", "pltclu": "runs programs at the server",
}

func lookAtExtensions(ctx context.Context, f *findings, server asker, group string) {
	const name = "database.extensions"
	rows, ok := rolesAsk(ctx, f, server, name, `SELECT extname FROM pg_extension ORDER BY 1`)
	if !ok {
		return
	}
	found := false
	for _, extension := range first(rows) {
		if what := reaching[extension]; what != "" {
			found = true
			f.warning(name, "DROP EXTENSION "+quote.Name(extension)+";\nunless the policy names places it may reach.", "%s is installed, and %s", extension, what)
		}
	}
	servers, ok := rolesAsk(ctx, f, server, "group.servers", `SELECT srvname FROM pg_foreign_server WHERE has_server_privilege($1::name, oid, 'USAGE') ORDER BY 1`, group)
	for _, srv := range first(servers) {
		found = true
		f.warning("group.servers", fmt.Sprintf("REVOKE USAGE ON FOREIGN SERVER %s FROM %s;\nunless the policy names it.", quote.Name(srv), quote.Name(group)),
			"%s can reach the foreign server %s", group, srv)
	}
	if ok && !found {
		f.ok(name, "none that reaches beyond the database, of %d", len(rows))
	}
}
