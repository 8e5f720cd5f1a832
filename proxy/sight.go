package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// What a name without a schema means depends on the session's search_path and on
// whether it has temporary objects. The server is asked for that when it has to
// be known, over the session's own connection and in step with what the client
// sends, and again when something may have changed it: SET, anything that makes
// or alters objects, and going back over one of these. What is known holds for
// the segment in which it was asked if something moved in that segment, because
// an error there moves it back.

// sight is what a session sees of the catalog, as far as it is known.
type sight struct {
	// path is what current_schemas(true) said; it is of no use unless known is
	// set. asked is the segment in which it was, moved the one in which it
	// was last moved; both count from 1.
	path         []string
	known        bool
	asked, moved uint64
	// generation counts the paths that were met, so that equal ones can be told
	// from others.
	generation uint64
	// book is what was last seen. From the first on, the side connection is
	// known to see the server where this session works.
	book *policy.Book
	// temporary is set once a statement has made a temporary relation, hidden
	// once there is one without: a name without a schema could mean that.
	temporary, hidden bool
	// overlay is what the session has made and altered since, as far as its
	// statements tell; blind is set if they did before there was a book.
	overlay *catalog.Overlay
	blind   bool
	// made is the number of the last message that may have made or altered
	// objects, zero if the keeper knows of it; madeIn is its segment.
	made, madeIn uint64
}

// sightKey tells what a decision saw. The zero value saw nothing.
type sightKey struct {
	book          *policy.Book
	path, overlay uint64
}

// note notes what a statement that is about to be sent may do to what names
// mean. understood is true if the code that it runs was followed, and leaves
// objects as they are; the path it may set all the same.
func (v *sight) note(s *session, st *statement.Statement, understood bool) {
	runs := runsCode(st.Kind) && st.Node != "CopyStmt"
	moves := len(st.Changes) > 0 || runs
	// Outside of a transaction that made something there is nothing to go back
	// over.
	if (len(st.Changes) > 0 || runs && !understood) && (v.made != 0 || st.Node != "TransactionStmt") {
		v.made, v.madeIn = s.nextMade(), s.segment()
		s.database.catalog.flight.note(s, st)
		v.blind = v.blind || v.book == nil
		v.overlay = v.seen().Note(st, understood).Overlay
	}
	for i := range st.Changes {
		c := &st.Changes[i]
		v.temporary = v.temporary || c.Temporary || strings.HasPrefix(c.Schema, "pg_temp")
	}
	for _, set := range st.Settings {
		moves = moves || set.Name == "search_path" || set.Name == "*"
	}
	switch {
	case moves || v.fires(st):
		v.known, v.moved = false, s.segment()+1
	case st.Node == "TransactionStmt" && v.moved > 0:
		v.known = false
	}
}

// fires reports whether a statement writes to a relation whose triggers or rules
// may move the path.
func (v *sight) fires(st *statement.Statement) bool {
	for _, r := range st.Relations {
		if r.Access != statement.Write || v.book == nil {
			continue
		}
		found, is := v.seen().Find(r.Schema, r.Name)
		if is != catalog.Known || v.runsMore(found) || slices.ContainsFunc(v.book.Descendants(found.OID), func(oid catalog.OID) bool { return v.runsMore(v.book.Relation(oid)) }) {
			return true
		}
	}
	return false
}

// runsMore reports whether writing to a relation runs code of users.
func (v *sight) runsMore(r *catalog.Relation) bool {
	return r != nil && (len(r.Triggers) > 0 || r.Rules > 0)
}

// seen is the catalog as the session sees it.
func (v *sight) seen() catalog.Sight {
	seen := catalog.Sight{Overlay: v.overlay}
	if v.book != nil {
		seen.Snapshot = v.book.Snapshot
	}
	if v.known && !v.hidden {
		seen.Path = v.path
	}
	return seen
}

// doubtful reports whether the path has to be asked for.
func (v *sight) doubtful(s *session) bool {
	return !v.known || v.moved > 0 && v.asked == v.moved && s.segment()+1 != v.asked
}

// nextMade is the number of the message that is about to be sent and may make
// or alter objects.
func (s *session) nextMade() uint64 {
	p := s.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.sight.made == 0 {
		p.endedBadly, p.endings = false, 0 // what ended so far made nothing
	}
	if p.made = p.sequence + 1; p.unshown == 0 {
		p.unshown = p.made
	}
	return p.made
}

func (s *session) segment() uint64 {
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	return s.pending.segment
}

var (
	errPathFailed = errors.New("the transaction has failed, so the server does not say what names mean")
	errNoPath     = errors.New("on a replication connection the server does not say what names mean")
	errMade       = errors.New("this transaction has made or altered objects, which others cannot see before it ends; end it, and run the statement again")
)

// lookUp returns what the session sees of its database's catalog at this
// moment, and its key.
func (s *session) lookUp(ctx context.Context) (catalog.Sight, sightKey, error) {
	v := &s.sight
	if s.startup.replication {
		return catalog.Sight{}, sightKey{}, errNoPath
	}
	if err := s.publish(); err != nil {
		return catalog.Sight{}, sightKey{}, err
	}
	if book := s.database.catalog.good(); book == nil || v.book != book {
		if err := s.openBook(ctx); err != nil {
			return catalog.Sight{}, sightKey{}, err
		}
	}
	if v.doubtful(s) {
		if err := s.askPath(); err != nil {
			return catalog.Sight{}, sightKey{}, err
		}
	}
	return v.seen(), v.key(), nil
}

// key tells what is seen from other things that could be.
func (v *sight) key() sightKey { return sightKey{v.book, v.generation, v.overlay.Generation()} }

// openBook waits until the catalog has been read.
func (s *session) openBook(ctx context.Context) error {
	v := &s.sight
	s.leave()
	book, err := s.database.catalog.fresh(ctx)
	if err != nil {
		return err
	}
	if v.book == nil {
		if err := s.database.catalog.sees(ctx, s.lease.User); err != nil {
			return err
		}
	}
	if v.book != nil && v.book != book {
		s.decided = memory{} // what was decided by another catalog would keep it alive
	}
	v.book = book
	return nil
}

// seesSame reports whether what a decision saw of the catalog is still so.
func (s *session) seesSame(ctx context.Context, key sightKey) bool {
	if key == (sightKey{}) {
		return true
	}
	_, now, err := s.lookUp(ctx)
	return err == nil && now == key
}

// publish forgets what the session made once it can be seen by others; then the
// keeper knows that the catalog has changed (ready). What was sent but not answered may have failed: in
// the same segment nothing runs then, for anything later the answer is waited
// for.
func (s *session) publish() error {
	v, p := &s.sight, s.pending
	if v.made == 0 {
		return nil
	}
	p.mu.Lock()
	wait := p.settled < v.made && p.segment != v.madeIn && !p.skipsHere()
	p.mu.Unlock()
	if wait {
		made := v.made
		if err := s.flushUpstream(); err != nil {
			return err
		}
		if err := p.wait(func() bool { return p.settled >= made || p.skipsHere() }); err != nil {
			return err
		}
	}
	p.mu.Lock()
	open, badly, undone := v.made > p.quiet, p.endedBadly, p.endings == 1 && p.failedAlone
	if !open {
		p.endedBadly, p.endings = false, 0
	}
	p.mu.Unlock()
	switch {
	case open && v.blind:
		return errMade
	case open:
		return nil
	}
	v.made, v.blind = 0, false
	ended := v.overlay
	v.overlay = ended.End(!badly).Renew()
	if badly && !undone {
		// Some of it may be there all the same, if several transactions ended.
		v.overlay = v.overlay.DoubtTemporary(ended)
	}
	return nil
}

// sees makes sure that the side connection has reached the server where a
// session with this role works.
func (k *catalogKeeper) sees(ctx context.Context, role string) error {
	_, err := ask(ctx, k.side, func(ctx context.Context, conn *pgconn.PgConn) (struct{}, error) {
		return struct{}{}, sees(ctx, conn, role)
	})
	return err
}

// askPath asks the server for the session's path, in the middle of whatever the
// client has sent.
func (s *session) askPath() error {
	v, p := &s.sight, s.pending
	p.mu.Lock()
	failed := p.status == 'E' && len(p.queue) == 0
	p.mu.Unlock()
	if failed {
		return errPathFailed
	}
	s.leave()
	var answer []byte
	err := s.askNow([]string{catalog.AskPath}, func(typ byte) *ticket {
		return &ticket{typ: typ, probe: true, hears: func(value []byte) { answer = slices.Clone(value) }}
	})
	if err != nil {
		return err
	}
	path, err := catalog.ParsePath(answer)
	if err != nil {
		return errPathFailed
	}
	// Code has made a temporary relation, and nobody has seen its name.
	v.hidden = v.hidden || hasTemporary(path) && !v.temporary
	if v.path == nil || !slices.Equal(v.path, path) {
		v.path, v.generation = path, v.generation+1
	}
	v.known, v.asked = true, s.segment()+1
	return nil
}

// hasTemporary reports whether a path has a schema of temporary relations.
func hasTemporary(path []string) bool {
	return slices.ContainsFunc(path, func(schema string) bool { return strings.HasPrefix(schema, "pg_temp_") })
}

// sightAnswer reads the answer to catalog.AskPath: a row of one column.
func (s *session) sightAnswer(t *ticket) error {
	body, err := s.upstream.conn.Body(maxReport)
	if err != nil {
		return err
	}
	if len(body) < 6 || binary.BigEndian.Uint16(body) != 1 {
		return desync("an answer of another form than asked for")
	}
	t.hears(body[6:])
	return nil
}

// lookUpNames has the request say what its names mean, if the policy needs to
// know, and returns what it saw.
func (s *session) lookUpNames(ctx context.Context, p *policy.Policy, r *policy.Request) sightKey {
	if !p.NeedsCatalog() {
		return sightKey{}
	}
	if !slices.ContainsFunc(r.Statements, func(st statement.Statement) bool { return !policy.TouchesNothing(&st) }) {
		r.Facts.Catalog = &policy.CatalogFact{Statements: make([]policy.StatementFact, len(r.Statements))}
		return sightKey{}
	}
	if s.pending == nil || s.lease == nil {
		r.Facts.Catalog = &policy.CatalogFact{Problem: "the session has not begun"}
		return sightKey{}
	}
	if takesComments(r.Statements) {
		s.leave()
		if _, err := s.database.catalog.latest(ctx); err != nil {
			return s.unseen(r, err)
		}
	}
	seen, key, err := s.lookUp(ctx)
	if err != nil {
		return s.unseen(r, err)
	}
	s.lookInto(ctx, p, key.book, seen, r)
	if !r.Facts.Catalog.Told() && s.database.catalog.doubted() {
		if seen, key, err = s.lookUp(ctx); err != nil {
			return s.unseen(r, err)
		}
		s.lookInto(ctx, p, key.book, seen, r)
	}
	return key
}

// takesComments reports whether a class may be taken away by a comment that is
// replaced: that is decided by the catalog of this moment.
func takesComments(statements []statement.Statement) bool {
	return slices.ContainsFunc(statements, func(st statement.Statement) bool { return policy.ReplacesComment(&st) })
}

// unseen has the request say that nobody could tell what its names mean.
func (s *session) unseen(r *policy.Request, err error) sightKey {
	s.log.Info("names not looked up", "err", err)
	r.Facts.Catalog, r.Facts.Calls, r.Facts.Runs = &policy.CatalogFact{Problem: catalogProblem(err)}, nil, nil
	return sightKey{}
}

// catalogProblem says in words for the client why names could not be looked up.
func catalogProblem(err error) string {
	var side sideError
	switch {
	case errors.As(err, &side):
		return side.words
	case errors.Is(err, errMade), errors.Is(err, errPathFailed), errors.Is(err, errNoPath), errors.Is(err, errCatalogLate):
		return err.Error()
	}
	return "it could not be read"
}
