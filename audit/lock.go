package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrLocked is the error when another process has the trail open.
var ErrLocked = errors.New("another process writes this trail")

const lockName = "lock"

// dirLock keeps a second writer out. The kernel frees it when the process
// ends, however it ends.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit: opening the lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("audit: %s: %w", dir, ErrLocked)
		}
		return nil, fmt.Errorf("audit: locking %s: %w", name, err)
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() error { return l.file.Close() }

// Locked tells whether a process writes the trail in dir. It changes nothing;
// a trail that was never begun is not locked. The answer is true for the
// moment only: to keep a writer out, be one.
func Locked(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("audit: opening the lock: %w", err)
	}
	// Closing it gives a lock up again.
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("audit: asking for the lock of %s: %w", dir, err)
	}
	return false, nil
}
