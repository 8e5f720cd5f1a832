package audit

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Disk is what the trail asks of a file system. The zero Options use the
// real one; tests put one in its place that fails where they want it to.
type Disk interface {
	// OpenFile opens a file as os.OpenFile does.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// ReadDir lists a directory as os.ReadDir does.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Mkdir makes a directory as os.Mkdir does.
	Mkdir(name string, perm fs.FileMode) error
	// Rename replaces a file as os.Rename does.
	Rename(from, to string) error
	// Remove removes a file as os.Remove does.
	Remove(name string) error
	// SyncDir returns when the directory's entries are on disk.
	SyncDir(name string) error
}

// File is what the trail asks of an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// realDisk is the operating system's.
type realDisk struct{}

func (realDisk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (realDisk) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (realDisk) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (realDisk) Rename(from, to string) error               { return os.Rename(from, to) }
func (realDisk) Remove(name string) error                   { return os.Remove(name) }

func (realDisk) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// writeNew makes a file with this content and returns when it is on disk
// under its name. A crash leaves the whole file, or none and perhaps the
// temporary one.
func writeNew(disk Disk, dir, temporary, name string, data []byte) error {
	f, err := disk.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("making %s: %w", temporary, err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		f.Close()
		return fmt.Errorf("writing %s: %w", temporary, err)
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return fmt.Errorf("syncing %s: %w", temporary, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", temporary, err)
	}
	if err := disk.Rename(temporary, name); err != nil {
		return fmt.Errorf("renaming %s to %s: %w", temporary, name, err)
	}
	if err := disk.SyncDir(dir); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}

// makeDir makes a directory if it is not there and returns when its entry in
// parent is on disk.
func makeDir(disk Disk, parent, dir string) error {
	err := disk.Mkdir(dir, 0o700)
	if err != nil && !os.IsExist(err) {
		return fmt.Errorf("making %s: %w", dir, err)
	}
	// The entry is synced even if it was there: an earlier run may have
	// died between making and syncing it.
	if err := disk.SyncDir(parent); err != nil {
		return fmt.Errorf("syncing %s: %w", parent, err)
	}
	return nil
}

// readAll reads a whole file.
func readAll(disk Disk, name string) ([]byte, error) {
	f, err := disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
}
