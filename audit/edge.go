package audit

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// edge is the right edge of an RFC 6962 tree: the roots of the complete
// subtrees that together make up the tree, one for each bit set in its size.
// It is all that is needed to add leaves and to compute the root, in time
// and space of the order of the size's logarithm.
type edge struct {
	size  int64
	roots [63]tlog.Hash // roots[k] covers 2^k leaves; in use if size has bit k
}

// add appends a leaf, given the hash of its record.
func (e *edge) add(leaf tlog.Hash) {
	k := bits.TrailingZeros64(^uint64(e.size))
	for i := range k {
		leaf = tlog.NodeHash(e.roots[i], leaf)
	}
	e.roots[k] = leaf
	e.size++
}

// root returns the tree's root (RFC 6962 section 2.1); that of the empty
// tree is the hash of nothing.
func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		return sha256.Sum256(nil)
	}
	low := bits.TrailingZeros64(uint64(e.size))
	root := e.roots[low]
	for k := low + 1; k < len(e.roots); k++ {
		if e.size&(1<<k) != 0 {
			root = tlog.NodeHash(e.roots[k], root)
		}
	}
	return root
}

// hashes returns the roots in use, largest subtree first.
func (e *edge) hashes() []tlog.Hash {
	var out []tlog.Hash
	for k := len(e.roots) - 1; k >= 0; k-- {
		if e.size&(1<<k) != 0 {
			out = append(out, e.roots[k])
		}
	}
	return out
}

// newEdge is the inverse of hashes; ok is false if their number does not fit
// the size.
func newEdge(size int64, hashes []tlog.Hash) (e edge, ok bool) {
	if size < 0 || bits.OnesCount64(uint64(size)) != len(hashes) {
		return edge{}, false
	}
	e.size = size
	for k := len(e.roots) - 1; k >= 0; k-- {
		if size&(1<<k) != 0 {
			e.roots[k], hashes = hashes[0], hashes[1:]
		}
	}
	return e, true
}
