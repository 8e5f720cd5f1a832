package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy/wire"
)

const (
	// chunk is how much goes to the destination in one CopyData, in bytes: a server
	// holds a message whole.
	chunk = 128 << 10
	// chunks are how many are on the way in one stream: what a slow destination
	// makes the source wait with.
	chunks = 4
	// header is what comes before the rows of a COPY in binary: signature, flags
	// and extension (reference: COPY, Binary Format).
	headerSize = 19
	signature  = "PGCOPY\n\xff\r\n\x00"
	// frameSize is the type and length of a message.
	frameSize = 5
)

// A row that has to be looked at as a whole, because it has masks, may have so many
// bytes: maxWhole, or less where allWhole would not do for all streams. Rows
// without masks pass in pieces and may have any length that PostgreSQL can send,
// which is 1 GB.
const (
	maxWhole = 8 << 20
	allWhole = 24 << 20
)

// longest is how long such a row may be, in bytes.
func (c *carrier) longest() int { return min(maxWhole, allWhole/c.job.Streams) }

// counter counts what has been sent, for progress.
type counter struct {
	rows, bytes atomic.Uint64
	// maxRows and maxBytes are how many there may be; 0 is no limit.
	maxRows, maxBytes uint64
}

// reading takes one COPY ... TO from a server and sums its rows.
type reading struct {
	from   *link
	binary bool
	masks  *mask.Copy // nil for none
	canon  *canonical // nil if rows are hashed as they are
	hash   *rowHash
	count  *counter
	// longest is how long a row may be that is looked at as a whole, in bytes.
	longest int
	emit    func([]byte) error // nil for a COPY that is only compared
	begun   bool               // the header was seen
	ended   bool               // the trailer was seen
	room    []byte
	// sentBytes is how much came out, in bytes.
	sentBytes uint64
}

// run moves the COPY sql, from its beginning to ReadyForQuery.
func (r *reading) run(ctx context.Context, sql string) error {
	defer r.from.guard(ctx)()
	if err := r.from.begin(sql, 'H'); err != nil {
		return because(ctx, err)
	}
	err := r.rows()
	if err == nil {
		err = r.from.answer(nil)
	}
	if err == nil && r.binary && !r.ended {
		err = errors.New("the COPY ended without its trailer")
	}
	if err == nil && r.masks != nil {
		err = r.masks.Close()
	}
	return because(ctx, err)
}

// rows handles messages up to CopyDone.
func (r *reading) rows() error {
	for {
		h, err := r.from.conn.Next()
		if err != nil {
			return err
		}
		switch h.Type {
		case 'd':
			if err := r.data(h); err != nil {
				return err
			}
		case 'c':
			return r.from.conn.Discard()
		case 'E':
			body, err := r.from.conn.Body(maxAnswer)
			if err != nil {
				return err
			}
			return errors.Join(serverError(body), r.from.answer(nil))
		case 'N', 'S', 'A':
			if err := r.from.conn.Discard(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: message %q within a COPY", wire.ErrProtocol, h.Type)
		}
	}
}

// data handles a CopyData, which is one row (protocol: COPY Operations; the
// backend sends one for each row). Were it not, the two digests would differ.
func (r *reading) data(h wire.Header) error {
	if r.masks == nil && r.canon == nil {
		if h.Len <= chunk/8 {
			body, err := r.from.conn.Body(chunk)
			if err != nil {
				return err
			}
			return r.whole(body)
		}
		return r.long()
	}
	if r.masks == nil {
		if h.Len > r.longest {
			return r.tooLong(h)
		}
		body, err := r.from.conn.Body(r.longest)
		if err != nil {
			return err
		}
		return r.whole(body)
	}
	return r.masked(h)
}

func (r *reading) tooLong(h wire.Header) error {
	return fmt.Errorf("%w: a row of %d bytes in a table with masks; the limit is %d", wire.ErrTooLarge, h.Len, r.longest)
}

// masked puts a row through the masks, of which it comes whole.
func (r *reading) masked(h wire.Header) error {
	if h.Len > r.longest {
		return r.tooLong(h)
	}
	out, err := r.room[:0], error(nil)
	again := r.from.conn.Pieces(func(piece []byte) {
		if err == nil && len(piece) > 0 {
			out, err = r.masks.Append(out, piece)
		}
	})
	r.room = out
	if err := errors.Join(again, err); err != nil {
		return err
	}
	return r.whole(out)
}

// whole takes a row that is there whole.
func (r *reading) whole(body []byte) error {
	row := body
	if r.binary {
		var err error
		if row, err = r.inBinary(body); err != nil {
			return err
		}
	}
	if len(row) > 0 {
		if r.canon != nil {
			if err := r.canon.add(r.hash, row); err != nil {
				return err
			}
		} else {
			r.hash.row(row)
		}
		r.count.rows.Add(1)
	}
	r.sentBytes += uint64(len(body))
	r.count.bytes.Add(uint64(len(body)))
	if err := r.count.over(); err != nil {
		return err
	}
	if r.emit == nil {
		return nil
	}
	return r.emit(body)
}

// inBinary returns the row without the stream's header; none for the trailer.
func (r *reading) inBinary(body []byte) ([]byte, error) {
	if !r.begun {
		if len(body) < headerSize || string(body[:len(signature)]) != signature {
			return nil, errRowShape
		}
		r.begun = true
		if body = body[headerSize:]; len(body) == 0 {
			return nil, nil
		}
	}
	if r.ended {
		return nil, errRowShape
	}
	if len(body) == 2 && binary.BigEndian.Uint16(body) == 0xffff {
		r.ended = true
		return nil, nil
	}
	return body, nil
}

// long takes a row piece by piece.
func (r *reading) long() error {
	skip := 0
	if r.binary && !r.begun {
		prefix, err := r.from.conn.Prefix(headerSize)
		if err != nil {
			return err
		}
		if string(prefix[:len(signature)]) != signature {
			return errRowShape
		}
		r.begun, skip = true, headerSize
	}
	if r.ended {
		return errRowShape
	}
	r.hash.start()
	var wrong error
	err := r.from.conn.Pieces(func(piece []byte) {
		r.sentBytes += uint64(len(piece))
		r.count.bytes.Add(uint64(len(piece)))
		cut := min(skip, len(piece))
		skip -= cut
		r.hash.more(piece[cut:])
		if wrong == nil && r.emit != nil {
			wrong = r.emit(piece)
		}
	})
	r.hash.end()
	r.count.rows.Add(1)
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	return r.count.over()
}

// writing sends one COPY ... FROM STDIN in chunks.
type writing struct {
	to   *link
	full chan []byte
	free chan []byte
	cur  []byte
}

func newWriting(to *link) *writing {
	w := &writing{to: to, full: make(chan []byte, chunks), free: make(chan []byte, chunks)}
	for range chunks - 1 {
		w.free <- make([]byte, 0, chunk)
	}
	w.cur = make([]byte, frameSize, chunk)
	return w
}

// emitTo gives the function that takes bytes of rows. It copies them, and waits
// while too many are on the way.
func (w *writing) emitTo(ctx context.Context) func([]byte) error {
	return func(p []byte) error {
		for len(p) > 0 {
			n := min(len(p), cap(w.cur)-len(w.cur))
			w.cur = append(w.cur, p[:n]...)
			p = p[n:]
			if len(w.cur) == cap(w.cur) {
				if err := w.pass(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// pass hands the current chunk to whoever sends.
func (w *writing) pass(ctx context.Context) error {
	w.cur[0] = 'd'
	binary.BigEndian.PutUint32(w.cur[1:], uint32(len(w.cur)-1))
	select {
	case w.full <- w.cur:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case next := <-w.free:
		w.cur = next[:frameSize]
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// send writes chunks until there are no more. It leaves none behind unread, so
// that nobody waits for it.
func (w *writing) send() error {
	var err error
	for buf := range w.full {
		if err == nil {
			err = w.to.conn.Write(buf)
		}
		w.free <- buf
	}
	return err
}
