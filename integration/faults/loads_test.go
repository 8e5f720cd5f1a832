package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

// load is one kind of work; once does a round of it, numbered from 0, and marks
// the test as failed if something that should work does not.
type load struct {
	name string
	once func(t *testing.T, s *stage, round int)
}

const (
	pgbench = "/usr/bin/pgbench"
	psql    = "/usr/bin/psql"
)

// loads prepares the tables and returns all loads.
func (s *stage) loads(t *testing.T) []load {
	t.Helper()
	dir := t.TempDir()
	target := s.gate.Target()
	harness.MustRun(t, target, harness.Command{Program: pgbench, Args: []string{"-i", "-s", "1", "-I", "dtgvp", "-q"}, Dir: dir})
	all := []load{
		{"psql and \\copy", func(t *testing.T, _ *stage, _ int) { copies(t, target, dir) }},
		{"short sessions", shortSession},
		{"refused statements", refusals},
		{"new texts, small and large", newTexts},
		{"clients that vanish", vanishes},
		{"cancelled statements", cancels},
		{"policies", reloads},
	}
	for _, mode := range []string{"-M simple", "-M extended -S", "-M prepared -S", "-M prepared", "-M simple -S -C"} {
		all = append(all, load{"pgbench " + mode, func(t *testing.T, _ *stage, _ int) {
			runFor(t, target, dir, pgbench, append(strings.Fields(mode), "-n", "-c", "2", "-T", "2"))
		}})
	}
	return all
}

// runFor runs a program that has to succeed. Run would end this goroutine only,
// and the soak would not notice.
func runFor(t *testing.T, target harness.Target, dir, program string, args []string) {
	if r := harness.Run(t, target, harness.Command{Program: program, Args: args, Dir: dir, Env: []string{"PGCONNECT_TIMEOUT=100"}}); r.Exit != 0 {
		t.Errorf("%s %q\n%s", filepath.Base(program), args, r)
	}
}

func copies(t *testing.T, target harness.Target, dir string) {
	file := filepath.Join(dir, "accounts.copy")
	runFor(t, target, dir, psql, []string{
		"-X", "-q", "-v", "ON_ERROR_STOP=1",
		"-c", `\copy pgbench_accounts TO '` + file + `'`,
		"-c", "CREATE TEMPORARY TABLE again (LIKE pgbench_accounts)",
		"-c", `\copy again FROM '` + file + `'`,
		"-c", "SELECT count(*) FROM again",
	})
}

// withSession runs f in a session of its own and complains about its error.
func withSession(t *testing.T, s *stage, f func(ctx context.Context, c *pgconn.PgConn) error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := connect(ctx, s.direct("shop", "soak"))
	if err != nil {
		t.Errorf("connect: %v", err)
		return
	}
	defer c.Close(ctx)
	if err := f(ctx, c); err != nil {
		t.Error(err)
	}
}

func shortSession(t *testing.T, s *stage, _ int) {
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error { return query(ctx, c, "SELECT 1") })
}

// refusals are statements that have to be refused, each in a session that goes
// on.
func refusals(t *testing.T, s *stage, round int) {
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error {
		for _, sql := range []string{
			"SELEC 1", "COPY users TO PROGRAM 'cat'", "SET client_encoding = 'LATIN1'",
			fmt.Sprintf("COPY (SELECT %d) TO PROGRAM 'cat'", round),
		} {
			var refused *pgconn.PgError
			if err := query(ctx, c, sql); !errors.As(err, &refused) || !strings.HasPrefix(refused.Message, "sluice: ") {
				return fmt.Errorf("%s was not refused: %w", sql, errors.Join(err))
			}
		}
		return query(ctx, c, "SELECT 1")
	})
}

func newTexts(t *testing.T, s *stage, round int) {
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error {
		for i := range 50 {
			if err := query(ctx, c, fmt.Sprintf("SELECT 1 AS c_%d_%d", round, i)); err != nil {
				return err
			}
		}
		return query(ctx, c, "SELECT '"+strings.Repeat("x", 100<<10)+fmt.Sprintf("' AS c_%d", round))
	})
}

// vanishes has a client hang up under a statement and in a transaction.
func vanishes(t *testing.T, s *stage, _ int) {
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error {
		if err := query(ctx, c, "BEGIN"); err != nil {
			return err
		}
		time.AfterFunc(100*time.Millisecond, func() { c.Conn().Close() })
		if err := query(ctx, c, sleep); err == nil {
			return errors.New("a statement of two minutes has ended")
		}
		return nil
	})
}

func cancels(t *testing.T, s *stage, _ int) {
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error {
		answer := make(chan error, 1)
		go func() { answer <- query(ctx, c, sleep) }()
		// A request that comes before the statement cancels nothing.
		for {
			select {
			case err := <-answer:
				var cancelled *pgconn.PgError
				if !errors.As(err, &cancelled) || cancelled.Code != "57014" {
					return fmt.Errorf("a cancelled statement: %w", err)
				}
				return nil
			case <-time.After(100 * time.Millisecond):
				if err := c.CancelRequest(ctx); err != nil {
					return err
				}
			}
		}
	})
}

// reloads puts another policy in force.
func reloads(t *testing.T, s *stage, round int) {
	file := filepath.Join(s.gate.Dir(), "policy.yaml")
	if err := os.WriteFile(file+".new", []byte(soakPolicy(round)), 0o600); err != nil {
		t.Error(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Error(err)
	}
	want := fmt.Sprintf("round %d", round)
	withSession(t, s, func(ctx context.Context, c *pgconn.PgConn) error {
		for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
			err := query(ctx, c, "COPY users TO PROGRAM 'cat'")
			var refused *pgconn.PgError
			if errors.As(err, &refused) && strings.HasPrefix(refused.Message+refused.Detail+refused.Hint, "sluice: ") &&
				strings.Contains(refused.Message+refused.Detail+refused.Hint, want) {
				return nil
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the policy of %s is not in force: %w", want, err)
			}
		}
	})
}
