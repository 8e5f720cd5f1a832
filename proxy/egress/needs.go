package egress

import (
	"context"
	"fmt"

	"github.com/sluice-pg/sluice/policy/egress"
)

// relationQuestion asks about a relation, by its name, with the schema it is in.
const relationQuestion = `SELECT has_schema_privilege($1, c.relnamespace, 'USAGE') AND (%s) FROM pg_class c WHERE c.oid = to_regclass($2)`

// attributeQuestion asks about the role itself.
const attributeQuestion = `SELECT %s FROM pg_roles WHERE rolname = $1::name AND $2::text IS NOT NULL`

// databaseQuestion asks about the database.
const databaseQuestion = `SELECT %s FROM pg_database WHERE datname = current_database() AND $1::name IS NOT NULL AND $2::text IS NOT NULL`

// questions say for every kind of need how the catalog is asked. $1 is the role, $2
// what it is about. No row means that there is no such thing.
var questions = map[string]string{
	egress.Select:   fmt.Sprintf(relationQuestion, `has_table_privilege($1, c.oid, 'SELECT') OR has_any_column_privilege($1, c.oid, 'SELECT')`),
	egress.Insert:   fmt.Sprintf(relationQuestion, `has_table_privilege($1, c.oid, 'INSERT') OR has_any_column_privilege($1, c.oid, 'INSERT')`),
	egress.Update:   fmt.Sprintf(relationQuestion, `CASE relkind WHEN 'S' THEN has_sequence_privilege($1, c.oid, 'UPDATE') ELSE has_table_privilege($1, c.oid, 'UPDATE') OR has_any_column_privilege($1, c.oid, 'UPDATE') END`),
	egress.Delete:   fmt.Sprintf(relationQuestion, `has_table_privilege($1, c.oid, 'DELETE')`),
	egress.Truncate: fmt.Sprintf(relationQuestion, `has_table_privilege($1, c.oid, 'TRUNCATE')`),
	egress.Trigger:  fmt.Sprintf(relationQuestion, `has_table_privilege($1, c.oid, 'TRIGGER')`),
	egress.Maintain: fmt.Sprintf(relationQuestion, `pg_has_role($1, c.relowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(c.relacl) x WHERE x.privilege_type = 'MAINTAIN' AND (x.grantee = 0 OR pg_has_role($1, x.grantee, 'USAGE')))`),
	egress.Owner:    fmt.Sprintf(relationQuestion, `pg_has_role($1, c.relowner, 'USAGE')`),

	egress.Commented: `SELECT true FROM pg_description d JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
WHERE d.classoid = 'pg_class'::regclass AND d.description ~* 'class:' AND d.objoid::regclass || '.' || quote_ident(a.attname) = $2 AND $1::name IS NOT NULL LIMIT 1`,

	egress.Create: `SELECT has_schema_privilege($1, oid, 'CREATE') FROM pg_namespace WHERE oid = to_regnamespace($2)`,
	egress.Usage: `SELECT has_schema_privilege($1, oid, 'USAGE') FROM pg_namespace WHERE oid = to_regnamespace($2)
UNION ALL SELECT has_server_privilege($1, oid, 'USAGE') FROM pg_foreign_server WHERE quote_ident(srvname) = $2`,
	egress.UsageWrapper: `SELECT has_foreign_data_wrapper_privilege($1, oid, 'USAGE') FROM pg_foreign_data_wrapper WHERE fdwname = $2`,
	egress.OwnerServer:  `SELECT pg_has_role($1, srvowner, 'USAGE') FROM pg_foreign_server WHERE quote_ident(srvname) = $2`,
	// A name without types is any built-in function of that name.
	egress.Execute: `SELECT has_schema_privilege($1, pronamespace, 'USAGE') AND has_function_privilege($1, oid, 'EXECUTE') AS may FROM pg_proc
WHERE CASE WHEN strpos($2, '(') > 0 THEN oid = to_regprocedure($2) ELSE proname = $2 AND pronamespace = 'pg_catalog'::regnamespace END ORDER BY may DESC LIMIT 1`,
	egress.Language:  `SELECT has_language_privilege($1, oid, 'USAGE') FROM pg_language WHERE lanname = $2`,
	egress.Extension: `SELECT true FROM pg_extension WHERE extname = $2 AND $1::name IS NOT NULL`,
	egress.Blob: `SELECT pg_has_role($1, lomowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(lomacl) x WHERE x.privilege_type = 'SELECT'
AND (x.grantee = 0 OR pg_has_role($1, x.grantee, 'USAGE'))) FROM pg_largeobject_metadata WHERE oid::text = $2`,
	egress.BlobWrite: `SELECT pg_has_role($1, lomowner, 'USAGE') OR EXISTS (SELECT FROM aclexplode(lomacl) x WHERE x.privilege_type = 'UPDATE'
AND (x.grantee = 0 OR pg_has_role($1, x.grantee, 'USAGE'))) FROM pg_largeobject_metadata WHERE oid::text = $2`,
	egress.Member: `SELECT pg_has_role($1, oid, 'USAGE') FROM pg_roles WHERE rolname = $2`,

	egress.Temp:           fmt.Sprintf(databaseQuestion, `has_database_privilege($1, oid, 'TEMPORARY')`),
	egress.CreateDatabase: fmt.Sprintf(databaseQuestion, `has_database_privilege($1, oid, 'CREATE')`),
	egress.OwnerDatabase:  fmt.Sprintf(databaseQuestion, `pg_has_role($1, datdba, 'USAGE')`),
	egress.CreateDB:       fmt.Sprintf(attributeQuestion, `rolcreatedb OR rolsuper`),
	egress.CreateRole:     fmt.Sprintf(attributeQuestion, `rolcreaterole OR rolsuper`),
	egress.Superuser:      fmt.Sprintf(attributeQuestion, `rolsuper`),
	egress.Replication:    fmt.Sprintf(attributeQuestion, `rolreplication OR rolsuper`),
}

// meets asks whether the role has what a road needs. missing says in words what is
// not there; absent is true if it is the object and not the right.
func (l *look) meets(ctx context.Context, need egress.Need) (missing string, absent bool, err error) {
	if need.Kind == egress.Impossible {
		return "no server takes it", false, nil
	}
	sql, known := questions[need.Kind]
	if !known {
		return "", false, fmt.Errorf("nobody knows how to ask about %q", need.Kind)
	}
	words := need.Kind
	if need.Of != "" {
		words += " " + need.Of
	}
	if said, asked := l.met[need]; asked {
		return said.missing, said.absent, nil
	}
	rows, err := l.ask(ctx, sql, l.role, need.Of)
	if err != nil {
		return "", false, fmt.Errorf("asking about %s: %w", words, err)
	}
	switch {
	case len(rows) == 0 && need.Kind == egress.Commented:
		missing, absent = fmt.Sprintf("no comment gives %s a class", need.Of), true
	case len(rows) == 0:
		missing, absent = fmt.Sprintf("there is no %s", need.Of), true
	case rows[0][0] != "t":
		missing = fmt.Sprintf("%s has no right to %s", l.role, words)
		if need.Of == "" {
			missing = fmt.Sprintf("%s is not allowed %s", l.role, words)
		}
	}
	l.met[need] = meeting{missing, absent}
	return missing, absent, nil
}

// meeting is the answer about a need.
type meeting struct {
	missing string
	absent  bool
}
