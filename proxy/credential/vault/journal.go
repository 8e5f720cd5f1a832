package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// growth is how many bytes beyond what is alive the file may have before it is
// written anew.
const growth = 1 << 20

// journal is the file of what has to be revoked. It is safe for concurrent use;
// those who append at the same time share one fsync.
type journal struct {
	path string
	lock *os.File

	mu     sync.Mutex
	alive  *entries
	batch  *batch
	closed bool

	writing sync.Mutex // held while the file is written; taken before mu
	file    *os.File
	size    int64 // of the file
	base    int64 // of the file when it was written anew
	broken  bool  // the file may end in half a line: it has to be written anew
}

// batch are the lines that go to disk together. Its result belongs to who holds
// writing.
type batch struct {
	lines []byte
	done  bool
	err   error
}

// openJournal takes the lock, reads what is there, and writes the file anew
// with what is alive.
func openJournal(path string) (*journal, error) {
	lock, err := lockJournal(path)
	if err != nil {
		return nil, err
	}
	j := &journal{path: path, lock: lock, batch: &batch{}}
	if err := j.load(); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return j, nil
}

func (j *journal) load() error {
	text, err := os.ReadFile(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		j.alive, err = newEntries(), nil
	case err != nil:
		return fmt.Errorf("read the journal: %w", err)
	default:
		j.alive, err = readJournal(text)
	}
	if err != nil {
		return fmt.Errorf("the journal %s is damaged: %w; it says what has to be revoked after a crash. Revoke what its "+
			"readable lines name (vault lease revoke, vault token revoke -accessor), then move the file away and start again", j.path, err)
	}
	if text, err = j.alive.text(); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	return j.replace(text)
}

// lockJournal keeps a second process out. The lock is a file of its own,
// because the journal is replaced by a new one now and then.
func lockJournal(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the journal: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("the journal %s is in use by another process; each proxy needs a journal of its own", path)
		}
		return nil, fmt.Errorf("lock the journal: %w", err)
	}
	return lock, nil
}

// append puts a record on disk. When it returns nil, the record is there after
// a crash of the machine. When it fails, the record may be there. A token may
// end more than once.
func (j *journal) append(r record) error {
	line, err := r.line()
	if err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return errors.New("the journal is closed")
	}
	if r.Op == opEnd && j.alive.live[r.key()] == nil {
		line = nil // it has been noted; maybe the disk did not take it then
	} else if err := j.alive.apply(r); err != nil {
		j.mu.Unlock()
		return fmt.Errorf("the journal: %s of %s: %w", r.Op, r.key(), err)
	}
	mine := j.batch
	mine.lines = append(mine.lines, line...)
	j.mu.Unlock()

	// Whoever comes first writes for all who have come by then.
	j.writing.Lock()
	defer j.writing.Unlock()
	switch {
	case mine.done:
	case line == nil && !j.broken:
		return nil
	default:
		j.commit()
	}
	return mine.err
}

// commit writes the batch of now. All of alive was on disk before or is in the
// batch, since a record comes into both at once.
func (j *journal) commit() {
	j.mu.Lock()
	b := j.batch
	j.batch = &batch{}
	var whole []byte
	var err error
	anew := j.broken || j.size > j.base+growth
	if anew {
		whole, err = j.alive.text()
	}
	j.mu.Unlock()
	switch {
	case err != nil:
	case anew:
		err = j.replace(whole)
	default:
		err = j.extend(b.lines)
	}
	if err != nil {
		j.broken = true
		err = fmt.Errorf("the journal: %w", err)
	}
	b.done, b.err = true, err
}

func (j *journal) extend(lines []byte) error {
	n, err := j.file.Write(lines)
	j.size += int64(n)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("put on disk: %w", err)
	}
	return nil
}

// replace puts a new file in the place of the old one.
func (j *journal) replace(text []byte) error {
	next := j.path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write anew: %w", err)
	}
	if err := fill(file, text); err != nil {
		_ = file.Close()
		return fmt.Errorf("write anew: %w", err)
	}
	if err := os.Rename(next, j.path); err != nil {
		_ = file.Close()
		return fmt.Errorf("write anew: %w", err)
	}
	if j.file != nil {
		_ = j.file.Close() // what it held is in the new file
	}
	j.file, j.size, j.base = file, int64(len(text)), int64(len(text))
	if err := syncFolder(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("write anew: %w", err)
	}
	j.broken = false
	return nil
}

func fill(file *os.File, text []byte) error {
	// An old file with another mode keeps it when it is truncated.
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	return file.Sync()
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}

// list returns copies of what is alive.
func (j *journal) list() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []entry
	for _, one := range j.alive.list() {
		all = append(all, *one)
	}
	return all
}

// close lets the next process in.
func (j *journal) close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	return errors.Join(j.file.Close(), j.lock.Close())
}
