package protection

// The questions of a Load. Whatever a search_path may hold, every name in them
// is pg_catalog's: operators are written with their schema, and what would
// look one up by its name (IN, USING, CASE x WHEN) is not used. Objects below
// 16384 are PostgreSQL's own. Numbers of system tables, as pg_depend has them:
// 1255 pg_proc, 1259 pg_class, 2617 pg_operator, 2618 pg_rewrite, 3256 pg_policy.
//
// A list of rights comes as "16384=SELECT* 0=SELECT": grantee (0 is PUBLIC),
// privilege, and a star for the grant option; NULL stands for the default.
const (
	askDatabase = `SELECT pg_catalog.current_setting('server_version_num'), d.datdba,
  CASE WHEN d.datacl IS NOT NULL THEN COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(d.datacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) 'CONNECT'), '') END, d.datname
FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()`

	askRoles = `SELECT r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcanlogin, r.rolreplication, r.rolbypassrls FROM pg_catalog.pg_roles r`

	// askMembers has a place for what a membership gives: to inherit and to
	// SET ROLE, options of each grant from 16 on.
	askMembers = `SELECT m.roleid, m.member, m.admin_option, %s FROM pg_catalog.pg_auth_members m`
	optionsOf  = "m.inherit_option, m.set_option"
	noOptions  = "true, true"

	askSchemas = `SELECT n.oid, n.nspname, n.nspowner,
  CASE WHEN n.nspacl IS NOT NULL THEN COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(n.nspacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) 'USAGE'), '') END
FROM pg_catalog.pg_namespace n`

	askRelations = `SELECT c.oid, c.relnamespace, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, pg_catalog.to_json(c.reloptions),
  CASE WHEN c.relacl IS NOT NULL THEN COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(c.relacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) ANY ('{SELECT,TRIGGER}'::pg_catalog.text[])), '') END
FROM pg_catalog.pg_class c
WHERE c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])`

	askColumns = `SELECT a.attrelid, pg_catalog.string_agg(a.attnum::pg_catalog.text, ' ' ORDER BY a.attnum), pg_catalog.json_agg(a.attname ORDER BY a.attnum)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
WHERE a.attrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])
  AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
GROUP BY a.attrelid`

	askColumnRights = `SELECT a.attrelid, a.attnum,
  (SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(a.attacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) 'SELECT')
FROM pg_catalog.pg_attribute a
WHERE a.attacl IS NOT NULL AND a.attrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped`

	askInherits = `SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i`

	// askPolicies leaves out what does not limit reading. With the condition
	// come a digest of the functions it calls and whether it looks at rows of
	// relations: both are other ones at another place.
	askPolicies = `SELECT p.polrelid, p.polname, p.polpermissive, pg_catalog.array_to_string(p.polroles, ' '), pg_catalog.pg_get_expr(p.polqual, p.polrelid),
  (SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.string_agg(
      CASE WHEN f.prokind OPERATOR(pg_catalog.<>) 'a'::pg_catalog."char" THEN pg_catalog.pg_get_functiondef(f.oid) ELSE pg_catalog.concat(f.oid) END, ';' ORDER BY f.oid), 'UTF8')), 'hex')
    FROM pg_catalog.pg_proc f WHERE f.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND EXISTS (SELECT FROM pg_catalog.pg_depend d
      LEFT JOIN pg_catalog.pg_operator o ON d.refclassid OPERATOR(pg_catalog.=) 2617::pg_catalog.oid AND o.oid OPERATOR(pg_catalog.=) d.refobjid
      WHERE d.classid OPERATOR(pg_catalog.=) 3256::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) p.oid
        AND (d.refclassid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) f.oid OR o.oprcode::pg_catalog.oid OPERATOR(pg_catalog.=) f.oid))),
  EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 3256::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) p.oid
    AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.<>) p.polrelid)
FROM pg_catalog.pg_policy p WHERE p.polcmd OPERATOR(pg_catalog.=) ANY ('{r,*}'::pg_catalog."char"[])`

	// askRules lists rules with each relation that they name, if any: a view
	// is a rule for SELECT. A row as a whole (a Var without a column's number)
	// is not among the dependencies as soon as a column is named beside it
	// (find_expr_references_walker), so it is looked for in the tree.
	askRules = `SELECT w.ev_class, w.rulename, w.ev_type OPERATOR(pg_catalog.=) '1'::pg_catalog."char", d.refobjid,
  CASE WHEN pg_catalog.strpos(w.ev_action::pg_catalog.text, ':varattno 0 ') OPERATOR(pg_catalog.>) 0 THEN '0' ELSE pg_catalog.string_agg(d.refobjsubid::pg_catalog.text, ' ') END
FROM pg_catalog.pg_rewrite w LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 2618::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) w.oid
  AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.<>) w.ev_class
WHERE w.ev_class OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
GROUP BY w.oid, w.ev_class, w.rulename, w.ev_type, w.ev_action::pg_catalog.text, d.refobjid`

	// askFunctions lists functions that run with rights beyond their caller's:
	// SECURITY DEFINER, languages that are the operating system's, and those of
	// PostgreSQL that read or write files. Its place is for the text of a body
	// of SQL statements and for whether its dependencies are not all there is,
	// from 14 on: it calls something of users, or names rows as a whole.
	askFunctions = `SELECT p.oid, p.pronamespace, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), p.proowner, p.prosecdef, l.lanname, l.lanpltrusted,
  CASE WHEN p.proacl IS NOT NULL THEN COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(p.proacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) 'EXECUTE'), '') END,
  EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) p.oid),
  pg_catalog."left"(p.prosrc, 65536), %s
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND (p.prosecdef OR NOT l.lanpltrusted AND l.lanname OPERATOR(pg_catalog.<>) ALL ('{internal,c}'::pg_catalog.name[]))
  OR p.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AND p.proname OPERATOR(pg_catalog.=) ANY ('{pg_read_file,pg_read_binary_file,lo_import,lo_export}'::pg_catalog.name[])
  OR p.proname OPERATOR(pg_catalog.=) 'dblink_connect_u'::pg_catalog.name`
	atomicBody = `CASE WHEN p.prosqlbody IS NOT NULL THEN pg_catalog.pg_get_function_sqlbody(p.oid) END,
  p.prosqlbody IS NOT NULL AND (pg_catalog.strpos(p.prosqlbody::pg_catalog.text, ':varattno 0 ') OPERATOR(pg_catalog.>) 0 OR EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) p.oid
    AND d.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) ANY ('{1255,2617}'::pg_catalog.oid[])))`
	noAtomicBody = "NULL, false"

	askFunctionUses = `SELECT d.objid, d.refobjid, pg_catalog.string_agg(d.refobjsubid::pg_catalog.text, ' ')
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
WHERE d.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND p.prosecdef
GROUP BY d.objid, d.refobjid`

	askPublications = `SELECT p.oid, p.pubname, p.puballtables FROM pg_catalog.pg_publication p`

	// askPublished has a place for columns and rows, from 15 on.
	askPublished = `SELECT r.prpubid, r.prrelid, %s FROM pg_catalog.pg_publication_rel r`
	filterOf     = "pg_catalog.array_to_string(r.prattrs::pg_catalog.int2[], ' '), pg_catalog.pg_get_expr(r.prqual, r.prrelid)"
	noFilter     = "NULL, NULL"

	// askPublishedSchemas is for 15 and later.
	askPublishedSchemas = `SELECT n.pnpubid, n.pnnspid FROM pg_catalog.pg_publication_namespace n`

	askDefaultRights = `SELECT d.defaclrole, d.defaclnamespace, d.defaclobjtype,
  COALESCE((SELECT pg_catalog.string_agg(pg_catalog.concat(x.grantee, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END), ' ')
    FROM pg_catalog.aclexplode(d.defaclacl) AS x WHERE x.privilege_type OPERATOR(pg_catalog.=) ANY ('{SELECT,TRIGGER,USAGE}'::pg_catalog.text[])), ''),
  pg_catalog.cardinality(d.defaclacl) OPERATOR(pg_catalog.=) 0
FROM pg_catalog.pg_default_acl d WHERE d.defaclobjtype OPERATOR(pg_catalog.=) ANY ('{r,n}'::pg_catalog."char"[])`

	askTriggers = `SELECT t.tgrelid, t.tgname, n.nspname, p.proname
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE NOT t.tgisinternal AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog."char"`

	askServers = `SELECT s.srvname, w.fdwname, (SELECT pg_catalog.count(*) FROM pg_catalog.pg_user_mappings u WHERE u.srvid OPERATOR(pg_catalog.=) s.oid)
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw`
)
