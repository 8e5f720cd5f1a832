package audit

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestEdge holds the edge against tlog's trees of every size up to 200, and
// takes it apart and together again at each.
func TestEdge(t *testing.T) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	var e edge
	for n := range int64(200) {
		want, err := tlog.TreeHash(n, reader)
		if err != nil {
			t.Fatal(err)
		}
		if e.root() != want {
			t.Fatalf("the root over %d records is %v, expected %v", n, e.root(), want)
		}
		again, ok := newEdge(n, e.hashes())
		if !ok || again.root() != want {
			t.Fatalf("the edge of %d records does not come back: %v", n, ok)
		}
		if _, ok := newEdge(n, append(e.hashes(), want)); ok {
			t.Fatalf("an edge with a hash too many is taken for %d records", n)
		}
		data := fmt.Appendf(nil, "record %d", n)
		e = again
		e.add(tlog.RecordHash(data))
		more, err := tlog.StoredHashes(n, data, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	if _, ok := newEdge(-1, nil); ok {
		t.Error("an edge of fewer than no records is taken")
	}
}
