package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	storeName     = "store"
	storeTempName = "tmp"
	// maxBlobBytes bounds one blob.
	maxBlobBytes = 64 << 20
	// maxKnown bounds the memory of what is on disk.
	maxKnown = 8192
	// maxPuts bounds the goroutines that may hang on a disk that hangs.
	maxPuts = 16
)

// ErrNoBlob is the error for a digest the store does not hold.
var ErrNoBlob = errors.New("not in the trail's store")

// store keeps blobs under the SHA-256 of their content:
// store/ab/cdef... for the digest abcdef...
type store struct {
	disk    Disk
	dir     string
	slots   chan struct{}
	counter atomic.Int64

	mu    sync.Mutex
	known map[string]struct{} // on disk, as this process has seen itself
}

func newStore(disk Disk, trailDir string) *store {
	return &store{
		disk:  disk,
		dir:   filepath.Join(trailDir, storeName),
		slots: make(chan struct{}, maxPuts),
		known: make(map[string]struct{}),
	}
}

// prepare makes the directories and removes what a crash left half done.
func (s *store) prepare() error {
	if err := makeDir(s.disk, filepath.Dir(s.dir), s.dir); err != nil {
		return err
	}
	temp := filepath.Join(s.dir, storeTempName)
	if err := makeDir(s.disk, s.dir, temp); err != nil {
		return err
	}
	left, err := s.disk.ReadDir(temp)
	if err != nil {
		return fmt.Errorf("listing %s: %w", temp, err)
	}
	for _, e := range left {
		if err := s.disk.Remove(filepath.Join(temp, e.Name())); err != nil {
			return fmt.Errorf("removing a leftover: %w", err)
		}
	}
	return nil
}

// path returns where a digest is kept; its directory exists once something
// is in it.
func (s *store) path(digest string) string {
	return filepath.Join(s.dir, digest[:2], digest[2:])
}

// put returns when the blob is on disk.
func (s *store) put(digest string, data []byte) error {
	if s.isKnown(digest) {
		return nil
	}
	name := s.path(digest)
	dir := filepath.Dir(name)
	if err := makeDir(s.disk, s.dir, dir); err != nil {
		return err
	}
	if have, err := readAll(s.disk, name); err == nil && digestOf(have) == digest {
		// The content was synced before it got its name; the name may
		// not have been.
		if err := s.disk.SyncDir(dir); err != nil {
			return fmt.Errorf("syncing %s: %w", dir, err)
		}
		s.remember(digest)
		return nil
	}
	temp := filepath.Join(s.dir, storeTempName, fmt.Sprintf("%s-%d", digest, s.counter.Add(1)))
	if err := writeNew(s.disk, dir, temp, name, data); err != nil {
		return err
	}
	s.remember(digest)
	return nil
}

func (s *store) isKnown(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.known[digest]
	return ok
}

func (s *store) remember(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[digest] = struct{}{}
}

// get reads a blob and checks that it is what its name says.
func (s *store) get(digest string) ([]byte, error) {
	if len(digest) != 2*sha256.Size || strings.Trim(digest, hexDigits) != "" {
		return nil, fmt.Errorf("audit: %.80q is not 64 lower-case hexadecimal digits", digest)
	}
	data, err := readAll(s.disk, s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("audit: %s: %w", digest, ErrNoBlob)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: reading the store: %w", err)
	}
	if digestOf(data) != digest {
		return nil, fmt.Errorf("audit: %w: the store's %s holds something else", ErrDamaged, digest)
	}
	return data, nil
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Put keeps data, at most 64 MiB, in the store beside the trail and returns
// its SHA-256 in 64 lower-case hexadecimal digits WHEN IT IS ON DISK. A
// record refers to it by a member whose name ends in "_digest", and must be
// appended after Put has returned. Putting the same data again is cheap. A
// write that fails breaks the trail: ErrBroken, now and for every later call.
func (t *Trail) Put(ctx context.Context, data []byte) (digest string, err error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("audit: before storing: %w", context.Cause(ctx))
	}
	if err := t.queue.refusal(); err != nil {
		return "", err
	}
	if len(data) > maxBlobBytes {
		return "", fmt.Errorf("audit: %w: a part of %d bytes is larger than %d", ErrEvent, len(data), maxBlobBytes)
	}
	digest = digestOf(data)
	if t.store.isKnown(digest) {
		return digest, nil
	}
	select {
	case t.store.slots <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("audit: waiting for the disk: %w", context.Cause(ctx))
	}
	done := make(chan error, 1)
	// The disk may hang; the caller need not hang with it.
	go func() {
		defer func() { <-t.store.slots }()
		err := t.store.put(digest, data)
		if err != nil {
			err = t.broken(err)
			t.queue.fail(nil, err)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return digest, err
	case <-ctx.Done():
		return "", fmt.Errorf("audit: waiting for the disk: %w", context.Cause(ctx))
	}
}

// Get returns what Put has kept under a digest. A digest the store does not
// hold is an ErrNoBlob; content that does not fit its digest, ErrDamaged.
func (t *Trail) Get(digest string) ([]byte, error) { return t.store.get(digest) }
