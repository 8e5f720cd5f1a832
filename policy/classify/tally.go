package classify

import (
	"math"
	"math/bits"
)

// Tally counts the forms of a column's values. Its zero value has seen none.
// It holds counts and bits of hashes, no values, in about 800 bytes.
type Tally struct {
	// Rows are all that were seen, Nulls and Empty those without a value.
	Rows, Nulls, Empty uint64
	// Hits are the values with a form.
	Hits [shapes]uint32
	// Traced are the values outside the sample in which something was found
	// that counts by a single hit.
	Traced [shapes]uint32

	shortest, longest uint32 // of the values, in bytes; 0 before the first
	// first and last are the octets of IPv4 addresses; private counts
	// those of networks that are nobody's own (RFC 1918 and its like).
	first, last [4]uint64
	private     uint32
	// seen has a bit for each hash of the first values; linear counting
	// tells from it how many different ones there were.
	seen   [64]uint64
	hashed uint32
}

// hashedValues is how many values the estimate of different ones is about.
const hashedValues = 4096

// Add counts a value of a sampled row and says which forms it has.
func (t *Tally) Add(value []byte) ShapeSet {
	t.Rows++
	if len(value) == 0 {
		t.Empty++
		return 0
	}
	n := uint32(min(len(value), math.MaxUint32))
	if t.shortest == 0 || n < t.shortest {
		t.shortest = n
	}
	t.longest = max(t.longest, n)
	if t.hashed < hashedValues {
		t.hashed++
		h := hash(value)
		t.seen[h>>6&63] |= 1 << (h & 63)
	}
	found := Look(value)
	for s := Shape(0); found != 0 && s < shapes; s++ {
		if found.Has(s) {
			t.Hits[s]++
		}
	}
	if found.Has(IPv4) {
		t.spread(value)
	}
	return found
}

// AddNull counts a row without a value.
func (t *Tally) AddNull() { t.Rows, t.Nulls = t.Rows+1, t.Nulls+1 }

// trace looks at a value outside the sample for what counts by a single hit,
// and says what it found.
func (t *Tally) trace(value []byte) ShapeSet {
	found := Trace(value)
	for s := Shape(0); found != 0 && s < shapes; s++ {
		if found.Has(s) {
			t.Traced[s]++
		}
	}
	return found
}

// Values is how many sampled rows had a value.
func (t *Tally) Values() uint64 { return t.Rows - t.Nulls - t.Empty }

// share is the part of the values that have a form, in percent, rounded down.
func (t *Tally) share(s Shape) uint64 {
	if t.Values() == 0 {
		return 0
	}
	return uint64(t.Hits[s]) * 100 / t.Values()
}

// spread notes which networks an IPv4 address is of.
func (t *Tally) spread(value []byte) {
	o, ok := readIPv4(trim(value))
	if !ok {
		return
	}
	t.first[o[0]>>6] |= 1 << (o[0] & 63)
	t.last[o[3]>>6] |= 1 << (o[3] & 63)
	if o[0] == 10 || o[0] == 127 || o[0] == 192 && o[1] == 168 || o[0] == 172 && o[1]&0xf0 == 16 || o[0] == 169 && o[1] == 254 || o[0] == 100 && o[1]&0xc0 == 64 {
		t.private++
	}
}

// different estimates how many of the hashed values are different.
func (t *Tally) different() uint64 {
	zero := 0
	for _, word := range t.seen {
		zero += 64 - bits.OnesCount64(word)
	}
	const all = hashedValues
	if zero == 0 {
		return uint64(t.hashed)
	}
	return min(uint64(math.Round(-all*math.Log(float64(zero)/all))), uint64(t.hashed))
}

func count(bitmap [4]uint64) int {
	n := 0
	for _, word := range bitmap {
		n += bits.OnesCount64(word)
	}
	return n
}

// hash is FNV-1a, mixed so that all its bits depend on all bytes. It keeps
// apart what is counted here, and protects nothing.
func hash(value []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range value[:min(len(value), 256)] {
		h = (h ^ uint64(b)) * 1099511628211
	}
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	return h >> 52
}
