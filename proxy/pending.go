package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// copyEnds counts CopyDone and CopyFail messages.
type copyEnds struct{ done, fail int }

// pending is the queue of messages the server has yet to answer, with all
// that must change in step with it. The two goroutines of a session meet
// here and nowhere else.
type pending struct {
	mu      sync.Mutex
	changed sync.Cond

	queue []*ticket
	// room is where an empty queue begins again.
	room    []*ticket
	tickets tickets
	// text is the length of the SQL in the queue, in bytes.
	text     int
	sequence uint64
	// segment counts Syncs and simple messages forwarded.
	segment uint64
	// settled is the sequence of the last message whose ReadyForQuery
	// came.
	settled uint64
	// unsettled is the sequence of the last message that may have changed
	// a setting.
	unsettled uint64
	// discreet and reticent are true if a message since the last transaction
	// was.
	discreet, reticent bool
	// recoded is the sequence of the last message that may have changed what
	// a function is, quiet that of the last one after which no transaction
	// was open.
	recoded, quiet uint64
	// made is the sequence of the last message that may have made or altered
	// objects, zero once others can see them.
	made uint64
	// unshown is that of the first such message whose end is not known, zero if
	// none is.
	unshown uint64
	// segmentFailed is true if something has failed since the last
	// ReadyForQuery, rolledBack if a ROLLBACK came since a transaction ended, also
	// one to a savepoint. endedBadly is true if a transaction may have ended
	// without a commit since somebody last asked.
	segmentFailed, rolledBack, endedBadly bool
	// endings counts what ended with no transaction open since then, failedAlone
	// says that the last was a statement by itself, which has done nothing.
	endings     int
	failedAlone bool
	// unsynced is true if a message of the extended protocol came behind the
	// last Sync.
	unsynced bool
	// role is whether the session may have left its role.
	role doubt
	// skipping is true while the server ignores messages up to a Sync.
	skipping bool
	// copyIn is true while the server takes COPY data.
	copyIn bool
	// copyBoth is true while both send COPY data: the stream of a
	// replication connection.
	copyBoth bool
	// dropped counts the ends of COPY data that the server did not ask for.
	dropped copyEnds
	// lost is true if the server has swallowed a message.
	lost bool
	// held counts the Syncs kept back because the server, while it takes
	// COPY data, would ignore them.
	held int
	// status is the transaction status of the last ReadyForQuery.
	status byte
	// since is when status became I, T or E.
	since time.Time
	// cancelling counts the cancel requests of the proxy's own that are on
	// their way to the server.
	cancelling int
	// closed is set when the session ends.
	closed bool
	// leave is called before anything that waits; it may be nil.
	leave func()

	statements *names
	portals    *names
}

// usualQueue is more than one round of the extended protocol needs.
const usualQueue = 8

func newPending(status byte, now time.Time) *pending {
	p := &pending{room: make([]*ticket, 0, usualQueue), status: status, since: now, statements: newStatements(), portals: newNames()}
	p.changed.L = &p.mu
	return p
}

// push adds a ticket. It must be called before the message is sent, and the
// message must not be sent if push fails. While the server is being told to
// cancel something it waits: the request must not meet what comes after.
func (p *pending) push(t *ticket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cancelling > 0 && !p.closed {
		p.sleep()
	}
	if p.closed {
		return errClosed
	}
	p.sequence++
	t.sequence = p.sequence
	t.dropped = p.dropped
	if t.changesCode {
		p.recoded = t.sequence
	}
	p.changed.Broadcast()
	switch t.typ {
	case 'P', 'B', 'E', 'D', 'C':
		p.unsynced = true
	case 'S':
		p.unsynced = false
		p.role.roundSent()
	default:
		p.role.roundSent()
	}
	if t.typ != 'S' && p.skipsHere() {
		// The server will read past it.
		t.settle(false)
		return nil
	}
	if len(p.queue) == 0 {
		p.queue = p.room // the array has moved on with every answer
	}
	p.queue = append(p.queue, t)
	p.discreet, p.reticent = p.discreet || t.discreet, p.reticent || t.terms.reticent
	p.text += t.text
	if t.typ == 'S' || t.typ == 'Q' || t.typ == 'F' {
		p.segment++
	}
	p.tickets.refill()
	return nil
}

// errClosed is returned to whoever waits when the session ends.
var errClosed = errors.New("session closed")

// wait blocks until ready says so. ready runs under the lock.
func (p *pending) wait(ready func() bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !ready() {
		if p.closed {
			return errClosed
		}
		p.sleep()
	}
	return nil
}

// sleep waits for a change; mu is held.
func (p *pending) sleep() {
	if p.leave != nil {
		p.leave()
	}
	p.changed.Wait()
}

// close wakes everybody who waits.
func (p *pending) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.changed.Broadcast()
}

// closeIfIdle closes the queue if nothing is under way and no transaction is
// open, so that nothing can begin any more.
func (p *pending) closeIfIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 && p.status == 'I' {
		p.closed = true
	}
	return p.closed
}

// busy reports whether the server is working on something.
func (p *pending) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0
}

// codeInDoubt reports whether the session may have changed functions in a way
// that others cannot see yet: in a transaction that is still open, or by a
// message that is still under way.
func (p *pending) codeInDoubt() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.recoded > p.quiet
}

// idle reports whether the session is between transactions with nothing
// under way.
func (p *pending) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) == 0 && p.status == 'I'
}

// desync is an answer that does not fit the question. Two readers of one
// stream that disagree cannot both be right, so the session ends.
func desync(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", wire.ErrProtocol, wire.Upstream, fmt.Sprintf(format, args...))
}

// head returns the ticket the server is answering, nil if there is none.
// Callers hold the lock.
func (p *pending) head() *ticket {
	if len(p.queue) == 0 {
		return nil
	}
	return p.queue[0]
}

func (p *pending) pop(ok bool) {
	t := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	p.text -= t.text
	if t.clock != nil {
		t.clock.Stop()
	}
	t.settle(ok)
	if ok {
		p.tickets.used(t)
	}
}

// answered pops the head after its last answer. want is the type of
// message that this answer belongs to.
func (p *pending) answered(want byte, ok bool) error {
	t := p.head()
	if t == nil || t.typ != want || p.skipping {
		return desync("answer to %q while waiting for %s", want, t.name())
	}
	p.pop(ok)
	return nil
}

// failed handles an ErrorResponse: the head failed, and in the extended
// protocol so does everything up to the next Sync.
func (p *pending) failed(sqlstate string) error {
	t := p.head()
	if t == nil {
		return nil
	}
	if p.held > 0 && strings.HasPrefix(sqlstate, "57") {
		// The server was stopped while it waited, or before: whether it
		// would have read the Sync by then cannot be known.
		return desync("a COPY was stopped after a Sync inside it")
	}
	// Newer servers hang up when another message comes inside a COPY. Those
	// before 14 swallow it and go on, one answer short.
	p.lost = t.typ == 'Q' && p.copyIn && sqlstate == "08P01" && len(p.queue) > 1
	p.copyIn = false
	switch t.typ {
	case 'Q', 'F', 'S':
		return nil // ReadyForQuery follows
	}
	p.skipping, p.segmentFailed = true, true
	for ; t != nil && t.typ != 'S'; t = p.head() {
		p.pop(false)
	}
	return nil
}

// hold keeps a Sync back.
func (p *pending) hold() {
	p.mu.Lock()
	p.held++
	p.mu.Unlock()
}

// beforeMessage reports what has to be seen to before the client's next message:
// whether Syncs are held, whether the client is too far ahead, and whether the
// session may have left its role.
func (p *pending) beforeMessage() (holding, tooFar, leftRole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held > 0, p.tooFarAhead(), p.role.standing
}

// tooFarAhead reports whether the client has sent as much as may wait for an
// answer. Callers hold the lock.
func (p *pending) tooFarAhead() bool { return len(p.queue) >= maxAhead || p.text >= maxTextAhead }

// holding reports whether Syncs are held.
func (p *pending) holding() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held > 0
}

// owed returns how many held Syncs are to be sent after all: the COPY failed
// before the server had read anything sent after them.
func (p *pending) owed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.copyIn {
		return 0
	}
	n := p.held
	p.held = 0
	return n
}

// copyGoes notes that the client sends COPY data, or ends it, and reports
// whether the server takes it. Had the server read the Syncs before that, it
// would have ignored them. Nothing is known yet while a message under way may
// still ask for data.
func (p *pending) copyGoes(ends bool) (takes, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.copyIn {
		return false, !p.mayCopy()
	}
	p.held = 0
	if !ends {
		return true, true
	}
	p.copyIn = false
	if t := p.head(); t != nil && t.typ == 'E' {
		t.copyStarts = false
	}
	return true, true
}

// ready handles a ReadyForQuery.
func (p *pending) ready(status byte, now time.Time) (*ticket, error) {
	if p.lost {
		return nil, desync("a message inside a COPY got no answer")
	}
	p.skipping = false
	t := p.head()
	if t == nil || t.typ != 'S' && t.typ != 'Q' && t.typ != 'F' {
		return nil, desync("ReadyForQuery while waiting for %s", t.name())
	}
	p.settled, p.copyBoth = t.sequence, false
	failed := p.segmentFailed || t.work != nil && t.work.sqlstate != ""
	p.segmentFailed = false
	if status == 'I' {
		p.quiet = t.sequence
		p.endings++
		p.failedAlone = failed && p.status == 'I' && t.typ == 'Q' && t.work.statements == 1
		p.endedBadly = p.endedBadly || failed || p.rolledBack
		p.rolledBack = false
	}
	p.copyIn = false
	p.status = status
	p.since = now
	if status == 'I' {
		p.role.transactionEnded(t)
	}
	p.pop(t.work == nil || t.work.sqlstate == "")
	if status == 'I' && len(p.queue) == 0 {
		p.portals.endTransaction(p.segment)
		p.discreet, p.reticent = false, false
	}
	return t, nil
}

// shows reports whether others see from now on what the session has made or
// altered. Callers hold the lock.
func (p *pending) shows() bool {
	switch {
	case p.unshown == 0 || p.unshown > p.quiet:
		return false
	case p.made <= p.quiet:
		p.made, p.unshown = 0, 0
	default:
		p.unshown = p.quiet + 1 // there is more, behind what has ended
	}
	return true
}

// copyStarted handles a CopyInResponse.
func (p *pending) copyStarted() error {
	t := p.head()
	if t == nil || t.typ != 'Q' && t.typ != 'E' {
		return desync("CopyInResponse while waiting for %s", t.name())
	}
	if !t.copyStarts {
		return desync("CopyInResponse to a statement that was judged to be no COPY")
	}
	p.copyIn = true
	return nil
}

// streamStarted handles a CopyBothResponse.
func (p *pending) streamStarted() error {
	t := p.head()
	if t == nil || t.typ != 'Q' || !t.copyBoth {
		return desync("CopyBothResponse while waiting for %s", t.name())
	}
	p.copyIn, p.copyBoth = true, true
	return nil
}

// streaming reports whether a stream of changes runs.
func (p *pending) streaming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.copyBoth
}

// skipsHere reports whether the server ignores everything up to a Sync that
// has yet to be sent. Callers hold the lock.
func (p *pending) skipsHere() bool {
	return p.skipping && !slices.ContainsFunc(p.queue, func(t *ticket) bool { return t.typ == 'S' })
}

// mayCopy reports whether a message under way can still ask for COPY data.
// Callers hold the lock.
func (p *pending) mayCopy() bool {
	for _, t := range p.queue {
		if t.copyStarts || t.copyBoth {
			return true
		}
	}
	return false
}

// copyDropped counts an end of COPY data that went nowhere.
func (p *pending) copyDropped(typ byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch typ {
	case 'c':
		p.dropped.done++
	case 'f':
		p.dropped.fail++
	}
	p.changed.Broadcast()
}

// copyEnded waits until the client has ended so many blocks of COPY data that
// nobody reads, since a ticket, and reports whether it goes on to the next. A
// client that has failed one, or sends something else, does not.
func (p *pending) copyEnded(t *ticket, blocks int) (bool, error) {
	goesOn := func() bool { return p.dropped.done-t.dropped.done >= blocks }
	failed := func() bool { return p.dropped.fail > t.dropped.fail }
	err := p.wait(func() bool { return goesOn() || failed() || p.sequence > t.sequence })
	p.mu.Lock()
	defer p.mu.Unlock()
	return goesOn() && !failed(), err
}
