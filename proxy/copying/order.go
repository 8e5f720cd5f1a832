package copying

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Order says what is to be copied where.
type Order struct {
	// From is the name of a database behind Sluice, or a connection string. What it
	// does not say, the environment does (PGHOST, PGPORT, PGUSER, PGPASSFILE,
	// PGSERVICE, PGSSLROOTCERT and their like).
	From string
	// To is the place, by its name in the policy.
	To string
	// Tables are relations as schema.name, names as in SQL. Schemas stand for all
	// tables in them.
	Tables, Schemas []string
	// Where is a condition that rows must satisfy; only with a single table.
	Where string
	// IntoSchema is where the copies go; empty for the schema they come from.
	IntoSchema string
	// Existing is swap or append, or empty.
	Existing string
	// Expires is how long the copy is to live, such as 7d; empty for as long as the
	// policy says.
	Expires string
	// Reason and Ticket are recorded with the copy.
	Reason, Ticket string
}

// Check says what is wrong with an order before anybody is asked.
func (o *Order) Check() error {
	switch {
	case o.From == "":
		return errors.New("where from? Name the database, as in --from shop")
	case o.To == "":
		return errors.New("where to? Name the place, as in --to analytics")
	case len(o.Tables)+len(o.Schemas) == 0:
		return errors.New("what? Name tables or schemas, as in --table public.orders")
	case o.Where != "" && (len(o.Tables) != 1 || len(o.Schemas) > 0):
		return errors.New("a condition is for one table: give a single --table with --where")
	case o.Existing != "" && o.Existing != "swap" && o.Existing != "append":
		return fmt.Errorf("existing is swap or append, not %q", o.Existing)
	}
	for _, table := range o.Tables {
		if _, _, err := splitName(table); err != nil {
			return err
		}
	}
	return nil
}

// Result is what a copy came to.
type Result struct {
	// Tables are in the order of those asked for, then of those of schemas.
	Tables []TableResult `json:"tables"`
	Rows   int64         `json:"rows"`
	Took   time.Duration `json:"took_ns"`
	// Receipt is what Sluice says of it.
	Receipt string   `json:"receipt"`
	Details []string `json:"details,omitempty"`
}

// TableResult is one table.
type TableResult struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// Run has an order carried out. The meter is told how far it is; nil tells nobody.
// When ctx ends, the copy is canceled.
func Run(ctx context.Context, o Order, m *Meter) (*Result, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	last := &lastNotice{}
	conn, err := connect(ctx, &o, func(n *pgconn.Notice) {
		last.take(n)
		m.take(n)
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		ctx, done := context.WithTimeout(context.Background(), 5*time.Second)
		defer done()
		_ = conn.Close(ctx) // nothing is left to say
	}()
	names, err := o.names(ctx, conn)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	results, err := conn.Exec(ctx, o.text(names)).ReadAll()
	m.end()
	if err != nil {
		return nil, err
	}
	out := &Result{Took: time.Since(began), Receipt: last.message, Details: last.details()}
	for i, r := range results {
		if i < len(names) {
			out.Tables = append(out.Tables, TableResult{Name: names[i].String(), Rows: r.CommandTag.RowsAffected()})
			out.Rows += r.CommandTag.RowsAffected()
		}
	}
	return out, nil
}

func connect(ctx context.Context, o *Order, heard func(*pgconn.Notice)) (*pgconn.PgConn, error) {
	from := o.From
	if !strings.Contains(from, "=") && !strings.Contains(from, "://") {
		from = "dbname=" + conninfoValue(from)
	}
	config, err := pgconn.ParseConfig(from)
	if err != nil {
		return nil, errors.New("--from is neither the name of a database nor a connection string")
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { heard(n) }
	for name, value := range map[string]string{
		"application_name": "sluice copy", "sluice.destination": o.To, "sluice.progress": "machine", "sluice.reason": o.Reason, "sluice.ticket": o.Ticket,
	} {
		if value != "" {
			config.RuntimeParams[name] = value
		}
	}
	return pgconn.ConnectConfig(ctx, config)
}

// conninfoValue quotes a value of a connection string.
func conninfoValue(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// name is a relation.
type name struct{ schema, relation string }

// String is how people write it, and an address has it.
func (n name) String() string { return quote.Name(n.schema, n.relation) }

// sql is how a statement has it, whatever words are reserved where it is read.
func (n name) sql() string { return quote.Qualified(n.schema, n.relation) }

// splitName reads schema.relation as SQL writes it.
func splitName(text string) (schema, relation string, err error) {
	parts, rest := []string{}, text
	for {
		var part string
		if part, rest, err = takeName(rest); err != nil {
			return "", "", fmt.Errorf("%q: %w", text, err)
		}
		parts = append(parts, part)
		if rest == "" {
			break
		}
		if rest[0] != '.' {
			return "", "", fmt.Errorf("%q is not the name of a table: write schema.table", text)
		}
		rest = rest[1:]
	}
	if len(parts) != 2 {
		return "", "", fmt.Errorf("%q is not the name of a table with its schema: write schema.table", text)
	}
	return parts[0], parts[1], nil
}

func takeName(text string) (part, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, `."`)
		if end < 0 {
			end = len(text)
		}
		if end == 0 {
			return "", "", errors.New("a name is missing")
		}
		return lower(text[:end]), text[end:], nil
	}
	var b strings.Builder
	for at := 1; at < len(text); at++ {
		switch {
		case text[at] != '"':
			b.WriteByte(text[at])
		case at+1 < len(text) && text[at+1] == '"':
			b.WriteByte('"')
			at++
		case b.Len() == 0:
			return "", "", errors.New("a name is missing")
		default:
			return b.String(), text[at+1:], nil
		}
	}
	return "", "", errors.New("a double quote is not closed")
}

// lower is what a server of any encoding makes of a name without quotes.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// tablesOf lists the tables of a schema that hold rows of their own, or whose
// partitions do.
const tablesOf = `SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`

// names are the relations of the order.
func (o *Order) names(ctx context.Context, conn *pgconn.PgConn) (out []name, err error) {
	for _, table := range o.Tables {
		schema, relation, err := splitName(table)
		if err != nil {
			return nil, err
		}
		out = append(out, name{schema, relation})
	}
	for _, schema := range o.Schemas {
		rows, err := credential.Query(ctx, conn, tablesOf, schema)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("there is no table in schema %s that you could see", schema)
		}
		for _, row := range rows {
			out = append(out, name{schema, row[0]})
		}
	}
	return out, nil
}

// text has all relations carried as one copy.
func (o *Order) text(names []name) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(";\n")
		}
		if o.Where != "" {
			// A condition may end in a comment.
			fmt.Fprintf(&b, "COPY (SELECT * FROM %s WHERE %s\n)", n.sql(), o.Where)
		} else {
			fmt.Fprintf(&b, "COPY %s", n.sql())
		}
		fmt.Fprintf(&b, " TO %s", quote.Literal(o.address(n)))
	}
	return b.String()
}

func (o *Order) address(n name) string {
	target := n
	if o.IntoSchema != "" {
		target.schema = o.IntoSchema
	}
	var choices []string
	if o.Existing != "" {
		choices = append(choices, "existing="+o.Existing)
	}
	if o.Expires != "" {
		choices = append(choices, "expires="+o.Expires)
	}
	address := "sluice://" + o.To + "/" + target.String()
	if len(choices) > 0 {
		address += "?" + strings.Join(choices, "&")
	}
	return address
}

// lastNotice keeps what Sluice has said last.
type lastNotice struct{ message, detail string }

func (l *lastNotice) take(n *pgconn.Notice) {
	if message, is := strings.CutPrefix(n.Message, "sluice: "); is {
		l.message, l.detail = message, n.Detail
	}
}

func (l *lastNotice) details() []string {
	if l.detail == "" {
		return nil
	}
	return strings.Split(l.detail, "\n")
}
