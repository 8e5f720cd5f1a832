package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDirVariable); dir != "" {
		os.Exit(writeUntilKilled(dir))
	}
	goleak.VerifyTestMain(m)
}

// TestGroupCommit appends from many goroutines at a disk that takes its
// time. Every caller gets an index of its own that leads to its record, and
// they share syncs.
func TestGroupCommit(t *testing.T) {
	const callers, each = 32, 8
	var syncs atomic.Int64
	disk := newMemDisk()
	disk.syncing = func() { syncs.Add(1); time.Sleep(2 * time.Millisecond) }
	dir := sandbox(t)
	o := Options{Key: testKey(t, "trail.example/test"), SegmentBytes: 16 << 10, CheckpointEvery: time.Hour, Disk: disk}
	tr := mustOpen(t, dir, o)
	p := &promised{records: map[Index]string{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("C%dN%d", c, i)
				index, err := tr.Append(context.Background(), Event{Type: "decision", ID: id})
				if err == nil {
					err = tr.Enqueue(Event{Type: "result", ID: id})
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				p.records[index] = id
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	mustClose(t, tr)
	if len(p.records) != callers*each {
		t.Errorf("%d indexes for %d records", len(p.records), callers*each)
	}
	checkPromises(t, "group commit", disk, dir, o.Key, p)
	if n := syncs.Load(); n > callers*each/2 {
		t.Errorf("%d syncs for %d callers that append %d records each: they do not share", n, callers, each)
	}
}

// TestEnqueueIsSynced looks at the disk, not at the process: within the
// bound, and with room for a slow machine, an enqueued record is durable.
func TestEnqueueIsSynced(t *testing.T) {
	disk := newMemDisk()
	dir := sandbox(t)
	tr := mustOpen(t, dir, Options{SyncEvery: 20 * time.Millisecond, CheckpointEvery: time.Hour, Disk: disk})
	defer mustClose(t, tr)
	if err := tr.Enqueue(Event{Type: "result", ID: "LATER"}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, segmentName(0))
	onDisk := func() bool {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		return strings.Contains(string(disk.names[name].durable), "LATER")
	}
	for deadline := time.Now().Add(5 * time.Second); !onDisk(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the record is not on disk after five seconds")
		}
	}
}

// stuckDisk is a disk whose fsync hangs until it is let go.
func stuckDisk() (disk *memDisk, hang, letGo func()) {
	disk = newMemDisk()
	var gate atomic.Pointer[chan struct{}]
	disk.syncing = func() {
		if c := gate.Load(); c != nil {
			<-*c
		}
	}
	hang = func() { c := make(chan struct{}); gate.Store(&c) }
	letGo = func() { close(*gate.Swap(nil)) }
	return disk, hang, letGo
}

// TestBlockedSync hangs the disk: Append and Put wait until ctx ends, Enqueue
// takes work for 100 ms and then pushes back, Healthy tells. When the disk
// comes back, nothing is lost and all goes on.
func TestBlockedSync(t *testing.T) {
	disk, hang, letGo := stuckDisk()
	dir := sandbox(t)
	key := testKey(t, "trail.example/test")
	tr := mustOpen(t, dir, Options{Key: key, StallAfter: 300 * time.Millisecond, CheckpointEvery: time.Hour, Disk: disk})
	hang()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := tr.Append(ctx, Event{Type: "decision", ID: "STUCK"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Append on a disk that hangs: %v", err)
	}
	if _, err := tr.Put(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put on a disk that hangs: %v", err)
	}
	taken, begin := 0, time.Now()
	var refused error
	for refused == nil {
		if refused = tr.Enqueue(Event{Type: "result", ID: "Q"}); refused == nil {
			taken++
			time.Sleep(time.Millisecond)
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("Enqueue takes work without end on a disk that hangs")
		}
	}
	if !errors.Is(refused, ErrStalled) || !errors.Is(tr.Healthy(), ErrStalled) {
		t.Errorf("Enqueue: %v; Healthy: %v", refused, tr.Healthy())
	}
	if limit := 110; taken > limit {
		t.Errorf("Enqueue took %d records at one a millisecond, more than 100 ms of work", taken)
	}
	letGo()
	last := mustAppend(t, tr, Event{Type: "decision", ID: "AFTER"})
	if want := Index(1 + 1 + taken); last != want {
		t.Errorf("the record after the pause has index %d, expected %d: records were lost or doubled", last, want)
	}
	if err := tr.Healthy(); err != nil {
		t.Errorf("the disk is back: %v", err)
	}
	mustClose(t, tr)
	checkPromises(t, "after the pause", disk, dir, key, &promised{records: map[Index]string{1: "STUCK", last: "AFTER"}})
}

// TestQueueIsBounded fills the queue with large records while the disk hangs:
// it stops at 16 MiB, and Append waits for room.
func TestQueueIsBounded(t *testing.T) {
	disk, hang, letGo := stuckDisk()
	tr := mustOpen(t, sandbox(t), Options{CheckpointEvery: time.Hour, Disk: disk})
	hang()
	ctx, cancel := context.WithCancel(context.Background())
	big := Event{Type: "decision", Body: map[string]string{"text": strings.Repeat("x", 900<<10)}}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := tr.Append(ctx, big); !errors.Is(err, context.Canceled) {
				t.Errorf("appended on a disk that hangs: %v", err)
			}
		})
	}
	for held := 0; held < maxQueueBytes-1<<20; time.Sleep(time.Millisecond) {
		tr.queue.mu.Lock()
		held = tr.queue.mu.bytes
		tr.queue.mu.Unlock()
		if held > maxQueueBytes {
			t.Fatalf("the queue holds %d bytes", held)
		}
	}
	short, cancelShort := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancelShort()
	if _, err := tr.Append(short, big); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "room") {
		t.Errorf("appended to a full queue: %v", err)
	}
	cancel()
	wg.Wait()
	letGo()
	mustClose(t, tr)
}

// TestCancelledAppend demands an error when ctx had ended before, and no
// record.
func TestCancelledAppend(t *testing.T) {
	dir, key := filepath.Join(t.TempDir(), "trail"), testKey(t, "trail.example/test")
	tr := mustOpen(t, dir, Options{Key: key})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tr.Append(ctx, Event{Type: "decision"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	if _, err := tr.Put(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	mustClose(t, tr)
	if r := mustVerify(t, dir, key); r.Good != 2 {
		t.Errorf("%d records, expected the trail's own two", r.Good)
	}
}

// TestRefusedEvents gives events that cannot be records. The trail goes on.
func TestRefusedEvents(t *testing.T) {
	tr := mustOpen(t, filepath.Join(t.TempDir(), "trail"), Options{})
	defer mustClose(t, tr)
	long := strings.Repeat("x", 300)
	for name, ev := range map[string]Event{
		"no type":           {},
		"upper case":        {Type: "Decision"},
		"empty word":        {Type: "a..b"},
		"the trail's own":   {Type: "trail.close"},
		"long id":           {Type: "decision", ID: long},
		"broken session":    {Type: "decision", Session: "\xff"},
		"year 10000":        {Type: "decision", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"fraction":          {Type: "decision", Body: map[string]any{"n": 0.5}},
		"large integer":     {Type: "decision", Body: map[string]any{"n": int64(1) << 53}},
		"no object":         {Type: "decision", Body: []int{1}},
		"large":             {Type: "decision", Body: map[string]any{"text": strings.Repeat("x", maxRecordBytes)}},
		"digest of nothing": {Type: "decision", Body: map[string]any{"request_digest": "abc"}},
		"not marshallable":  {Type: "decision", Body: func() {}},
	} {
		if _, err := tr.Append(context.Background(), ev); err == nil || name != "not marshallable" && !errors.Is(err, ErrEvent) {
			t.Errorf("Append, %s: %v", name, err)
		}
		if err := tr.Enqueue(ev); err == nil {
			t.Errorf("Enqueue took an event: %s", name)
		}
	}
	mustAppend(t, tr, Event{Type: "decision"})
}

// TestLock opens a trail twice.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	tr := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{Key: testKey(t, "trail.example/test")}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	mustClose(t, tr)
	mustClose(t, tr)
	if _, err := tr.Append(context.Background(), Event{Type: "decision"}); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close: %v", err)
	}
	if err := tr.Enqueue(Event{Type: "decision"}); !errors.Is(err, ErrClosed) {
		t.Errorf("Enqueue after Close: %v", err)
	}
	mustClose(t, mustOpen(t, dir, Options{}))
}

// TestStore keeps blobs, twice the same, and refuses what is not a digest.
func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	tr := mustOpen(t, dir, Options{})
	ctx := context.Background()
	for _, blob := range []string{"", "a", strings.Repeat("b", 100000), "a"} {
		digest, err := tr.Put(ctx, []byte(blob))
		if err != nil || digest != digestOf([]byte(blob)) {
			t.Fatalf("Put: %q, %v", digest, err)
		}
		if back, err := tr.Get(digest); err != nil || string(back) != blob {
			t.Errorf("Get: %d bytes, %v", len(back), err)
		}
	}
	digest := digestOf([]byte("a"))
	for _, bad := range []string{"", "..", strings.ToUpper(digest), digest + "0", "../" + digest[3:]} {
		if _, err := tr.Get(bad); err == nil {
			t.Errorf("Get took %q", bad)
		}
	}
	if _, err := tr.Get(digestOf([]byte("never put"))); !errors.Is(err, ErrNoBlob) {
		t.Errorf("Get of what is not there: %v", err)
	}
	name := filepath.Join(dir, "store", digest[:2], digest[2:])
	if err := os.WriteFile(name, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Get(digest); !errors.Is(err, ErrDamaged) {
		t.Errorf("Get of a changed blob: %v", err)
	}
	mustClose(t, tr)
	tr = mustOpen(t, dir, Options{})
	defer mustClose(t, tr)
	if _, err := tr.Put(ctx, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if back, err := tr.Get(digest); err != nil || string(back) != "a" {
		t.Errorf("a changed blob that is put again: %q, %v", back, err)
	}
}

func TestOptions(t *testing.T) {
	key := testKey(t, "trail.example/test")
	for name, o := range map[string]Options{
		"no key":      {},
		"slow":        {Key: key, SyncEvery: 101 * time.Millisecond},
		"negative":    {Key: key, SegmentBytes: -1},
		"odd origin":  {Key: key, Origin: "a b"},
		"line origin": {Key: key, Origin: "a\nb"},
	} {
		if tr, err := Open(filepath.Join(t.TempDir(), "trail"), o); err == nil {
			mustClose(t, tr)
			t.Errorf("Open took options: %s", name)
		}
	}
}
