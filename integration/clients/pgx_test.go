package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

// goCases are what Go programs do with pgx.
func goCases() []client {
	steps := []struct {
		name string
		step func(context.Context, *pgx.Conn, *notebook) error
	}{
		{"query", pgxQuery},
		{"batch", pgxBatch},
		{"pipeline", pgxPipeline},
		{"copy", pgxCopy},
		{"transactions", pgxTransactions},
		{"notify", pgxNotify},
		{"large objects", pgxLargeObjects},
	}
	modes := map[string]pgx.QueryExecMode{
		"cached statements": pgx.QueryExecModeCacheStatement,
		"cached describe":   pgx.QueryExecModeCacheDescribe,
		"describe":          pgx.QueryExecModeDescribeExec,
		"exec":              pgx.QueryExecModeExec,
		"simple":            pgx.QueryExecModeSimpleProtocol,
	}
	var out []client
	for _, s := range steps {
		out = append(out, client{name: "pgx/" + s.name, run: func(t *testing.T, target harness.Target, _ string) string {
			return withPgx(t, target, pgx.QueryExecModeCacheStatement, s.step)
		}})
	}
	for _, name := range []string{"cached describe", "describe", "exec", "simple"} {
		out = append(out, client{name: "pgx/query, " + name, run: func(t *testing.T, target harness.Target, _ string) string {
			return withPgx(t, target, modes[name], pgxQuery)
		}})
	}
	return append(out, client{name: "pgx/cancel", run: pgxCancel})
}

// notebook collects what a case saw.
type notebook struct{ strings.Builder }

func (n *notebook) note(format string, args ...any) { fmt.Fprintf(n, format+"\n", args...) }

// failure notes an error that is part of the case.
func (n *notebook) failure(err error) {
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) {
		n.note("error %s %s %q detail %q hint %q", refusal.Severity, refusal.Code, refusal.Message, refusal.Detail, refusal.Hint)
		return
	}
	n.note("error %v", err)
}

func withPgx(t *testing.T, target harness.Target, mode pgx.QueryExecMode, step func(context.Context, *pgx.Conn, *notebook) error) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	config, err := pgx.ParseConfig(target.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	n := new(notebook)
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		n.note("notice %s %s %q", notice.Severity, notice.Code, notice.Message)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("%s: %v", target.Name, err)
	}
	if err := step(ctx, conn, n); err != nil {
		t.Fatalf("%s: %v\nafter\n%s", target.Name, err, n)
	}
	n.note("status %c", conn.PgConn().TxStatus())
	if err := conn.Close(ctx); err != nil {
		t.Fatalf("%s: %v", target.Name, err)
	}
	return n.String()
}

func pgxQuery(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	for _, id := range []int{1, 2, 4, 9999} {
		var email string
		var name *string
		var born time.Time
		var tags []*string
		err := conn.QueryRow(ctx, "SELECT email, name, born, tags FROM users WHERE id = $1", id).Scan(&email, &name, &born, &tags)
		if errors.Is(err, pgx.ErrNoRows) {
			n.note("no rows for %d", id)
			continue
		}
		if err != nil {
			return err
		}
		n.note("%s %v %s %d tags", email, name == nil, born.Format(time.DateOnly), len(tags))
	}
	rows, err := conn.Query(ctx, "SELECT id, amount::text, total::float8 FROM sales.orders WHERE user_id = $1 ORDER BY id", 7)
	if err != nil {
		return err
	}
	values, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return err
	}
	n.note("%v %s", values, rows.CommandTag())
	tag, err := conn.Exec(ctx, "UPDATE users SET name = $2 WHERE id = $1", 3, "neu")
	if err != nil {
		return err
	}
	n.note("%s", tag)
	_, err = conn.Exec(ctx, "SELECT 1/$1::int", 0)
	n.failure(err)
	_, err = conn.Exec(ctx, "SELECT * FROM nowhere WHERE x = $1", 0)
	n.failure(err)
	return conn.Ping(ctx)
}

func pgxBatch(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	var b pgx.Batch
	b.Queue("INSERT INTO notes VALUES ($1, $2)", 5000, "one")
	b.Queue("SELECT body FROM notes WHERE id = $1", 5000)
	b.Queue("SELECT count(*) FROM users")
	results := conn.SendBatch(ctx, &b)
	tag, err := results.Exec()
	if err != nil {
		return err
	}
	var body string
	var count int
	if err := results.QueryRow().Scan(&body); err != nil {
		return err
	}
	if err := results.QueryRow().Scan(&count); err != nil {
		return err
	}
	n.note("%s %s %d", tag, body, count)
	if err := results.Close(); err != nil {
		return err
	}
	var broken pgx.Batch
	broken.Queue("INSERT INTO notes VALUES ($1, $2)", 5001, "rolled back")
	broken.Queue("SELECT 1/$1::int", 0)
	broken.Queue("INSERT INTO notes VALUES ($1, $2)", 5002, "never")
	n.failure(conn.SendBatch(ctx, &broken).Close())
	var left int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM notes WHERE id > 5000").Scan(&left); err != nil {
		return err
	}
	n.note("left %d", left)
	return nil
}

func pgxPipeline(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	p := conn.PgConn().StartPipeline(ctx)
	p.SendPrepare("ps", "SELECT $1::int + 1", nil)
	p.SendQueryPrepared("ps", [][]byte{[]byte("41")}, nil, nil)
	p.SendQueryParams("SELECT 1/$1::int", [][]byte{[]byte("0")}, nil, nil, nil)
	p.SendQueryPrepared("ps", [][]byte{[]byte("1")}, nil, nil)
	p.SendPipelineSync()
	p.SendQueryPrepared("ps", [][]byte{[]byte("2")}, nil, nil)
	p.SendDeallocate("ps")
	p.SendPipelineSync()
	if err := p.Flush(); err != nil {
		return err
	}
	for syncs := 0; syncs < 2; {
		results, err := p.GetResults()
		if err != nil {
			n.failure(err)
			continue
		}
		switch r := results.(type) {
		case *pgconn.PipelineSync:
			syncs++
			n.note("sync")
		case *pgconn.ResultReader:
			got := r.Read()
			n.note("rows %q %s", got.Rows, got.CommandTag)
			if got.Err != nil {
				n.failure(got.Err)
			}
		default:
			n.note("%T", r)
		}
	}
	return p.Close()
}

func pgxCopy(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	if _, err := conn.Exec(ctx, "CREATE TABLE bulk (id int PRIMARY KEY, body text, at timestamptz)"); err != nil {
		return err
	}
	rows := make([][]any, 5000)
	for i := range rows {
		rows[i] = []any{i, strings.Repeat("b", i%70), time.Unix(int64(i), 0)}
	}
	count, err := conn.CopyFrom(ctx, pgx.Identifier{"bulk"}, []string{"id", "body", "at"}, pgx.CopyFromRows(rows))
	if err != nil {
		return err
	}
	n.note("copied %d", count)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"bulk"}, []string{"id", "body", "at"}, pgx.CopyFromRows(rows[:3]))
	n.failure(err)
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("1\tx\n"), "COPY nowhere FROM STDIN")
	n.failure(err)
	var out bytes.Buffer
	tag, err := conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM bulk ORDER BY id) TO STDOUT (FORMAT csv)")
	if err != nil {
		return err
	}
	n.note("%s\n%s", tag, out.String())
	_, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT 1/(3-id) FROM bulk ORDER BY id) TO STDOUT")
	n.failure(err)
	return conn.Ping(ctx)
}

func pgxTransactions(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	inner, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = inner.Exec(ctx, "INSERT INTO notes VALUES (1, 'twice')")
	n.failure(err)
	n.note("status %c", conn.PgConn().TxStatus())
	_, err = inner.Exec(ctx, "SELECT 1")
	n.failure(err)
	if err := inner.Rollback(ctx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO notes VALUES (6000, 'kept')"); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	var body string
	err = conn.QueryRow(ctx, "SELECT body FROM notes WHERE id = 6000").Scan(&body)
	n.note("%s", body)
	return err
}

func pgxNotify(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	if _, err := conn.Exec(ctx, "LISTEN news"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SELECT pg_notify('news', 'paper ' || i) FROM generate_series(1, 3) AS i"); err != nil {
		return err
	}
	for range 3 {
		got, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		n.note("%s %s", got.Channel, got.Payload)
	}
	return nil
}

func pgxLargeObjects(ctx context.Context, conn *pgx.Conn, n *notebook) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	objects := tx.LargeObjects()
	id, err := objects.Create(ctx, 81234)
	if err != nil {
		return err
	}
	object, err := objects.Open(ctx, id, pgx.LargeObjectModeWrite|pgx.LargeObjectModeRead)
	if err != nil {
		return err
	}
	written, err := object.Write(bytes.Repeat([]byte{0, 1, 2, '\\'}, 3000))
	if err != nil {
		return err
	}
	at, err := object.Seek(-5, 2)
	if err != nil {
		return err
	}
	tail := make([]byte, 5)
	read, err := object.Read(tail)
	if err != nil {
		return err
	}
	n.note("wrote %d, at %d read %d %x", written, at, read, tail)
	return tx.Commit(ctx)
}

// pgxCancel ends a statement by a cancel request on a connection of its own.
func pgxCancel(t *testing.T, target harness.Target, _ string) string {
	return withPgx(t, target, pgx.QueryExecModeExec, func(ctx context.Context, conn *pgx.Conn, n *notebook) error {
		problem := make(chan error, 1)
		go func() {
			time.Sleep(300 * time.Millisecond)
			problem <- conn.PgConn().CancelRequest(ctx)
		}()
		begin := time.Now()
		_, err := conn.Exec(ctx, "SELECT pg_sleep(20)")
		n.failure(err)
		if d := time.Since(begin); d > 10*time.Second {
			return fmt.Errorf("the cancel request took %v", d)
		}
		if err := <-problem; err != nil {
			return err
		}
		var one int
		err = conn.QueryRow(ctx, "SELECT 1").Scan(&one)
		n.note("then %d", one)
		return err
	})
}
