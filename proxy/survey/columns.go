package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/policy/inventory"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Options bound what is read. What is zero has its default.
type Options struct {
	// Rows is how many rows of a relation are read at most; default 2,000,
	// which shows what one in 700 rows has. Negative: no values are read.
	Rows int
	// Time is how long all samples together may take; default two minutes.
	// What has not had its turn by then goes without.
	Time time.Duration
}

// The limits of one question to the server: for the catalog of a large
// database, and for one relation's sample.
const (
	questionTimeout = 20 * time.Second
	sampleTimeout   = 5 * time.Second
)

// relation is a relation with its columns, which stand one after the other in
// the list of all.
type relation struct {
	schema, name string
	kind         string  // pg_class.relkind
	rows         float64 // as the server estimates; -1 if it does not
	columns      []*inventory.Column
	// readable says of each column whether this login may read it.
	readable []bool
}

// catalogQuestion asks for all columns of relations that hold rows of their
// own. Types are those below domains. Partitions are left out: they have the
// columns of what they are partitions of, and its classes.
const catalogQuestion = `
WITH RECURSIVE below AS (
  SELECT oid, typbasetype AS base, typtypmod AS mod FROM pg_type WHERE typtype = 'd'
  UNION ALL
  SELECT b.oid, t.typbasetype, t.typtypmod FROM below b JOIN pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
), base AS (
  SELECT b.oid, b.base, b.mod FROM below b JOIN pg_type t ON t.oid = b.base WHERE t.typtype <> 'd'
)
SELECT n.nspname, c.relname, c.relkind, c.reltuples, a.attname,
  format_type(coalesce(base.base, a.atttypid), coalesce(base.mod, a.atttypmod)),
  coalesce(col_description(c.oid, a.attnum), ''),
  coalesce((SELECT json_agg(l.label ORDER BY l.provider)::text FROM pg_seclabel l
    WHERE l.classoid = 'pg_class'::regclass AND l.objoid = c.oid AND l.objsubid = a.attnum), '[]'),
  has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN base ON base.oid = a.atttypid
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname, c.relname, c.oid, a.attnum`

// Columns reads the catalog and samples every relation, within the bounds.
func (l *Login) Columns(ctx context.Context, o Options) ([]inventory.Column, error) {
	if o.Rows == 0 {
		o.Rows = 2000
	}
	if o.Time == 0 {
		o.Time = 2 * time.Minute
	}
	rows, err := credential.Query(ctx, l.conn, catalogQuestion)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	columns := make([]inventory.Column, len(rows))
	relations, err := arrange(rows, columns)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(o.Time)
	for i := range relations {
		if err := l.look(ctx, &relations[i], o.Rows, end); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// arrange fills columns from the catalog's rows, and finds their relations.
func arrange(rows [][]string, columns []inventory.Column) ([]relation, error) {
	var relations []relation
	for i, row := range rows {
		var labels []string
		if err := json.Unmarshal([]byte(row[7]), &labels); err != nil {
			return nil, fmt.Errorf("read the catalog: security labels: %w", err)
		}
		columns[i] = inventory.Column{
			Column: classify.Column{Schema: row[0], Relation: row[1], Name: row[4], Type: row[5]},
			Marks:  policy.Marks{Comment: row[6], Labels: labels},
		}
		last := len(relations) - 1
		if last < 0 || relations[last].schema != row[0] || relations[last].name != row[1] {
			tuples, err := strconv.ParseFloat(row[3], 64)
			if err != nil {
				return nil, fmt.Errorf("read the catalog: rows of a relation: %w", err)
			}
			relations = append(relations, relation{schema: row[0], name: row[1], kind: row[2], rows: tuples})
			last++
		}
		r := &relations[last]
		r.columns, r.readable = append(r.columns, &columns[i]), append(r.readable, row[8] == "t")
	}
	return relations, nil
}

// why puts an error of the server's into words of our own: its own could
// quote a value.
func why(err error) string {
	var refused *pgconn.PgError
	switch {
	case !errors.As(err, &refused):
		return "the server did not answer"
	case refused.Code == "57014", refused.Code == "55P03":
		return "it took too long"
	case refused.Code == "42501":
		return "the server refused it"
	}
	return "the server answered with error " + refused.Code
}
