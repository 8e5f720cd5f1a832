package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

// promised is what a trail has said is on disk.
type promised struct {
	records map[Index]string // the id of the record at an index
	blobs   map[string]string
}

// work opens a trail and uses everything it has, until something fails. It
// adds to what is promised.
func work(t *testing.T, dir string, o Options, run int, p *promised) (tr *Trail, err error) {
	t.Helper()
	tr, err = Open(dir, o)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	for i := range 4 {
		id := fmt.Sprintf("R%dN%d", run, i)
		blob := "blob of " + id
		digest, err := tr.Put(ctx, []byte(blob))
		if err != nil {
			return tr, err
		}
		p.blobs[digest] = blob
		if err := tr.Enqueue(Event{Type: "result", ID: id + "E"}); err != nil {
			return tr, err
		}
		index, err := tr.Append(ctx, Event{Type: "decision", ID: id, Body: map[string]any{"request_digest": digest, "pad": strings.Repeat("x", 40*i)}})
		if err != nil {
			return tr, err
		}
		p.records[index] = id
		if i == 1 {
			if err := tr.Checkpoint(ctx); err != nil {
				return tr, err
			}
		}
	}
	return tr, tr.Close()
}

// checkPromises verifies the files and demands what was promised.
func checkPromises(t *testing.T, what string, disk *memDisk, dir string, key *Key, p *promised) {
	t.Helper()
	files := disk.files(dir)
	if r, err := verifyFiles(files, key); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, r)
	}
	have := map[Index]string{}
	for _, at := range places(t, files) {
		r, err := record.Parse(files[at.file].Data[at.start+9 : at.end-1])
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		have[Index(r.Index)] = r.ID
	}
	for index, id := range p.records {
		if have[index] != id {
			t.Fatalf("%s: record %d was promised as %q and is %q", what, index, id, have[index])
		}
	}
	for digest, blob := range p.blobs {
		f := files["store/"+digest[:2]+"/"+digest[2:]]
		if f == nil || string(f.Data) != blob {
			t.Fatalf("%s: blob %s was promised and is not there", what, digest)
		}
	}
}

// sandbox returns a directory for the lock, which is a real one.
func sandbox(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trail")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

var errInjected = errors.New("injected")

// TestEveryOperationFails lets the n-th operation fail, for every n: once
// only, as a passing fault, and it and all after it, as a crash. Then the
// power fails, the trail is opened again and used, and the power fails again.
// Whatever was acknowledged must be there and verify, each time.
func TestEveryOperationFails(t *testing.T) {
	for _, crash := range []bool{false, true} {
		for n := 1; ; n++ {
			what := fmt.Sprintf("operation %d, crash %v", n, crash)
			disk := newMemDisk()
			var failed string
			disk.fault = func(op string, at int) error {
				if at == n || crash && at > n {
					if at == n {
						failed = op
					}
					return fmt.Errorf("%s: %w", op, errInjected)
				}
				return nil
			}
			failAndRecover(t, what, disk)
			if failed == "" {
				if n < 50 {
					t.Fatalf("only %d operations", n)
				}
				break
			}
		}
	}
}

func failAndRecover(t *testing.T, what string, disk *memDisk) {
	t.Helper()
	dir := sandbox(t)
	key := testKey(t, "trail.example/test")
	o := Options{Key: key, SegmentBytes: 700, CheckpointEvery: time.Hour, Now: testClock(), Disk: disk}
	p := &promised{map[Index]string{}, map[string]string{}}
	tr, err := work(t, dir, o, 0, p)
	if err != nil {
		mustBeBroken(t, what, tr, err)
	}
	disk.fault = nil

	// Opened again by a process that found the machine running.
	again := &promised{p.records, p.blobs}
	o.Disk = disk
	if _, err := work(t, dir, o, 1, again); err != nil {
		t.Fatalf("%s: opened again: %v", what, err)
	}
	checkPromises(t, what+", opened again", disk, dir, key, again)
	after := disk.powerCut(rand.New(rand.NewPCG(1, uint64(len(what)))))
	checkAfterCut(t, what+", opened again, power cut", after, dir, o, again)
}

// checkAfterCut opens what a power cut has left and uses it.
func checkAfterCut(t *testing.T, what string, after *memDisk, dir string, o Options, p *promised) {
	t.Helper()
	o.Disk = after
	if _, err := work(t, dir, o, 9, p); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	checkPromises(t, what, after, dir, o.Key, p)
}

// mustBeBroken demands that a trail that failed takes nothing more.
func mustBeBroken(t *testing.T, what string, tr *Trail, err error) {
	t.Helper()
	if !errors.Is(err, errInjected) {
		t.Fatalf("%s: an error that does not tell its cause: %v", what, err)
	}
	if tr == nil {
		return
	}
	ctx := context.Background()
	_, appended := tr.Append(ctx, Event{Type: "decision"})
	_, put := tr.Put(ctx, []byte("late"))
	for name, err := range map[string]error{
		"Append": appended, "Put": put, "Enqueue": tr.Enqueue(Event{Type: "decision"}),
		"Healthy": tr.Healthy(), "Close": tr.Close(), "Checkpoint": tr.Checkpoint(ctx),
	} {
		if !errors.Is(err, errInjected) {
			t.Fatalf("%s: %s on a broken trail: %v", what, name, err)
		}
		if name != "Close" && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrClosed) {
			t.Fatalf("%s: %s on a broken trail: %v", what, name, err)
		}
	}
}

// TestPowerCutAtEveryOperation cuts the power at every operation, several
// times with different luck for what was not synced.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for n := 1; ; n++ {
		disk := newMemDisk()
		cut := false
		disk.fault = func(string, int) error {
			if disk.ops >= n {
				cut = true
				return errInjected
			}
			return nil
		}
		dir := sandbox(t)
		o := Options{Key: testKey(t, "trail.example/test"), SegmentBytes: 700, CheckpointEvery: time.Hour, Now: testClock(), Disk: disk}
		p := &promised{map[Index]string{}, map[string]string{}}
		if tr, err := work(t, dir, o, 0, p); err != nil && tr != nil {
			// The process is gone; only its lock needs freeing here.
			if err := tr.Close(); err == nil {
				t.Fatalf("operation %d failed and Close did not say so", n)
			}
		}
		for luck := range 5 {
			after := disk.powerCut(rand.New(rand.NewPCG(uint64(n), uint64(luck))))
			q := &promised{maps.Clone(p.records), maps.Clone(p.blobs)}
			checkAfterCut(t, fmt.Sprintf("power cut at operation %d, luck %d", n, luck), after, dir, o, q)
		}
		if !cut {
			break
		}
	}
}

// TestDiskFull runs out of space for good in the middle of a record, frees
// space and opens the trail again.
func TestDiskFull(t *testing.T) {
	disk := newMemDisk()
	dir := sandbox(t)
	o := Options{Key: testKey(t, "trail.example/test"), CheckpointEvery: time.Hour, Disk: disk}
	tr := mustOpen(t, dir, o)
	index := mustAppend(t, tr, Event{Type: "decision", ID: "KEPT"})
	disk.mu.Lock()
	disk.fault = func(op string, _ int) error {
		if op == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	disk.mu.Unlock()
	_, err := tr.Append(context.Background(), Event{Type: "decision", ID: "LOST"})
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrBroken) {
		t.Fatalf("with a full disk: %v", err)
	}
	disk.fault = nil
	if err := tr.Enqueue(Event{Type: "decision"}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("space is back, the trail is not reopened: %v", err)
	}
	if err := tr.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Close: %v", err)
	}
	mustClose(t, mustOpen(t, dir, o))
	checkPromises(t, "after ENOSPC", disk, dir, o.Key, &promised{map[Index]string{index: "KEPT"}, nil})
	segment := disk.files(dir)["0000000000000000.seg"].Data
	if !bytes.Contains(segment, []byte(`"type":"trail.recovery"`)) || bytes.Contains(segment, []byte("LOST")) {
		t.Errorf("the torn record is not cut off and told:\n%s", segment)
	}
}

// TestTornAcknowledged spoils a record that a later write follows: it was
// acknowledged, so Open must refuse to cut.
func TestTornAcknowledged(t *testing.T) {
	dir, key := smallTrail(t, false)
	files := inMemory(t, dir)
	where := places(t, files)
	at := where[len(where)-2]
	data := bytes.Clone(files[at.file].Data)
	data[at.start+20] ^= 1
	if _, err := Open(onDisk(t, spoiled(files, at.file, data)), Options{Key: key}); !errors.Is(err, ErrDamaged) {
		t.Errorf("an acknowledged record is spoiled: %v", err)
	}
}

// TestPowerCutDuringRecovery cuts the power a second time, at every operation
// of the run that recovers from the first.
func TestPowerCutDuringRecovery(t *testing.T) {
	for first := 9; first < 60; first += 10 {
		disk := newMemDisk()
		disk.fault = func(string, int) error {
			if disk.ops >= first {
				return errInjected
			}
			return nil
		}
		dir := sandbox(t)
		o := Options{Key: testKey(t, "trail.example/test"), SegmentBytes: 700, CheckpointEvery: time.Hour, Now: testClock(), Disk: disk}
		p := &promised{map[Index]string{}, map[string]string{}}
		if tr, err := work(t, dir, o, 0, p); err == nil {
			t.Fatalf("nothing failed at operation %d", first)
		} else if tr != nil && tr.Close() == nil {
			t.Fatalf("operation %d failed and Close did not say so", first)
		}
		for second, cut := 1, true; cut; second++ {
			again := disk.powerCut(rand.New(rand.NewPCG(uint64(first), 1)))
			cut = false
			again.fault = func(string, int) error {
				if cut = cut || again.ops >= second; cut {
					return errInjected
				}
				return nil
			}
			o.Disk = again
			q := &promised{maps.Clone(p.records), maps.Clone(p.blobs)}
			if tr, err := work(t, dir, o, 1, q); err != nil && tr != nil && tr.Close() == nil {
				t.Fatalf("operation %d failed and Close did not say so", second)
			}
			after := again.powerCut(rand.New(rand.NewPCG(uint64(second), 2)))
			checkAfterCut(t, fmt.Sprintf("power cuts at operations %d and %d", first, second), after, dir, o, q)
		}
	}
}

// TestManyCheckpoints opens a trail whose list of checkpoints is longer than
// what Open reads of it, whole, torn and spoiled.
func TestManyCheckpoints(t *testing.T) {
	disk := newMemDisk()
	dir := sandbox(t)
	o := Options{Key: testKey(t, "trail.example/test"), CheckpointEvery: time.Hour, Disk: disk}
	tr := mustOpen(t, dir, o)
	for range 500 {
		mustAppend(t, tr, Event{Type: "result"})
		if err := tr.Checkpoint(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, tr)
	list := disk.files(dir)["checkpoints"].Data
	if len(list) < checkpointTail+10000 {
		t.Fatalf("the list has %d bytes only", len(list))
	}
	mustClose(t, mustOpen(t, dir, o))
	checkPromises(t, "whole", disk, dir, o.Key, &promised{})

	// The last entry is torn, and the records are all there.
	files := disk.files(dir)
	delete(files, "latest")
	o.Disk = diskOf(spoiled(files, "checkpoints", files["checkpoints"].Data[:len(files["checkpoints"].Data)-30]), dir)
	mustClose(t, mustOpen(t, dir, o))
	checkPromises(t, "torn", o.Disk.(*memDisk), dir, o.Key, &promised{})

	o.Disk = diskOf(spoiled(files, "checkpoints", bytes.Repeat([]byte("x"), 100000)), dir)
	if _, err := Open(dir, o); !errors.Is(err, ErrDamaged) {
		t.Errorf("a list of nonsense: %v", err)
	}
}
