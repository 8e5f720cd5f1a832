package clients

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

const (
	shortSessions = 400
	atOnce        = 8
	// sessionTime is far more than a session of two statements needs.
	sessionTime = 30 * time.Second
)

// TestManyShortSessions opens and closes sessions several at once, the way
// scripts and badly configured pools do. Each has to get its answers; when one
// hangs, the proxy is made to tell what it is doing.
func TestManyShortSessions(t *testing.T) {
	world := harness.NewWorld(t, 15)
	gate := harness.StartGate(t, world, harness.BuildSluice(t), harness.AllowKnown)
	problems := make(chan error, shortSessions)
	turns := make(chan int)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for number := range turns {
				if err := shortSession(t.Context(), gate.Target(), number); err != nil {
					problems <- fmt.Errorf("session %d: %w", number, err)
				}
			}
		})
	}
	for number := range shortSessions {
		if len(problems) > 0 {
			break
		}
		turns <- number
	}
	close(turns)
	group.Wait()
	close(problems)
	for err := range problems {
		t.Error(err)
	}
	if t.Failed() {
		t.Log(gate.Goroutines(t))
	}
}

func shortSession(ctx context.Context, target harness.Target, number int) error {
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	if number%2 == 1 {
		target = target.WithSSLMode("disable")
	}
	conn, err := pgconn.Connect(ctx, target.URL())
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	for _, sql := range []string{"SET extra_float_digits = 3", "SELECT 1"} {
		if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := conn.Close(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
