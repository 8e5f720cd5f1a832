package transfer

import (
	"context"
	"fmt"
	"slices"
)

// index puts up the indexes of a table that has its rows. The states are locked.
func (w *works) index(s *state) {
	s.left = len(s.waiting)
	if s.left == 0 {
		w.board.put(&task{kind: toIndex, run: func(ctx context.Context, k *worker) error { return w.constrain(ctx, k, s) }})
		return
	}
	for _, x := range s.waiting {
		w.board.put(&task{kind: toIndex, weight: x.size, run: func(ctx context.Context, k *worker) error { return w.build(ctx, k, s, x) }})
	}
}

// What a server may use to sort the keys of an index, in kB. Keys are sorted faster in
// pieces that stay in a processor's cache, and merged, than all at once; many more than
// mergeable pieces would be merged twice.
const (
	sortMemory = 32 << 10
	mergeable  = 128
	// buildMemory is what all streams may use together.
	buildMemory = 1 << 20
)

// sorting has a server build an index of so many bytes in one process, with the memory
// that is best for that, where every stream has an index to build: helpers would take
// time from each other. Where not, the server's own settings are as good.
func (w *works) sorting(size uint64) []string {
	if w.indexes < w.c.job.Streams {
		return nil
	}
	memory := min(max(sortMemory, size>>10/mergeable), buildMemory/uint64(w.c.job.Streams))
	return []string{fmt.Sprintf("SET LOCAL maintenance_work_mem = %d", memory), "SET LOCAL max_parallel_maintenance_workers = 0"}
}

// build builds an index, and after the last what needs them all.
func (w *works) build(ctx context.Context, k *worker, s *state, x *index) error {
	statements := append(w.sorting(x.size), w.c.builder.buildIndex(s.r, x)...)
	if err := inTransaction(ctx, k.destination, s.r, statements); err != nil {
		return failed(atDestination, "build index "+printable(x.name)+" of "+s.r.title(), err)
	}
	w.mu.Lock()
	s.left--
	last := s.left == 0
	w.mu.Unlock()
	if !last {
		return nil
	}
	return w.constrain(ctx, k, s)
}

// constrain adds a table's constraints, and after the last table of an item those
// of the partitioned tables above.
func (w *works) constrain(ctx context.Context, k *worker, s *state) error {
	if s.r.existing != Append {
		if err := w.add(ctx, k, s.r); err != nil {
			return err
		}
	}
	w.mu.Lock()
	s.root.left--
	last := s.root.left == 0
	w.mu.Unlock()
	if !last {
		return nil
	}
	return w.indexed(ctx, k, s.root)
}

// add runs the statements for the constraints of one table.
func (w *works) add(ctx context.Context, k *worker, r *relation) error {
	statements := w.c.builder.constrain(r)
	if len(statements) == 0 {
		return nil
	}
	return failed(atDestination, "add the constraints of "+r.title(), inTransaction(ctx, k.destination, r, statements))
}

// inTransaction runs statements with definitions of the source in them.
func inTransaction(ctx context.Context, l *link, r *relation, statements []string) error {
	err := l.exec(ctx, "BEGIN; "+r.at()+"; SET LOCAL synchronous_commit = off")
	if err == nil {
		err = l.each(ctx, statements)
	}
	if err == nil {
		err = l.exec(ctx, "COMMIT")
	}
	return err
}

// foreignKeys adds those within the copy, which checks all rows.
func (w *works) foreignKeys(ctx context.Context) error {
	w.keeping.Lock()
	defer w.keeping.Unlock()
	for _, root := range w.c.roots {
		for _, r := range root.all() {
			for _, k := range r.constraints {
				if k.kind != "f" || k.inherited || r.existing == Append {
					continue
				}
				to := w.c.byOID[k.refers]
				if err := w.c.keeper.each(ctx, append(w.c.checking(r, to), foreignKey(r, k, to))); err != nil {
					return failed(atDestination, "add foreign key "+printable(k.name)+" of "+r.title(), err)
				}
			}
		}
	}
	return nil
}

// checking has a server check a foreign key in the order of indexes, where both sides
// have one and the rows need not be looked at: all of it was just written and is in
// memory, so that reading an index costs little, and looking up rows in a large hash
// table costs more.
func (c *carrier) checking(r, to *relation) []string {
	cost := "DEFAULT"
	if c.keeper.version >= 140000 && frozen(r) && frozen(to) { // before, frozen rows were looked at nevertheless
		cost = "1.1"
	}
	return []string{"SET LOCAL random_page_cost = " + cost, fmt.Sprintf("SET LOCAL maintenance_work_mem = %d", sortMemory)}
}

// frozen reports whether all rows of a table were loaded so.
func frozen(r *relation) bool {
	return !slices.ContainsFunc(r.leaves(), func(leaf *relation) bool { return !leaf.frozen })
}
