package probe

import (
	"strings"

	"github.com/sluice-pg/sluice/policy/destination"
)

// Every name is qualified and every operator, because a server that is not
// trusted yet could have its own in front of those of pg_catalog.

const sqlSelf = `SELECT pg_catalog.current_setting('server_version_num'), current_user, pg_catalog.current_database(),
 pg_catalog.host(pg_catalog.inet_client_addr()), pg_catalog.host(pg_catalog.inet_server_addr()),
 pg_catalog.pg_is_in_recovery(), pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()),
 pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')`

const sqlTransport = `SELECT ssl, version, cipher FROM pg_catalog.pg_stat_ssl
 WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()`

// sqlRights tells relations and functions by their names. The view of
// verifiers counts only if a superuser owns it: nobody else could read the
// passwords that it judges, so anybody else's would be made up.
const sqlRights = `SELECT c.relname::pg_catalog.text, pg_catalog.has_table_privilege(c.oid, 'SELECT')
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.name AND c.relname OPERATOR(pg_catalog.=)
  ANY ('{pg_hba_file_rules,pg_ident_file_mappings,pg_file_settings}'::pg_catalog.name[])
UNION ALL
SELECT 'sluice.role_secret_kind', pg_catalog.has_table_privilege(c.oid, 'SELECT')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner
 WHERE n.nspname OPERATOR(pg_catalog.=) 'sluice'::pg_catalog.name AND o.rolsuper
  AND c.relname OPERATOR(pg_catalog.=) 'role_secret_kind'::pg_catalog.name AND c.relkind OPERATOR(pg_catalog.=) 'v'
UNION ALL
SELECT pg_catalog.concat(p.proname, '()'), pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 WHERE n.nspname OPERATOR(pg_catalog.=) 'pg_catalog'::pg_catalog.name AND p.pronargs OPERATOR(pg_catalog.=) 0::pg_catalog.int2
  AND p.proname OPERATOR(pg_catalog.=)
  ANY ('{pg_hba_file_rules,pg_ident_file_mappings,pg_show_all_file_settings,pg_control_system}'::pg_catalog.name[])`

const sqlSystem = `SELECT system_identifier FROM pg_catalog.pg_control_system()`

// settingsSQL asks for settings by name. Of one that the session itself has
// changed the value from before counts.
func settingsSQL(names []string) string {
	var only []string
	for _, name := range names {
		if destination.OnlySet(name) {
			only = append(only, name)
		}
	}
	array := func(list []string) string { return "'{" + strings.Join(list, ",") + "}'::pg_catalog.text[]" }
	const value = "CASE WHEN source OPERATOR(pg_catalog.=) 'session' THEN reset_val ELSE setting END"
	return `SELECT name, CASE WHEN name OPERATOR(pg_catalog.=) ANY (` + array(only) + `) THEN
  CASE WHEN setting OPERATOR(pg_catalog.=) ANY ('{"",(disabled)}'::pg_catalog.text[]) THEN '` + destination.IsEmpty + `' ELSE '` + destination.IsSet + `' END
  ELSE ` + value + ` END, source
 FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) ANY (` + array(names) + `)`
}

const sqlRoles = `SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, NOT rolinherit, rolvaliduntil
 FROM pg_catalog.pg_roles ORDER BY oid`

const sqlMemberships = `SELECT pg_catalog.pg_get_userbyid(roleid), pg_catalog.pg_get_userbyid(member), admin_option, true, true
 FROM pg_catalog.pg_auth_members ORDER BY roleid, member`

// Since 16 a membership says what it is good for, and there can be one for
// every grantor.
const sqlMemberships16 = `SELECT pg_catalog.pg_get_userbyid(roleid), pg_catalog.pg_get_userbyid(member), admin_option, inherit_option, set_option
 FROM pg_catalog.pg_auth_members ORDER BY roleid, member, grantor`

const sqlVerifiers = `SELECT rolname, kind, iterations, md5_password_equals_name FROM sluice.role_secret_kind ORDER BY oid`

const sqlHBA = `SELECT NULL, line_number, type, pg_catalog.array_to_json(database), pg_catalog.array_to_json(user_name),
 address, netmask, auth_method, pg_catalog.array_to_json(options), error FROM pg_catalog.pg_hba_file_rules`

const sqlHBA16 = `SELECT file_name, line_number, type, pg_catalog.array_to_json(database), pg_catalog.array_to_json(user_name),
 address, netmask, auth_method, pg_catalog.array_to_json(options), error FROM pg_catalog.pg_hba_file_rules`

const sqlIdent = `SELECT map_name, sys_name, pg_username, error FROM pg_catalog.pg_ident_file_mappings`

const sqlFileErrors = `SELECT name, error FROM pg_catalog.pg_file_settings WHERE error IS NOT NULL`

const sqlDatabases = `SELECT datname, pg_catalog.pg_get_userbyid(datdba), datallowconn, datistemplate, datconnlimit,
 pg_catalog.array_to_json(ARRAY(SELECT x.privilege_type
  FROM pg_catalog.aclexplode(COALESCE(datacl, pg_catalog.acldefault('d', datdba))) x
  WHERE x.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid ORDER BY 1))
 FROM pg_catalog.pg_database ORDER BY oid`

const sqlSchemas = `SELECT nspname, pg_catalog.pg_get_userbyid(nspowner),
 pg_catalog.array_to_json(ARRAY(SELECT x.privilege_type
  FROM pg_catalog.aclexplode(COALESCE(nspacl, pg_catalog.acldefault('n', nspowner))) x
  WHERE x.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid ORDER BY 1))
 FROM pg_catalog.pg_namespace WHERE NOT pg_catalog.starts_with(nspname::pg_catalog.text, 'pg_toast')
  AND NOT pg_catalog.starts_with(nspname::pg_catalog.text, 'pg_temp') ORDER BY oid`

const sqlDefaultACLs = `SELECT pg_catalog.pg_get_userbyid(d.defaclrole), n.nspname, d.defaclobjtype,
 CASE WHEN x.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END, x.privilege_type
 FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) d.defaclnamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) x ORDER BY d.oid, 4, 5`

const sqlRoleSettings = `SELECT CASE WHEN s.setrole OPERATOR(pg_catalog.=) '0'::pg_catalog.oid THEN NULL ELSE pg_catalog.pg_get_userbyid(s.setrole) END,
 d.datname, c
 FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
 CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) c ORDER BY s.setdatabase, s.setrole`

const sqlFileFunctions = `SELECT p.proname, CASE WHEN x.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid THEN NULL ELSE pg_catalog.pg_get_userbyid(x.grantee) END
 FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) x
 WHERE x.grantee OPERATOR(pg_catalog.<>) p.proowner AND p.proname OPERATOR(pg_catalog.=) ANY
  ('{pg_read_file,pg_read_binary_file,pg_ls_dir,pg_stat_file,lo_import,lo_export,pg_file_write,pg_file_rename,pg_file_unlink}'::pg_catalog.name[])
 GROUP BY 1, 2 ORDER BY 1, 2`

const sqlSoftPolicies = `SELECT pg_catalog.concat(n.nspname, '.', c.relname), p.polname
 FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.polrelid
 JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE pg_catalog.strpos(pg_catalog.pg_get_expr(p.polqual, p.polrelid), 'current_setting(') OPERATOR(pg_catalog.>) 0 ORDER BY p.oid`

const sqlExtensions = `SELECT e.extname, e.extversion, n.nspname
 FROM pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace ORDER BY e.oid`

const sqlLanguages = `SELECT lanname, pg_catalog.pg_get_userbyid(lanowner) FROM pg_catalog.pg_language
 WHERE NOT lanpltrusted AND NOT lanname OPERATOR(pg_catalog.=) ANY ('{c,internal}'::pg_catalog.name[]) ORDER BY oid`

const sqlEventTriggers = `SELECT e.evtname, e.evtevent, pg_catalog.pg_get_userbyid(e.evtowner), pg_catalog.concat(n.nspname, '.', p.proname),
 e.evtenabled OPERATOR(pg_catalog.<>) 'D' FROM pg_catalog.pg_event_trigger e
 LEFT JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) e.evtfoid
 LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace ORDER BY e.oid`

// Of a server's options only where it is is read, since others hold secrets.
const sqlForeignServers = `SELECT s.srvname, w.fdwname, pg_catalog.pg_get_userbyid(s.srvowner),
 (SELECT pg_catalog.substr(o, 6) FROM pg_catalog.unnest(s.srvoptions) o WHERE pg_catalog.starts_with(o, 'host=') LIMIT 1)
 FROM pg_catalog.pg_foreign_server s LEFT JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw ORDER BY s.oid`

const sqlPublications = `SELECT pubname, pg_catalog.pg_get_userbyid(pubowner), puballtables FROM pg_catalog.pg_publication ORDER BY pubname`

const sqlSubscriptions = `SELECT subname, pg_catalog.pg_get_userbyid(subowner), subenabled FROM pg_catalog.pg_subscription ORDER BY subname`

const sqlSlots = `SELECT slot_name, slot_type, plugin, database FROM pg_catalog.pg_replication_slots ORDER BY slot_name`

const sqlWalsenders = `SELECT usename, application_name, pg_catalog.host(client_addr) FROM pg_catalog.pg_stat_replication ORDER BY pid`
