package audit

import (
	"errors"
	"fmt"
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
