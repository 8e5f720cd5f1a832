package transfer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
)

// publish puts all tables in their places, in the transaction that has locked them
// since before they were compared, and says whether its COMMIT took place.
func (c *carrier) publish(ctx context.Context) (bool, error) {
	for _, step := range []struct {
		words string
		do    func(context.Context) error
	}{
		{"look at what is there", c.lookAgain},
		{"set sequences", c.setSequences},
		{"remove what is replaced", c.dropReplaced},
		{"move tables into place", c.move},
		{"add rows", c.appendRows},
		{"close the tables", c.closePublished},
		{"write the lease", c.writeLease},
		{"set row security", c.secure},
		{"grant rights", c.grant},
		{"remove the staging schema", c.dropStaging},
		{"look at the rights of the result", c.verify},
	} {
		if err := step.do(ctx); err != nil {
			return false, failed(atDestination, step.words, err)
		}
	}
	if c.job.BeforePublish != nil {
		if err := c.job.BeforePublish(ctx, c.keeper, c.published()); err != nil {
			return false, &Error{Side: atDestination, Step: "check before publishing", Err: err}
		}
	}
	if c.keeper.status != 'T' {
		return false, failed(atDestination, "publish", errors.New("the transaction did not survive the check before publishing"))
	}
	return c.commit(ctx)
}

// commit ends the publishing transaction. If its answer does not come, the
// destination is asked what became of it.
func (c *carrier) commit(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, failed(atDestination, "publish", context.Cause(ctx))
	}
	err := c.keeper.exec(ctx, "COMMIT")
	if err == nil && c.keeper.tag != "COMMIT" {
		return false, failed(atDestination, "publish", fmt.Errorf("the server answered %s", printable(c.keeper.tag)))
	}
	if err == nil {
		c.receipt.Published = c.job.Now()
		return true, nil
	}
	if c.keeper.status != 0 {
		return false, failed(atDestination, "publish", err) // the server has said so, and goes on
	}
	c.keeper.cancel()
	_ = c.keeper.conn.Close()
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeTime)
	defer cancel()
	l, published, asked := c.ask(asking)
	if asked != nil {
		return false, &Error{Side: atDestination, Step: "publish", Err: fmt.Errorf("%w: %w", ErrUnknownOutcome, errors.Join(err, asked))}
	}
	if !published {
		l.close()
		return false, failed(atDestination, "publish", err)
	}
	c.keeper = l
	c.receipt.Published = c.job.Now()
	return true, nil
}

// outcomeTime bounds how long the destination is asked whether a COMMIT took
// place.
const outcomeTime = 90 * time.Second

// ask asks with new connections until there is an answer.
func (c *carrier) ask(ctx context.Context) (*link, bool, error) {
	for {
		l, err := c.openDestination(ctx)
		if err == nil {
			var published bool
			if published, err = c.askOver(ctx, l); err == nil {
				return l, published, nil
			}
			l.close()
		}
		select {
		case <-ctx.Done():
			return nil, false, errors.Join(err, context.Cause(ctx))
		case <-time.After(time.Second):
		}
	}
}

// askOver asks over a connection. The session that published may not have noticed
// that nobody is there; the role that logged in may end it, the owner may not.
func (c *carrier) askOver(ctx context.Context, l *link) (bool, error) {
	if err := l.exec(ctx, "RESET ROLE; "+endOf(c.job.Copy, c.keeper.pid)); err != nil {
		return false, err
	}
	if err := l.exec(ctx, "SET ROLE "+quote.Identifier(c.job.Owner)); err != nil {
		return false, err
	}
	return outcome(ctx, l, c.job.Copy)
}

// lookAgain finds out whether what had the names is still what was looked at, and
// keeps everybody from it.
func (c *carrier) lookAgain(ctx context.Context) error {
	before := map[*relation]uint32{}
	for _, root := range c.roots {
		if before[root] = root.replaced; root.replaced == 0 {
			continue
		}
		if err := c.keeper.exec(ctx, "LOCK TABLE "+root.published()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
	}
	if err := c.lookAtAll(ctx); err != nil {
		return err
	}
	for _, root := range c.roots {
		if root.replaced != before[root] {
			return fmt.Errorf("another table has become %s.%s meanwhile", printable(root.target), printable(root.targetName))
		}
	}
	return nil
}

// setSequences sets sequences to where those of the source are, and at least
// behind every value that is there, so that the next row gets one of its own.
func (c *carrier) setSequences(ctx context.Context) error {
	for _, root := range c.roots {
		for _, r := range root.all() {
			if r.existing == Append {
				continue
			}
			for _, s := range r.sequences {
				if x := owner(r, s); x.sequence == s {
					if err := c.setSequence(ctx, r, x); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (c *carrier) setSequence(ctx context.Context, r *relation, x *column) error {
	s := x.sequence
	extreme, beyond := "max", "greatest"
	if strings.HasPrefix(s.increment, "-") {
		extreme, beyond = "min", "least"
	}
	last, called := "NULL::pg_catalog.int8", "false"
	if s.last != "" {
		last, called = s.last+"::pg_catalog.int8", strconv.FormatBool(s.called)
	}
	// A column of text takes its values from a sequence only within a text.
	there := "(SELECT pg_catalog." + extreme + "(" + quote.Identifier(x.name) + ") FROM " + r.staged() + ")::pg_catalog.int8"
	if x.identity == "" && !plainNextval.MatchString(x.expression) {
		there = "NULL::pg_catalog.int8"
	}
	return c.keeper.exec(ctx, fmt.Sprintf(`SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s(v.last, v.there), v.called OR v.there IS NOT NULL AND (v.last IS NULL OR v.there OPERATOR(pg_catalog.=) %[2]s(v.last, v.there)))
		FROM (SELECT %s, CASE WHEN b.n BETWEEN %s AND %s THEN b.n END, %s FROM (SELECT %s) b(n)) v(last, there, called) WHERE v.last IS NOT NULL OR v.there IS NOT NULL`,
		quote.Literal(quote.Qualified(r.stage, s.name)), beyond, last, s.minimum, s.maximum, called, there))
}

// dropReplaced drops the tables that are swapped, at once, so that foreign keys
// between them are no hindrance. What else depends on them is one.
func (c *carrier) dropReplaced(ctx context.Context) error {
	var names []string
	for _, root := range c.roots {
		if root.existing == Swap && root.replaced != 0 {
			names = append(names, root.published())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return c.keeper.exec(ctx, "DROP TABLE "+strings.Join(names, ", ")+" RESTRICT")
}

// move moves types and tables into their schemas; sequences and indexes go with
// their tables.
func (c *carrier) move(ctx context.Context) error {
	if err := c.makeSchemas(ctx); err != nil {
		return err
	}
	for key, d := range c.settler.make {
		if err := c.keeper.exec(ctx, "ALTER TYPE "+quote.Qualified(c.stageOf(key[0]), d.name)+" SET SCHEMA "+quote.Identifier(key[0])); err != nil {
			return err
		}
	}
	for _, root := range c.roots {
		for _, r := range root.all() {
			if r.existing == Append {
				continue
			}
			if err := c.keeper.exec(ctx, "ALTER TABLE "+r.staged()+" SET SCHEMA "+quote.Identifier(r.target)); err != nil {
				return failed(atDestination, "move "+r.title()+" into place", err)
			}
		}
	}
	return nil
}

// makeSchemas makes target schemas that are not there. Those with rights on the
// tables may use them.
func (c *carrier) makeSchemas(ctx context.Context) error {
	made := map[string]bool{}
	for _, root := range c.roots {
		there, err := c.keeper.value(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = "+quote.Literal(root.target))
		if err != nil {
			return err
		}
		if there == "0" {
			if err := c.keeper.exec(ctx, "CREATE SCHEMA "+quote.Identifier(root.target)+" AUTHORIZATION "+quote.Identifier(c.job.Owner)+"; REVOKE ALL ON SCHEMA "+quote.Identifier(root.target)+" FROM PUBLIC"); err != nil {
				return err
			}
			if err := c.closeSchema(ctx, root.target); err != nil {
				return err
			}
			made[root.target] = true
		}
		if !made[root.target] {
			continue
		}
		for _, g := range c.job.Items[root.item].Grants {
			if err := c.keeper.exec(ctx, "GRANT USAGE ON SCHEMA "+quote.Identifier(root.target)+" TO "+quote.Identifier(g.Role)); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendRows adds the rows to tables that stay.
func (c *carrier) appendRows(ctx context.Context) error {
	for _, root := range c.roots {
		if root.existing != Append {
			continue
		}
		columns := quote.Identifiers(root.storedNames())
		for _, r := range root.leaves() {
			if err := c.keeper.exec(ctx, "ALTER TABLE "+root.published()+" NO FORCE ROW LEVEL SECURITY"); err != nil {
				return err
			}
			err := c.keeper.exec(ctx, "INSERT INTO "+root.published()+" ("+columns+") OVERRIDING SYSTEM VALUE SELECT "+columns+" FROM "+r.staged())
			if err != nil {
				return failed(atDestination, "add the rows of "+r.title(), err)
			}
			if want := "INSERT 0 " + strconv.FormatUint(c.rowsOf(r), 10); c.keeper.tag != want {
				return failed(atDestination, "add the rows of "+r.title(), fmt.Errorf("the server answered %s instead of %s", printable(c.keeper.tag), want))
			}
		}
		root.targetOID = root.replaced
	}
	return nil
}

// rowsOf is how many rows a table has been sent.
func (c *carrier) rowsOf(r *relation) uint64 { return c.sent[r] }

// closePublished takes away rights that moving gave: event triggers and the
// like. The tables that rows were added to keep theirs.
func (c *carrier) closePublished(ctx context.Context) error {
	return c.revoke(ctx, "", fmt.Sprintf(`SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(c.relname), CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
		CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
		LATERAL (SELECT a.grantee FROM aclexplode(c.relacl) a UNION ALL SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
		WHERE x.grantee <> c.relowner AND c.oid IN (%s)`, c.made(true)))
}

// made is a query of the OIDs of the tables of the copy, and of their sequences.
func (c *carrier) made(sequences bool) string {
	oids := []string{"0"}
	for _, root := range c.roots {
		for _, r := range root.all() {
			if r.existing != Append {
				oids = append(oids, strconv.FormatUint(uint64(r.targetOID), 10))
			}
		}
	}
	tables := "SELECT unnest('{" + strings.Join(oids, ",") + "}'::oid[])"
	if !sequences {
		return tables
	}
	return tables + " UNION ALL SELECT d.objid FROM pg_depend d JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S' WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass" +
		" AND d.deptype IN ('a', 'i') AND d.refobjid IN (" + tables + ")"
}

// dropStaging removes the staging schemas. Nothing is in them but what rows were
// added from.
func (c *carrier) dropStaging(ctx context.Context) error {
	for _, root := range c.roots {
		if root.existing == Append {
			if err := c.keeper.exec(ctx, "DROP TABLE "+root.staged()+dropLeaves(root)); err != nil {
				return err
			}
		}
	}
	for _, s := range c.stages {
		if err := c.keeper.exec(ctx, "DROP SCHEMA "+quote.Identifier(s)+" RESTRICT"); err != nil {
			return err
		}
	}
	return nil
}

// dropLeaves are the tables that stand beside that of an item that rows were
// added from, which are no partitions there.
func dropLeaves(root *relation) string {
	out := ""
	for _, r := range root.all()[1:] {
		out += ", " + r.staged()
	}
	return out
}

// published are the items as they are at the destination.
func (c *carrier) published() []Published {
	var out []Published
	for _, root := range c.roots {
		out = append(out, c.describe(root))
	}
	return out
}

func (c *carrier) describe(r *relation) Published {
	p := Published{Item: r.item, OID: r.targetOID, Schema: r.target, Name: r.targetName, Columns: r.storedNames()}
	if r.existing == Append {
		p.OID = r.replaced
		return p
	}
	for _, x := range r.parts {
		p.Partitions = append(p.Partitions, c.describe(x))
	}
	return p
}
