package catalog

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// CodeReader reads code; a statement.Analyzer does.
type CodeReader interface {
	AnalyzeCode(context.Context, statement.Code) *statement.CodeAnalysis
}

// Stated is what a person who has read a function says that it does: the worst
// of it, and false if nobody has. It is asked only about functions whose body
// says what they do (an empty Note), and what such a function leads to is not
// followed.
type Stated func(signature, digest string) (statement.Kind, bool)

// Code says what running the code of a snapshot may do: functions, and what
// runs when relations are read and written. What it has found out it keeps for
// as long as the snapshot. Any number of goroutines may use it.
type Code struct {
	snapshot *Snapshot
	reader   CodeReader
	stated   Stated
	// referring are the foreign keys that point to a relation.
	referring map[OID][]reference

	mu       sync.Mutex
	analyses map[string]*statement.CodeAnalysis
	reached  map[reachKey]*Reached
}

// reference is a foreign key of a relation.
type reference struct {
	from               OID
	onUpdate, onDelete byte
}

// reachKey is a question that was answered.
type reachKey struct {
	oid  OID
	what byte // f for a call, r for reading, w for writing, d for a default, u for rules
	ops  WriteOps
	part int // the column that a default is of
	path string
}

// WriteOps are ways of writing rows.
type WriteOps uint8

// The ways, as pg_trigger.tgtype has them.
const (
	Inserts   WriteOps = 4
	Deletes   WriteOps = 8
	Updates   WriteOps = 16
	Truncates WriteOps = 32
	AnyWrite           = Inserts | Deletes | Updates | Truncates
)

// NewCode returns a Code that has read nothing yet. Stated may be nil.
func NewCode(s *Snapshot, reader CodeReader, stated Stated) *Code {
	c := &Code{snapshot: s, reader: reader, stated: stated, referring: map[OID][]reference{}, analyses: map[string]*statement.CodeAnalysis{}, reached: map[reachKey]*Reached{}}
	for r := range s.Relations() {
		for _, k := range r.Constraints {
			if k.Type == 'f' {
				c.referring[k.Refers] = append(c.referring[k.Refers], reference{r.OID, k.OnUpdate, k.OnDelete})
			}
		}
	}
	return c
}

// Reach is what a call of a function may do. Path is the session's, as in
// Sight; with nil a name without a schema means every object of that name.
func (c *Code) Reach(ctx context.Context, f OID, path []string) *Reached {
	return c.answer(ctx, reachKey{oid: f, what: 'f'}, path, func(w *reach) { w.function(f) })
}

// ReachOfRead is what reading a relation runs beside reading it: the functions
// of views, row security policies, foreign tables. Reads has what that code
// looks at, and not the relation's own columns or, of a view, what its query
// is made of.
func (c *Code) ReachOfRead(ctx context.Context, relation OID, path []string) *Reached {
	return c.answer(ctx, reachKey{oid: relation, what: 'r'}, path, func(w *reach) { w.read(relation, true) })
}

// ReachOfWrite is what writing rows of a relation runs: triggers, rules,
// defaults, checks, what its foreign keys change elsewhere, and the servers of
// foreign tables among its partitions. Writes has the relation itself too.
func (c *Code) ReachOfWrite(ctx context.Context, relation OID, ops WriteOps, path []string) *Reached {
	return c.answer(ctx, reachKey{oid: relation, what: 'w', ops: ops}, path, func(w *reach) { w.write(relation, ops) })
}

// mostAnswers bounds the answers that are kept; there may be many paths.
const mostAnswers = 20_000

// answer finds an answer among those kept, or by asking. One that was broken
// off with ctx is not kept.
func (c *Code) answer(ctx context.Context, key reachKey, path []string, start func(*reach)) *Reached {
	key.path = pathKey(path)
	c.mu.Lock()
	known := c.reached[key]
	c.mu.Unlock()
	if known != nil {
		return known
	}
	answer := c.explore(ctx, path, start)
	if ctx.Err() != nil {
		return answer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reached) >= mostAnswers {
		clear(c.reached)
	}
	c.reached[key] = answer
	return answer
}

// pathKey tells paths apart, and none from an empty one.
func pathKey(path []string) string {
	if path == nil {
		return ""
	}
	return "\x00" + strings.Join(path, "\x00")
}

// explore follows the code. Code that changes the search_path leaves names
// open from then on, so it is followed again with names meaning everything.
func (c *Code) explore(ctx context.Context, path []string, start func(*reach)) *Reached {
	w := newReach(ctx, c, path)
	start(w)
	w.run()
	if w.repath && path != nil {
		w = newReach(ctx, c, nil)
		start(w)
		w.run()
	}
	return w.reached()
}

// states is what somebody who has read a function says of it.
func (c *Code) states(f *Function) (statement.Kind, bool) {
	if c.stated == nil || f.Note != "" {
		return 0, false
	}
	return c.stated(f.Signature, f.Digest)
}

// FunctionsNamed are the functions, not PostgreSQL's own, that a call written
// so may run, sorted: args is the number of arguments written, -1 for any.
func (c *Code) FunctionsNamed(schema, name string, args int, path []string) []OID {
	found := c.snapshot.functionsNamed(schema, name, args, path)
	slices.Sort(found)
	return found
}

// OperatorsNamed are the functions behind the operators, not PostgreSQL's own,
// that a name may mean, sorted.
func (c *Code) OperatorsNamed(schema, name string, path []string) (found []OID) {
	for _, in := range c.snapshot.inPath(schema, path, false) {
		for _, oid := range in.operators[name] {
			if o := c.snapshot.operators[oid]; o != nil {
				found = append(found, o.Function)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// analyze reads a code once for each key.
func (c *Code) analyze(ctx context.Context, key string, code statement.Code) *statement.CodeAnalysis {
	c.mu.Lock()
	known := c.analyses[key]
	c.mu.Unlock()
	if known != nil {
		return known
	}
	analysis := c.reader.AnalyzeCode(ctx, code)
	if ctx.Err() == nil {
		c.mu.Lock()
		c.analyses[key] = analysis
		c.mu.Unlock()
	}
	return analysis
}

// words quotes a name for people.
func words(schema, name string) string {
	return strings.TrimPrefix(quote.Name(schema, name), `"".`)
}
