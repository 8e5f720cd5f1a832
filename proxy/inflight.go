package proxy

import (
	"context"
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
	// names are those of relations, without their schemas; all is true if it may
	// be anything.
	names map[string]bool
	all   bool
}

// note is called before a statement is sent that makes or alters something. What
// code makes that nobody has read is not waited for: who may run that may do
// anything.
func (f *inFlight) note(s *session, st *statement.Statement) {
	if len(st.Changes) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.making == nil {
		f.making = map[*session]*making{}
	}
	m := f.making[s]
	if m == nil {
		m = &making{names: map[string]bool{}}
		f.making[s] = m
		f.sessions.Store(int64(len(f.making)))
	}
	for i := range st.Changes {
		c := &st.Changes[i]
		m.all = m.all || c.Name == "" || c.Cascade
		for _, name := range []string{c.Name, c.To} {
			m.names[name] = name != ""
		}
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
	s.pending.made = 0
	s.pending.mu.Unlock()
	if made {
		s.database.catalog.changed()
	}
	s.database.catalog.flight.done(s)
}

// concerns reports whether what another session is making has one of these names.
func (f *inFlight) concerns(s *session, names []string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for other, m := range f.making {
		if other == s {
			continue
		}
		if m.all {
			return true
		}
		for _, name := range names {
			if m.names[name] {
				return true
			}
		}
	}
	return false
}

// shown is how many changes others see by now, to be asked before a judgement.
func (s *session) shown() uint64 { return s.database.catalog.flight.shown.Load() }

// stillJudged returns nil if the statement of a text, of which a row has come, is
// what it was judged to be. Each takes its locks when its turn comes.
func (s *session) stillJudged(t *ticket) error {
	judged, f, w := t.terms.judged, &s.database.catalog.flight, t.work
	switch {
	case judged == nil:
		return nil
	case w.held != w.completed+1:
		w.held, w.shown = w.completed+1, t.terms.shown
	case !judged.setsOffCode():
		return nil
	}
	shown := f.shown.Load()
	same := shown == w.shown
	if same && f.sessions.Load() == 0 {
		return nil
	}
	which := judged.turn(t.work)
	if same && !f.concerns(s, judged.names(which)) {
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
		err = judged.still(now, which)
	}
	w.shown = shown // up to there it is known
	return err
}

// changedMeanwhile keeps the first row of a result from the client, and has the
// server stop the statement.
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
	for i := range d.request.Statements {
		which = append(which, i)
	}
	return which
}

// names are those of all relations that statements touch, without schemas.
func (d *decided) names(which []int) (names []string) {
	for _, i := range which {
		for _, r := range d.request.Statements[i].Relations {
			names = append(names, r.Name)
		}
		f := &d.request.Facts.Catalog.Statements[i]
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
// which they were judged by, and if the text runs code all code is.
func (d *decided) still(now *policy.Book, which []int) error {
	facts := &d.request.Facts
	if d.setsOffCode() && !now.SameFunctions(d.sight.book.Snapshot) {
		return errCatalogChanged
	}
	for _, i := range which {
		m := reading{book: d.sight.book, fact: &facts.Catalog.Statements[i], named: d.request.Statements[i].Relations, path: d.path}
		if !m.same(now) {
			return errCatalogChanged
		}
	}
	return nil
}
