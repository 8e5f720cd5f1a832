package statement

import (
	"crypto/rand"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// cache holds analyses of texts by their keys. Looking one up takes no lock
// and writes to no memory that others read, but for one mark after a long
// time without use; so sessions that run the same statement do not wait for
// each other. Adding one takes the lock of a part of the cache.
//
// A cached analysis is nobody's: it stays as it is for as long as anybody
// points to it. Dropping it from the cache only means that the next text of
// its shape is parsed and gets another pointer.
type cache struct {
	seed    maphash.Seed
	salt    [32]byte
	buckets []atomic.Pointer[entry]
	shards  []shard
	// limit is what one shard may hold, in bytes.
	limit   int
	entries atomic.Int64
	bytes   atomic.Int64
	hits    counter
	misses  counter
}

// entry is one analysis in the list of its bucket and in its shard's ring.
type entry struct {
	key      string
	analysis *Analysis
	next     atomic.Pointer[entry] // in the bucket
	// used says that it was found since the hand passed it.
	used   atomic.Bool
	bucket int
	weight int
	left   *entry // in the ring
	right  *entry
}

// shard bounds a part of the buckets: those whose number is its own, modulo
// the number of shards. When it is full, its hand goes round the ring and
// takes out the first entry that was not used since the last time, so that a
// flood of texts that come once does not displace those that come often.
type shard struct {
	mu    sync.Mutex
	hand  *entry
	bytes int
}

const (
	mostShards = 16
	// smallestShard is how much a shard must have to be worth a lock, in
	// bytes.
	smallestShard = 1 << 20
	// bucketBytes is how much of the limit there is for each bucket.
	bucketBytes = 2 << 10
)

// newCache returns a cache of at most so many bytes.
func newCache(limit int) *cache {
	shards := 1
	for shards < mostShards && limit/(shards*2) >= smallestShard {
		shards *= 2
	}
	buckets := shards
	for buckets*bucketBytes < limit {
		buckets *= 2
	}
	c := &cache{
		seed: maphash.MakeSeed(), buckets: make([]atomic.Pointer[entry], buckets),
		shards: make([]shard, shards), limit: limit / shards,
	}
	rand.Read(c.salt[:])
	return c
}

// find returns the analysis of a text whose key has been read, or nil. After
// it the key is complete if the text has literals and the answer was nil.
func (c *cache) find(k *key, text string) *Analysis {
	found := c.lookup(k.bytes[:k.free])
	if found == nil && k.literals > 0 {
		k.complete(text, &c.salt)
		found = c.lookup(k.bytes)
	}
	return found
}

func (c *cache) bucket(key []byte) int {
	return int(maphash.Bytes(c.seed, key) & uint64(len(c.buckets)-1))
}

func (c *cache) lookup(key []byte) *Analysis {
	for e := c.buckets[c.bucket(key)].Load(); e != nil; e = e.next.Load() {
		if e.key == string(key) {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return e.analysis
		}
	}
	return nil
}

// keep adds an analysis under a key that find did not find, and returns the
// one to use: that of somebody who was faster, if there is one. The free part
// is enough if no literal mattered.
func (c *cache) keep(k *key, analysis *Analysis) *Analysis {
	bytes := k.bytes
	if k.literals == 0 || literalsFree(analysis) {
		bytes = bytes[:k.free]
	}
	e := &entry{key: string(bytes), analysis: analysis, bucket: c.bucket(bytes)}
	e.weight = entryWeight + len(e.key) + weigh(analysis)
	s := &c.shards[e.bucket%len(c.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if faster := c.lookup(bytes); faster != nil {
		return faster
	}
	const part = 8 // one entry takes no more than an eighth of its shard
	if e.weight > c.limit/part {
		return analysis
	}
	for s.bytes+e.weight > c.limit {
		c.evict(s)
	}
	e.next.Store(c.buckets[e.bucket].Load())
	c.buckets[e.bucket].Store(e)
	s.insert(e)
	c.count(s, 1, e.weight)
	return analysis
}

func literalsFree(a *Analysis) bool {
	for i := range a.Statements {
		if a.Statements[i].LiteralsMatter {
			return false
		}
	}
	return true
}

// insert puts an entry where the hand comes last.
func (s *shard) insert(e *entry) {
	if s.hand == nil {
		e.left, e.right, s.hand = e, e, e
		return
	}
	e.left, e.right = s.hand.left, s.hand
	e.left.right, e.right.left = e, e
}

// evict takes out one entry. Readers that stand on it still find the rest of
// its bucket.
func (c *cache) evict(s *shard) {
	for s.hand.used.Load() {
		s.hand.used.Store(false)
		s.hand = s.hand.right
	}
	e := s.hand
	if s.hand = e.right; s.hand == e {
		s.hand = nil
	}
	e.left.right, e.right.left = e.right, e.left
	link := &c.buckets[e.bucket]
	for link.Load() != e {
		link = &link.Load().next
	}
	link.Store(e.next.Load())
	c.count(s, -1, -e.weight)
}

func (c *cache) count(s *shard, entries, bytes int) {
	s.bytes += bytes
	c.entries.Add(int64(entries))
	c.bytes.Add(int64(bytes))
}
