package catalog

// The questions of a Load. Whatever a search_path may hold, every name in them
// is pg_catalog's: operators are written with their schema, and what would
// look one up by its name (IN, USING, CASE x WHEN) is not used. Objects below
// 16384 are PostgreSQL's own. The numbers of the system's tables, which
// pg_depend, pg_description and pg_seclabel hold, are the same everywhere:
// 1247 pg_type, 1255 pg_proc, 1259 pg_class, 2604 pg_attrdef, 2606
// pg_constraint, 2617 pg_operator, 2618 pg_rewrite, 2620 pg_trigger, 3079
// pg_extension, 3256 pg_policy, 3381 pg_statistic_ext.
//
// Each has an order, since the snapshot's version is a digest over the rows.
const (
	askBegin  = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	askCommit = "COMMIT"
	askUndo   = "ROLLBACK"

	// askSettings makes names outside pg_catalog appear with their schema, and
	// constants look the same whatever the role's settings are.
	askSettings = `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), pg_catalog.set_config('quote_all_identifiers', 'off', true),
  pg_catalog.set_config('DateStyle', 'ISO', true), pg_catalog.set_config('IntervalStyle', 'postgres', true), pg_catalog.set_config('TimeZone', 'UTC', true),
  pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('extra_float_digits', '1', true),
  pg_catalog.set_config('lock_timeout', '100ms', true), pg_catalog.set_config('statement_timeout', '60s', true)`

	askVersion = `SELECT pg_catalog.current_setting('server_version_num')`

	askSchemas = `SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n ORDER BY n.oid`

	askRelations = `SELECT c.oid, c.relnamespace, c.relname, c.relkind, c.relpersistence, pg_catalog.pg_get_userbyid(c.relowner),
  c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.reltype, c.reltoastrelid, i.indrelid, s.srvname
FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) c.oid
  LEFT JOIN pg_catalog.pg_foreign_table f ON f.ftrelid OPERATOR(pg_catalog.=) c.oid
  LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid OPERATOR(pg_catalog.=) f.ftserver
ORDER BY c.oid`

	askColumns = `SELECT a.attrelid, a.attnum, a.attname, a.atttypid, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated, a.attidentity, a.atthasdef
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid
WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND c.relkind OPERATOR(pg_catalog.<>) ALL ('{i,I,t}'::pg_catalog."char"[])
ORDER BY a.attrelid, a.attnum`

	askInherits = `SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
WHERE c.relkind OPERATOR(pg_catalog.<>) ALL ('{i,I}'::pg_catalog."char"[]) ORDER BY i.inhrelid, i.inhseqno, i.inhparent`

	// askWritten adds up the transactions that wrote the names, columns and views
	// of a relation. It is not part of the digest, because the same catalog
	// elsewhere, or after it was changed back, was written by others.
	askWritten = `SELECT w.relation, pg_catalog.sum(w.by::pg_catalog.text::pg_catalog.int8)
FROM (SELECT t.typrelid, t.xmin FROM pg_catalog.pg_type t WHERE t.typrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  UNION ALL SELECT a.attrelid, a.xmin FROM pg_catalog.pg_attribute a WHERE a.attnum OPERATOR(pg_catalog.>) 0
  UNION ALL SELECT r.ev_class, r.xmin FROM pg_catalog.pg_rewrite r) AS w (relation, by)
GROUP BY w.relation`

	askTriggers = `SELECT t.tgrelid, t.tgname, t.tgfoid, t.tgenabled, t.tgtype FROM pg_catalog.pg_trigger t
WHERE NOT t.tgisinternal OR t.tgfoid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY t.tgrelid, t.tgname, t.oid`

	askConstraints = `SELECT k.conrelid, k.conname, k.contype, k.conkey, k.confrelid, k.confkey
FROM pg_catalog.pg_constraint k
WHERE k.conrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND k.contype OPERATOR(pg_catalog.=) ANY ('{c,u,p,f,x}'::pg_catalog."char"[])
ORDER BY k.conrelid, k.oid`

	askUniqueIndexes = `SELECT i.indrelid, c.relname, 'u', pg_catalog.string_to_array(pg_catalog.array_to_string((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1], ','), ','), NULL, NULL
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
WHERE i.indisunique AND i.indrelid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND c.relkind OPERATOR(pg_catalog.=) ANY ('{i,I}'::pg_catalog."char"[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid OPERATOR(pg_catalog.=) i.indexrelid AND k.contype OPERATOR(pg_catalog.=) ANY ('{u,p,x}'::pg_catalog."char"[]))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class t WHERE t.oid OPERATOR(pg_catalog.=) i.indrelid AND t.relkind OPERATOR(pg_catalog.=) 't'::pg_catalog."char")
ORDER BY i.indrelid, i.indexrelid`

	askComments = `SELECT d.objoid, d.objsubid, d.description FROM pg_catalog.pg_description d
WHERE d.classoid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.objoid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY d.objoid, d.objsubid`

	askLabels = `SELECT l.objoid, l.objsubid, l.provider, l.label FROM pg_catalog.pg_seclabel l
WHERE l.classoid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid ORDER BY l.objoid, l.objsubid, l.provider`

	askRules = `SELECT r.ev_class, pg_catalog.count(*) FROM pg_catalog.pg_rewrite r
WHERE r.ev_class OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND r.rulename OPERATOR(pg_catalog.<>) '_RETURN'::pg_catalog.name
GROUP BY r.ev_class ORDER BY r.ev_class`

	askPolicies = `SELECT p.polrelid, pg_catalog.count(*) FROM pg_catalog.pg_policy p GROUP BY p.polrelid ORDER BY p.polrelid`

	// askDepends lists what the code of an object refers to: the object as
	// class and OID, whether it is the query of a view, and what is referred
	// to as class, OID and column. Code of a relation counts as the relation.
	askDepends = `WITH code (classid, objid, class, owner, isview) AS (
  SELECT 2618::pg_catalog.oid, r.oid, 1259::pg_catalog.oid, r.ev_class, r.rulename OPERATOR(pg_catalog.=) '_RETURN'::pg_catalog.name FROM pg_catalog.pg_rewrite r
  UNION ALL SELECT 2604::pg_catalog.oid, a.oid, 1259::pg_catalog.oid, a.adrelid, false FROM pg_catalog.pg_attrdef a
  UNION ALL SELECT 3256::pg_catalog.oid, p.oid, 1259::pg_catalog.oid, p.polrelid, false FROM pg_catalog.pg_policy p
  UNION ALL SELECT 2620::pg_catalog.oid, t.oid, 1259::pg_catalog.oid, t.tgrelid, false FROM pg_catalog.pg_trigger t
  UNION ALL SELECT 1259::pg_catalog.oid, i.indexrelid, 1259::pg_catalog.oid, i.indrelid, false FROM pg_catalog.pg_index i
  UNION ALL SELECT 3381::pg_catalog.oid, e.oid, 1259::pg_catalog.oid, e.stxrelid, false FROM pg_catalog.pg_statistic_ext e
  UNION ALL SELECT 2606::pg_catalog.oid, k.oid, 1259::pg_catalog.oid, k.conrelid, false FROM pg_catalog.pg_constraint k WHERE k.conrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  UNION ALL SELECT 2606::pg_catalog.oid, k.oid, 1247::pg_catalog.oid, k.contypid, false FROM pg_catalog.pg_constraint k WHERE k.contypid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  UNION ALL SELECT 1255::pg_catalog.oid, f.oid, 1255::pg_catalog.oid, f.oid, false FROM pg_catalog.pg_proc f
  UNION ALL SELECT 1259::pg_catalog.oid, c.oid, 1259::pg_catalog.oid, c.oid, false FROM pg_catalog.pg_class c WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{p,r}'::pg_catalog."char"[])
)
SELECT DISTINCT code.class, code.owner, code.isview, d.refclassid, d.refobjid, d.refobjsubid
FROM pg_catalog.pg_depend d JOIN code ON code.classid OPERATOR(pg_catalog.=) d.classid AND code.objid OPERATOR(pg_catalog.=) d.objid
WHERE d.objid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND (
  d.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) ANY ('{1255,2617}'::pg_catalog.oid[])
  OR d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.classid OPERATOR(pg_catalog.=) ANY ('{2618,3256,1255}'::pg_catalog.oid[])
    AND NOT (code.class OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND code.owner OPERATOR(pg_catalog.=) d.refobjid))
ORDER BY code.class, code.owner, code.isview, d.refclassid, d.refobjid, d.refobjsubid`

	// askFunctions has a place for the condition of a body of SQL statements,
	// a column that 13 does not have. Its notes are the ones of the proxy's
	// question about known functions.
	askFunctions = `SELECT p.oid, p.pronamespace, p.proname, p.prokind, l.lanname, p.provolatile, p.prosecdef, pg_catalog.pg_get_userbyid(p.proowner), p.prosrc,
  (SELECT pg_catalog.json_agg(pg_catalog.format_type(a.type, NULL) ORDER BY a.at) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a (type, at)),
  (SELECT pg_catalog.json_agg(a.name ORDER BY a.at) FROM pg_catalog.unnest(p.proargnames) WITH ORDINALITY AS a (name, at)
    WHERE p.proargmodes IS NULL OR p.proargmodes[a.at] OPERATOR(pg_catalog.=) ANY ('{i,b,v}'::pg_catalog."char"[])),
  p.prorettype, t.typrelid, pg_catalog.to_json(p.proconfig), e.extname, p.prosupport::pg_catalog.oid, %[1]s,
  CASE WHEN p.prokind OPERATOR(pg_catalog.=) 'a'::pg_catalog."char" THEN 'it is an aggregate'
    WHEN p.prokind OPERATOR(pg_catalog.=) 'w'::pg_catalog."char" THEN 'it is a window function'
    WHEN l.lanname OPERATOR(pg_catalog.<>) ALL ('{sql,plpgsql}'::pg_catalog.name[]) THEN 'it is not written in sql or plpgsql'
    WHEN p.prosecdef THEN 'it is SECURITY DEFINER'
    WHEN p.proconfig IS NOT NULL THEN 'it has settings of its own'
    WHEN %[1]s THEN 'its body is kept as a parse tree, not as text'
    WHEN p.proargdefaults IS NOT NULL THEN 'it has default values, which are code beside the body'
    WHEN p.proleakproof THEN 'it is LEAKPROOF'
    WHEN p.prosupport::pg_catalog.oid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'it has a support function'
    WHEN p.protrftypes IS NOT NULL THEN 'it has transforms'
    ELSE '' END
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
  JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) p.prorettype
  LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid AND d.objid OPERATOR(pg_catalog.=) p.oid
    AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog."char" AND d.refclassid OPERATOR(pg_catalog.=) 3079::pg_catalog.oid
  LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY p.oid`

	atomicBody   = "p.prosqlbody IS NOT NULL"
	noAtomicBody = "false"

	askAggregates = `SELECT a.aggfnoid::pg_catalog.oid, s.f FROM pg_catalog.pg_aggregate a,
  LATERAL (VALUES (1, a.aggtransfn::pg_catalog.oid), (2, a.aggfinalfn::pg_catalog.oid), (3, a.aggcombinefn::pg_catalog.oid), (4, a.aggserialfn::pg_catalog.oid),
    (5, a.aggdeserialfn::pg_catalog.oid), (6, a.aggmtransfn::pg_catalog.oid), (7, a.aggminvtransfn::pg_catalog.oid), (8, a.aggmfinalfn::pg_catalog.oid),
    (9, (SELECT o.oprcode::pg_catalog.oid FROM pg_catalog.pg_operator o WHERE o.oid OPERATOR(pg_catalog.=) a.aggsortop))) AS s (at, f)
WHERE a.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND s.f OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
ORDER BY 1, s.at`

	askOwnFunctions = `SELECT DISTINCT p.pronamespace, p.proname FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid ORDER BY 1, 2`

	askOwnOperators = `SELECT DISTINCT o.oprnamespace, o.oprname FROM pg_catalog.pg_operator o WHERE o.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid ORDER BY 1, 2`

	askOperators = `SELECT o.oid, o.oprnamespace, o.oprname, o.oprleft, o.oprright, o.oprresult, o.oprcode::pg_catalog.oid, s.f
FROM pg_catalog.pg_operator o LEFT JOIN pg_catalog.pg_operator c ON c.oid OPERATOR(pg_catalog.=) o.oprcom
  LEFT JOIN pg_catalog.pg_operator n ON n.oid OPERATOR(pg_catalog.=) o.oprnegate,
  LATERAL (VALUES (0, 0::pg_catalog.oid), (1, o.oprrest::pg_catalog.oid), (2, o.oprjoin::pg_catalog.oid), (3, c.oprcode::pg_catalog.oid), (4, n.oprcode::pg_catalog.oid)) AS s (at, f)
WHERE o.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND (s.at OPERATOR(pg_catalog.=) 0 OR s.f OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid)
ORDER BY o.oid, s.at`

	askCasts = `SELECT k.oid, k.castsource, k.casttarget, k.castfunc, k.castcontext FROM pg_catalog.pg_cast k
WHERE k.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid OR k.castfunc OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY k.oid`

	// askTypes leaves out arrays, which begin with an underscore and belong to
	// an element, and row types of anything but composite types.
	askTypes = `SELECT t.oid, t.typnamespace, t.typname, t.typtype, t.typbasetype, t.typelem, t.typrelid
FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray OPERATOR(pg_catalog.=) t.oid)
  AND (t.typrelid OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR c.relkind OPERATOR(pg_catalog.=) 'c'::pg_catalog."char")
ORDER BY t.oid`

	askTypeFunctions = `SELECT DISTINCT u.type, u.f FROM (
  SELECT t.oid, s.f FROM pg_catalog.pg_type t, LATERAL (VALUES (t.typinput::pg_catalog.oid), (t.typoutput::pg_catalog.oid), (t.typreceive::pg_catalog.oid), (t.typsend::pg_catalog.oid),
    (t.typmodin::pg_catalog.oid), (t.typmodout::pg_catalog.oid), (t.typanalyze::pg_catalog.oid)) AS s (f)
  UNION ALL SELECT k.opcintype, a.amproc::pg_catalog.oid FROM pg_catalog.pg_opclass k JOIN pg_catalog.pg_amproc a ON a.amprocfamily OPERATOR(pg_catalog.=) k.opcfamily
  UNION ALL SELECT k.opcintype, o.oprcode::pg_catalog.oid FROM pg_catalog.pg_opclass k JOIN pg_catalog.pg_amop a ON a.amopfamily OPERATOR(pg_catalog.=) k.opcfamily
    JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) a.amopopr
  UNION ALL SELECT r.rngtypid, s.f FROM pg_catalog.pg_range r, LATERAL (VALUES (r.rngcanonical::pg_catalog.oid), (r.rngsubdiff::pg_catalog.oid)) AS s (f)
) AS u (type, f) WHERE u.f OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY 1, 2`

	askExtensions = `SELECT e.extname, e.extversion, e.extnamespace FROM pg_catalog.pg_extension e ORDER BY e.extname`

	// askServers keeps three options and no more: others may hold secrets.
	askServers = `SELECT s.oid, s.srvname, w.fdwname, w.fdwhandler,
  (SELECT pg_catalog.max(pg_catalog.split_part(o.text, '=', 2)) FROM pg_catalog.unnest(s.srvoptions) AS o (text) WHERE pg_catalog.split_part(o.text, '=', 1) OPERATOR(pg_catalog.=) 'host'),
  (SELECT pg_catalog.max(pg_catalog.split_part(o.text, '=', 2)) FROM pg_catalog.unnest(s.srvoptions) AS o (text) WHERE pg_catalog.split_part(o.text, '=', 1) OPERATOR(pg_catalog.=) 'port'),
  (SELECT pg_catalog.max(pg_catalog.split_part(o.text, '=', 2)) FROM pg_catalog.unnest(s.srvoptions) AS o (text) WHERE pg_catalog.split_part(o.text, '=', 1) OPERATOR(pg_catalog.=) 'dbname')
FROM pg_catalog.pg_foreign_server s JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid OPERATOR(pg_catalog.=) s.srvfdw ORDER BY s.srvname`

	askPublications = `SELECT p.oid, p.pubname, p.puballtables FROM pg_catalog.pg_publication p ORDER BY p.pubname`

	askPublished = `SELECT r.prpubid, r.prrelid FROM pg_catalog.pg_publication_rel r ORDER BY r.prpubid, r.prrelid`

	// askPublishedSchemas is for 15 and later.
	askPublishedSchemas = `SELECT n.pnpubid, n.pnnspid FROM pg_catalog.pg_publication_namespace n ORDER BY n.pnpubid, n.pnnspid`

	askEventTriggers = `SELECT t.evtname, t.evtevent, t.evtfoid, t.evtenabled FROM pg_catalog.pg_event_trigger t ORDER BY t.evtname`

	// These lock what the code names: the first two for as long as they look
	// at it, the others until the end of the transaction. The place is for a
	// list of OIDs.
	askDefaults = `SELECT d.adrelid, d.adnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
WHERE d.adrelid OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) ORDER BY d.adrelid, d.adnum`
	askChecks = `SELECT k.conrelid, k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid) FROM pg_catalog.pg_constraint k
WHERE k.contype OPERATOR(pg_catalog.=) 'c'::pg_catalog."char" AND k.conrelid OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) ORDER BY k.conrelid, k.conname`
	askQueries = `SELECT c.oid, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) ORDER BY c.oid`
	askBodies  = `SELECT p.oid, pg_catalog.pg_get_function_sqlbody(p.oid) FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) ORDER BY p.oid`
)
