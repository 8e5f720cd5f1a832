package statement

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pool lends worker processes to texts, one at a time each. A slot waits in
// the channel while it is free; the channel serves waiters in order, so one
// busy session cannot push itself in front of another.
type pool struct {
	command  []string
	timeout  time.Duration
	slots    chan *slot
	size     int
	closed   chan struct{}
	closing  sync.Once
	launcher launcher
}

// slot holds a running process, or none.
type slot struct {
	process *process
	served  int
}

// recycleAfter is how many texts one process reads before it is replaced:
// memory of the C parser is not given back well.
const recycleAfter = 5000

func newPool(command []string, size int, timeout time.Duration) *pool {
	p := &pool{command: command, timeout: timeout, size: size, slots: make(chan *slot, size), closed: make(chan struct{})}
	for range size {
		p.slots <- &slot{}
	}
	return p
}

// analyze has a worker judge a text. It waits for a free one as long as ctx
// allows.
func (p *pool) analyze(ctx context.Context, text string, maxOperators int) (*Analysis, error) {
	var analysis *Analysis
	err := p.ask(ctx, uint32(maxOperators), text, func(answer []byte) (err error) {
		analysis, err = decodeAnswer(answer)
		return err
	})
	return analysis, err
}

// ask has a worker answer a request: its first number, and the rest of it.
// decode gets the answer, and its error costs the worker its life.
func (p *pool) ask(ctx context.Context, head uint32, text string, decode func(answer []byte) error) error {
	if len(p.command) == 0 {
		return errNoWorker
	}
	select {
	case <-p.closed:
		return errClosed
	default:
	}
	var s *slot
	select {
	case s = <-p.slots:
	case <-p.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("waiting for a free parser: %w", ctx.Err())
	}
	defer func() { p.slots <- s }()
	return p.serve(ctx, s, head, text, decode)
}

// serve runs one request on a slot. The process is kept only if it answered.
func (p *pool) serve(ctx context.Context, s *slot, head uint32, text string, decode func([]byte) error) error {
	select {
	case <-p.closed:
		return errClosed
	default:
	}
	if s.process == nil {
		process, err := p.launcher.start(p.command)
		if err != nil {
			return err
		}
		s.process, s.served = process, 0
	}
	answer, err := p.exchange(ctx, s.process, head, text)
	if err == nil {
		err = decode(answer)
	}
	if s.served++; err != nil || s.served >= recycleAfter {
		s.process.end()
		s.process = nil
	}
	return err
}

// exchange sends a request and reads the answer; whatever comes in between
// kills the process, which ends the reads and writes.
func (p *pool) exchange(ctx context.Context, process *process, first uint32, text string) ([]byte, error) {
	type result struct {
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var head [4]byte
		binary.BigEndian.PutUint32(head[:], first)
		if err := writeFrame(process.in, head[:], []byte(text)); err != nil {
			done <- result{nil, err}
			return
		}
		answer, err := readFrame(process.out, maxAnswer)
		done <- result{answer, err}
	}()
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	var cause error
	select {
	case r := <-done:
		if r.err != nil {
			return nil, errDied
		}
		return r.answer, nil
	case <-timer.C:
		cause = errTimeout
	case <-ctx.Done():
		cause = ctx.Err()
	case <-p.closed:
		cause = errClosed
	}
	process.kill()
	<-done
	return nil, cause
}

func decodeAnswer(answer []byte) (*Analysis, error) {
	r := reply{Analysis: new(Analysis)}
	if err := json.Unmarshal(answer, &r); err != nil {
		return nil, fmt.Errorf("the parser process gave no readable answer: %w", err)
	}
	analysis := r.Analysis
	if analysis == nil || !r.restore() {
		return nil, errors.New("the parser process gave an answer that is not whole")
	}
	if (analysis.Kind == ParseError) != (analysis.Problem != nil) {
		return nil, errors.New("the parser process gave an answer that contradicts itself")
	}
	for i := range analysis.Statements {
		analysis.Statements[i].LiteralsMatter = true // the answer does not tell
	}
	return analysis, nil
}

// close ends every process and waits until texts in flight have returned.
func (p *pool) close() error {
	p.closing.Do(func() {
		close(p.closed)
		for range p.size {
			if s := <-p.slots; s.process != nil {
				s.process.end()
				s.process = nil
			}
		}
		p.launcher.close()
	})
	return nil
}
