package watch

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// All of this is asked with search_path = pg_catalog, pg_temp, on 13 to 18.

// counted are the catalogs whose changes are a hint to look at once.
var counted = []string{
	"pg_authid", "pg_auth_members", "pg_class", "pg_attribute", "pg_policy", "pg_default_acl", "pg_database", "pg_namespace", "pg_proc",
	"pg_db_role_setting", "pg_publication_rel", "pg_event_trigger",
}

// sqlTripwire is asked with every look: the version, when the server was started and
// its files loaded, who it is, how many rows of catalogs have been written, the highest
// OID of a relation, and what else may be asked.
var sqlTripwire = `SELECT current_setting('server_version_num'), pg_conf_load_time()::text, pg_postmaster_start_time()::text,
 (SELECT system_identifier::text FROM pg_control_system() WHERE has_function_privilege('pg_control_system()', 'EXECUTE')),
 (SELECT sum(pg_stat_get_tuples_inserted(c) + pg_stat_get_tuples_updated(c) + pg_stat_get_tuples_deleted(c))::text
  FROM unnest('{` + strings.Join(counted, ",") + `}'::regclass[]) c),
 (SELECT max(oid)::text FROM pg_class),
 has_table_privilege('pg_hba_file_rules', 'SELECT') AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE'),
 COALESCE((SELECT has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AND o.rolsuper FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
  WHERE n.nspname = 'sluice' AND c.relname = 'role_secret_kind' AND c.relkind = 'v'), false)`

// sqlRelations is T0: everything that is stored with relations and what belongs to
// them, as items (root, kind, key, says). Conditions of policies are in words only if
// worded is true: for words a server may wait for a lock on the relation.
func sqlRelations(roots []uint32, version int, worded bool) string {
	condition := func(column string) string {
		if worded {
			return "pg_get_expr(p." + column + ", p.polrelid)"
		}
		return "md5(p." + column + "::text)"
	}
	publications := `SELECT t.root, 'publication', p.pubname || ' of ' || t.oid, concat_ws(' ', to_jsonb(r) - 'oid', p.pubinsert, p.pubupdate, p.pubdelete)
  FROM tree t JOIN pg_publication_rel r ON r.prrelid = t.oid JOIN pg_publication p ON p.oid = r.prpubid`
	if version >= 150000 {
		publications += `
 UNION ALL SELECT t.root, 'publication', p.pubname || ' of schema ' || c.relnamespace, 'every table of the schema'
  FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_publication_namespace r ON r.pnnspid = c.relnamespace JOIN pg_publication p ON p.oid = r.pnpubid`
	}
	return `WITH RECURSIVE tree(root, oid) AS (
 SELECT r, r FROM unnest(` + oids(roots) + `) r
 UNION SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid),
shows(root, oid) AS (
 SELECT root, oid FROM tree
 UNION SELECT s.root, w.ev_class FROM shows s JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class <> s.oid),
items(root, kind, key, says) AS (
 SELECT t.root, 'relation', t.oid::text, concat_ws(' ', quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'owner', pg_get_userbyid(c.relowner), 'rights', COALESCE(c.relacl::text, 'default'),
  CASE WHEN c.relrowsecurity THEN 'row security' || CASE WHEN c.relforcerowsecurity THEN ' forced' ELSE ' not forced' END ELSE 'no row security' END, c.reloptions::text, c.relkind, c.relpersistence)
  FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 UNION ALL SELECT DISTINCT t.root, 'schema', n.nspname::text, concat_ws(' ', 'owner', pg_get_userbyid(n.nspowner), 'rights', COALESCE(n.nspacl::text, 'default'))
  FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 UNION ALL SELECT t.root, 'columns', t.oid::text, (SELECT string_agg(quote_ident(a.attname) || ' ' || a.atttypid || CASE WHEN a.attisdropped THEN ' dropped' ELSE '' END, ', ' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0) FROM tree t
 UNION ALL SELECT t.root, 'column right', t.oid || '.' || a.attname, a.attacl::text FROM tree t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attacl IS NOT NULL
 UNION ALL SELECT t.root, 'policy', p.polname || ' on ' || t.oid, concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
   'to', (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END, ',' ORDER BY r) FROM unnest(p.polroles) r),
   'using', ` + condition("polqual") + `, 'check', ` + condition("polwithcheck") + `) FROM tree t JOIN pg_policy p ON p.polrelid = t.oid
 UNION ALL SELECT t.root, 'trigger', g.tgname || ' on ' || t.oid, concat_ws(' ', g.tgenabled, g.tgfoid::regproc) FROM tree t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
 UNION ALL SELECT t.root, 'rule', w.rulename || ' on ' || t.oid, concat_ws(' ', w.ev_type, w.ev_enabled) FROM tree t JOIN pg_rewrite w ON w.ev_class = t.oid
 UNION ALL SELECT s.root, 'view', quote_ident(n.nspname) || '.' || quote_ident(c.relname), concat_ws(' ', c.relkind, 'owner', pg_get_userbyid(c.relowner), 'rights', COALESCE(c.relacl::text, 'default'), c.reloptions::text,
   'schema rights', n.nspacl::text, (SELECT string_agg(a.attname || a.attacl::text, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL))
  FROM shows s JOIN pg_class c ON c.oid = s.oid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT EXISTS (SELECT FROM tree t WHERE t.oid = s.oid)
 UNION ALL SELECT t.root, 'parent', i.inhparent::text, t.oid::text FROM tree t JOIN pg_inherits i ON i.inhrelid = t.oid AND t.oid = t.root
 UNION ALL ` + publications + `)
`
}

// Logins of leases come and go. What they are like is an item, and how many there
// are of them is not: those of Vault's default template, those of the built-in issuer,
// and the proxy's own.
const leaseLike = `(r.rolname ~ '^v-.+-[A-Za-z0-9]{20}-[0-9]{10}$' OR r.rolname ~ '^sluice_.+_([a-z2-7]{16}|[a-z0-9]{8})$' OR r.rolname = ANY (%s)) AND r.rolcanlogin`

// attributes are what a role can do by itself, in words.
const attributes = `concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
  CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
  CASE WHEN NOT r.rolinherit THEN 'NOINHERIT' END)`

// settings are those whose change is looked at.
var settings = []string{
	"ssl", "ssl_min_protocol_version", "ssl_ciphers", "ssl_cert_file", "ssl_ca_file", "password_encryption", "listen_addresses", "port", "hba_file", "ident_file",
	"log_connections", "log_statement", "log_min_duration_statement", "log_min_error_statement", "shared_preload_libraries", "session_preload_libraries",
	"local_preload_libraries", "row_security", "wal_level", "archive_mode", "archive_command", "archive_library", "event_triggers", "allow_system_table_mods",
	"primary_conninfo", "krb_server_keyfile", "unix_socket_permissions", "data_directory_mode", "createrole_self_grant",
}

// sqlAround is T1: everything around relations that can widen access without
// touching them, as items (root, kind, key, says). verifiers is true if the kinds of
// passwords may be looked at.
func sqlAround(ours []string, version int, verifiers bool) string {
	like := fmt.Sprintf(leaseLike, "ARRAY["+quote.Literals(ours)+"]::name[]")
	text := `WITH leases AS MATERIALIZED (SELECT r.oid FROM pg_roles r WHERE ` + like + `),
items(root, kind, key, says) AS (
 SELECT 0::oid, 'role', r.rolname::text, concat_ws(' ', ` + attributes + `, 'valid until ' || r.rolvaliduntil, r.rolconfig::text) FROM pg_roles r WHERE r.oid NOT IN (SELECT oid FROM leases)
 UNION ALL SELECT DISTINCT 0::oid, '` + kindLease + `', concat_ws(' ', ` + attributes + `, r.rolconfig::text, 'member of',
   (SELECT string_agg(g.name, ', ' ORDER BY g.name) FROM (SELECT DISTINCT CASE WHEN m.roleid IN (SELECT oid FROM leases) THEN 'a lease' ELSE pg_get_userbyid(m.roleid)::text END
     || CASE WHEN m.admin_option THEN ' with admin option' ELSE '' END AS name FROM pg_auth_members m WHERE m.member = r.oid) g)), ''
  FROM pg_roles r WHERE r.oid IN (SELECT oid FROM leases)
 UNION ALL SELECT 0::oid, 'membership', pg_get_userbyid(m.member) || ' in ' || CASE WHEN m.roleid IN (SELECT oid FROM leases) THEN 'a lease' ELSE pg_get_userbyid(m.roleid)::text END,
   string_agg(DISTINCT concat_ws(' ', CASE WHEN m.admin_option THEN 'admin' END` + memberOptions(version) + `), ', ')
  FROM pg_auth_members m WHERE m.member NOT IN (SELECT oid FROM leases) GROUP BY m.member, 3
 UNION ALL SELECT 0::oid, 'database', d.datname::text, concat_ws(' ', 'owner', pg_get_userbyid(d.datdba), 'rights', COALESCE(
   (SELECT string_agg(x.words, ',' ORDER BY x.words) FROM (SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END || '=' || a.privilege_type AS words
     FROM aclexplode(d.datacl) a WHERE a.grantee NOT IN (SELECT oid FROM leases)) x), 'default'),
   CASE WHEN NOT d.datallowconn THEN 'closed' END, CASE WHEN d.datistemplate THEN 'template' END) FROM pg_database d
 UNION ALL SELECT 0::oid, 'default rights', concat_ws(' ', pg_get_userbyid(a.defaclrole), a.defaclobjtype, (SELECT nspname FROM pg_namespace n WHERE n.oid = a.defaclnamespace)), a.defaclacl::text FROM pg_default_acl a
 UNION ALL SELECT 0::oid, 'publication', p.pubname::text, concat_ws(' ', 'owner', pg_get_userbyid(p.pubowner), CASE WHEN p.puballtables THEN 'all tables' END) FROM pg_publication p
 UNION ALL SELECT 0::oid, 'subscription', s.subname::text, concat_ws(' ', 'owner', pg_get_userbyid(s.subowner), s.subenabled) FROM (SELECT subname, subowner, subenabled FROM pg_subscription) s
 UNION ALL SELECT 0::oid, 'event trigger', e.evtname::text, concat_ws(' ', e.evtevent, CASE e.evtenabled WHEN 'D' THEN 'disabled' ELSE 'enabled' END, e.evtfoid::regproc, 'owner', pg_get_userbyid(e.evtowner)) FROM pg_event_trigger e
 UNION ALL SELECT 0::oid, 'foreign server', s.srvname::text, concat_ws(' ', 'owner', pg_get_userbyid(s.srvowner), 'rights', s.srvacl::text) FROM pg_foreign_server s
 UNION ALL SELECT 0::oid, 'foreign data wrapper', w.fdwname::text, concat_ws(' ', 'owner', pg_get_userbyid(w.fdwowner), 'rights', w.fdwacl::text) FROM pg_foreign_data_wrapper w
 UNION ALL SELECT 0::oid, 'replication slot', s.slot_name::text, concat_ws(' ', s.slot_type, s.plugin, s.database) FROM pg_replication_slots s
 UNION ALL SELECT 0::oid, 'extension', x.extname::text, x.extversion FROM pg_extension x
 UNION ALL SELECT 0::oid, 'security definer function', p.oid::regprocedure::text, concat_ws(' ', 'owner', pg_get_userbyid(p.proowner), 'rights', COALESCE(p.proacl::text, 'default'), p.proconfig::text, md5(p.prosrc)) FROM pg_proc p WHERE p.prosecdef
 UNION ALL SELECT 0::oid, 'setting of a role', concat_ws(' in ', CASE s.setrole WHEN 0 THEN 'all roles' ELSE pg_get_userbyid(s.setrole)::text END, (SELECT datname FROM pg_database d WHERE d.oid = s.setdatabase)), s.setconfig::text
  FROM pg_db_role_setting s WHERE s.setrole NOT IN (SELECT oid FROM leases)
 UNION ALL SELECT 0::oid, 'setting', s.name, CASE s.source WHEN 'session' THEN s.reset_val WHEN 'client' THEN '' ELSE s.setting END FROM pg_settings s WHERE s.name IN ('` + strings.Join(settings, "','") + `')`
	if verifiers {
		text += `
 UNION ALL SELECT 0::oid, 'password', k.rolname::text, concat_ws(' ', k.kind, k.iterations, CASE WHEN k.md5_password_equals_name THEN 'is the name' END)
  FROM sluice.role_secret_kind k WHERE k.oid NOT IN (SELECT oid FROM leases)`
	}
	return text + ")\n"
}

// memberOptions are what a membership is good for, since 16.
func memberOptions(version int) string {
	if version < 160000 {
		return ""
	}
	return ", CASE WHEN m.inherit_option THEN 'inherit' END, CASE WHEN m.set_option THEN 'set' END"
}

// sqlRules are the rules of pg_hba.conf as the file has them, as items.
const sqlRules = `WITH items(root, kind, key, says) AS (
 SELECT 0::oid, 'pg_hba.conf', 'rule ' || row_number() OVER (), concat_ws(' ', r.type, array_to_string(r.database, ','), array_to_string(r.user_name, ','), r.address, r.netmask, r.auth_method, array_to_string(r.options, ','), r.error)
 FROM pg_hba_file_rules r)
`

// Of items either digests are asked for, by root and kind, or the items themselves.
const (
	askDigests = `SELECT root::text, kind, md5(string_agg(concat_ws(' ', key, says), E'\n' ORDER BY key, says)) FROM items GROUP BY root, kind`
	askItems   = `SELECT root::text, kind, key, says FROM items %s ORDER BY root, kind, key, says LIMIT %d`
)

// sqlLike finds relations that have the columns of a copied one and are newer: made
// of it, perhaps. The names of columns come sorted.
func sqlLike(columns []string, after uint32, except []uint32) string {
	return fmt.Sprintf(`SELECT c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_userbyid(c.relowner)
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid > %d AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND c.relnatts >= %d AND c.oid <> ALL (%s)
  AND NOT starts_with(n.nspname, 'sluice_stage_')
  AND (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) = ARRAY[%s]::name[]
 ORDER BY c.oid LIMIT 20`, after, len(columns), oids(except), quote.Literals(columns))
}

// sqlPresent are others who are connected: one of them has done what was done.
const sqlPresent = `SELECT DISTINCT a.usename::text || COALESCE(' (' || NULLIF(a.application_name, '') || ')', '') FROM pg_stat_activity a
 WHERE a.pid <> pg_backend_pid() AND a.usename IS NOT NULL AND (a.datid IS NULL OR a.datid = (SELECT oid FROM pg_database WHERE datname = current_database()) OR a.usename IN (SELECT rolname FROM pg_roles WHERE rolsuper OR rolcreaterole)) ORDER BY 1 LIMIT 20`

// sqlStrangers are logins that are members of one of the roles made for Sluice, but for
// who makes such logins: he has CREATEROLE and may pass the membership on.
func sqlStrangers(roles ...string) string {
	any := quote.Literals(roles)
	return `SELECT DISTINCT r.rolname::text, g.rolname::text FROM pg_roles r, pg_roles g
 WHERE g.rolname IN (` + any + `) AND r.rolcanlogin AND NOT r.rolsuper AND r.oid <> g.oid AND pg_has_role(r.oid, g.oid, 'MEMBER')
 AND NOT (r.rolcreaterole AND EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles o ON o.oid = m.roleid
   WHERE m.member = r.oid AND m.admin_option AND o.rolname IN (` + any + `))) ORDER BY 1, 2`
}

// sqlNamed are logins by the beginning of their names.
func sqlNamed(prefixes []string) string {
	var any []string
	for _, p := range prefixes {
		any = append(any, "starts_with(r.rolname, "+quote.Literal(p)+")")
	}
	return `SELECT r.rolname::text FROM pg_roles r WHERE r.rolcanlogin AND (` + strings.Join(any, " OR ") + `) ORDER BY 1`
}
