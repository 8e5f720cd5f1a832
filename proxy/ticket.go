package proxy

import (
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/policy"
)

// ticket is one client message that the server will answer, in the order
// of the queue.
type ticket struct {
	// typ is the client's message type: Q P B D E C S F.
	typ byte
	// refusal is set if the message went upstream as a marker.
	refusal *refusal
	// probe is true for the proxy's own question, whose answer the client
	// does not see.
	probe bool
	// alone is true for a question that is followed by a Sync of the proxy's
	// own: if it fails, nothing of the client's is skipped with it.
	alone bool
	// describes is set for the proxy's own question how the result of the
	// Execute behind it will look: what that runs.
	describes *work
	// hears takes the row that answers a question about what names mean.
	hears func(value []byte)
	// role says that the probe takes back the role, and where (role.go).
	role roleProbe
	// work is what the message runs; nil if it runs nothing. room is for it.
	work *work
	room *work
	// defines is what a Parse or Bind defines. done is told how the message
	// ended, under the queue's lock.
	defines definition
	done    func(ok bool)
	// copyStarts is true if the statement can ask for COPY data.
	copyStarts bool
	// copyBoth is true if it starts a stream of changes.
	copyBoth bool
	// terms are what the message was let in on.
	terms terms
	// discreet is true if an error may quote what the client must not see.
	discreet bool
	// changesCode is true if it may change what a function is.
	changesCode bool
	// notices are said to the client before the first answer.
	notices []policy.Reason
	// clock runs out when the statement's time is up.
	clock *time.Timer
	// dropped is what was dropped before it.
	dropped copyEnds
	// text is the length of the SQL in it, in bytes.
	text     int
	sequence uint64
}

// work measures one execution, from the request to its end.
type work struct {
	decision string
	// asked is what observers know the decision by; nil if nobody looks.
	asked   *Asked
	started time.Time
	// statements is how many completions the text may have; -1 if the
	// number is not to be checked.
	statements int
	completed  int
	// accounts are what the answers are charged to, statement by
	// statement; a single one if statements is -1.
	accounts []account
	// Most work has one account of one budget.
	one    [1]account
	single [1]*budget
	own    budget
	// masking is how its results are masked.
	masking masking
	// over is the limit that was reached; no row goes to the client any
	// more, and withheld is true if one was kept back.
	over     *overrun
	withheld bool
	// late is set once the time of the statement is up and the server was
	// told so.
	late     *overrun
	rows     int64
	bytes    int64
	tag      string
	sqlstate string
	kept     keptBack
	// held is the number of the statement, counted from 1, that has last been held
	// against what was judged, when so many changes were shown.
	held  int
	shown uint64
	// names are those of what it touches, once somebody has asked.
	names []string
	// carried is how many rows each statement has had carried to a place; nil if
	// none has.
	carried []int64
	// looked is what has been seen of rows in columns without a class, nil for
	// nothing.
	looked *lookout
}

// settle tells everybody who waits for it how a message ended.
func (t *ticket) settle(ok bool) {
	t.defines.settle(ok)
	if t.done != nil {
		t.done(ok)
	}
}

func (t *ticket) name() string {
	if t == nil {
		return "nothing"
	}
	return fmt.Sprintf("the answer to %q", t.typ)
}

// begin gives a ticket its work.
func (t *ticket) begin(w work) {
	if t.room == nil {
		t.room = new(work)
	}
	*t.room = w
	t.work = t.room
}

// tickets are those that can be used again, so that an everyday statement costs
// no memory. Whoever handles an answer looks at its ticket also when that has
// left the queue, but not longer than up to the next answer: so a ticket comes
// back when another has been answered after it. Only what went well, and what
// nothing else may still refer to, comes back at all.
type tickets struct {
	// free is the client side's alone, back and last are guarded by the
	// queue's lock.
	free, back []*ticket
	last       *ticket
}

// next returns an empty ticket. Only the goroutine that reads from the client
// calls it.
func (ts *tickets) next(typ byte) *ticket {
	if len(ts.free) == 0 {
		return &ticket{typ: typ}
	}
	t := ts.free[len(ts.free)-1]
	ts.free = ts.free[:len(ts.free)-1]
	t.typ = typ
	return t
}

// refill is called by the goroutine that reads from the client, with the queue
// locked.
func (ts *tickets) refill() {
	if len(ts.free) == 0 {
		ts.free, ts.back = ts.back, ts.free
	}
}

// used takes a ticket that has left the queue; the queue is locked.
func (ts *tickets) used(t *ticket) {
	if last := ts.last; last != nil && len(ts.back) < usualQueue {
		room := last.room
		*last = ticket{room: room}
		if room != nil {
			*room = work{}
		}
		ts.back = append(ts.back, last)
	}
	ts.last = nil
	if t.done == nil && t.clock == nil && t.refusal == nil && !t.copyStarts && !t.copyBoth && !t.probe {
		ts.last = t
	}
}
