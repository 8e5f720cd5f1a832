package transfer

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sluice-pg/sluice/policy/quote"
)

// askTypeCode finds what would look at values as they are loaded, or later: code of the
// destination that types of columns call, which has the name of something else at the
// source, and owners of domains, who may add such code to theirs and have it run over
// all the values that there are (ALTER DOMAIN).
const askTypeCode = `WITH RECURSIVE used(oid) AS (
  SELECT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (n.nspname IN (%[1]s) OR c.oid IN (%[2]s)) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT x.oid FROM used u JOIN pg_type t ON t.oid = u.oid,
  LATERAL (SELECT t.typelem WHERE t.typelem <> 0 UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid) AS x(oid)),
apart(class, oid) AS (SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e')
SELECT format_type(t.oid, NULL), pg_describe_object(d.refclassid, d.refobjid, 0), '' FROM used u JOIN pg_type t ON t.oid = u.oid JOIN pg_depend d
  ON d.classid = 'pg_type'::regclass AND d.objid = t.oid
  OR d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT k.oid FROM pg_constraint k WHERE k.contypid = t.oid)
WHERE d.refobjid >= 16384 AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
  AND NOT EXISTS (SELECT FROM apart e WHERE e.class = d.refclassid AND e.oid = d.refobjid)
UNION ALL SELECT format_type(t.oid, NULL), '', r.rolname FROM used u JOIN pg_type t ON t.oid = u.oid JOIN pg_roles r ON r.oid = t.typowner
WHERE t.typtype = 'd' AND r.rolname <> %[3]s AND NOT r.rolsuper AND NOT EXISTS (SELECT FROM apart e WHERE e.class = 'pg_type'::regclass AND e.oid = t.oid)
LIMIT 1`

// typesRunNothing refuses columns whose types would show their values to code of the
// destination, before a row is there.
func (c *carrier) typesRunNothing(ctx context.Context) error {
	oids := "0"
	for _, root := range c.roots {
		if root.existing == Append {
			oids += "," + strconv.FormatUint(uint64(root.replaced), 10)
		}
	}
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askTypeCode, quote.Literals(c.stages), oids, quote.Literal(c.job.Owner)), 3)
	switch {
	case err != nil:
		return failed(atDestination, "look at the code of types", err)
	case len(rows) == 0:
		return nil
	}
	name, call, owner := printable(rows[0][0]), printable(rows[0][1]), printable(rows[0][2])
	if call != "" {
		return &Refusal{"type " + name, "at the destination it passes values through " + call, "have that dropped there, or convert the column in a query, such as with ::text"}
	}
	return &Refusal{"type " + name, "at the destination it belongs to " + owner + ", who could have all its values looked at",
		"have it handed over to " + printable(c.job.Owner) + ", or convert the column in a query, such as with ::text"}
}
