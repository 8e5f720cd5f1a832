package catalog

import "strings"

// counted are the system's tables that make a fingerprint, with what leaves
// out temporary relations: sessions make these all the time.
//
// A row that is written anew has a larger transaction number, so where as many
// rows came as went the sum grows. Freezing rows does not change the number.
// TRUNCATE, REINDEX and GRANT count although names mean the same after them,
// since they write pg_class.
var counted = []struct{ table, where string }{
	{"pg_namespace", `t.nspname OPERATOR(pg_catalog.!~) '^pg_(toast_)?temp_'`},
	{"pg_class", `t.relpersistence OPERATOR(pg_catalog.<>) 't'::pg_catalog."char"`},
	{"pg_attribute", `t.attnum OPERATOR(pg_catalog.>) 0 AND ` + ofNoTemporary("t.attrelid")},
	{"pg_attrdef", ofNoTemporary("t.adrelid")},
	{"pg_constraint", ofNoTemporary("t.conrelid")},
	{"pg_inherits", ofNoTemporary("t.inhrelid")},
	{"pg_trigger", ofNoTemporary("t.tgrelid")},
	{"pg_rewrite", ofNoTemporary("t.ev_class")},
	{"pg_type", `t.typrelid OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND t.typelem OPERATOR(pg_catalog.=) 0::pg_catalog.oid`},
	{"pg_description", ""}, {"pg_seclabel", ""}, {"pg_policy", ""},
	{"pg_proc", ""}, {"pg_aggregate", ""}, {"pg_operator", ""}, {"pg_cast", ""}, {"pg_language", ""},
	{"pg_opclass", ""}, {"pg_amop", ""}, {"pg_amproc", ""}, {"pg_range", ""},
	{"pg_extension", ""}, {"pg_event_trigger", ""},
	{"pg_foreign_data_wrapper", ""}, {"pg_foreign_server", ""}, {"pg_foreign_table", ""},
	{"pg_publication", ""}, {"pg_publication_rel", ""},
}

func ofNoTemporary(column string) string {
	return `NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ` + column +
		` AND c.relpersistence OPERATOR(pg_catalog.=) 't'::pg_catalog."char")`
}

// askFingerprint begins with the database, so that the fingerprint of one is
// never that of another of the same server, nor of one restored under its name.
var askFingerprint = func() string {
	var sql strings.Builder
	sql.WriteString(`SELECT pg_catalog.concat_ws(' ', (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())`)
	for _, c := range counted {
		sql.WriteString(",\n  (SELECT pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(t.xmin::pg_catalog.text::pg_catalog.int8)) FROM pg_catalog." + c.table + " t")
		if c.where != "" {
			sql.WriteString(" WHERE " + c.where)
		}
		sql.WriteString(")")
	}
	sql.WriteString(")")
	return sql.String()
}()

// askHint adds up how many rows of some system tables were ever written.
const askHint = `SELECT pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(r.oid) OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_updated(r.oid) OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_deleted(r.oid))
FROM pg_catalog.unnest('{1247,1249,1255,1259,2603,2604,2606,2607,2609,2611,2615,2617,2618,2620,3079,3256,3466,3596,6104,6106}'::pg_catalog.oid[]) AS r (oid)`

// askNoCompiler: compiling a question as large as that for a fingerprint takes
// longer than answering it.
const askNoCompiler = `SELECT pg_catalog.set_config('jit', 'off', false)`
