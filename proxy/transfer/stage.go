package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// stagePrefix begins the names of the schemas in which copies are loaded; the
// copy's id follows, and a number for each schema after the first.
const stagePrefix = "sluice_stage_"

// stageName is the schema in which tables for the n-th target schema are loaded.
func stageName(copyID string, n int) string {
	if n == 0 {
		return stagePrefix + copyID
	}
	return stagePrefix + copyID + "_" + strconv.Itoa(n)
}

// copyOf is the copy that a staging schema is of; none if it is no such schema.
func copyOf(schema string) (string, bool) {
	rest, ok := strings.CutPrefix(schema, stagePrefix)
	if !ok {
		return "", false
	}
	id, n, numbered := strings.Cut(rest, "_")
	if numbered {
		if i, err := strconv.Atoi(n); err != nil || i < 1 || strconv.Itoa(i) != n {
			return "", false
		}
	}
	return id, validCopy(id)
}

// validCopy reports whether a text is the id of a copy.
func validCopy(id string) bool {
	return len(id) == 26 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// aliveKey is the advisory lock that the process of a copy holds at the
// destination for as long as it lives.
func aliveKey(copyID string) string { return strconv.FormatInt(aliveNumber(copyID), 10) }

func aliveNumber(copyID string) int64 {
	sum := sha256.Sum256([]byte("sluice copy " + copyID))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// place assigns staging schemas and looks at what is there already.
func (c *carrier) place(ctx context.Context) error {
	schemas := map[string]string{}
	seen := map[[2]string]bool{}
	for _, root := range c.roots {
		for _, r := range root.all() {
			if _, ok := schemas[r.target]; !ok {
				schemas[r.target] = stageName(c.job.Copy, len(schemas))
			}
			r.stage = schemas[r.target]
			key := [2]string{r.target, r.targetName}
			if seen[key] {
				return &Refusal{r.title(), "something else of the copy goes to " + printable(r.target) + "." + printable(r.targetName) + " too", "give it another name"}
			}
			seen[key] = true
		}
	}
	c.stages = slices.Sorted(maps.Values(schemas))
	if err := c.allowed(ctx, slices.Sorted(maps.Keys(schemas))); err != nil {
		return err
	}
	return c.lookAtAll(ctx)
}

// allowed finds out before anything is loaded what would fail when it is published:
// rights that the owner lacks, and roles that are not there.
func (c *carrier) allowed(ctx context.Context, targets []string) error {
	rows, err := c.keeper.rows(ctx, "SELECT nspname FROM pg_namespace WHERE nspname IN ("+quote.Literals(targets)+") AND NOT has_schema_privilege(oid, 'CREATE') UNION ALL"+
		" SELECT '' WHERE NOT has_database_privilege(current_database(), 'CREATE') ORDER BY 1", 1)
	if err != nil {
		return failed(atDestination, "look at the rights of "+printable(c.job.Owner), err)
	}
	for _, v := range rows {
		on := "SCHEMA " + quote.Identifier(printable(v[0]))
		if v[0] == "" {
			on = "the database"
		}
		return &Refusal{"the copy", printable(c.job.Owner) + " at the destination may create nothing in " + on, "have its DBA GRANT CREATE ON " + on + " TO " + quote.Identifier(c.job.Owner)}
	}
	wanted := map[string]bool{}
	for _, root := range c.roots {
		for _, role := range c.readers(root) {
			wanted[role] = true
		}
		for _, r := range root.all() {
			for _, p := range r.policies {
				for _, role := range p.roles {
					for _, there := range c.counterparts(role) {
						wanted[there] = true
					}
				}
			}
		}
	}
	return c.rolesThere(ctx, slices.Sorted(maps.Keys(wanted)))
}

// rolesThere refuses a role that the destination does not have.
func (c *carrier) rolesThere(ctx context.Context, wanted []string) error {
	rows, err := c.keeper.rows(ctx, "SELECT rolname FROM pg_roles", 1)
	if err != nil {
		return failed(atDestination, "look at its roles", err)
	}
	there := map[string]bool{}
	for _, v := range rows {
		there[v[0]] = true
	}
	for _, role := range wanted {
		if !there[role] {
			return &Refusal{"the copy", "the destination has no role " + printable(role), "have its DBA make it, or map to another"}
		}
	}
	return nil
}

// lookAtAll looks at what has the targets' names, and at what depends on it.
func (c *carrier) lookAtAll(ctx context.Context) error {
	for _, root := range c.roots {
		if err := c.lookAt(ctx, root); err != nil {
			return err
		}
	}
	return c.dependents(ctx)
}

// askTarget reads what has the target's name.
const askTarget = `SELECT c.oid, c.relkind, r.rolname, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
OR EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid) OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'r' OR i.inhrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner WHERE n.nspname = %s AND c.relname = %s`

// lookAt finds out whether the target's name is free, or what has it can be dealt
// with as the item says.
func (c *carrier) lookAt(ctx context.Context, r *relation) error {
	there := printable(r.target) + "." + printable(r.targetName)
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askTarget, quote.Literal(r.target), quote.Literal(r.targetName)), 4)
	if err != nil {
		return failed(atDestination, "look at "+there, err)
	}
	if len(rows) == 0 {
		r.replaced = 0
		if r.existing == Append {
			return &Refusal{r.title(), "there is no table " + there + " at the destination to add rows to", "copy it without appending"}
		}
		return nil
	}
	v := rows[0]
	r.replaced = number(v[0])
	switch {
	case r.existing == Refuse:
		return &Refusal{r.title(), there + " exists at the destination", "swap it, append to it, or choose another name"}
	case v[1] != "r" && v[1] != "p":
		return &Refusal{r.title(), there + " at the destination is no table", "choose another name"}
	case v[2] != c.job.Owner:
		return &Refusal{r.title(), fmt.Sprintf("%s at the destination belongs to %s, not to %s", there, printable(v[2]), printable(c.job.Owner)),
			"have its owner remove it or hand it over"}
	case v[3] == "t":
		return &Refusal{r.title(), there + " at the destination has triggers, rules or children, which would be lost or see the rows", "drop those first, or choose another name"}
	case r.existing == Append:
		return c.fits(ctx, r)
	}
	return nil
}

// askDependents says what depends on a table, what is below it and its sequences
// and row types, apart from what goes with it. Tables that are swapped too
// are apart.
const askDependents = `WITH RECURSIVE tree(oid) AS (SELECT unnest('{%s}'::oid[]) UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid),
parts(class, oid) AS (SELECT 'pg_class'::regclass::oid, oid FROM tree UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN tree ON t.typrelid = tree.oid
  UNION ALL SELECT 'pg_class'::regclass, d.objid FROM pg_depend d JOIN tree ON d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN parts p ON p.class = d.refclassid AND p.oid = d.refobjid
WHERE d.deptype = 'n' AND NOT (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT oid FROM parts))
AND NOT (d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT a.oid FROM pg_attrdef a JOIN tree ON a.adrelid = tree.oid))
AND NOT (d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_constraint k JOIN tree ON k.conrelid = tree.oid))
AND NOT (d.classid = 'pg_policy'::regclass AND d.objid IN (SELECT k.oid FROM pg_policy k JOIN tree ON k.polrelid = tree.oid))
ORDER BY 1 LIMIT 20`

// dependents refuses to replace a table that others need: they would have to go, or
// would go on with rows of before.
func (c *carrier) dependents(ctx context.Context) error {
	var swapped, names []string
	for _, other := range c.roots {
		if other.existing == Swap && other.replaced != 0 {
			swapped = append(swapped, strconv.FormatUint(uint64(other.replaced), 10))
			names = append(names, other.title())
		}
	}
	if len(swapped) == 0 {
		return nil
	}
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askDependents, strings.Join(swapped, ",")), 1)
	if err != nil {
		return failed(atDestination, "look at what depends on the tables that are replaced", err)
	}
	if len(rows) == 0 {
		return nil
	}
	var found []string
	for _, v := range rows {
		found = append(found, printable(v[0]))
	}
	return &Refusal{strings.Join(names, ", "), "at the destination these depend on what would be replaced: " + strings.Join(found, "; "),
		"drop them first, replace their tables in the same copy, or choose another name"}
}

// fits refuses rows that the columns of the table do not take.
func (c *carrier) fits(ctx context.Context, r *relation) error {
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(`SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', a.attgenerated
		FROM pg_attribute a WHERE a.attrelid = %d AND a.attnum > 0 AND NOT a.attisdropped`, r.replaced), 4)
	if err != nil {
		return failed(atDestination, "look at the columns of "+r.targetName, err)
	}
	types := map[string]string{}
	for _, v := range rows {
		if v[3] == "" {
			types[v[0]] = v[1]
		}
		if v[2] == "t" && r.column(v[0]) == nil {
			return &Refusal{r.title(), "column " + printable(v[0]) + " of the table at the destination needs a value", "copy such a column, or swap"}
		}
	}
	for _, x := range r.stored() {
		if there, ok := types[x.name]; !ok || x.typ.def.own() && there != x.typ.name {
			return &Refusal{r.title(), fmt.Sprintf("column %s is %s at the source and %s at the destination", printable(x.name), printable(x.typ.name), orNone(there)),
				"convert it in a query, or swap"}
		}
	}
	return nil
}

func orNone(text string) string {
	if text == "" {
		return "not there"
	}
	return printable(text)
}

// prepareStage makes the staging schemas, closed to everybody but the owner, and in
// them the types and empty tables. It is one transaction.
func (c *carrier) prepareStage(ctx context.Context) error {
	l := c.keeper
	c.staged = true
	statements := []string{"BEGIN"}
	for _, s := range c.stages {
		// What an earlier try with this id has left is nobody's: the lock is held.
		statements = append(statements, "DROP SCHEMA IF EXISTS "+quote.Identifier(s)+" CASCADE", "CREATE SCHEMA "+quote.Identifier(s)+" AUTHORIZATION "+quote.Identifier(c.job.Owner), "REVOKE ALL ON SCHEMA "+quote.Identifier(s)+" FROM PUBLIC")
	}
	if err := l.exec(ctx, words(statements)); err != nil {
		return failed(atDestination, "make the staging schema", err)
	}
	for _, s := range c.stages {
		if err := c.closeSchema(ctx, s); err != nil {
			return err
		}
	}
	if err := c.makeTypes(ctx); err != nil {
		return err
	}
	for _, root := range c.roots {
		statements, err := c.builder.tables(root)
		if err != nil {
			return err
		}
		if err := l.each(ctx, statements); err != nil {
			return failed(atDestination, "make the table for "+root.title(), err)
		}
	}
	if err := c.takeOIDs(ctx); err != nil {
		return err
	}
	if err := c.typesRunNothing(ctx); err != nil {
		return err
	}
	if err := c.closeTables(ctx, c.stages); err != nil {
		return err
	}
	if err := c.stillClosed(ctx); err != nil {
		return err
	}
	return failed(atDestination, "make the staging schema", l.exec(ctx, "COMMIT"))
}

// makeTypes makes enums and domains that the destination lacks.
func (c *carrier) makeTypes(ctx context.Context) error {
	for _, key := range slices.SortedFunc(maps.Keys(c.settler.make), func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) }) {
		d := c.settler.make[key]
		stage := c.stageOf(key[0])
		name := quote.Qualified(stage, d.name)
		kind := "TYPE "
		if d.kind == "d" {
			kind = "DOMAIN "
		}
		statements := []string{"CREATE " + kind + name + " AS " + d.form}
		if d.comment != "" {
			statements = append(statements, "COMMENT ON "+kind+name+" IS "+quote.Literal(d.comment))
		}
		if err := c.keeper.each(ctx, statements); err != nil {
			return failed(atDestination, "make the type "+printable(d.name), err)
		}
	}
	return nil
}

// stageOf is the staging schema of a target schema.
func (c *carrier) stageOf(target string) string {
	for _, root := range c.roots {
		if root.target == target {
			return root.stage
		}
	}
	return c.stages[0]
}

// takeOIDs reads the OIDs of the tables that were made.
func (c *carrier) takeOIDs(ctx context.Context) error {
	rows, err := c.keeper.rows(ctx, `SELECT n.nspname, c.relname, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND n.nspname IN (`+quote.Literals(c.stages)+`)`, 3)
	if err != nil {
		return failed(atDestination, "look at the tables", err)
	}
	oids := map[[2]string]uint32{}
	for _, v := range rows {
		oids[[2]string{v[0], v[1]}] = number(v[2])
	}
	for _, root := range c.roots {
		for _, r := range root.all() {
			if r.targetOID = oids[[2]string{r.stage, r.targetName}]; r.targetOID == 0 {
				return failed(atDestination, "look at the tables", errors.New("the table for "+r.title()+" is not there"))
			}
		}
	}
	return nil
}

// closeSchema takes away what default privileges gave on a schema.
func (c *carrier) closeSchema(ctx context.Context, schema string) error {
	return c.revoke(ctx, "SCHEMA", fmt.Sprintf(`SELECT DISTINCT quote_ident(n.nspname), '', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
		FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.nspname = %s AND x.grantee <> n.nspowner`, quote.Literal(schema)))
}

// askRights lists who but the owner has rights on relations of schemas, those on
// columns among them; with the word that REVOKE wants.
const askRights = `SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname), CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
LATERAL (SELECT a.grantee FROM aclexplode(c.relacl) a UNION ALL SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
WHERE n.nspname IN (%s) AND x.grantee <> c.relowner`

// closeTables takes away what default privileges gave on tables and sequences.
func (c *carrier) closeTables(ctx context.Context, schemas []string) error {
	return c.revoke(ctx, "", fmt.Sprintf(askRights, quote.Literals(schemas)))
}

// revoke takes all rights from whoever a query names: object, kind, grantee.
func (c *carrier) revoke(ctx context.Context, kind, query string) error {
	rows, err := c.keeper.rows(ctx, query, 3)
	if err != nil {
		return failed(atDestination, "read the rights that default privileges give", err)
	}
	for _, v := range rows {
		what := kind
		if what == "" {
			what = v[1]
		}
		if err := c.keeper.exec(ctx, "REVOKE ALL ON "+what+" "+v[0]+" FROM "+v[2]+" CASCADE"); err != nil {
			return failed(atDestination, "take back the rights that default privileges give", err)
		}
	}
	return nil
}

// stillClosed makes sure that nobody but the owner can use the staging schemas:
// an event trigger could have given back what was taken.
func (c *carrier) stillClosed(ctx context.Context) error {
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askRights, quote.Literals(c.stages))+fmt.Sprintf(` UNION ALL
		SELECT quote_ident(n.nspname), 'SCHEMA', CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END
		FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.nspname IN (%s) AND x.grantee <> n.nspowner UNION ALL
		SELECT quote_ident(n.nspname), 'SCHEMA', pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname IN (%[1]s) AND pg_get_userbyid(n.nspowner) <> %[2]s`,
		quote.Literals(c.stages), quote.Literal(c.job.Owner)), 3)
	if err != nil {
		return failed(atDestination, "look at who can use the staging schema", err)
	}
	if len(rows) > 0 {
		return &Refusal{"the copy", fmt.Sprintf("at the destination %s has rights on %s right after they were revoked", printable(rows[0][2]), printable(rows[0][0])),
			"have its DBA look at event triggers there"}
	}
	return c.nothingRuns(ctx)
}

// askCode lists what runs when rows are written to tables of schemas.
const askCode = `SELECT 'trigger', t.tgname, n.nspname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND n.nspname IN (%[1]s)
UNION ALL SELECT 'rule', w.rulename, n.nspname, c.relname FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN (%[1]s)`

// nothingRuns makes sure that nothing sees the rows that are loaded: an event trigger
// that has every new table audited would keep them elsewhere, published or not.
func (c *carrier) nothingRuns(ctx context.Context) error {
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askCode, quote.Literals(c.stages)), 4)
	if err != nil {
		return failed(atDestination, "look at what runs when rows are loaded", err)
	}
	if len(rows) > 0 {
		return &Refusal{"the copy", fmt.Sprintf("at the destination the new table %s has the %s %s, which nobody asked for and which would see its rows", printable(rows[0][3]), rows[0][0], printable(rows[0][1])),
			"have its DBA look at event triggers there"}
	}
	return nil
}
