package proxy

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A statement is judged before it runs. If it then waits for a lock, what it names
// can have become something else when it runs: another session has replaced a view,
// and its transaction has ended meanwhile. So it is known what sessions have made
// and altered that others cannot see yet, and a result that this may concern is held
// against the catalog as it is when its first row comes. By then the server holds
// the locks; but for what code names, which is locked when the code gets there, so
// that each row of a statement that sets off code is looked at as long as something
// changes.

// inFlight is what sessions on one database have made or altered, and others cannot
// see yet.
type inFlight struct {
	// sessions is how many have.
	sessions atomic.Int64
	// shown counts the changes that others see by now.
	shown atomic.Uint64

	mu     sync.Mutex
	making map[*session]*making
}

// making is that of one session.
type making struct {
	// names are those of relations, functions and the like, without their schemas;
	// callable is true if there is a function among them, an operator, a type or a
	// cast, all if it may be anything.
	names         map[string]bool
	callable, all bool
}

// note is called before a statement is sent that makes or alters something. What
// code makes that nobody has read is not waited for: who may run that may do
// anything.
func (f *inFlight) note(s *session, st *statement.Statement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range st.Changes {
		switch c := &st.Changes[i]; c.Op {
		case statement.ChangeRestore, statement.ChangeCommit, statement.ChangeDiscard: // nothing that is new
		default:
			if !c.Temporary { // nobody else sees that
				f.of(s).add(c)
			}
		}
	}
}

// of is what a session is making. The lock is held.
func (f *inFlight) of(s *session) *making {
	if f.making == nil {
		f.making = map[*session]*making{}
	}
	m := f.making[s]
	if m == nil {
		m = &making{names: map[string]bool{}}
		f.making[s] = m
		f.sessions.Store(int64(len(f.making)))
	}
	return m
}

func (m *making) add(c *statement.Change) {
	m.callable = m.callable || c.Op == statement.ChangeCallable
	m.all = m.all || c.Name == "" || c.Cascade || c.Op == statement.ChangeSchema || c.Op == statement.ChangeAny
	for _, name := range []string{c.Name, c.To} {
		m.names[name] = name != ""
	}
}

// done is called when others see what a session has made, or nobody ever will.
func (f *inFlight) done(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.making, s)
	f.sessions.Store(int64(len(f.making)))
}

// leaveCatalog has others look at the catalog again if a session ends while nobody
// knows what has become of what it made.
func (s *session) leaveCatalog() {
	if s.database == nil || s.database.catalog == nil || s.pending == nil {
		return
	}
	s.pending.mu.Lock()
	made := s.pending.made != 0
	s.pending.made, s.pending.unshown = 0, 0
	s.pending.mu.Unlock()
	if made {
		s.database.catalog.changed()
	}
	s.database.catalog.flight.done(s)
}

// concerns reports whether what another session is making has one of these names,
// or may be code that others set off.
func (f *inFlight) concerns(s *session, names []string, code bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, m := range f.making {
		if other == s {
			continue
		}
		if m.all || m.callable && code || slices.ContainsFunc(names, func(name string) bool { return m.names[name] }) {
			return true
		}
	}
	return false
}

// shown is how many changes others see by now, to be asked before a judgement.
func (s *session) shown() uint64 { return s.database.catalog.flight.shown.Load() }

// doubts reports whether what statements name may have been changed through Sluice
// since so many changes were shown, by the names that are asked for if need be.
func (s *session) doubts(judged *decided, shown uint64, names func() []string) bool {
	f := &s.database.catalog.flight
	switch {
	case f.shown.Load() != shown:
		return true
	case f.sessions.Load() == 0:
		return false
	}
	return f.concerns(s, names(), judged.setsOffCode())
}

// stillJudged returns nil if the statement of a text, of which a row has come, is
// what it was judged to be. Each takes its locks when its turn comes.
func (s *session) stillJudged(t *ticket) error {
	judged, w := t.terms.judged, t.work
	switch {
	case judged == nil:
		return nil
	case w.held != w.completed+1:
		w.held, w.shown, w.names = w.completed+1, t.terms.shown, nil
	case !judged.setsOffCode():
		return nil
	}
	shown := s.shown()
	if !s.doubts(judged, w.shown, func() []string {
		if w.names == nil {
			w.names = judged.names(judged.turn(w))
		}
		return w.names
	}) {
		return nil
	}
	s.leave()
	now, err := s.database.catalog.latest(context.Background())
	switch {
	case err != nil:
		return notLooked(err)
	case now == judged.sight.book:
	case t.terms.mixed:
		return errCatalogChanged
	default:
		err = judged.still(now, judged.turn(w))
	}
	w.shown = shown // up to there it is known
	return err
}

// mayBeOther reports whether a query may be running with other values than it was
// judged for, so that nobody knows what its errors quote.
func (s *session) mayBeOther(t *ticket) bool {
	judged := t.terms.judged
	return judged != nil && t.terms.queries && s.doubts(judged, t.terms.shown, func() []string { return judged.names(judged.all()) })
}

// changedMeanwhile keeps a row from the client, and has the server stop the
// statement.
func (s *session) changedMeanwhile(t *ticket, cause error) error {
	s.log.Info("a result is not what was judged", "req", t.work.decision, "err", cause)
	d := &t.terms.judged.decision
	p := s.pending
	p.mu.Lock()
	t.work.over, t.work.withheld = &overrun{limit: "what was judged", rule: d.Rule, changed: cause.Error()}, true
	p.mu.Unlock()
	return s.withhold(t, true)
}

// setsOffCode reports whether the text runs code of the database's.
func (d *decided) setsOffCode() bool {
	return len(d.request.Facts.Calls)+len(d.request.Facts.Runs) > 0
}

// turn is the index of the statement that runs, or those of all if that cannot be
// told.
func (d *decided) turn(w *work) (which []int) {
	if n := len(d.request.Statements); w.statements == n && w.completed < n {
		return []int{w.completed}
	}
	return d.all()
}

// all are the indexes of all statements.
func (d *decided) all() (which []int) {
	for i := range d.request.Statements {
		which = append(which, i)
	}
	return which
}

// names are those of all that statements touch and call, without schemas.
func (d *decided) names(which []int) []string {
	names := []string{}
	for _, i := range which {
		st, f := &d.request.Statements[i], &d.request.Facts.Catalog.Statements[i]
		for _, r := range st.Relations {
			names = append(names, r.Name)
		}
		for _, fn := range st.Functions {
			names = append(names, fn.Name)
		}
		for _, o := range st.Operators {
			names = append(names, o.Name)
		}
		for _, r := range f.Beneath {
			names = append(names, r.Name)
		}
		for j := range f.Columns {
			names = append(names, f.Columns[j].Relation)
		}
	}
	return names
}

// still returns nil if all that statements name is in a catalog what it was in that
// which they were judged by. Code can name anything: for that all is.
func (d *decided) still(now *policy.Book, which []int) error {
	before := d.sight.book
	if !now.SameCode(before.Snapshot) || d.setsOffCode() && !now.SameRelations(before.Snapshot) {
		return errCatalogChanged
	}
	for _, i := range which {
		m := reading{book: before, fact: &d.request.Facts.Catalog.Statements[i], named: d.request.Statements[i].Relations, path: d.path}
		if !m.same(now) {
			return errCatalogChanged
		}
	}
	return nil
}
