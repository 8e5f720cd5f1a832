package budget

import (
	"encoding/binary"
	"math/bits"
)

// KeySize is the size of a hasher's key, in bytes.
const KeySize = 16

// Hasher hashes subjects with a key: without it nobody can tell from a hash
// whose it is by trying. It is SipHash-2-4 with 64 bits (Aumasson and
// Bernstein, "SipHash: a fast short-input PRF"). The zero Hasher has a key that
// everybody knows.
type Hasher struct{ k0, k1 uint64 }

// NewHasher makes a hasher with a secret key.
func NewHasher(key [KeySize]byte) Hasher {
	return Hasher{binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])}
}

// String shows nothing of the key.
func (Hasher) String() string { return "budget.Hasher" }

// GoString shows nothing of the key.
func (Hasher) GoString() string { return "budget.Hasher" }

// Subject is the hash of a value in its canonical form, never zero.
func (h Hasher) Subject(value []byte) uint64 { return max(h.sum(value), 1) }

func (h Hasher) sum(p []byte) uint64 {
	s := sip{h.k0 ^ 0x736f6d6570736575, h.k1 ^ 0x646f72616e646f6d, h.k0 ^ 0x6c7967656e657261, h.k1 ^ 0x7465646279746573}
	last := uint64(len(p)) << 56
	for ; len(p) >= 8; p = p[8:] {
		s.word(binary.LittleEndian.Uint64(p))
	}
	for i, b := range p {
		last |= uint64(b) << (8 * i)
	}
	s.word(last)
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

type sip struct{ v0, v1, v2, v3 uint64 }

func (s *sip) word(m uint64) {
	s.v3 ^= m
	s.round()
	s.round()
	s.v0 ^= m
}

func (s *sip) round() {
	s.v0 += s.v1
	s.v2 += s.v3
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 = bits.RotateLeft64(s.v0, 32) + s.v3
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 = bits.RotateLeft64(s.v2, 32)
}
