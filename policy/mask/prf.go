package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"hash/maphash"
)

// prf is HMAC-SHA256 under one key, with a memory for values that come again.
// It belongs to one stream: two goroutines must not share one.
type prf struct {
	mac hash.Hash
	// short is the quick way for short values, nil if there is none.
	short *shortMAC
	sum   []byte
	seed  maphash.Seed
	// memory is made when it is first of use.
	memory []remembered
	// looked and found count since the last judgement on whether the memory
	// is worth its while; rest is for how many values it is left alone.
	looked, found, rest int
}

// The bounds of the memory: 1024 values of up to 55 bytes, which are those
// that one block of the hash takes, and about 100 KB.
const (
	slots         = 1024
	rememberBytes = shortBytes
)

// remembered is a value and its hash.
type remembered struct {
	value  [rememberBytes]byte
	length uint8
	sum    [sha256.Size]byte
}

// unremembered are the first values of a stream, for which no memory is made: most
// results have few rows.
const unremembered = 64

// The memory is judged after so many values, must have known so many of them,
// and otherwise is left alone for so many.
const (
	judged   = 2048
	leastHit = judged / 16
	pause    = 1 << 16
)

func newPRF(key []byte) *prf {
	return &prf{mac: hmac.New(sha256.New, key), short: newShortMAC(key), sum: make([]byte, 0, sha256.Size), seed: maphash.MakeSeed()}
}

// of returns the 32 bytes for a value, which stand until the next call.
func (p *prf) of(value []byte) []byte {
	if p.rest > 0 || len(value) > rememberBytes {
		p.rest = max(p.rest-1, 0)
		return p.compute(value)
	}
	if p.memory == nil {
		if p.looked++; p.looked <= unremembered {
			return p.compute(value)
		}
		p.memory = make([]remembered, slots)
	}
	p.judge()
	slot := &p.memory[maphash.Bytes(p.seed, value)%slots]
	if int(slot.length) == len(value) && string(slot.value[:slot.length]) == string(value) && len(value) > 0 {
		p.found++
		return append(p.sum[:0], slot.sum[:]...)
	}
	sum := p.compute(value)
	slot.length = uint8(copy(slot.value[:], value))
	copy(slot.sum[:], sum)
	return sum
}

func (p *prf) compute(value []byte) []byte {
	if p.short != nil && len(value) <= shortBytes {
		if sum := p.short.of(value); len(sum) == sha256.Size {
			return sum
		}
	}
	p.mac.Reset()
	_, _ = p.mac.Write(value) // never fails (hash.Hash)
	return p.mac.Sum(p.sum[:0])
}

// judge lets the memory rest where values hardly ever come again.
func (p *prf) judge() {
	if p.looked++; p.looked < judged {
		return
	}
	if p.found < leastHit {
		p.rest = pause
	}
	p.looked, p.found = 0, 0
}
