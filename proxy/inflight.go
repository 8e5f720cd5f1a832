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
// the locks.

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
		m.names[c.Name], m.names[c.To] = true, true
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

// unsure reports whether what a statement names may have been changed through Sluice
// since it was judged, when so many changes were shown.
func (s *session) unsure(t *terms) bool {
	f := &s.database.catalog.flight
	switch {
	case t.judged == nil:
		return false
	case f.shown.Load() != t.shown:
		return true
	case f.sessions.Load() == 0:
		return false
	}
	return f.concerns(s, t.judged.names())
}

// stillJudged returns nil if a statement whose first row has come is what it was
// judged to be.
func (s *session) stillJudged(t *terms) error {
	if !s.unsure(t) {
		return nil
	}
	s.leave()
	now, err := s.database.catalog.latest(context.Background())
	switch {
	case err != nil:
		return notLooked(err)
	case now == t.judged.sight.book:
		return nil
	case t.mixed:
		return errCatalogChanged
	}
	return t.judged.still(now)
}

// changedMeanwhile keeps the first row of a result from the client, and has the
// server stop the statement.
func (s *session) changedMeanwhile(t *ticket, cause error) error {
	s.log.Info("a result is not what was judged", "req", t.work.decision, "err", cause)
	d := &t.terms.judged.decision
	p := s.pending
	p.mu.Lock()
	t.work.over, t.work.withheld = &overrun{rule: d.Rule, changed: cause.Error()}, true
	p.mu.Unlock()
	return s.withhold(t, true)
}

// names are those of all relations that the statements touch, without schemas.
func (d *decided) names() (names []string) {
	facts := d.request.Facts.Catalog
	for i := range d.request.Statements {
		for _, r := range d.request.Statements[i].Relations {
			names = append(names, r.Name)
		}
		f := &facts.Statements[i]
		for _, r := range f.Beneath {
			names = append(names, r.Name)
		}
		for j := range f.Columns {
			names = append(names, f.Columns[j].Relation)
		}
	}
	return names
}

// still returns nil if all that the statements name is in a catalog what it was in
// that which they were judged by, and if they run code all code is.
func (d *decided) still(now *policy.Book) error {
	facts := &d.request.Facts
	if len(facts.Calls)+len(facts.Runs) > 0 && !now.SameFunctions(d.sight.book.Snapshot) {
		return errCatalogChanged
	}
	for i := range facts.Catalog.Statements {
		m := reading{book: d.sight.book, fact: &facts.Catalog.Statements[i], named: d.request.Statements[i].Relations, path: d.path}
		if !m.same(now) {
			return errCatalogChanged
		}
	}
	return nil
}
