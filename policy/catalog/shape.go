package catalog

import (
	"context"
	"slices"
	"sync"

	"github.com/sluice-pg/sluice/policy/statement"
)

// shape is what the columns of a relation are made of. It is found out once
// for each snapshot.
type shape struct {
	table table
	// looks is what the query of a view looks at besides, and calls what it
	// runs, whichever of its columns are asked for.
	looks   value
	calls   []OID
	unknown []string
	opaque  bool
	// keeps are the numbers that functions in the query of a view keep.
	keeps []Writing
	// cut is true if it was not followed to the end, being part of itself.
	cut bool
}

// shapes are those of a snapshot that were asked for.
type shapes struct {
	mu    sync.Mutex
	known map[OID]*shape
	// analyzer reads the texts of views; without one, one that has no worker
	// processes does.
	analyzer Analyzer
}

// Analyzer reads SQL texts, as a statement.Analyzer does.
type Analyzer interface {
	Analyze(ctx context.Context, text string) *statement.Analysis
}

// ReadWith has an analyzer read the texts of views, in whose worker processes
// also long ones can be read. Without it those are known by the columns they
// refer to alone. It is called before the snapshot is used.
func (s *Snapshot) ReadWith(a Analyzer) { s.shapes.analyzer = a }

// small reads texts that need no worker process.
var small = sync.OnceValue(func() *statement.Analyzer {
	return statement.NewAnalyzer(statement.Options{CacheBytes: -1})
})

// analyze reads a text of the catalog that holds one statement, nil if that
// fails.
func (s *Snapshot) analyze(text string) *statement.Statement {
	a := s.shapes.analyzer
	if a == nil {
		a = small()
	}
	analysis := a.Analyze(context.Background(), text)
	if analysis.Problem != nil || len(analysis.Statements) != 1 {
		return nil
	}
	return &analysis.Statements[0]
}

// shapeOf is the shape of a relation as the session sees it.
func (r *resolver) shapeOf(rel *Relation) *shape {
	snapshot := r.sight.Snapshot
	if snapshot.Relation(rel.OID) != rel {
		if r.changes[rel] == nil {
			r.changes[rel] = r.changed(rel)
		}
		return r.changes[rel]
	}
	s := snapshot.shapes
	s.mu.Lock()
	found := s.known[rel.OID]
	s.mu.Unlock()
	if found != nil {
		return found
	}
	made := snapshot.shape(rel, r.inside)
	if !made.cut {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.known == nil {
			s.known = map[OID]*shape{}
		}
		s.known[rel.OID] = made
	}
	return made
}

// changed is the shape of a relation that the session has made or changed. One
// that was made of a query holds what that returned.
func (r *resolver) changed(rel *Relation) *shape {
	out := &shape{table: plainColumns(rel, r.sight.Snapshot), calls: slices.Clone(rel.Calls)}
	slices.Sort(out.calls)
	out.calls = slices.Compact(out.calls)
	if rel.Made != nil && rel.Made.Statement.Query != nil && len(r.inside) < mostViews {
		in := newResolver(rel.Made.Sight)
		in.changes = r.changes
		in.inside = append(r.inside[:len(r.inside):len(r.inside)], rel.OID)
		t := in.query(rel.Made.Statement.Query, scope{})
		if into := rel.Made.Statement.Query.Into; into != nil {
			t = t.renamed(into.Columns)
			in.made(rel, out, t)
			return out
		}
	}
	if was := r.sight.Snapshot.Relation(rel.OID); was != nil && rel.Made == nil {
		out.keep(r.shapeOf(was))
	}
	if rel.Open {
		out.table.open, out.table.rest = true, value{open: true}
		out.unknown = append(slices.Clone(out.unknown), "the columns of a relation that was changed in this transaction cannot be told")
	}
	return out
}

// keep has the columns of a relation that was changed be made of what they were
// made of before.
func (s *shape) keep(was *shape) {
	for i := range s.table.columns {
		c := &s.table.columns[i]
		if at := slices.IndexFunc(was.table.columns, func(had column) bool { return had.num == c.num }); at >= 0 {
			c.value = was.table.columns[at].value
		}
	}
	if was.table.open {
		s.table.open, s.table.rest = true, was.table.rest
	}
	s.calls = merged(s.calls, was.calls, compareOIDs)
	s.looks, s.unknown, s.opaque, s.keeps, s.cut = was.looks, was.unknown, was.opaque, was.keeps, was.cut
}

// made adds to the columns of a relation what it was made of.
func (r *resolver) made(rel *Relation, out *shape, t table) {
	var own table
	for i, c := range t.columns {
		id := []ColumnID{{rel.OID, int16(i + 1)}}
		v := value{from: id}
		if rel.Kind == View {
			v = value{through: id}
		}
		exact := c.value.exact && rel.Kind == View
		v = v.and(c.value)
		v.exact = exact
		own.columns = append(own.columns, column{name: c.name, num: int16(i + 1), value: v})
	}
	own.open, own.rest = t.open, t.rest
	if t.open {
		own.rest = t.all()
	}
	out.table = own
	out.unknown, out.opaque = r.unknown, r.opaque
	if rel.Kind == View { // it is run again by whoever reads it
		out.keeps = kept(r.writes)
		out.calls = merged(out.calls, sortedCalls(r.calls), compareOIDs)
		for _, read := range readings(r.reads) {
			out.looks.from = append(out.looks.from, read.Column)
		}
	}
}

// plainColumns are the columns of a relation as they are.
func plainColumns(rel *Relation, s *Snapshot) table {
	t := table{columns: make([]column, len(rel.Columns))}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		id := []ColumnID{{rel.OID, c.Num}}
		v := value{from: id, exact: true, types: s.ownTypes(c)}
		if rel.Kind == View {
			v.from, v.through, v.exact = nil, id, false
		}
		t.columns[i] = column{name: c.Name, num: c.Num, generated: c.Generated != 0, value: v}
	}
	return t
}

// ownTypes are the types of a column that are not PostgreSQL's.
func (s *Snapshot) ownTypes(c *Column) (out []OID) {
	for _, t := range []OID{c.Type, c.BaseType} {
		if t >= FirstUser && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}
