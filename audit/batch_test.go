package audit

import "testing"

// Records that would not follow those on disk are not written: the index is in
// them already.
func TestBatchOutOfPlace(t *testing.T) {
	w := &writer{edge: edge{size: 3}, limit: 1}
	for _, first := range []Index{0, 2, 4} {
		b := &batch{first: first}
		b.add(encoded{text: []byte(`{"index":}`), index: 9}, nil)
		if err := w.commit(b); err == nil {
			t.Errorf("a record with index %d was written as number 3", first)
		}
	}
}

// A batch tells everybody the index of their own record, whatever lies between.
func TestBatchTells(t *testing.T) {
	b := &batch{first: 40}
	e := encoded{text: []byte(`{"index":}`), index: 9}
	done := make([]chan outcome, 5)
	for i := range done {
		done[i] = make(chan outcome, 1)
		b.add(e, nil)
		b.add(e, done[i])
	}
	b.tell(nil)
	for i := range done {
		if o := <-done[i]; o.err != nil || o.index != Index(41+2*i) {
			t.Errorf("waiter %d: %+v", i, o)
		}
	}
	if !b.reset() || b.next() != 0 || len(b.waiters) != 0 {
		t.Errorf("%+v is not empty", b)
	}
}
