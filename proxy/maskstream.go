package proxy

import (
	"context"
	"fmt"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// describedRows handles the description of a result that is to be masked, and
// passes it on.
func (s *session) describedRows(t *ticket, r *resultMasks) error {
	body, err := s.upstream.conn.Body(maxReport)
	if err != nil {
		return err
	}
	var failed error
	if t.work.masking.row, failed = r.rows(body); failed != nil {
		return s.maskFailed(t, r, failed)
	}
	return s.client.WriteFrame('T', body)
}

// describedFor handles the answer to the proxy's own question how the result
// of an Execute will look, which comes before it.
func (s *session) describedFor(t *ticket) error {
	body, err := s.upstream.conn.Body(maxReport)
	if err != nil {
		return err
	}
	w := t.describes
	r := w.masking.masks.of(0)
	var failed error
	if w.masking.row, failed = r.rows(body); failed != nil {
		s.log.Warn("a result cannot be masked", "req", w.decision, "err", failed)
		w.masking.failed = failed
	}
	return nil
}

// announcedCopy handles the announcement of a COPY that is to be masked. The
// server does not say which columns will come. It holds locks on what it reads by
// now, or has held them to the end of the COPY. So if that is what the masks were
// decided by, and nobody has written it since, they fit.
func (s *session) announcedCopy(t *ticket, r *resultMasks) error {
	body, err := s.upstream.conn.Body(maxReport)
	if err != nil {
		return err
	}
	copied, failed := r.stream(body)
	if failed == nil {
		s.leave()
		failed = r.still(context.Background(), s.database.catalog)
	}
	if failed != nil {
		return s.maskFailed(t, r, failed)
	}
	t.work.masking.copy = copied
	return s.client.WriteFrame('H', body)
}

// maskedData masks a row, or what has come of a COPY, and passes it on. What
// cannot be masked does not reach the client.
func (s *session) maskedData(t *ticket, r *resultMasks, h wire.Header) error {
	if h.Len > mask.DefaultMaxRow {
		if err := s.upstream.conn.Discard(); err != nil {
			return err
		}
		return s.maskFailed(t, r, fmt.Errorf("a row of %d bytes is too long to be masked; the limit is %d", h.Len, mask.DefaultMaxRow))
	}
	body, err := s.upstream.conn.Body(mask.DefaultMaxRow)
	if err != nil {
		return err
	}
	m := &t.work.masking
	out, failed := s.maskRoom[:0], error(nil)
	switch {
	case m.failed != nil:
		failed = m.failed
	case h.Type == 'd' && m.copy != nil:
		out, failed = m.copy.Append(out, body)
	case h.Type == 'D' && m.row != nil:
		out, failed = m.row.Append(out, body)
	default:
		failed = fmt.Errorf("the server has not described its result")
	}
	if failed != nil {
		return s.maskFailed(t, r, failed)
	}
	if s.maskRoom = out; cap(out) > maxMaskRoom {
		s.maskRoom = nil
	}
	if len(out) == 0 {
		return nil // the row goes on
	}
	if err := s.sayNotices(t); err != nil {
		return err
	}
	s.rows.Add(1)
	return s.client.WriteFrame(h.Type, out)
}

// maxMaskRoom is what a session keeps of the room for masked rows, in bytes.
const maxMaskRoom = 64 << 10

// endedCopy makes sure that a masked COPY has ended with a whole row.
func (s *session) endedCopy(t *ticket, r *resultMasks) error {
	m := &t.work.masking
	if t.work.withheld || m.copy == nil {
		return nil
	}
	if failed := m.copy.Close(); failed != nil {
		return s.maskFailed(t, r, failed)
	}
	return nil
}

// maskFailed keeps everything that the statement has yet to send from the
// client, what was just read included, and has the server stop it.
func (s *session) maskFailed(t *ticket, r *resultMasks, cause error) error {
	s.log.Warn("a result cannot be masked", "req", t.work.decision, "err", cause)
	p := s.pending
	p.mu.Lock()
	first := t.work.over == nil
	if first {
		t.work.over = &overrun{limit: "masking", rule: r.rule, position: r.position, unmasked: cause.Error()}
	}
	t.work.withheld = true
	p.mu.Unlock()
	if first {
		s.stopOver(t)
	}
	return nil
}
