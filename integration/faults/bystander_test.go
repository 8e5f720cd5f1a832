package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// bystander works in a session of its own all along, as long as its credential
// lasts, and then in another.
type bystander struct {
	dsn  string
	end  context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	err     error
	queries int
	slowest time.Duration
}

const (
	bystanderPause = 5 * time.Millisecond
	// bystanderTime is how long one of its queries may take; machines that
	// test are busy.
	bystanderTime = 10 * time.Second
)

func startBystander(t *testing.T, dsn string) *bystander {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	b := &bystander{dsn: dsn, end: cancel, done: make(chan struct{})}
	c, err := connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(b.done)
		b.work(ctx, c)
	}()
	t.Cleanup(b.stop)
	return b
}

func (b *bystander) stop() {
	b.end()
	<-b.done
}

// work asks until the end, and connects again when it was hit.
func (b *bystander) work(ctx context.Context, c *pgconn.PgConn) {
	defer func() {
		if c != nil {
			c.Close(context.WithoutCancel(ctx))
		}
	}()
	for ctx.Err() == nil {
		if c == nil || c.IsClosed() {
			c, _ = connect(ctx, b.dsn) // tried again below
		}
		began := time.Now()
		err := b.ask(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if !credentialEnded(err) {
			b.note(err, time.Since(began))
		}
		select {
		case <-ctx.Done():
		case <-time.After(bystanderPause):
		}
	}
}

func (b *bystander) ask(ctx context.Context, c *pgconn.PgConn) error {
	if c == nil {
		return fmt.Errorf("not connected")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bystanderTime)
	defer cancel()
	_, err := c.Exec(ctx, "SELECT count(*) FROM pg_class").ReadAll()
	return err
}

// credentialEnded reports whether a session was ended because its time was up,
// which in a long soak is as it should be.
func credentialEnded(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.Contains(pg.Message, "its credential has reached its end")
}

func (b *bystander) note(err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queries++
	b.slowest = max(b.slowest, took)
	if b.err == nil {
		b.err = err
	}
}

// since returns what happened since the last call: the first error, how many
// queries there were and how long the slowest took.
func (b *bystander) since() (err error, queries int, slowest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	err, queries, slowest = b.err, b.queries, b.slowest
	b.err, b.queries, b.slowest = nil, 0, 0
	return err, queries, slowest
}
