//go:build !race

package audit

import (
	"path/filepath"
	"testing"
)

// everyday is a body that writes itself.
type everyday struct{ rows byte }

func (e *everyday) AppendCanonical(dst []byte) []byte {
	return append(append(append(dst, `{"rows":`...), '0'+e.rows), '}')
}

// TestEnqueueAllocatesNothing: a record on its way to the disk costs no memory
// of its own.
func TestEnqueueAllocatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	key := testKey(t, "trail.example/test")
	tr := mustOpen(t, dir, Options{Key: key})
	body := &everyday{rows: 1}
	ev := Event{Type: "result", ID: "K7Q2M4XA", Session: "s1", Body: body}
	n := testing.AllocsPerRun(20_000, func() {
		if err := tr.Enqueue(ev); err != nil {
			t.Fatal(err)
		}
	})
	mustClose(t, tr)
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	mustVerify(t, dir, key)
}
