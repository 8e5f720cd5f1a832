package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// benchEvent is about what a decision looks like.
var benchEvent = Event{Type: "decision", ID: "K7Q2M4XA", Session: "s1", Body: map[string]any{
	"verdict": "allow", "rule": "builtin:ordinary", "statements": 1, "kind": "ordinary_read",
	"request_digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
}}

// BenchmarkAppend appends to a real disk from as many callers as it says.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			tr := mustOpen(b, filepath.Join(b.TempDir(), "trail"), Options{})
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					for range work {
						if _, err := tr.Append(context.Background(), benchEvent); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			mustClose(b, tr)
		})
	}
}

// BenchmarkEnqueue enqueues to a real disk.
func BenchmarkEnqueue(b *testing.B) {
	tr := mustOpen(b, filepath.Join(b.TempDir(), "trail"), Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := tr.Enqueue(benchEvent); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, tr)
}
