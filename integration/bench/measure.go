package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// sample is one turn of one way.
type sample struct {
	// Rate is in the unit of the case.
	Rate float64 `json:"rate"`
	// CPU is the proxy's processor time for each piece of work, in
	// microseconds.
	CPU float64 `json:"cpu_us"`
	// IdleRSS and PeakRSS are the proxy's resident memory before the turn and
	// at its highest, in bytes.
	IdleRSS int64 `json:"idle_rss"`
	PeakRSS int64 `json:"peak_rss"`
	// Growth is what the case looks for in memory, in bytes: what the peak is
	// over idle, or what one session holds.
	Growth int64 `json:"growth,omitempty"`
}

// measure lets all ways take their turns in one case. Every round has each way
// once, and each round begins with another one.
func measure(ctx context.Context, s *stage, c benchCase) (_ []wayResult, err error) {
	ways := s.waysOf(&c)
	defer func() {
		for _, w := range ways {
			err = errors.Join(err, w.stop())
		}
	}()
	results := make([]wayResult, len(ways))
	for i, w := range ways {
		results[i] = wayResult{Name: w.name, sluice: w.sluice}
		if !c.fresh {
			if err := w.start(ctx); err != nil {
				return nil, err
			}
		}
	}
	rounds := s.options.rounds
	if c.rounds != 0 {
		rounds = min(rounds, c.rounds)
	}
	for round := range rounds {
		for i := range ways {
			i = (i + round) % len(ways)
			one, err := turn(ctx, s, ways[i], c)
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", ways[i].name, round+1, err)
			}
			results[i].Samples = append(results[i].Samples, one)
			s.say("%s %d/%d %-10s %10.1f %s, %.1f us CPU, peak %.1f MiB", c.name, round+1, rounds, ways[i].name,
				one.Rate, c.unit, one.CPU, mebibytes(one.PeakRSS))
		}
	}
	for i := range results {
		results[i].summarize()
	}
	return results, nil
}

// turnPatience is how long a turn may take, however slow the machine is.
const turnPatience = 20 * time.Minute

// turn measures one way once.
func turn(ctx context.Context, s *stage, w *way, c benchCase) (_ sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	if c.fresh {
		if err := w.start(ctx); err != nil {
			return sample{}, err
		}
		defer func() { err = errors.Join(err, w.stop()) }()
	}
	if err := s.admin(ctx, c.prepare...); err != nil {
		return sample{}, err
	}
	if err := warmUp(ctx, w); err != nil {
		return sample{}, err
	}
	if err := s.calm(ctx, w); err != nil {
		return sample{}, err
	}
	if err := w.resetPeak(); err != nil {
		return sample{}, err
	}
	before, err := w.usage()
	if err != nil {
		return sample{}, err
	}
	done, err := c.run(ctx, s, w)
	if err != nil {
		return sample{}, errors.Join(context.Cause(ctx), err)
	}
	after, err := w.usage()
	if err != nil {
		return sample{}, err
	}
	one := sample{Rate: done.rate, IdleRSS: before.rss, PeakRSS: after.peak}
	if done.count > 0 {
		one.CPU = float64(done.cpu.Nanoseconds()) / 1000 / done.count
	}
	switch c.memory {
	case overIdle:
		one.Growth = after.peak - before.rss
	case perSession:
		one.Growth = (done.held - before.rss) / int64(done.count)
	}
	return one, s.calm(ctx, w)
}

// warmUp logs in and runs a statement, so that a proxy that has just started
// has made what it makes once.
func warmUp(ctx context.Context, w *way) error {
	c, err := connect(ctx, w, transport{}, idleBuffer)
	if err != nil {
		return err
	}
	_, err = c.query("SELECT 1")
	return errors.Join(err, c.close())
}

const (
	// calmTime is how long nothing may happen before a turn begins.
	calmTime = 200 * time.Millisecond
	// calmPatience is how long that is waited for: the roles of all idle
	// sessions are dropped one by one.
	calmPatience = 5 * time.Minute
)

// calm waits until no session works at the server and the proxy rests: what a
// turn leaves to clear up must not be measured in the next.
func (s *stage) calm(ctx context.Context, w *way) error {
	const busy = `SELECT count(*) FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'`
	before, err := w.usage()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(calmPatience); time.Now().Before(deadline); {
		if err := pause(ctx, calmTime); err != nil {
			return err
		}
		rows, err := s.server.Query(ctx, database, busy)
		if err != nil {
			return fmt.Errorf("look for busy sessions: %w", err)
		}
		now, err := w.usage()
		if err != nil {
			return err
		}
		if rows[0][0] == "0" && now.cpu-before.cpu <= 2*tick {
			return nil
		}
		before = now
	}
	return fmt.Errorf("%s or a session of it is still busy %s after a turn", w.name, calmPatience)
}

// summarize takes the medians over the rounds.
func (r *wayResult) summarize() {
	r.Rate = median(r.Samples, func(s sample) float64 { return s.Rate })
	r.CPU = median(r.Samples, func(s sample) float64 { return s.CPU })
	r.IdleRSS = int64(median(r.Samples, func(s sample) float64 { return float64(s.IdleRSS) }))
	r.Growth = int64(median(r.Samples, func(s sample) float64 { return float64(s.Growth) }))
	for _, s := range r.Samples {
		r.PeakRSS = max(r.PeakRSS, s.PeakRSS)
	}
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	return middle(values)
}

// middle is the median; zero of nothing.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// ratio compares two ways: the median over the rounds of what one reached in
// a round divided by what the other did.
func ratio(a, b wayResult) float64 {
	var values []float64
	for i := range a.Samples {
		if b.Samples[i].Rate > 0 {
			values = append(values, a.Samples[i].Rate/b.Samples[i].Rate)
		}
	}
	return middle(values)
}
