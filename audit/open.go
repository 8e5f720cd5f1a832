package audit

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// The defaults of Options.
const (
	DefaultSegmentBytes    = 64 << 20
	DefaultSyncEvery       = 50 * time.Millisecond
	DefaultCheckpointEvery = 5 * time.Second
	DefaultStallAfter      = 10 * time.Second
)

// ErrDamaged is the error for a trail whose files are not as the trail left
// them. Nothing is changed in it. Keep the directory as it is, let the
// verifier say what is wrong, and begin a new one.
var ErrDamaged = errors.New("the trail on disk is damaged")

// Options say how a trail is kept. Only Key must be given.
type Options struct {
	// Key signs the checkpoints. A trail keeps its key for life.
	Key *Key
	// Origin is the trail's name, in every segment and checkpoint: printable
	// ASCII without spaces, at most 128 bytes. Empty means the key's name,
	// which is what verifiers expect unless told otherwise. Two trails with
	// one key need two origins.
	Origin string
	// SegmentBytes is the size after which a new file is begun.
	SegmentBytes int64
	// SyncEvery is the longest an enqueued record stays in memory before it
	// is written and synced, at most 100 ms.
	SyncEvery time.Duration
	// CheckpointEvery is how often new records are signed.
	CheckpointEvery time.Duration
	// StallAfter is how long the disk may be silent before Enqueue gives up
	// and Healthy says so.
	StallAfter time.Duration
	// Now is the clock for events without a time and for the trail's own.
	Now func() time.Time
	// Disk is the file system, nil for the real one. The lock on the
	// directory is always the real one's.
	Disk Disk
}

func (o Options) withDefaults() (Options, error) {
	if o.Key == nil {
		return o, errors.New("audit: Options.Key is missing: a trail must be signed")
	}
	if o.Origin == "" {
		o.Origin = o.Key.Name()
	}
	if len(o.Origin) > 128 || strings.IndexFunc(o.Origin, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return o, fmt.Errorf("audit: the origin %q is not printable ASCII without spaces of at most 128 bytes", o.Origin)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = DefaultSegmentBytes
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.SyncEvery, DefaultSyncEvery}, {&o.CheckpointEvery, DefaultCheckpointEvery}, {&o.StallAfter, DefaultStallAfter}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if o.SegmentBytes < 0 || o.SyncEvery < 0 || o.CheckpointEvery < 0 || o.StallAfter < 0 {
		return o, errors.New("audit: sizes and times in Options must not be negative")
	}
	if o.SyncEvery > maxUnsynced {
		return o, fmt.Errorf("audit: SyncEvery is %v; at most %v of work may be unsynced", o.SyncEvery, maxUnsynced)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Disk == nil {
		o.Disk = realDisk{}
	}
	return o, nil
}

// Open opens the trail in dir, or begins one; dir's parent must exist. It
// keeps a second writer out (ErrLocked) until Close, or until the process
// ends.
//
// What a crash left half written at the end is cut off, kept in the store,
// and recorded as trail.recovery: such bytes belong to a write whose fsync
// never returned, so no Append of theirs did either. Damage anywhere else,
// or fewer records than the last checkpoint signs, is ErrDamaged. The
// segments before the last are not read here; the verifier reads them.
func Open(dir string, o Options) (*Trail, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDir(o.Disk, filepath.Dir(filepath.Clean(dir)), dir); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	t := &Trail{
		now:             o.Now,
		queue:           newQueue(o.SyncEvery, o.StallAfter),
		store:           newStore(o.Disk, dir),
		lock:            lock,
		checkpoints:     make(chan chan error),
		checkpointEvery: o.CheckpointEvery,
		ended:           make(chan struct{}),
	}
	w := &writer{disk: o.Disk, dir: dir, origin: o.Origin, key: o.Key, limit: o.SegmentBytes}
	if err := t.start(w); err != nil {
		return nil, fmt.Errorf("audit: opening %s: %w", dir, errors.Join(err, w.close(), lock.release()))
	}
	go t.run(w)
	return t, nil
}

// start brings the files into order and writes the first records of this run.
func (t *Trail) start(w *writer) error {
	if err := t.store.prepare(); err != nil {
		return err
	}
	cuts, err := w.recover(t.store)
	if err != nil {
		return err
	}
	first := batch{first: w.next()}
	for _, c := range cuts {
		if err := t.addOwn(&first, "recovery", c); err != nil {
			return err
		}
	}
	if err := t.addOwn(&first, "open", map[string]any{
		"key": w.key.String(), "origin": w.origin, "records": w.edge.size, "signed": w.signed,
	}); err != nil {
		return err
	}
	if err := w.commit(&first); err != nil {
		return err
	}
	t.queue.begin(w.next())
	return nil
}
