package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/quote"
)

// askNames reads the names that are taken among tables, indexes and sequences of a
// schema, apart from those that go with tables that are replaced.
const askNames = `WITH RECURSIVE tree(oid) AS (SELECT unnest('{%s}'::oid[]) UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid)
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
AND c.oid NOT IN (SELECT oid FROM tree UNION SELECT i.indexrelid FROM pg_index i JOIN tree ON i.indrelid = tree.oid
  UNION SELECT d.objid FROM pg_depend d JOIN tree ON d.refobjid = tree.oid AND d.refclassid = 'pg_class'::regclass WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))`

// freeNames gives indexes and sequences other names where theirs are taken, as those
// of a table are that is copied a second time under another name.
func (c *carrier) freeNames(ctx context.Context) error {
	taken := map[string]map[string]bool{}
	for _, root := range c.roots {
		for _, r := range root.all() {
			if r.existing == Append {
				continue
			}
			if taken[r.target] == nil {
				names, err := c.namesIn(ctx, r.target)
				if err != nil {
					return err
				}
				taken[r.target] = names
			}
			c.settleNames(r, taken[r.target])
		}
	}
	return nil
}

// namesIn are the names of a schema that are not free.
func (c *carrier) namesIn(ctx context.Context, schema string) (map[string]bool, error) {
	var gone []string
	names := map[string]bool{}
	for _, root := range c.roots {
		if root.existing == Swap && root.replaced != 0 {
			gone = append(gone, strconv.FormatUint(uint64(root.replaced), 10))
		}
		for _, r := range root.all() {
			if r.target == schema {
				names[r.targetName] = true
			}
		}
	}
	rows, err := c.keeper.rows(ctx, fmt.Sprintf(askNames, strings.Join(gone, ","), quote.Literal(schema)), 1)
	if err != nil {
		return nil, failed(atDestination, "read what names are taken in "+printable(schema), err)
	}
	for _, row := range rows {
		names[row[0]] = true
	}
	return names, nil
}

// settleNames names what belongs to one table.
func (c *carrier) settleNames(r *relation, taken map[string]bool) {
	settle := func(what, name string) string {
		free := freeName(name, r.name, r.targetName, taken)
		taken[free] = true
		if free != name {
			c.warn("%s %s of %s is named %s at the destination, where the name is taken", what, printable(name), r.title(), printable(free))
		}
		return free
	}
	for _, s := range r.sequences {
		s.name = settle("sequence", s.name)
	}
	for _, k := range r.constraints {
		if k.index == "" || k.kind != "p" && k.kind != "u" && k.kind != "x" || r.parent != nil && r.partitioned && k.inherited {
			continue
		}
		k.name = settle("constraint", k.name)
		if at := slices.IndexFunc(r.indexes, func(x *index) bool { return x.oid == k.index }); at >= 0 {
			r.indexes[at].name = k.name // an index has the name of its constraint
		}
	}
	for _, x := range r.indexes {
		if r.constraintOf(x) == nil {
			x.name = settle("index", x.name)
		}
	}
}

// freeName is a name that is not taken: the one that there was; that with the
// table's new name in the place of its old one, where it begins so; or one of these
// with the first number that makes it free, as PostgreSQL does.
func freeName(name, table, renamed string, taken map[string]bool) string {
	if !taken[name] {
		return name
	}
	if rest, ok := strings.CutPrefix(name, table+"_"); ok && table != renamed {
		name = shortened(renamed, "_"+rest)
	}
	for n, free := 1, name; ; n++ {
		if !taken[free] {
			return free
		}
		free = shortened(name, strconv.Itoa(n))
	}
}

// shortened is a name with an end, cut before the end so that a server does not cut
// the end itself.
func shortened(name, end string) string {
	room := max(0, maxName-len(end))
	for len(name) > room || !utf8.ValidString(name) {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name + end
}

// maxName is the longest name that PostgreSQL keeps, in bytes (NAMEDATALEN - 1).
const maxName = 63

// nameable tells whether PostgreSQL would keep the name as it is.
func nameable(name string) bool {
	return name != "" && len(name) <= maxName && !strings.Contains(name, "\x00")
}
