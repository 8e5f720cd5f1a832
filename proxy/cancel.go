package proxy

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

// Lengths of cancel keys in bytes: 4 up to protocol 3.0, up to 256 in 3.2,
// where PostgreSQL 18 itself uses 32.
const (
	shortKey = 4
	longKey  = 32
)

// cancelKeys maps the keys the proxy gave out to the sessions they cancel.
// Clients never see an upstream key.
type cancelKeys struct {
	mu    sync.Mutex
	known map[uint32]cancelEntry
}

type cancelEntry struct {
	key    []byte
	cancel func(context.Context) error
}

func newCancelKeys() *cancelKeys { return &cancelKeys{known: map[uint32]cancelEntry{}} }

// add gives out a key. The process id is the server's own, since clients
// compare it with that of a notification, unless a session with another
// server has it already.
func (c *cancelKeys) add(pid uint32, length int, cancel func(context.Context) error) (uint32, []byte) {
	key := make([]byte, length)
	rand.Read(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if _, used := c.known[pid]; pid != 0 && !used {
			c.known[pid] = cancelEntry{key, cancel}
			return pid, key
		}
		var b [4]byte
		rand.Read(b[:])
		pid = binary.BigEndian.Uint32(b[:]) & 0x7fffffff
	}
}

func (c *cancelKeys) remove(pid uint32) {
	c.mu.Lock()
	delete(c.known, pid)
	c.mu.Unlock()
}

// find returns what a CancelRequest's body cancels, nil if nothing. The
// time it takes tells nothing about the key.
func (c *cancelKeys) find(body []byte) func(context.Context) error {
	if len(body) < 4+shortKey {
		return nil
	}
	c.mu.Lock()
	entry, ok := c.known[binary.BigEndian.Uint32(body)]
	c.mu.Unlock()
	if !ok || subtle.ConstantTimeCompare(entry.key, body[4:]) != 1 {
		return nil
	}
	return entry.cancel
}
