package proxy

import (
	"context"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/statement"
)

// The server looks up the names of a cursor or portal once, when it is made. Those
// of a prepared statement it looks up again when the session has another path
// than the last time; but with the same path it keeps what it found, also if
// something has been made since that hides it (plancache.c,
// RevalidateCachedQuery). What a decision says of the names as they are now is of
// no use then, so such a statement is refused until it is made anew.

// meant is what the names of a statement meant when it was prepared or declared.
// It is used by the goroutine that reads from the client alone.
type meant struct {
	// first is what they meant in the sight that the decision saw, path the
	// session's path there; empty if nobody had to look.
	first string
	path  []string
	// byPath is what they meant when they were first looked up with another
	// path.
	byPath map[string]string
}

// meantNow says what the names of a statement mean at this moment; empty if
// nobody has had to look.
func (s *session) meantNow(st *statement.Statement) string {
	v := &s.sight
	if v.book == nil || !v.known {
		return ""
	}
	return namesMeant(v.seen(), st)
}

// namesMeant lists the relations that the names of a statement mean, with their
// schemas.
func namesMeant(seen catalog.Sight, st *statement.Statement) string {
	var b strings.Builder
	for _, r := range st.Relations {
		b.WriteByte(' ')
		found, is := seen.Find(r.Schema, r.Name)
		if is != catalog.Known {
			b.WriteString("?")
			continue
		}
		schema := found.Schema
		if strings.HasPrefix(schema, "pg_temp") {
			schema = "pg_temp"
		}
		b.WriteString(schema + "." + found.Name)
	}
	return b.String()
}

// prepare notes what the names of a statement mean that is being prepared.
func (m *meant) prepare(s *session, now string) {
	if now != "" {
		m.first, m.path = now, s.sight.path
	}
}

// noteInner notes what the names of statements mean that a text prepares or
// declares, before anything in it changes that.
func (j *judgement) noteInner(s *session, statements []statement.Statement) {
	for i := range statements {
		for _, use := range statements[i].Names {
			if use.Inner == nil || use.Op != statement.Prepare && use.Op != statement.Declare {
				continue
			}
			if j.inner == nil {
				j.inner = map[*statement.Statement]string{}
			}
			j.inner[use.Inner] = s.meantNow(use.Inner)
		}
	}
}

// stillMeans reports whether a statement that a name stands for runs with what
// its names mean now, as far as that matters: as a prepared statement, or as a
// portal or cursor.
func (s *session) stillMeans(m *meaning, portal bool) bool {
	now := s.boundMeant(m)
	if m.meant.first == "" || now == "" {
		return true // nobody looked, and nothing was masked by what was seen
	}
	if portal {
		return m.made == now
	}
	if slices.Equal(m.meant.path, s.sight.path) {
		return now == m.meant.first
	}
	path := strings.Join(s.sight.path, "\x00")
	before, seen := m.meant.byPath[path]
	if seen || len(m.meant.byPath) >= maxMeantPaths {
		return before == now
	}
	if m.meant.byPath == nil {
		m.meant.byPath = map[string]string{}
	}
	m.meant.byPath[path] = now
	return true
}

// boundMeant is what the names of a prepared statement mean now.
func (s *session) boundMeant(m *meaning) string {
	if m.sight == s.sight.key() && s.sight.known {
		return m.meant.first
	}
	return s.meantNow(m.statement)
}

// maxMeantPaths bounds the paths that one prepared statement is run with.
const maxMeantPaths = 1000

// namesMoved finds a prepared statement or cursor among those that statements
// use by SQL that would not run as it is judged.
func (s *session) namesMoved(ctx context.Context, statements []statement.Statement) bool {
	for i := range statements {
		for _, use := range statements[i].Names {
			portal := use.Op == statement.Fetch
			if !portal && use.Op != statement.Execute {
				continue
			}
			p := s.pending
			space := p.statements
			if portal {
				space = p.portals
			}
			p.mu.Lock()
			meanings := space.lookup(use.Name)
			p.mu.Unlock()
			for i := range meanings {
				m := &meanings[i]
				if s.seesSame(ctx, m.sight); !s.stillMeans(m, portal) {
					return true
				}
			}
		}
	}
	return false
}
