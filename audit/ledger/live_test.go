package ledger_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
)

// Many at once append and apply, ask, and read the trail, over many segments: what
// was on disk before a reader began is in what it reads, and nothing looks damaged.
func TestWhileTheProxyWrites(t *testing.T) {
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "trail")
	tr, err := audit.Open(dir, audit.Options{Key: key, SegmentBytes: 20_000, CheckpointEvery: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	own := ledger.New(0)
	var writers, readers sync.WaitGroup
	const copies = 15
	for w := range 4 {
		lines := copyEvents(t, 10)
		writers.Go(func() {
			for i := range copies {
				for _, ev := range lines {
					ev.Body = withID(ev.Body.(ledger.Body), numbered(w*copies+i))
					index, err := tr.Append(t.Context(), ev)
					if err == nil {
						err = own.Apply(index, ev)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				before := own.Events()
				l, err := ledger.Read(t.Context(), dir, ledger.Options{})
				if err != nil || l.Incomplete() || l.Events() < before {
					problems, _ := l.Problems()
					t.Errorf("%v, %d events of %d, %v", err, l.Events(), before, problems)
					return
				}
				own.List(ledger.Query{Class: "contact.*", Unhealthy: true}, time.Now(), ledger.Proof{})
				own.Sweep()
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	read, err := ledger.Read(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(read.Copies(ledger.Query{All: true})); n != 4*copies || fmt.Sprint(states(read)) != fmt.Sprint(states(own)) {
		t.Errorf("%d copies are read, and not as they were applied", n)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}
