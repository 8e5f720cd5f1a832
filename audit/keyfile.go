package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadOrCreateKey returns the key in the file at path, and makes one if there
// is no file: mode 0600, readable by its owner only, in a directory that must
// exist. The verifier key, which is public, is kept beside it under the same
// name ending in .pub instead of .key: trail.key and trail.pub. A file that
// others may read, that is damaged, whose .pub belongs to another key, or that
// is gone while its .pub is there, is an ErrKey.
func LoadOrCreateKey(path string) (*Key, error) {
	return LoadOrCreateKept(context.Background(), keyFile(path), PublicPath(path))
}

// LoadKey returns the key in the file at path, which must exist, and makes
// and changes nothing. Its errors are those of LoadOrCreateKey.
func LoadKey(path string) (*Key, error) { return LoadKept(context.Background(), keyFile(path)) }

// PublicPath returns where LoadOrCreateKey keeps the verifier key of the key
// at path.
func PublicPath(path string) string { return strings.TrimSuffix(path, ".key") + publicSuffix }

// keyFile is a Keeper: the path of a file.
type keyFile string

// String implements Keeper.
func (path keyFile) String() string { return string(path) }

// Load implements Keeper.
func (path keyFile) Load(context.Context) (string, error) {
	f, err := os.Open(string(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyBytes {
		return "", fmt.Errorf("%w: %s is not a key file", ErrKey, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: others may read %s (mode %04o); make a new key, or run chmod 600 if nobody has read it", ErrKey, path, info.Mode().Perm())
	}
	data := make([]byte, info.Size())
	defer clear(data)
	if _, err := f.ReadAt(data, 0); err != nil {
		return "", err
	}
	return string(data), nil
}

// Create implements Keeper.
func (path keyFile) Create(_ context.Context, private string) error {
	return writeExclusive(string(path), []byte(private+"\n"), 0o600)
}

// writeExclusive makes a whole file, or fails with fs.ErrExist if there is
// one: a link, unlike a rename, replaces nothing.
func writeExclusive(path string, data []byte, perm fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return realDisk{}.SyncDir(dir)
}
