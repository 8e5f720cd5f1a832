package statement

import "sync/atomic"

// Stats says how the cache of analyses fares.
type Stats struct {
	// Hits counts the texts that were not parsed because one like them had
	// been, Misses all others. They stay 0 without a cache.
	Hits, Misses uint64
	// Entries is the number of analyses held now, Bytes their estimated
	// size together with that of their keys.
	Entries, Bytes int64
}

// Stats may be called at any time and costs little.
func (a *Analyzer) Stats() Stats {
	if a.cache == nil {
		return Stats{}
	}
	return Stats{
		Hits: a.cache.hits.sum(), Misses: a.cache.misses.sum(),
		Entries: a.cache.entries.Load(), Bytes: a.cache.bytes.Load(),
	}
}

// stripes is how many counters make one, so that processors which count at
// the same time do not write to the same line of memory.
const stripes = 16

// counter is a number that many add to and few read.
type counter [stripes]struct {
	n atomic.Uint64
	_ [56]byte // the rest of a cache line
}

func (c *counter) add(stripe int) { c[stripe].n.Add(1) }

func (c *counter) sum() (total uint64) {
	for i := range c {
		total += c[i].n.Load()
	}
	return total
}

var lastStripe atomic.Uint64

func nextStripe() int { return int(lastStripe.Add(1) % stripes) }
