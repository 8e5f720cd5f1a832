package proxy

import (
	"errors"
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

const (
	// maxNames bounds the names of one session.
	maxNames = 20000
	// maxMeanings bounds what one name may stand for at once.
	maxMeanings = 8
	// maxWeight bounds what all names of a space stand for: effects,
	// relations, functions and the like.
	maxWeight = 1 << 20
)

var (
	errTooManyNames    = errors.New("too many prepared statements and cursors in one session")
	errTooManyMeanings = errors.New("too many unanswered definitions of one name")
)

// meaning is one statement that a name may stand for. It is small, because names
// get their meanings anew with every Parse and Bind.
type meaning struct {
	*admitted
	// budget is that of a cursor or portal; nil for a prepared statement.
	budget *budget
	// order counts the definitions in a name space. It is that of the
	// latest that gave the name this statement; since is that of the
	// latest the server has confirmed, or else of the first.
	order, since uint64
	// segment counts the Syncs before the definition: within a segment
	// an error skips what follows.
	segment uint64
	// behind is 1 more than the segment in which the unnamed one was defined
	// again: what follows there is reached only if that was, and cannot mean
	// this. What comes in a later segment can.
	behind uint64
	// made is what the names of a portal's or cursor's statement meant when it
	// was made, as namesMeant says it; empty for prepared statements.
	made string
	// lost is true if it stands for several that were too many to remember.
	lost bool
}

// admitted is a statement that was let in to be run later. It does not change,
// but for what it notes about its names.
type admitted struct {
	statement *statement.Statement
	// decision is the request id under which the statement was let in, by
	// policy.
	decision string
	// asked is what observers know that decision by; nil if nobody looks.
	asked  *Asked
	policy *policy.Policy
	// spoken is what its text declares in a comment, nil for nothing.
	spoken policy.Declared
	terms  terms
	// volatile is true if it was decided by a time or by facts that may be
	// others when it runs, changesCode if it may change what a function is.
	volatile, changesCode bool
	// sight is what the decision saw of the catalog, meant what the names
	// meant there.
	sight sightKey
	meant meant
	// sources are what it has carried to a place, nil if it does not.
	sources []statement.CarrySource
	// hold is true for a cursor that outlives its transaction.
	hold bool
}

// names is the name space of prepared statements, or that of portals and
// cursors. SQL and protocol share it (contract 3). Between a request and
// its answer a name may mean the old or the new statement, so a name has a
// list of meanings, oldest first, and the strictest of them decides. It is
// used under the lock of the session's pending queue.
type names struct {
	known map[string][]meaning
	// outlive is true if what is named outlives an error: statements do,
	// portals do not.
	outlive bool
	// last is the order of the latest definition.
	last uint64
	// weight is what all meanings hold.
	weight int
}

func newNames() *names { return &names{known: map[string][]meaning{}} }

func newStatements() *names {
	n := newNames()
	n.outlive = true
	return n
}

// propose adds meanings that the server has yet to confirm, all of one
// definition, and returns its order. The slice is the name space's from then on.
// A definition of the unnamed one hides the earlier ones for the rest of its
// segment: if it is not reached, neither is what follows there. A portal of the
// same segment is gone for good, because an error ends it as well.
func (n *names) propose(name string, meanings ...meaning) (uint64, error) {
	name = policy.ShortName(name)
	have, ok := n.known[name]
	if !ok && len(n.known) >= maxNames || n.weight > maxWeight {
		return 0, errTooManyNames
	}
	var next []meaning
	for _, h := range have {
		gone := name == "" && !n.outlive && h.segment == meanings[0].segment
		if gone || indexOf(meanings, h.statement) >= 0 {
			continue
		}
		if name == "" {
			h.behind = meanings[0].segment + 1
		}
		next = append(next, h)
	}
	if name == "" && n.outlive {
		next = loseSome(next, maxMeanings-len(meanings))
	}
	n.last++
	for i := range meanings {
		m := &meanings[i]
		m.order, m.since = n.last, n.last
		if i := indexOf(have, m.statement); i >= 0 {
			m.since = have[i].since
		}
	}
	if len(next) == 0 {
		next = meanings
	} else {
		next = append(next, meanings...)
	}
	if len(next) > maxMeanings {
		return 0, errTooManyMeanings
	}
	n.weight += weigh(next) - weigh(have)
	n.known[name] = next
	return n.last, nil
}

// loseSome makes one that nobody knows of the oldest meanings if there are more
// than so many.
func loseSome(meanings []meaning, most int) []meaning {
	n := len(meanings) - max(most, 1)
	if n <= 0 {
		return meanings
	}
	latest := meanings[n]
	unknown := policy.Unseen("one of many prepared statements without a name")
	lost := meaning{
		admitted: &admitted{statement: &unknown}, lost: true,
		order: latest.order, since: meanings[0].since, segment: latest.segment, behind: latest.behind,
	}
	return append([]meaning{lost}, meanings[n+1:]...)
}

func weigh(meanings []meaning) (total int) {
	for _, m := range meanings {
		total += policy.Weight(m.statement)
	}
	return total
}

// indexOf returns the place of the meaning that is a statement, -1 if none is.
func indexOf(meanings []meaning, st *statement.Statement) int {
	for i := range meanings {
		if meanings[i].statement == st {
			return i
		}
	}
	return -1
}

// confirm says that the server took a definition: what the name meant before
// is gone.
func (n *names) confirm(name string, order uint64) {
	n.keep(policy.ShortName(name), func(m meaning) (meaning, bool) {
		m.since = max(m.since, order)
		return m, m.order >= order
	})
}

// withdraw takes a definition back: the server did not take it. What the name
// meant before it stays.
func (n *names) withdraw(name string, order uint64) {
	n.keep(policy.ShortName(name), func(m meaning) (meaning, bool) {
		if m.order != order {
			return m, true
		}
		m.order = m.since
		return m, m.since < order
	})
}

// narrow leaves of a definition the meanings that are still possible, if any
// of them is.
func (n *names) narrow(name string, order uint64, possible []meaning) {
	name = policy.ShortName(name)
	have := n.known[name]
	for i := range have {
		if have[i].order == order && indexOf(possible, have[i].statement) >= 0 {
			n.keep(name, func(m meaning) (meaning, bool) { return m, m.order != order || indexOf(possible, m.statement) >= 0 })
			return
		}
	}
}

// drop forgets what a name meant up to a definition: the server has
// forgotten it there.
func (n *names) drop(name string, upTo uint64) {
	n.keep(policy.ShortName(name), func(m meaning) (meaning, bool) { return m, m.order > upTo })
}

// dropAll forgets what all names meant up to a definition.
func (n *names) dropAll(upTo uint64) {
	for name := range n.known {
		n.drop(name, upTo)
	}
}

// endTransaction forgets the cursors that end with their transaction. What is defined in
// the segment that has begun since belongs to the next: the server has yet to be sent it.
func (n *names) endTransaction(segment uint64) {
	for name := range n.known {
		n.keep(name, func(m meaning) (meaning, bool) { return m, m.hold || m.segment == segment })
	}
}

// keep leaves a name the meanings that are wanted, as wanted has changed them.
// Slices that lookup gave out stay as they are.
func (n *names) keep(name string, wanted func(meaning) (meaning, bool)) {
	have := n.known[name]
	if !changes(have, wanted) {
		return
	}
	var left []meaning
	for i := range have {
		if m, ok := wanted(have[i]); ok {
			left = append(left, m)
		}
	}
	n.weight += weigh(left) - weigh(have)
	if len(left) == 0 {
		delete(n.known, name)
		return
	}
	n.known[name] = left
}

// changes reports whether keep has anything to do.
func changes(have []meaning, wanted func(meaning) (meaning, bool)) bool {
	for i := range have {
		if m, ok := wanted(have[i]); !ok || m != have[i] {
			return true
		}
	}
	return false
}

// meant returns what a name may mean where it is used, in a segment; nothing if
// nobody saw it made. The slice stays as it is.
func (n *names) meant(name string, segment uint64) []meaning {
	all := n.lookup(name)
	hidden := func(m meaning) bool { return m.behind == segment+1 }
	if !slices.ContainsFunc(all, hidden) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), hidden)
}

// lookup returns all that a name may mean, anywhere. The slice stays as it is.
func (n *names) lookup(name string) []meaning { return n.known[policy.ShortName(name)] }
