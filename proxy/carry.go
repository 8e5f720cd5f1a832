package proxy

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A COPY to 'sluice://place/...' is carried by the proxy itself, while the session's
// own connection to the database waits. When it is done, a statement that does
// nothing goes to the server in its place, so that the server keeps the order and
// the transaction status, and its completion is reworded to COPY n. If it fails, the
// marker of a refusal goes there.

// carriedText does nothing, in any transaction, on a standby too, and answers
// without rows.
const carriedText = "UNLISTEN sluice_carried"

// errNobodyWaits says that the client has gone while its copy was carried.
var errNobodyWaits = errors.New("the client has gone")

// errCarryCanceled says that the client cancelled its copy.
var errCarryCanceled = errors.New("canceled by the client")

// carrying is a copy that is being carried for a session.
type carrying struct {
	cancel context.CancelCauseFunc
}

// carriesRows reports whether a text is made of COPYs to places; a text that holds
// one holds nothing else, or is refused.
func carriesRows(statements []statement.Statement) bool {
	return len(statements) > 0 && statements[0].Carry != nil
}

// carriedTexts is what goes to the server in the place of so many COPYs.
func carriedTexts(n int) string {
	return strings.TrimSuffix(strings.Repeat(carriedText+"; ", n), "; ")
}

// carry runs a copy for the message at hand and returns how many rows each of its
// statements has moved, or why it did not.
func (s *session) carry(ctx context.Context, j *judgement) ([]int64, *refusal) {
	s.leave()
	if r := s.carryAlone(j.id); r != nil {
		return nil, r
	}
	ctx, end := s.whileWaiting(ctx)
	defer end()
	n := s.beginNews(ctx)
	defer n.end()
	return s.server.carry(ctx, s, j, n)
}

// carryAlone waits until everything sent before is answered, and refuses to carry
// within a transaction: what is carried could not be rolled back with it.
func (s *session) carryAlone(id string) *refusal {
	err := s.allAnswered()
	p := s.pending
	p.mu.Lock()
	status, skips, used := p.status, p.skipsHere(), p.segment+1 == s.ranIn
	p.mu.Unlock()
	switch {
	case err != nil, skips:
		return refuseInTransaction(id, "25P02", "what came before it has failed")
	case status != 'I':
		return refuseInTransaction(id, "25001", "a transaction is open, and what is carried could not be rolled back with it")
	case used:
		return refuseInTransaction(id, "25001", "another statement has run since the last Sync, and both would be one transaction")
	}
	return nil
}

func refuseInTransaction(id, sqlstate, why string) *refusal {
	return &refusal{
		id: id, sqlstate: sqlstate, rule: "builtin:carry",
		message: "sluice: a copy cannot be carried here [req " + id + "]", detail: "Nothing was copied: " + why + ".",
		hint: "COMMIT or ROLLBACK, and run it again by itself.",
	}
}

// whileWaiting is a context that ends when the client cancels or hangs up, for what
// a copy waits for before it is sent anything. Until end is called nothing else
// reads from the client.
func (s *session) whileWaiting(ctx context.Context) (waiting context.Context, end func()) {
	waiting, cancel := context.WithCancelCause(ctx)
	s.carrying.Store(&carrying{cancel})
	if s.canceled() {
		cancel(errCarryCanceled)
	}
	endWatch := s.watchWaiting(cancel)
	return waiting, func() {
		endWatch()
		s.carrying.Store(nil)
		cancel(nil)
	}
}

// canceled reports whether the client has cancelled the message at hand while it was
// judged, when the server had nothing to cancel.
func (s *session) canceled() bool { return s.cancels.Load() != s.cancelsBefore }

// watchWaiting cancels a copy when the client hangs up. What it returns ends that,
// so that the client can be read from again.
func (s *session) watchWaiting(cancel context.CancelCauseFunc) (end func()) {
	if s.client.Part() != nil {
		return func() {} // whoever sends next finds out
	}
	var over sync.WaitGroup
	ended := make(chan struct{})
	over.Go(func() {
		for ahead := 0; ; ahead = s.client.Buffered() {
			err := s.client.Ahead(ahead)
			select {
			case <-ended:
				return
			default:
			}
			if err != nil || s.client.FirstBuffered() == 'X' {
				if !errors.Is(err, io.ErrShortBuffer) {
					cancel(errNobodyWaits)
				}
				return
			}
		}
	})
	return func() {
		close(ended)
		_ = s.client.SetReadDeadline(time.Unix(1, 0)) // a closed socket wakes the reader as well
		over.Wait()
		if !s.stopped() {
			_ = s.client.SetReadDeadline(time.Time{})
		}
		if s.stopped() { // stop may have come in between
			_ = s.client.SetReadDeadline(time.Unix(1, 0))
		}
	}
}

// news tells the client how far a copy is, by notices, for as long as the copy
// lasts. Whoever has news never waits for a client that does not read.
type news struct {
	session *session
	// latest is what to say next; only the last is of interest.
	latest chan *pgproto3.NoticeResponse
	over   sync.WaitGroup
	stop   context.CancelFunc
}

func (s *session) beginNews(ctx context.Context) *news {
	ctx, stop := context.WithCancel(ctx)
	n := &news{session: s, latest: make(chan *pgproto3.NoticeResponse, 1), stop: stop}
	n.over.Go(func() {
		for {
			select {
			case notice := <-n.latest:
				if s.sayNow(notice) != nil {
					return // whoever reads from it will find out
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return n
}

// say has something said in the place of what was not said yet.
func (n *news) say(notice *pgproto3.NoticeResponse) {
	for {
		select {
		case n.latest <- notice:
			return
		default:
		}
		select {
		case <-n.latest:
		default:
		}
	}
}

// end says what is left to say, and nothing from then on.
func (n *news) end() {
	n.stop()
	n.over.Wait()
	select {
	case notice := <-n.latest:
		_ = n.session.sayNow(notice) // the session's end, if it fails
	default:
	}
}

// sayNow sends a notice to the client at once, while the server says nothing.
func (s *session) sayNow(notice *pgproto3.NoticeResponse) error {
	s.toClient.Lock()
	defer s.toClient.Unlock()
	if s.stopped() {
		return errClosed
	}
	if err := s.client.WriteMessage(notice); err != nil {
		return err
	}
	return s.client.Flush()
}

// copyTag is the command tag of a COPY that was carried.
func copyTag(rows int64) string { return "COPY " + strconv.FormatInt(rows, 10) }

// carryQuery runs a simple Query that has rows carried.
func (s *session) carryQuery(ctx context.Context, t *ticket, j *judgement) error {
	rows, r := s.carry(ctx, j)
	if r != nil {
		return s.sendMarker('Q', r)
	}
	t.begin(work{decision: j.id, started: s.server.now(), statements: len(rows), asked: j.asked})
	t.work.carried = rows
	t.terms, t.discreet = terms{}, false
	return s.send(t, 'Q', []byte(carriedTexts(len(rows))), nul)
}

// carryExecute runs an Execute that has rows carried.
func (s *session) carryExecute(ctx context.Context, t *ticket, j *judgement, body []byte) error {
	rows, r := s.carry(ctx, j)
	if r != nil {
		return s.sendMarker('E', r)
	}
	t.begin(work{decision: j.id, started: s.server.now(), statements: -1, asked: j.asked})
	t.work.carried = rows
	t.terms, t.discreet = terms{}, false
	return s.send(t, 'E', body)
}

// carriedTag rewords the completion of what went to the server for a COPY that was
// carried: nil if the statement at hand was none.
func (w *work) carriedTag() []byte {
	if w == nil || w.carried == nil {
		return nil
	}
	at := min(max(w.completed, 1), len(w.carried)) - 1
	return append([]byte(copyTag(w.carried[at])), 0)
}

// carryReader is an Analyzer that can tell what a COPY that is carried reads.
type carryReader interface {
	CarrySources(text string) ([]statement.CarrySource, error)
}

// readCarry reads what a text has carried.
func (s *session) readCarry(j *judgement, text string) {
	reader, can := s.server.analyzer.(carryReader)
	if !can {
		j.refusal = refuseUncarried(j.id, errors.New("nothing here can read what it is to carry"))
		return
	}
	sources, err := reader.CarrySources(text)
	if err == nil && len(sources) != len(j.statements) {
		err = errors.New("it holds another number of statements than was judged")
	}
	if err != nil {
		j.refusal = refuseUncarried(j.id, err)
		return
	}
	j.sources, j.text = sources, carriedTexts(len(sources))
}

// refuseUncarried refuses a copy for a reason that has words for the client.
func refuseUncarried(id string, why error) *refusal {
	return &refusal{
		id: id, sqlstate: "0A000", rule: "builtin:carry",
		message: "sluice: a copy that cannot be carried [req " + id + "]", detail: "Nothing was copied: " + why.Error() + ".",
	}
}

// carryTerms are those of a decision that has rows carried, nil for any other.
func carryTerms(d *decided) *policy.CarryTerms {
	if d == nil || d.decision.Verdict != policy.Carry {
		return nil
	}
	return d.decision.Carry
}
