package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// pump moves one COPY from the source to the destination.
type pump struct {
	reading
	to   *link
	into string
	what string // for messages
}

// The parts of a stream.
const (
	whoReads = iota
	whoSends
	whoAnswers
)

// ending is what a part of a stream ended with.
type ending struct {
	who int
	err error
}

// fault is a part's error with its side.
func (p *pump) fault(ctx context.Context, e ending, said bool) error {
	switch {
	case e.err != nil && e.who == whoReads:
		return failed(atSource, "read "+p.what, because(ctx, e.err))
	case e.err != nil:
		return failed(atDestination, "load "+p.what, because(ctx, e.err))
	case e.who == whoAnswers && !said:
		return failed(atDestination, "load "+p.what, fmt.Errorf("%w: the server ended the COPY before the data did", wire.ErrProtocol))
	}
	return nil
}

// run returns when both ends have said that they are done, or with the first
// failure, after which neither connection can be used.
func (p *pump) run(ctx context.Context, sql string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer p.to.guard(ctx)()
	if err := p.to.begin(p.into, 'G'); err != nil {
		return failed(atDestination, "load "+p.what, because(ctx, err))
	}
	w := newWriting(p.to)
	p.emit = w.emitTo(ctx)
	ends := make(chan ending, 3)
	go func() {
		err := p.reading.run(ctx, sql)
		if err == nil && len(w.cur) > frameSize {
			err = w.pass(ctx)
		}
		close(w.full)
		ends <- ending{whoReads, err}
	}()
	go func() { ends <- ending{whoSends, w.send()} }()
	// An answer that comes before the end of the data is a refusal.
	go func() { ends <- ending{whoAnswers, p.to.answer(nil)} }()
	return p.outcome(ctx, cancel, ends)
}

// outcome waits for all parts of a stream to end, and returns the first failure.
func (p *pump) outcome(ctx context.Context, cancel context.CancelCauseFunc, ends <-chan ending) (first error) {
	said := false
	for waiting := 3; waiting > 0; {
		var end ending
		if waiting == 1 && first == nil {
			end = ending{whoSends, p.done()}
			said = end.err == nil
		}
		if end.err == nil {
			end = <-ends
			waiting--
		}
		if first == nil && end.who == whoSends && end.err != nil {
			var others int
			end, others = spoken(end, ends)
			waiting -= others
		}
		if first == nil {
			first = p.fault(ctx, end, said)
		}
		if first != nil {
			cancel(first)
		}
	}
	return first
}

// wordsTime is how long the words of a server that takes no more are waited for.
const wordsTime = time.Second

// spoken is why a server takes no more: what it says of it, if that comes in time. One
// that ends a COPY says why and closes, and whoever sends sees only the latter. others is
// how many more parts have ended meanwhile.
func spoken(unsent ending, ends <-chan ending) (why ending, others int) {
	late := time.After(wordsTime)
	for {
		select {
		case end := <-ends:
			others++
			switch said := (*pgconn.PgError)(nil); {
			case end.who != whoAnswers:
			case end.err == nil || errors.As(end.err, &said):
				return end, others
			default:
				return unsent, others
			}
		case <-late:
			return unsent, others
		}
	}
}

// done says that all rows were sent.
func (p *pump) done() error {
	if err := p.to.conn.WriteFrame('c'); err != nil {
		return err
	}
	return p.to.conn.Flush()
}
