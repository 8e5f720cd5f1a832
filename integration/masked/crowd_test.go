package masked

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A crowd are clients that read while something happens to what they read. None of
// them may be shown a canary or lose its session, and what fails has to say why.

// reader is a client: what it sets in the beginning, what it reads, and by which
// roads.
type reader struct {
	begins string
	reads  []string
	by     []way
}

// way is how a query is run, without a test that it could end: readers are
// goroutines.
type way struct {
	name string
	run  func(ctx context.Context, l *line, sql string) error
}

var ways = []way{
	{"text", func(ctx context.Context, l *line, sql string) error { return texts(ctx, l, sql) }},
	{"extended", func(ctx context.Context, l *line, sql string) error {
		return l.ExecParams(ctx, sql, nil, nil, nil, []int16{1}).Read().Err
	}},
	{"statement that is kept", keptStatement},
	{"cursor", func(ctx context.Context, l *line, sql string) error {
		return texts(ctx, l, "BEGIN", "DECLARE c CURSOR FOR "+sql, "FETCH 2 FROM c", "FETCH ALL FROM c", "COMMIT")
	}},
	{"PREPARE", func(ctx context.Context, l *line, sql string) error {
		return texts(ctx, l, "PREPARE q AS "+sql, "EXECUTE q", "DEALLOCATE q")
	}},
}

var copies = []way{
	{"COPY text", copying("")},
	{"COPY binary", copying(" (FORMAT binary)")},
	{"COPY csv", copying(" (FORMAT csv, HEADER)")},
}

// unharmed reads what nobody changes and has no class; however it fails is a fault.
var unharmed = way{"nothing that changes", func(ctx context.Context, l *line, _ string) error {
	const sql = "SELECT word, day FROM crm.plain WHERE id = 1"
	results, err := l.Exec(ctx, sql).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %v", sql, err) // not as an error of SQL, which might do
	}
	if got := words(results[0].Rows); got != "harmless|2024-02-29" {
		return fmt.Errorf("%s gives %s", sql, got)
	}
	return nil
}}

// texts runs one text after the other.
func texts(ctx context.Context, l *line, all ...string) error {
	for _, text := range all {
		if _, err := l.Exec(ctx, text).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// keptStatement runs a statement that is prepared the first time.
func keptStatement(ctx context.Context, l *line, sql string) error {
	name := fmt.Sprintf("kept%x", crc32.ChecksumIEEE([]byte(sql)))
	if !l.kept[name] {
		if _, err := l.Prepare(ctx, name, sql, nil); err != nil {
			return err
		}
		l.kept[name] = true
	}
	return l.ExecPrepared(ctx, name, nil, nil, nil).Read().Err
}

// copying copies a query, or the table whose name it is given.
func copying(options string) func(context.Context, *line, string) error {
	return func(ctx context.Context, l *line, sql string) error {
		if strings.HasPrefix(sql, "SELECT") {
			sql = "(" + sql + ")"
		}
		var b bytes.Buffer
		_, err := l.CopyTo(ctx, &b, "COPY "+sql+" TO STDOUT"+options)
		return err
	}
}

// tally counts how statements of a crowd ended: by SQLSTATE, "" for well.
type tally struct {
	mu    sync.Mutex
	ended map[string]int
}

func (y *tally) count(code string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.ended[code]++
}

// crowd has readers read for as long as something happens.
func (s *stage) crowd(t *testing.T, readers []reader, happens func()) *tally {
	t.Helper()
	y, over := &tally{ended: map[string]int{}}, make(chan struct{})
	var group sync.WaitGroup
	for _, r := range readers {
		l := r.dial(t, s)
		group.Go(func() { r.read(t, l, y, over) })
	}
	happens()
	close(over)
	group.Wait()
	return y
}

// dial opens the session of a reader.
func (r *reader) dial(t *testing.T, s *stage) *line {
	t.Helper()
	l := dial(t, s.sluice())
	if r.begins != "" {
		l.must(t, r.begins)
	}
	return l
}

// everything reads all by all ways, once.
func (r *reader) everything(t *testing.T, l *line, y *tally) {
	t.Helper()
	for _, sql := range r.reads {
		for _, by := range r.by {
			r.once(t.Context(), t, l, y, by, sql)
		}
	}
}

// read reads everything by every way until it is over; then the session still
// works.
func (r *reader) read(t *testing.T, l *line, y *tally, over <-chan struct{}) {
	ctx := t.Context()
	for at := 0; ; at++ {
		select {
		case <-over:
			if err := texts(ctx, l, "SELECT 1"); err != nil {
				t.Errorf("a session is lost: %v", err)
			}
			return
		default:
		}
		by, sql := r.by[at%len(r.by)], r.reads[at/len(r.by)%len(r.reads)]
		if !r.once(ctx, t, l, y, by, sql) {
			return
		}
	}
}

// once reads once, and returns false if the session is lost.
func (r *reader) once(ctx context.Context, t *testing.T, l *line, y *tally, by way, sql string) bool {
	err := by.run(ctx, l, sql)
	l.noCanary(t, by.name+": "+sql)
	e := failure(err)
	switch {
	case err == nil:
		y.count("")
		return true
	case e == nil:
		t.Errorf("%s: %s\n  fails for good: %v", by.name, sql, err)
		return false
	case !isClear(e):
		t.Errorf("%s: %s\n  ends in %s %s (%s)", by.name, sql, e.Code, e.Message, e.Detail)
	}
	y.count(e.Code)
	clear(l.kept)
	if err := texts(ctx, l, "ROLLBACK", "DEALLOCATE ALL"); err != nil {
		t.Errorf("%s: %s\n  leaves a session that cannot be tidied: %v", by.name, sql, err)
		return false
	}
	return true
}

// changedMeanwhile are what a server itself says to who reads what others alter:
// no such column, no such relation, another type of result, an object that went
// while it was looked up.
var changedMeanwhile = []string{"42703", "42P01", "0A000", "XX000"}

// isClear reports whether an error tells its reader what to do, or why it does not.
func isClear(e *pgconn.PgError) bool {
	if e.Code == "42501" {
		return strings.HasPrefix(e.Message, "sluice: ") && e.Detail != "" && (e.Hint != "" || strings.Contains(e.Detail, "run it again"))
	}
	return slices.Contains(changedMeanwhile, e.Code) || strings.HasPrefix(e.Detail, "Sluice left out")
}

// during repeats something, with short rests, for as long as a storm lasts.
func during(lasts time.Duration, step func(at int)) {
	for at, end := 0, time.Now().Add(lasts); time.Now().Before(end); at++ {
		step(at)
		time.Sleep(10 * time.Millisecond)
	}
}
