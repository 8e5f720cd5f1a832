package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// foreign is what an object refers to that is neither PostgreSQL's own nor an
// extension's nor the table itself, in words; as a scalar of a query in which x is
// pg_depend. What is asked for are the class and OID of the object, the table's
// OID, and the classes to look for.
const (
	codeClasses = "1255,2617,2616,2753" // pg_proc, pg_operator, pg_opclass, pg_opfamily
	allClasses  = codeClasses + ",1259" // pg_class
)

const foreign = `coalesce((SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_describe_object(x.refclassid, x.refobjid, 0), ', ') FROM pg_catalog.pg_depend x
  WHERE x.classid == %s AND x.objid == %s AND x.refobjid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND NOT (x.refobjid == %s)
  AND x.refclassid == ANY ('{%s}'::pg_catalog.oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend m WHERE m.classid == x.refclassid AND m.objid == x.refobjid AND m.deptype == 'e')), '')`

// names joins the names of columns whose numbers are in an array.
func names(array, relid string) string {
	return `(SELECT pg_catalog.string_agg(a.attname, pg_catalog.chr(1) ORDER BY u.n) FROM pg_catalog.unnest(` + array + `) WITH ORDINALITY u(num, n)
  JOIN pg_catalog.pg_attribute a ON a.attrelid == ` + relid + ` AND a.attnum == u.num)`
}

// usedColumns joins the names of the columns of a table that an object depends on.
func usedColumns(class, object, relid string) string {
	return `(SELECT pg_catalog.string_agg(DISTINCT a.attname, pg_catalog.chr(1)) FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_attribute a
  ON a.attrelid == x.refobjid AND a.attnum::pg_catalog.int4 == x.refobjsubid WHERE x.classid == ` + class + ` AND x.objid == ` + object + `
  AND x.refclassid == 1259::pg_catalog.oid AND x.refobjid == ` + relid + `)`
}

// askConstraints reads pg_constraint.
var askConstraints = eq(`SELECT k.oid, k.conname, k.contype, pg_catalog.pg_get_constraintdef(k.oid), ` + names("k.conkey", "k.conrelid") + `,
k.confrelid, ` + names("k.confkey", "k.confrelid") + `, k.convalidated, coalesce(pg_catalog.to_jsonb(k) OPERATOR(pg_catalog.->>) 'conenforced', 'true'),
k.coninhcount OPERATOR(pg_catalog.>) 0 OR NOT (k.conparentid == 0::pg_catalog.oid), k.condeferrable, k.condeferred, coalesce(pg_catalog.to_jsonb(k) OPERATOR(pg_catalog.->>) 'conperiod', 'false'),
k.confmatchtype, k.confupdtype, k.confdeltype,
(SELECT pg_catalog.string_agg(a.attname, pg_catalog.chr(1)) FROM pg_catalog.jsonb_array_elements_text(CASE pg_catalog.jsonb_typeof(pg_catalog.to_jsonb(k) OPERATOR(pg_catalog.->) 'confdelsetcols')
  WHEN 'array' THEN pg_catalog.to_jsonb(k) OPERATOR(pg_catalog.->) 'confdelsetcols' ELSE '[]' END) e(num)
  JOIN pg_catalog.pg_attribute a ON a.attrelid == k.conrelid AND a.attnum == e.num::pg_catalog.int2),
k.conindid, ` + fmt.Sprintf(foreign, "2606::pg_catalog.oid", "k.oid", "k.conrelid", codeClasses) + `,
pg_catalog.pg_get_expr(k.conbin, k.conrelid)
FROM pg_catalog.pg_constraint k WHERE k.conrelid == %s::pg_catalog.oid AND k.contype == ANY ('{c,f,p,u,x}'::pg_catalog."char"[]) ORDER BY k.conname`)

func (rd *reader) readConstraints(ctx context.Context, r *relation) error {
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askConstraints, r.oid), 20)
	if err != nil {
		return err
	}
	for _, v := range rows {
		k := &constraint{
			oid: v[0], name: v[1], kind: v[2], definition: v[3], columns: list(v[4]), refers: v[5], refersTo: list(v[6]), validated: v[7] == "t",
			enforced: v[8] == "true", inherited: v[9] == "t", deferrable: v[10] == "t", deferred: v[11] == "t", period: v[12] == "true",
			match: v[13], onUpdate: v[14], onDelete: v[15], deleteSets: list(v[16]), index: v[17], expression: v[19],
		}
		if k.kind != "f" && v[18] != "" {
			rd.warn("constraint %s of %s calls code (%s) and is not carried", printable(k.name), r.title(), printable(v[18]))
			continue
		}
		r.constraints = append(r.constraints, k)
	}
	return nil
}

// askIndexes reads pg_index.
var askIndexes = eq(`SELECT i.indexrelid, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.quote_ident(c.relname), pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(t.relname),
i.indisunique, ` + usedColumns("1259::pg_catalog.oid", "i.indexrelid", "i.indrelid") + `,
CASE WHEN i.indexprs IS NULL THEN ` + names("(i.indkey::pg_catalog.int2[])[0:i.indnkeyatts OPERATOR(pg_catalog.-) 1]", "i.indrelid") + ` END,
pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid), coalesce(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct', 'false'),
CASE c.relkind WHEN 'i' THEN pg_catalog.pg_relation_size(i.indexrelid) ELSE 0 END, coalesce(pg_catalog.obj_description(i.indexrelid, 'pg_class'), ''),
i.indisvalid, ` + fmt.Sprintf(foreign, "1259::pg_catalog.oid", "i.indexrelid", "i.indrelid", codeClasses) + `,
` + names("i.indkey::pg_catalog.int2[]", "i.indrelid") + `, c.relispartition
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid == i.indexrelid JOIN pg_catalog.pg_class t ON t.oid == i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid == t.relnamespace
WHERE i.indrelid == %s::pg_catalog.oid ORDER BY c.relname`)

func (rd *reader) readIndexes(ctx context.Context, r *relation) error {
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askIndexes, r.oid), 18)
	if err != nil {
		return err
	}
	for _, v := range rows {
		x := &index{
			oid: v[0], name: v[1], unique: v[6] == "t", columns: list(v[7]), keys: list(v[8]), expression: v[9], where: v[10], nullsEqual: v[11] == "true",
			comment: v[13], attached: v[17] == "t",
		}
		if _, err := fmt.Sscan(v[12], &x.size); err != nil {
			return err
		}
		for _, n := range list(v[16]) {
			if !slices.Contains(x.columns, n) {
				x.columns = append(x.columns, n)
			}
		}
		switch {
		case v[14] != "t" && !r.partitioned:
			rd.warn("index %s of %s is not valid and is not carried", printable(x.name), r.title())
			continue
		case v[15] != "":
			rd.warn("index %s of %s calls code (%s) and is not carried", printable(x.name), r.title(), printable(v[15]))
			continue
		}
		if x.definition, err = behindTable(v[2], x.unique, v[3], v[4], v[5]); err != nil {
			return err
		}
		r.indexes = append(r.indexes, x)
	}
	return nil
}

// behindTable is what of a CREATE INDEX follows the table's name. All that comes
// before is known, so that nothing has to be parsed.
func behindTable(definition string, unique bool, name, schema, table string) (string, error) {
	begin := "CREATE INDEX "
	if unique {
		begin = "CREATE UNIQUE INDEX "
	}
	rest, ok := strings.CutPrefix(definition, begin+name+" ON ")
	if ok {
		rest = strings.TrimPrefix(rest, "ONLY ")
		if behind, ok := strings.CutPrefix(rest, schema+"."+table+" "); ok {
			return behind, nil
		}
	}
	return "", fmt.Errorf("the definition of index %s cannot be read", printable(name))
}

// askPolicies reads pg_policy. A role of 0 is PUBLIC, and has an empty name.
var askPolicies = eq(`SELECT p.oid, p.polname, p.polcmd, p.polpermissive,
coalesce((SELECT pg_catalog.string_agg(a.rolname, pg_catalog.chr(1)) FROM pg_catalog.unnest(p.polroles) u(r) JOIN pg_catalog.pg_roles a ON a.oid == u.r), ''),
pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ` + usedColumns("3256::pg_catalog.oid", "p.oid", "p.polrelid") + `,
` + fmt.Sprintf(foreign, "3256::pg_catalog.oid", "p.oid", "p.polrelid", allClasses) + `, 0::pg_catalog.oid == ANY (p.polroles)
FROM pg_catalog.pg_policy p WHERE p.polrelid == %s::pg_catalog.oid ORDER BY p.polname`)

func (rd *reader) readPolicies(ctx context.Context, r *relation) error {
	if !r.rls {
		return nil // policies without row security say nothing
	}
	rows, err := rd.l.rows(ctx, fmt.Sprintf(askPolicies, r.oid), 10)
	if err != nil {
		return err
	}
	for _, v := range rows {
		p := &policy{oid: v[0], name: v[1], command: v[2], permissive: v[3] == "t", roles: list(v[4]), using: v[5], check: v[6], columns: list(v[7]), public: v[9] == "t"}
		if v[8] != "" {
			return &Refusal{r.title(), "its policy " + printable(p.name) + " reads other relations or calls code (" + printable(v[8]) + ")",
				"copy the rows that its reader may see, with a WHERE or a query of its own"}
		}
		r.policies = append(r.policies, p)
	}
	return nil
}
