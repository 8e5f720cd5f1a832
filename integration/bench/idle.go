package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// idleSessions opens many sessions, lets each do one statement, and looks at
// the proxy's memory once it no longer changes.
func idleSessions(o *options) benchCase {
	n := o.sizes.idle
	return benchCase{
		name: "idle", unit: "logins/s", each: "login", fresh: true, rounds: 3, memory: perSession, goal: lightSessions,
		what: fmt.Sprintf("%d sessions that log in, run one statement and stay, without TLS", n),
		run: func(ctx context.Context, s *stage, w *way) (work, error) {
			return s.holdIdle(ctx, w, n)
		},
	}
}

// loginsAtOnce is how many of the idle sessions log in at a time.
const loginsAtOnce = 8

func (s *stage) holdIdle(ctx context.Context, w *way, n int) (work, error) {
	open := make([]*session, n)
	defer func() {
		for _, c := range open {
			if c != nil {
				_ = c.close() // what was to be measured is over
			}
		}
	}()
	took, cpu, err := timed(w, func() error { return openAll(ctx, w, open) })
	if err != nil {
		return work{}, err
	}
	held, err := settledMemory(ctx, w)
	return work{rate: float64(n) / took.Seconds(), cpu: cpu, count: float64(n), held: held}, err
}

// openAll fills a slice with sessions that have run a statement.
func openAll(ctx context.Context, w *way, open []*session) error {
	failed, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := make(chan int)
	var all sync.WaitGroup
	for range loginsAtOnce {
		all.Go(func() {
			for i := range next {
				if failed.Err() != nil {
					continue
				}
				c, err := connect(ctx, w, transport{}, idleBuffer)
				if err == nil {
					open[i] = c
					_, err = c.query("SELECT 1")
				}
				if err != nil {
					fail(fmt.Errorf("session %d: %w", i+1, err))
				}
			}
		})
	}
	for i := range open {
		next <- i
	}
	close(next)
	all.Wait()
	return context.Cause(failed)
}

const (
	// settleTime is how long memory must stay the same, settlePatience how
	// long that is waited for.
	settleTime     = time.Second
	settlePatience = 20 * time.Second
)

// settledMemory waits until resident memory stays within one percent and
// returns it. If it never does, the last figure counts.
func settledMemory(ctx context.Context, w *way) (int64, error) {
	u, err := w.usage()
	for start := time.Now(); err == nil && time.Since(start) < settlePatience; {
		if err := pause(ctx, settleTime); err != nil {
			return 0, err
		}
		before := u.rss
		if u, err = w.usage(); max(u.rss, before)-min(u.rss, before) <= before/100 {
			break
		}
	}
	return u.rss, err
}
