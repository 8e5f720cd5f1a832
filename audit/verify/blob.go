package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
)

// blob checks that the store holds what a digest names. It returns what is
// wrong with the blob, empty if nothing; each blob is read once.
func (c *checker) blob(digest string) (what string, err error) {
	if c.blobs[digest] {
		return "", nil
	}
	f, err := c.fsys.Open(path.Join(storeName, digest[:2], digest[2:]))
	if errors.Is(err, fs.ErrNotExist) {
		return "is missing from the store", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	if hex.EncodeToString(h.Sum(nil)) != digest {
		return "holds something else in the store", nil
	}
	c.blobs[digest] = true
	return "", nil
}
