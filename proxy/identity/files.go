package identity

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// LockFolder makes writers of one folder wait for each other; the lock goes
// with the process, so a crash leaves nothing behind.
func LockFolder(folder string) (unlock func(), err error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	return func() { _ = dir.Close() }, nil
}

// WriteAtomically replaces path, also if it is a link: readers see the old file
// or the new one, never a part. The new one has the owner, group and mode of old,
// or is the caller's alone if old is nil. A crash may leave one beside it, whose
// name is like .NAME.123.
func WriteAtomically(path, content string, old fs.FileInfo) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temp.Close()
			_ = os.Remove(temp.Name())
		}
	}()
	if old != nil {
		if err := takeOver(temp, old); err != nil {
			return err
		}
	}
	if _, err := temp.WriteString(content); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// takeOver gives the new file the owner, group and mode of the old one, so
// that a proxy that may read it through its group still can.
func takeOver(temp *os.File, old fs.FileInfo) error {
	mine, err := temp.Stat()
	if err != nil {
		return err
	}
	was, ok1 := old.Sys().(*syscall.Stat_t)
	is, ok2 := mine.Sys().(*syscall.Stat_t)
	if ok1 && ok2 && (was.Uid != is.Uid || was.Gid != is.Gid) {
		if err := temp.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return fmt.Errorf("keep the file's owner: %w", err)
		}
	}
	return temp.Chmod(old.Mode().Perm())
}

func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", folder, err)
	}
	return nil
}
