package transfer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sluice-pg/sluice/policy/quote"
)

// worker has the connections of one stream.
type worker struct {
	source      *link // nil until it loads, and once nothing is to be loaded
	destination *link
}

func (w *worker) close() {
	if w.source != nil {
		w.source.close()
	}
	if w.destination != nil {
		w.destination.close()
	}
}

// state is how far a table is.
type state struct {
	r       *relation
	root    *rootState
	left    int // parts to load, then indexes to build, then parts to compare
	sent    Digest
	held    Digest
	bytes   uint64
	waiting []*index
}

// rootState is how far an item is.
type rootState struct {
	r      *relation
	tables []*state
	left   int // tables that have not all their indexes
	// sent is what was sent to the top, where partitions cannot be read by
	// themselves; bytes are how much that was.
	sent  Digest
	bytes uint64
}

// works is the state of the work on all tables.
type works struct {
	c     *carrier
	board *board
	mu    sync.Mutex // of the states
	roots []*rootState
	// keeping is held by whoever uses the keeper.
	keeping sync.Mutex
	open    int // roots that are not locked
	indexes int // how many are built by themselves
	begun   bool
	keys    sync.WaitGroup
	keysErr error
	share   uint64 // of one stream, in bytes on disk
	loaded  sync.Once
}

// work loads all tables, builds their indexes and compares both ends. The tables
// are locked against writers then, in the keeper's transaction, from before they
// are read back until they are published: what was compared is what is published.
func (c *carrier) work(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &works{c: c, board: newBoard(), open: len(c.roots)}
	w.plan()
	ends := make(chan error, c.job.Streams)
	for range c.job.Streams {
		go func() { ends <- w.serve(ctx) }()
	}
	var first error
	for range c.job.Streams {
		if err := <-ends; err != nil && first == nil {
			first = err
			cancel(err)
		}
	}
	if first != nil {
		cancel(first)
	}
	w.keys.Wait()
	if first == nil {
		first = w.keysErr
	}
	if first != nil {
		return first
	}
	return w.report()
}

// plan puts up what is to be loaded.
func (w *works) plan() {
	var total uint64
	var tables int
	for _, root := range w.c.roots {
		rs := &rootState{r: root}
		for _, r := range root.leaves() {
			s := &state{r: r, root: rs, waiting: r.toBuild()}
			rs.tables = append(rs.tables, s)
			w.indexes += len(s.waiting)
			total += r.bytes
			tables++
		}
		rs.left = len(rs.tables)
		w.roots = append(w.roots, rs)
	}
	w.c.watch.note(func(p *Progress) { p.Tables, p.Expected = tables, total })
	w.share = total / uint64(w.c.job.Streams)
	for _, rs := range w.roots {
		if len(rs.tables) == 0 { // a partitioned table without partitions
			w.board.put(&task{kind: toIndex, run: func(ctx context.Context, k *worker) error { return w.indexed(ctx, k, rs) }})
		}
		if rs.r.throughRoot() && rs.r.existing != Append {
			w.board.put(&task{kind: toLoad, weight: total, run: func(ctx context.Context, k *worker) error { return w.loadRoot(ctx, k, rs) }})
			continue
		}
		for _, s := range rs.tables {
			parts := []part{{}}
			if s.r.byCTID {
				parts = w.split(s.r.bytes, s.r.pages)
			}
			s.left = len(parts)
			for _, p := range parts {
				w.board.put(&task{kind: toLoad, weight: s.r.bytes / uint64(len(parts)), run: func(ctx context.Context, k *worker) error { return w.load(ctx, k, s, p, len(parts)) }})
			}
		}
	}
}

// partSize is the least size of a part of a table, in bytes, where nothing else is
// said.
const partSize = 64 << 20

// split cuts a table into ranges of pages if it is so much larger than the others
// that one stream would have work when the rest has none. A table in one piece
// is loaded frozen, in the transaction that empties it, which saves the server a
// later pass over it.
func (w *works) split(bytes, pages uint64) []part {
	n := uint64(1)
	if w.share > 0 && bytes > w.share*7/5 {
		n = min((bytes+w.share-1)/w.share, bytes/w.c.job.PartSize, pages)
	}
	if n < 2 {
		return []part{{}}
	}
	out := make([]part, n)
	for i := range n {
		out[i] = part{number: int(i), from: pages * i / n, to: pages * (i + 1) / n}
	}
	out[n-1].to = 0 // what was added since the size was read is behind it
	return out
}

// serve does tasks until there are none.
func (w *works) serve(ctx context.Context) error {
	k := &worker{}
	defer k.close()
	for {
		t := w.board.take()
		if t == nil {
			return nil
		}
		err := w.ready(ctx, k, t)
		if err == nil {
			err = t.run(ctx, k)
		}
		if w.board.done(t, err) {
			w.loaded.Do(w.c.source.close) // nobody joins the snapshot any more
		}
		if err != nil {
			return err
		}
	}
}

// ready opens the connections that a task needs.
func (w *works) ready(ctx context.Context, k *worker, t *task) error {
	var err error
	if k.destination == nil {
		if k.destination, err = w.c.openDestination(ctx); err != nil {
			return err
		}
	}
	if t.kind != toLoad && k.source != nil {
		// Tasks to load come first: there will be no more.
		k.source.close()
		k.source = nil
	}
	if t.kind != toLoad || k.source != nil {
		return nil
	}
	if k.source, err = w.c.openSource(ctx); err != nil {
		return err
	}
	return failed(atSource, "join the snapshot", k.source.exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "+quote.Literal(w.c.snapshot)))
}

// load moves a part of a table.
func (w *works) load(ctx context.Context, k *worker, s *state, p part, parts int) error {
	root := s.root.r
	m, err := w.pumpOf(k, root, s.r)
	if err != nil {
		return err
	}
	step := "load " + s.r.title()
	if parts == 1 {
		m.into += ", FREEZE"
		if err := k.destination.exec(ctx, "BEGIN; SET LOCAL synchronous_commit = off; TRUNCATE "+s.r.staged()); err != nil {
			return failed(atDestination, step, err)
		}
	}
	m.into += ")"
	if err := k.source.along(ctx, s.r.searchPath, func() error { return m.run(ctx, sourceOf(s.r, root.storedNames(), root.format(), p)) }); err != nil {
		return err
	}
	if parts == 1 {
		if err := k.destination.exec(ctx, "COMMIT"); err != nil {
			return failed(atDestination, step, err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.sent.Key = w.c.key
	s.sent.add(m.hash.digest())
	s.bytes += m.sentBytes
	s.r.frozen = parts == 1
	if s.left--; s.left == 0 {
		w.index(s)
	}
	return nil
}

// pumpOf moves rows of a table into its copy, in the columns of the item that it is
// part of. Options can be added to what it runs at the destination.
func (w *works) pumpOf(k *worker, root, r *relation) (*pump, error) {
	masks, err := root.newMasks(w.c.longest())
	if err != nil {
		return nil, err
	}
	return &pump{
		reading: reading{
			from: k.source, binary: root.binary, masks: masks, canon: newCanonical(shapesOf(root.stored()), root.binary), hash: newRowHash(w.c.key), count: &w.c.watch.count,
			longest: w.c.longest(),
		},
		to: k.destination, what: r.title(),
		into: "COPY " + r.staged() + " (" + quote.Identifiers(root.storedNames()) + ") FROM STDIN (FORMAT " + root.format(),
	}, nil
}

// loadRoot moves the rows of all partitions by way of the top.
func (w *works) loadRoot(ctx context.Context, k *worker, rs *rootState) error {
	m, err := w.pumpOf(k, rs.r, rs.r)
	if err != nil {
		return err
	}
	m.into += ")"
	if err := m.run(ctx, sourceOf(rs.r, rs.r.storedNames(), rs.r.format(), part{})); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	rs.sent, rs.bytes = m.hash.digest(), m.sentBytes
	for _, s := range rs.tables {
		w.index(s)
	}
	return nil
}

// indexed completes an item whose tables are complete, locks them and has them
// compared.
func (w *works) indexed(ctx context.Context, k *worker, rs *rootState) error {
	all := rs.r.all()
	slices.Reverse(all)
	for _, r := range all {
		if r.partitioned && r.existing != Append {
			if err := w.add(ctx, k, r); err != nil {
				return err
			}
		}
	}
	if err := w.lock(ctx, rs); err != nil {
		return err
	}
	for _, s := range rs.tables {
		if err := w.compare(ctx, k, s); err != nil {
			return err
		}
	}
	return nil
}

// lock keeps everybody from writing to an item's tables until the transaction
// ends in which they are published. After the last one foreign keys are added.
func (w *works) lock(ctx context.Context, rs *rootState) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	var names []string
	for _, r := range rs.r.all() {
		names = append(names, r.staged())
	}
	text := "LOCK TABLE " + strings.Join(names, ", ") + " IN SHARE MODE"
	if !w.begun {
		w.begun = true
		text = "BEGIN; " + text
	}
	if err := w.c.keeper.exec(ctx, text); err != nil {
		return failed(atDestination, "lock "+rs.r.title(), err)
	}
	if w.open--; w.open == 0 {
		w.c.watch.phase(Finishing)
		w.keys.Go(func() { w.keysErr = w.foreignKeys(ctx) })
	}
	return nil
}

// compare puts up the reading of what the destination holds.
func (w *works) compare(ctx context.Context, k *worker, s *state) error {
	size, err := k.destination.value(ctx, fmt.Sprintf("SELECT pg_relation_size(%d)", s.r.targetOID))
	if err != nil {
		return failed(atDestination, "look at "+s.r.title(), err)
	}
	bytes, err := strconv.ParseUint(size, 10, 64)
	if err != nil {
		return failed(atDestination, "look at "+s.r.title(), err)
	}
	parts := []part{{}}
	if w.c.keeper.version >= 140000 {
		parts = w.split(bytes, bytes/8192)
	}
	w.mu.Lock()
	s.left = len(parts)
	w.mu.Unlock()
	for _, p := range parts {
		w.board.put(&task{kind: toCompare, weight: bytes / uint64(len(parts)), run: func(ctx context.Context, k *worker) error { return w.readBack(ctx, k, s, p) }})
	}
	return nil
}

// readBack sums what the destination holds.
func (w *works) readBack(ctx context.Context, k *worker, s *state, p part) error {
	root := s.root.r
	r := &reading{
		from: k.destination, binary: root.binary, canon: newCanonical(shapesOf(root.stored()), root.binary), hash: newRowHash(w.c.key), count: &counter{}, longest: w.c.longest(),
	}
	if err := r.run(ctx, heldOf(s.r, root.storedNames(), root.format(), p)); err != nil {
		return failed(atDestination, "read back "+s.r.title(), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.held.Key = w.c.key
	s.held.add(r.hash.digest())
	if s.left--; s.left > 0 {
		return nil
	}
	w.c.watch.note(func(p *Progress) { p.Done++ })
	if s.held != s.sent && !root.throughRoot() {
		return failed(atDestination, "compare "+s.r.title(), fmt.Errorf("%w: %d rows were sent and %d are there; their digests differ", ErrDiffers, s.sent.Rows, s.held.Rows))
	}
	return nil
}

// report writes what was compared into the receipt.
func (w *works) report() error {
	for _, rs := range w.roots {
		r := Relation{Published: w.c.describe(rs.r), Binary: rs.r.binary, Sent: Digest{Key: w.c.key}, Held: Digest{Key: w.c.key}}
		for _, s := range rs.tables {
			r.Sent.add(s.sent)
			r.Held.add(s.held)
			r.Bytes += s.bytes
			w.c.sent[s.r] = s.sent.Rows
		}
		r.Sent.add(rs.sent)
		r.Bytes += rs.bytes
		if r.Rows = r.Sent.Rows; r.Sent != r.Held {
			return failed(atDestination, "compare "+rs.r.title(), fmt.Errorf("%w: %d rows were sent and %d are there; their digests differ", ErrDiffers, r.Sent.Rows, r.Held.Rows))
		}
		w.c.receipt.Relations = append(w.c.receipt.Relations, r)
	}
	return nil
}
