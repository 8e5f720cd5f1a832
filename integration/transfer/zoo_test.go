package transfer

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

// zoo are the tables of testdata/zoo.sql.
var zoo = []string{"person", "booking", "event", "by_kind", "no_parts", `Odd "Name".; --`, "empty", "twice", "chain", "tenant_data"}

func readZoo(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/zoo.sql")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// askDefinitions prints what a schema has in a form that is equal for equal
// schemas.
const askDefinitions = `SET search_path = shop;
SELECT 'column ' || c.oid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull || a.attidentity::text || a.attgenerated::text || a.attstorage::text || coalesce((SELECT collname::text FROM pg_collation x WHERE x.oid = a.attcollation), '')
    || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(col_description(c.oid, a.attnum), '') AS line
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'table ' || c.oid::regclass || ' ' || c.relkind::text || c.relpersistence::text || coalesce(c.reloptions::text, '') || coalesce(pg_get_partkeydef(c.oid), '') || coalesce(pg_get_expr(c.relpartbound, c.oid), '') || coalesce(obj_description(c.oid), '')
  FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p')
UNION ALL SELECT 'constraint ' || k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid) || k.convalidated || k.coninhcount || k.conislocal || coalesce(nullif(k.conindid, 0)::regclass::text, '')
  FROM pg_constraint k WHERE k.connamespace = 'shop'::regnamespace AND k.contype <> 'n' AND k.contype <> 't'
UNION ALL SELECT 'index ' || pg_get_indexdef(i.indexrelid) || i.indisvalid || i.indisprimary || i.indimmediate || coalesce(obj_description(i.indexrelid), '') || coalesce((SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid), '')
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = 'shop'::regnamespace
UNION ALL SELECT 'sequence ' || s.sequencename || s.data_type || s.start_value || ' ' || s.increment_by || ' ' || s.max_value || coalesce(s.last_value::text, '') || coalesce((SELECT d.refobjid::regclass || ' ' || d.refobjsubid || d.deptype::text FROM pg_depend d WHERE d.objid = (s.schemaname || '.' || quote_ident(s.sequencename))::regclass AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass), '')
  FROM pg_sequences s WHERE s.schemaname = 'shop'
UNION ALL SELECT 'type ' || t.typname || ' ' || coalesce((SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '') || coalesce(t.typdefault, '') || t.typnotnull || coalesce(obj_description(t.oid), '')
  || coalesce((SELECT string_agg(pg_get_constraintdef(k.oid), ',') FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '') FROM pg_type t WHERE t.typnamespace = 'shop'::regnamespace AND t.typtype IN ('e', 'd')
UNION ALL SELECT 'policy ' || polrelid::regclass || ' ' || polname || polcmd::text || polpermissive || pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname NOT LIKE 'sluice\_%' AND polname <> 'nobodys'
ORDER BY line`

func definitions(t testing.TB, w *harness.World, database string) string {
	t.Helper()
	var out strings.Builder
	for _, row := range w.Query(t, database, askDefinitions) {
		out.WriteString(row[0])
		out.WriteByte('\n')
	}
	return out.String()
}

func everyKind(t *testing.T, p pair) {
	p.newSource(t, readZoo(t)+`; ALTER TABLE tenant_data ENABLE ROW LEVEL SECURITY; ALTER ROLE reads BYPASSRLS`)
	r := run(t, p.job(zoo...))
	for _, w := range r.Warnings {
		t.Log(w)
	}
	p.same(t, "person", "booking", "event", "by_kind", "no_parts", `"Odd ""Name"".; --"`, "empty", "twice", "chain", "tenant_data")
	if d := cmp.Diff(strings.Split(definitions(t, p.from, "source"), "\n"), strings.Split(definitions(t, p.to, "restored"), "\n")); d != "" {
		t.Errorf("definitions differ (-source +destination):\n%s", d)
	}
}
