package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// privileges are those that can be granted on tables.
var privileges = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}

func (g Grant) check() error {
	switch {
	case !nameable(g.Role) || strings.EqualFold(g.Role, "public"):
		return errors.New("rights are granted to roles that have a name, not to PUBLIC")
	case len(g.Privileges) == 0:
		return errors.New("a grant without privileges")
	}
	for _, p := range g.Privileges {
		if !slices.Contains(privileges, p) {
			return fmt.Errorf("%q is no privilege of a table", printable(p))
		}
	}
	return nil
}

// grant gives the rights of each item, and of the sequences that inserts need.
func (c *carrier) grant(ctx context.Context) error {
	for _, root := range c.roots {
		if root.existing == Append {
			continue
		}
		for _, g := range c.job.Items[root.item].Grants {
			columns := ""
			if len(g.Columns) > 0 {
				if !root.has(g.Columns) {
					return &Refusal{root.title(), "rights are to be granted on columns that are not copied", "name columns of the copy"}
				}
				columns = " (" + quote.Identifiers(g.Columns) + ")"
			}
			var list []string
			for _, p := range g.Privileges {
				list = append(list, p+columns)
			}
			text := "GRANT " + strings.Join(list, ", ") + " ON TABLE " + root.published() + " TO " + quote.Identifier(g.Role)
			if slices.Contains(g.Privileges, "INSERT") {
				for _, s := range root.sequences {
					if owner(root, s).identity == "" {
						text += "; GRANT USAGE ON SEQUENCE " + quote.Qualified(root.target, s.name) + " TO " + quote.Identifier(g.Role)
					}
				}
			}
			if err := c.keeper.exec(ctx, text); err != nil {
				return failed(atDestination, "grant rights on "+root.title()+" to "+printable(g.Role), err)
			}
		}
	}
	return nil
}

// readers are the roles with rights on an item.
func (c *carrier) readers(root *relation) []string {
	var out []string
	for _, g := range c.job.Items[root.item].Grants {
		if !slices.Contains(out, g.Role) {
			out = append(out, g.Role)
		}
	}
	return out
}

// Names of the policies that a copy adds, with its id behind.
const (
	leasePolicy = "sluice_lease_"
	rowsPolicy  = "sluice_rows_"
)

// leaseCondition holds as long as the lease does. It is evaluated once for a
// statement, with the rights of whoever reads.
func (c *carrier) leaseCondition() string {
	return "pg_catalog.now() OPERATOR(pg_catalog.<) (SELECT l.valid_until FROM sluice.lease l WHERE l.copy OPERATOR(pg_catalog.=) " + quote.Literal(c.job.Copy) + "::pg_catalog.text)"
}

// leased reports whether rows can be read only under a lease.
func (c *carrier) leased() bool { return !c.job.LeaseUntil.IsZero() }

// writeLease writes the row that the policies read. A copy without a lease has one
// that never ends: it is there that one sees whether a COMMIT took place.
func (c *carrier) writeLease(ctx context.Context) error {
	until := "'infinity'"
	if c.leased() {
		until = quote.Literal(c.job.LeaseUntil.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
	}
	return c.keeper.exec(ctx, "INSERT INTO sluice.lease (copy, valid_until) VALUES ("+quote.Literal(c.job.Copy)+", "+until+"::pg_catalog.timestamptz)")
}

// secure reproduces row security and adds the lease.
func (c *carrier) secure(ctx context.Context) error {
	for _, root := range c.roots {
		if root.existing == Append {
			if err := c.secureAppended(ctx, root); err != nil {
				return err
			}
			continue
		}
		for _, r := range root.all() {
			if !r.rls && !c.leased() {
				continue
			}
			statements := append([]string{inSchema(slices.Concat(r.path, []string{r.target})...)}, c.policies(r, root)...)
			statements = append(statements, "ALTER TABLE "+r.published()+" ENABLE ROW LEVEL SECURITY", "ALTER TABLE "+r.published()+" FORCE ROW LEVEL SECURITY", searchNothing)
			if err := c.keeper.each(ctx, statements); err != nil {
				return failed(atDestination, "set row security of "+r.title(), err)
			}
		}
	}
	return nil
}

const searchNothing = "SET LOCAL search_path = pg_catalog, pg_temp"

// policies are the statements for the policies of a table, whose names they note.
func (c *carrier) policies(r, root *relation) []string {
	var out []string
	create := func(name, rest string) {
		out = append(out, "CREATE POLICY "+quote.Identifier(name)+" ON "+r.published()+" "+rest)
		c.policyNames[r] = append(c.policyNames[r], name)
	}
	for _, p := range r.policies {
		if to, ok := c.mapped(r, p); ok {
			create(p.name, p.words(to))
		}
	}
	if c.leased() {
		create(leasePolicy+c.job.Copy, "AS RESTRICTIVE FOR ALL TO PUBLIC USING ("+c.leaseCondition()+")")
	}
	if readers := c.readers(root); !r.rls && r == root && len(readers) > 0 {
		create(rowsPolicy+c.job.Copy, "AS PERMISSIVE FOR ALL TO "+quote.Identifiers(readers)+" USING (true)")
	}
	return out
}

var commands = map[string]string{"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}

// words are what follows the table in CREATE POLICY.
func (p *policy) words(to string) string {
	out := "AS RESTRICTIVE FOR "
	if p.permissive {
		out = "AS PERMISSIVE FOR "
	}
	out += commands[p.command] + " TO " + to
	if p.using != "" {
		out += " USING (" + p.using + ")"
	}
	if p.check != "" {
		out += " WITH CHECK (" + p.check + ")"
	}
	return out
}

// mapped is who a policy is for at the destination. A permissive policy for nobody
// there is left out, which hides rows. A restrictive one would show rows then: it
// is for everybody.
func (c *carrier) mapped(r *relation, p *policy) (to string, ok bool) {
	if p.public {
		return "PUBLIC", true
	}
	var roles []string
	complete := true
	for _, role := range p.roles {
		there := c.counterparts(role)
		complete = complete && len(there) > 0
		for _, t := range there {
			if !slices.Contains(roles, t) {
				roles = append(roles, t)
			}
		}
	}
	switch {
	case !p.permissive && (!complete || len(roles) == 0):
		c.warn("policy %s of %s restricts roles that have no counterpart at the destination; it restricts everybody there", printable(p.name), r.title())
		return "PUBLIC", true
	case len(roles) == 0:
		c.warn("policy %s of %s is for roles that have no counterpart at the destination and is not carried", printable(p.name), r.title())
		return "", false
	}
	return quote.Identifiers(roles), true
}

// counterparts are the roles at the destination that a role of the source stands for.
func (c *carrier) counterparts(role string) []string {
	if c.job.Roles == nil {
		return nil
	}
	return c.job.Roles(role)
}

// secureAppended adds the lease to a table that had its rights before. Where it had
// no row security, one policy shows to everybody with rights what they saw.
func (c *carrier) secureAppended(ctx context.Context, root *relation) error {
	tree := fmt.Sprintf("SELECT %d::oid UNION ALL SELECT relid::oid FROM pg_partition_tree(%[1]d) WHERE level > 0", root.replaced)
	rows, err := c.keeper.rows(ctx, "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relrowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid IN ("+tree+")", 2)
	if err != nil {
		return err
	}
	for _, v := range rows {
		var statements []string
		if c.leased() {
			statements = append(statements, "CREATE POLICY "+quote.Identifier(leasePolicy+c.job.Copy)+" ON "+v[0]+" AS RESTRICTIVE FOR ALL TO PUBLIC USING ("+c.leaseCondition()+")")
			if v[1] != "t" {
				statements = append(statements, "CREATE POLICY "+quote.Identifier(rowsPolicy+c.job.Copy)+" ON "+v[0]+" AS PERMISSIVE FOR ALL TO PUBLIC USING (true)",
					"ALTER TABLE "+v[0]+" ENABLE ROW LEVEL SECURITY")
			}
		}
		if c.leased() || v[1] == "t" {
			statements = append(statements, "ALTER TABLE "+v[0]+" FORCE ROW LEVEL SECURITY")
		}
		if err := c.keeper.exec(ctx, words(statements)); err != nil {
			return failed(atDestination, "set row security of "+root.title(), err)
		}
	}
	return nil
}

// askResult lists what nobody meant: rights of others than the owner, with column
// and privilege, other owners, row security that is off, triggers and rules, and
// code of the destination that definitions call because it has the name of
// something else at the source.
const askResult = `SELECT 'right', c.oid, coalesce(x.attname, ''), CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(x.grantee) END, x.privilege_type || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
FROM pg_class c, LATERAL (SELECT NULL::name AS attname, a.* FROM aclexplode(c.relacl) a UNION ALL SELECT t.attname, a.* FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
WHERE c.oid IN (%[1]s) AND x.grantee <> c.relowner
UNION ALL SELECT 'owner', c.oid, '', pg_get_userbyid(c.relowner), '' FROM pg_class c WHERE c.oid IN (%[1]s)
UNION ALL SELECT 'policy', p.polrelid, p.polname, '', '' FROM pg_policy p WHERE p.polrelid IN (%[2]s)
UNION ALL SELECT 'secured', c.oid, (c.relrowsecurity AND c.relforcerowsecurity)::text, '', '' FROM pg_class c WHERE c.oid IN (%[2]s)
UNION ALL SELECT 'call', o.rel, pg_describe_object(d.refclassid, d.refobjid, 0), '', '' FROM (
  SELECT 'pg_constraint'::regclass::oid AS class, k.oid, k.conrelid AS rel FROM pg_constraint k WHERE k.conrelid <> 0 UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, a.adrelid FROM pg_attrdef a
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, p.polrelid FROM pg_policy p UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid FROM pg_index i
  UNION ALL SELECT 'pg_class'::regclass, c.oid, c.oid FROM pg_class c) o
  JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid
  WHERE o.rel IN (%[2]s) AND d.refobjid >= 16384 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_opfamily'::regclass)
  AND NOT EXISTS (SELECT FROM pg_depend m WHERE m.classid = d.refclassid AND m.objid = d.refobjid AND m.deptype = 'e')
UNION ALL SELECT 'trigger', t.tgrelid, t.tgname, '', '' FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgrelid IN (%[2]s)
UNION ALL SELECT 'rule', w.ev_class, w.rulename, '', '' FROM pg_rewrite w WHERE w.ev_class IN (%[2]s)`

// wanted is what the tables of a copy are to have.
type wanted struct {
	tables map[uint32]*relation
	// has are rights and policies, as askResult has them.
	has      map[[4]string]bool
	secured  map[uint32]bool
	policies int
}

// want lists what was asked for.
func (c *carrier) want() *wanted {
	w := &wanted{map[uint32]*relation{}, map[[4]string]bool{}, map[uint32]bool{}, 0}
	for _, root := range c.roots {
		if root.existing == Append {
			continue
		}
		for _, r := range root.all() {
			w.tables[r.targetOID], w.secured[r.targetOID] = r, r.rls || c.leased()
			w.policies += len(c.policyNames[r])
			for _, name := range c.policyNames[r] {
				w.has[[4]string{r.oidText(), name}] = true
			}
		}
		for _, g := range c.job.Items[root.item].Grants {
			columns := g.Columns
			if len(columns) == 0 {
				columns = []string{""}
			}
			for _, p := range g.Privileges {
				for _, column := range columns {
					w.has[[4]string{root.oidText(), column, g.Role, p}] = true
				}
			}
		}
	}
	return w
}

func (r *relation) oidText() string { return strconv.FormatUint(uint64(r.targetOID), 10) }

// verify makes sure that what is about to be published has the owner, rights and
// policies that were asked for, and no others: default privileges are taken back
// before, but an event trigger may have given more since.
func (c *carrier) verify(ctx context.Context) error {
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askResult, c.made(true), c.made(false)), 5)
	if err != nil {
		return err
	}
	w := c.want()
	for _, v := range rows {
		r := w.tables[number(v[1])]
		ok := false
		switch v[0] {
		case "right":
			// Of sequences only those of defaults have rights, which granting gave.
			ok = w.has[[4]string{v[1], v[2], v[3], v[4]}] || r == nil && v[4] == "USAGE" && c.inserts(v[3])
		case "owner":
			ok = v[3] == c.job.Owner
		case "policy":
			ok = w.has[[4]string{v[1], v[2]}]
			w.policies--
		case "secured":
			ok = !w.secured[number(v[1])] || v[2] == "true"
		}
		if !ok {
			title := "a sequence of the copy"
			if r != nil {
				title = r.title()
			}
			return &Refusal{title, fmt.Sprintf("at the destination it has a %s that nobody asked for: %s", v[0], printable(strings.TrimSpace(v[3]+" "+v[4]+" "+v[2]))),
				"have its DBA look at event triggers and functions there"}
		}
	}
	if w.policies != 0 {
		return errors.New("a policy that was made is not there")
	}
	return nil
}

// inserts reports whether a role may insert into one of the items.
func (c *carrier) inserts(role string) bool {
	return slices.ContainsFunc(c.job.Items, func(it Item) bool {
		return slices.ContainsFunc(it.Grants, func(g Grant) bool { return g.Role == role && slices.Contains(g.Privileges, "INSERT") })
	})
}
