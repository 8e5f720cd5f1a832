package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/policy/inventory"
	"github.com/sluice-pg/sluice/policy/quote"
)

const (
	// columnsAtOnce bounds how long a row of a sample can be, together with
	// valueLength, in characters.
	columnsAtOnce = 50
	valueLength   = 4000
	// small is up to how many times the wanted rows a relation is read from
	// its beginning: a sample by pages is for those that are larger.
	small = 5
	// few is how many rows a sample by pages must have not to be taken for
	// bad luck.
	few = 100
)

// look samples a relation, or notes why it was not. It fails only if the
// connection is gone.
func (l *Login) look(ctx context.Context, r *relation, rows int, end time.Time) error {
	switch {
	case rows < 0:
		r.note("values were not looked at, as was asked for")
	case r.kind == "f":
		r.note("values were not looked at: they are on another server")
	case time.Now().After(end):
		r.note("values were not looked at: the time was over")
	default:
		return l.sample(ctx, r, rows)
	}
	return ctx.Err()
}

func (r *relation) note(text string) {
	for _, c := range r.columns {
		c.Note = text
	}
}

// sample reads the columns of a relation some at a time. Where the rows cannot
// be read in time, the server's statistics have to do.
func (l *Login) sample(ctx context.Context, r *relation, rows int) error {
	var group []*inventory.Column
	for i, c := range r.columns {
		switch {
		case !r.readable[i]:
			c.Note = "values were not looked at: this login may not read them"
		case c.Searchable():
			c.Tally = new(classify.Tally)
			group = append(group, c)
		}
	}
	for len(group) > 0 {
		now := group[:min(len(group), columnsAtOnce)]
		group = group[len(now):]
		err := l.read(ctx, r, now, rows)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || l.conn.IsClosed() {
			return fmt.Errorf("read a sample: the connection is gone: %w", errors.Join(ctx.Err(), errors.New(why(err))))
		}
		for _, c := range now {
			c.Note = "its rows were not read: " + why(err)
			*c.Tally = classify.Tally{}
		}
		if err := l.statistics(ctx, r, now); err != nil && (ctx.Err() != nil || l.conn.IsClosed()) {
			return fmt.Errorf("read statistics: the connection is gone: %s", why(err))
		}
	}
	return nil
}

// read samples by pages where there are many, and from the beginning where
// there are few, or the pages had nothing.
func (l *Login) read(ctx context.Context, r *relation, columns []*inventory.Column, rows int) error {
	if r.rows > float64(rows*small) {
		// About as many rows as are wanted, from everywhere; the bound is for
		// estimates of the server that are old. Repeatable, so that the same
		// table gives the same report.
		sampled := fmt.Sprintf(" TABLESAMPLE SYSTEM (%g) REPEATABLE (1)", max(0.0001, 100*float64(rows)/r.rows))
		read, err := l.tally(ctx, columns, selectFrom(r, columns, sampled, 2*rows))
		if err != nil || read >= few {
			return err
		}
		for _, c := range columns {
			*c.Tally = classify.Tally{}
		}
	}
	_, err := l.tally(ctx, columns, selectFrom(r, columns, "", rows))
	return err
}

// selectFrom writes the question for a sample. Values come as texts, not too
// long; bytes as they read where they are texts.
func selectFrom(r *relation, columns []*inventory.Column, sampled string, rows int) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		name := quote.Identifier(c.Name)
		if c.Type == "bytea" {
			parts[i] = fmt.Sprintf("encode(substring(%s FROM 1 FOR %d), 'escape')", name, valueLength)
		} else {
			parts[i] = fmt.Sprintf("left(%s::text, %d)", name, valueLength)
		}
	}
	return fmt.Sprintf("SELECT %s FROM %s%s LIMIT %d", strings.Join(parts, ", "), quote.Qualified(r.schema, r.name), sampled, rows)
}

// tally counts the values of a question's answer as they come, and forgets
// them.
func (l *Login) tally(ctx context.Context, columns []*inventory.Column, sql string) (rows int, err error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	if err := l.conn.Exec(ctx, fmt.Sprintf("SET statement_timeout = %d", sampleTimeout.Milliseconds())).Close(); err != nil {
		return 0, err
	}
	answer := l.conn.ExecParams(ctx, sql, nil, nil, nil, nil)
	for answer.NextRow() {
		rows++
		for i, value := range answer.Values() {
			if value == nil {
				columns[i].Tally.AddNull()
			} else {
				columns[i].Tally.Add(value)
			}
		}
	}
	_, err = answer.Close()
	return rows, err
}

// statisticsQuestion asks for what the server keeps of a relation's columns:
// their common values, and bounds of the others.
const statisticsQuestion = `
SELECT s.attname, v FROM pg_stats s,
  LATERAL (SELECT unnest(s.most_common_vals::text::text[]) UNION ALL SELECT unnest(s.histogram_bounds::text::text[])) AS all_values (v)
WHERE s.schemaname = $1 AND s.tablename = $2`

// statistics counts the values of the server's statistics.
func (l *Login) statistics(ctx context.Context, r *relation, columns []*inventory.Column) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	answer := l.conn.ExecParams(ctx, statisticsQuestion, [][]byte{[]byte(r.schema), []byte(r.name)}, nil, nil, nil)
	for answer.NextRow() {
		values := answer.Values()
		for _, c := range columns {
			if c.Name == string(values[0]) && values[1] != nil {
				c.Tally.Add(values[1])
				c.Note = "its rows were not read; the values are those of the server's statistics"
			}
		}
	}
	_, err := answer.Close()
	return err
}
