package main

import (
	"context"
	"fmt"
	"sync"
)

// megabyte is what MB/s counts.
const megabyte = 1e6

const (
	// copiesAtOnce is how many COPYs the cases of memory run.
	copiesAtOnce = 8
	// blockRows are made once and sent again and again.
	blockRows = 10_000
)

// format is one of COPY's, with what COPY FROM sends: head, rows again and
// again, tail.
type format struct {
	name       string
	options    string
	row        func(int) []byte
	head, tail []byte
}

var (
	textFormat   = format{name: "text", row: textRow}
	binaryFormat = format{name: "binary", options: " (FORMAT binary)", row: binaryRow, head: binaryHead, tail: binaryTail}
)

// copyCases are those that move much data.
func copyCases(o *options) []benchCase {
	size := float64(o.sizes.rows) * rowBytes / megabyte
	base := benchCase{unit: "MB/s", each: "MB"}
	var cases []benchCase
	for _, f := range []format{textFormat, binaryFormat} {
		out := base
		out.name, out.what = "copy-to-"+f.name, fmt.Sprintf("COPY TO STDOUT of %.0f MB, %s", size, f.name)
		out.needsRows, out.goal, out.run = true, likeDirect, copyOut(f, transport{}, 1)
		in := base
		in.name, in.what = "copy-from-"+f.name, fmt.Sprintf("COPY FROM STDIN of %.0f MB, %s", size, f.name)
		in.prepare, in.goal, in.run = emptyTarget, likeDirect, copyIn(f, 1)
		cases = append(cases, out, in)
	}
	return append(cases, rows(o), manyOut(size), manyIn(size), secureCopy(size))
}

var emptyTarget = []string{"TRUNCATE bench_target", "CHECKPOINT"}

func rows(o *options) benchCase {
	return benchCase{
		name: "rows", unit: "MB/s", each: "MB",
		what: fmt.Sprintf("SELECT of %d rows of pgbench_accounts in one result", o.sizes.scale*accounts),
		run: func(ctx context.Context, s *stage, w *way) (work, error) {
			return s.receive(ctx, w, transport{}, 1, "SELECT aid, bid, abalance, filler FROM public.pgbench_accounts", "SELECT", o.sizes.scale*accounts)
		},
	}
}

func manyOut(size float64) benchCase {
	return benchCase{
		name: "copies-to", unit: "MB/s", each: "MB", fresh: true, rounds: 3, needsRows: true, memory: overIdle, goal: littleMemory,
		what: fmt.Sprintf("%d COPY TO STDOUT at once, each of %.0f MB, text", copiesAtOnce, size),
		run:  copyOut(textFormat, transport{}, copiesAtOnce),
	}
}

func manyIn(size float64) benchCase {
	return benchCase{
		name: "copies-from", unit: "MB/s", each: "MB", fresh: true, rounds: 3, memory: overIdle, goal: littleMemory,
		what:    fmt.Sprintf("%d COPY FROM STDIN at once, each of %.0f MB, text", copiesAtOnce, size),
		prepare: emptyTarget, run: copyIn(textFormat, copiesAtOnce),
	}
}

func secureCopy(size float64) benchCase {
	c := benchCase{
		name: "copy-to-text-tls", unit: "MB/s", each: "MB", needsRows: true,
		what: fmt.Sprintf("COPY TO STDOUT of %.0f MB, text, to a client that comes with TLS", size),
	}
	c.run = func(ctx context.Context, s *stage, w *way) (work, error) {
		return copyOut(textFormat, s.secure(), 1)(ctx, s, w)
	}
	return c
}

func copyOut(f format, t transport, sessions int) func(context.Context, *stage, *way) (work, error) {
	return func(ctx context.Context, s *stage, w *way) (work, error) {
		return s.receive(ctx, w, t, sessions, "COPY public.bench_rows TO STDOUT"+f.options, "COPY", s.options.sizes.rows)
	}
}

func copyIn(f format, sessions int) func(context.Context, *stage, *way) (work, error) {
	return func(ctx context.Context, s *stage, w *way) (work, error) {
		blocks := max(1, s.options.sizes.rows/blockRows)
		block := copyBlock(blockRows, f.row)
		n := blocks * blockRows
		return s.move(ctx, w, transport{}, sessions, func(c *session) (int64, error) {
			err := c.send("COPY public.bench_target FROM STDIN"+f.options, f, block, blocks)
			if err == nil {
				err = c.expect("COPY", n)
			}
			return int64(n) * rowBytes, err
		})
	}
}

// receive runs a query in so many sessions at once and counts what comes. The
// server must say that it has sent so many rows.
func (s *stage) receive(ctx context.Context, w *way, t transport, sessions int, sql, command string, rows int) (work, error) {
	return s.move(ctx, w, t, sessions, func(c *session) (int64, error) {
		n, err := c.query(sql)
		if err == nil {
			err = c.expect(command, rows)
		}
		return n, err
	})
}

// expect holds the last CommandComplete against what it should be.
func (c *session) expect(command string, rows int) error {
	if want := fmt.Sprintf("%s %d", command, rows); c.tag != want {
		return fmt.Errorf("the statement ended with %q, not %q", c.tag, want)
	}
	return nil
}

// move lets sessions that are logged in move data at the same time.
func (s *stage) move(ctx context.Context, w *way, t transport, sessions int, do func(*session) (int64, error)) (work, error) {
	var open []*session
	defer func() {
		for _, c := range open {
			_ = c.close() // what was to be measured is over
		}
	}()
	for range sessions {
		c, err := connect(ctx, w, t, readBuffer)
		if err != nil {
			return work{}, err
		}
		open = append(open, c)
	}
	var total int64
	took, cpu, err := timed(w, func() (err error) {
		total, err = together(open, do)
		return err
	})
	if err != nil {
		return work{}, err
	}
	moved := float64(total) / megabyte
	return work{rate: moved / took.Seconds(), cpu: cpu, count: moved}, nil
}

// together does the same in all sessions and adds up the bytes.
func together(open []*session, do func(*session) (int64, error)) (total int64, first error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, c := range open {
		all.Go(func() {
			n, err := do(c)
			mu.Lock()
			defer mu.Unlock()
			total += n
			if first == nil {
				first = err
			}
		})
	}
	all.Wait()
	return total, first
}

// send runs a COPY FROM STDIN with a block of CopyData messages sent several
// times ("COPY Operations" in the protocol's chapter).
func (c *session) send(sql string, f format, block []byte, times int) error {
	if err := c.sendQuery(sql); err != nil {
		return err
	}
	if _, err := c.drain('G'); err != nil {
		return err
	}
	if f.head != nil {
		if _, err := c.conn.Write(copyData(f.head)); err != nil {
			return err
		}
	}
	for range times {
		if _, err := c.conn.Write(block); err != nil {
			return fmt.Errorf("send rows: %w", err)
		}
	}
	var end []byte
	if f.tail != nil {
		end = copyData(f.tail)
	}
	if _, err := c.conn.Write(append(end, 'c', 0, 0, 0, 4)); err != nil {
		return err
	}
	_, err := c.drain('Z')
	return err
}
