package verify

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// tree computes RFC 6962 roots over records as they come. It keeps the roots
// of complete subtrees, largest first, and joins equal neighbours.
type tree struct {
	size  int64
	parts []part
}

type part struct {
	leaves int64
	root   tlog.Hash
}

func (t *tree) add(leaf tlog.Hash) {
	t.size++
	t.parts = append(t.parts, part{1, leaf})
	for n := len(t.parts); n >= 2 && t.parts[n-2].leaves == t.parts[n-1].leaves; n-- {
		left, right := t.parts[n-2], t.parts[n-1]
		t.parts = append(t.parts[:n-2], part{2 * left.leaves, tlog.NodeHash(left.root, right.root)})
	}
}

func (t *tree) root() tlog.Hash {
	if len(t.parts) == 0 {
		return sha256.Sum256(nil)
	}
	root := t.parts[len(t.parts)-1].root
	for i := len(t.parts) - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.parts[i].root, root)
	}
	return root
}

func (t *tree) edge() []tlog.Hash {
	var out []tlog.Hash
	for _, p := range t.parts {
		out = append(out, p.root)
	}
	return out
}
