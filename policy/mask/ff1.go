package mask

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// ff1 is the permutation FF1 of NIST SP 800-38G over numerals of one radix and
// length, without a tweak. It takes halves of at most 32 bits, so that every
// step fits a uint64.
type ff1 struct {
	block cipher.Block
	// first is the cipher of the block P, which is the same for all inputs.
	first [aes.BlockSize]byte
	// bytes is how long a half is in a block: b in the standard.
	bytes int
	// high and low are how many values the halves have: radix^u and radix^v.
	high, low uint64
	// work is the block Q and its cipher, kept so as not to allocate.
	work [aes.BlockSize]byte
}

// rounds is how often FF1 mixes the halves.
const rounds = 10

// newFF1 makes the permutation of numerals with n digits of the radix under an
// AES key of 16, 24 or 32 bytes.
func newFF1(key []byte, radix, n int) (*ff1, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	u := n / 2
	f := &ff1{block: block, high: power(radix, u), low: power(radix, n-u)}
	bits := 0
	for (f.low-1)>>bits != 0 {
		bits++
	}
	f.bytes = (bits + 7) / 8
	p := [aes.BlockSize]byte{1, 2, 1, 0, byte(radix >> 8), byte(radix), rounds, byte(u)}
	binary.BigEndian.PutUint32(p[8:], uint32(n))
	block.Encrypt(f.first[:], p[:])
	return f, nil
}

func power(radix, n int) uint64 {
	out := uint64(1)
	for range n {
		out *= uint64(radix)
	}
	return out
}

// encrypt maps x, which is below radix^n, to another such number.
func (f *ff1) encrypt(x uint64) uint64 {
	a, b := x/f.low, x%f.low
	for i := range rounds {
		size := f.high
		if i%2 == 1 {
			size = f.low
		}
		a, b = b, (a+f.mix(i, b)%size)%size
	}
	return a*f.low + b
}

// mix is the round function: the first eight bytes of the CBC-MAC of P and Q.
// The standard takes 4*ceil(b/4)+4 bytes, which is eight for b up to 4.
func (f *ff1) mix(round int, half uint64) uint64 {
	clear(f.work[:])
	binary.BigEndian.PutUint64(f.work[8:], half)
	f.work[aes.BlockSize-1-f.bytes] = byte(round)
	for i := range f.work {
		f.work[i] ^= f.first[i]
	}
	f.block.Encrypt(f.work[:], f.work[:])
	return binary.BigEndian.Uint64(f.work[:])
}

// integers permutes the integers of 64 bits so that those of 32 bits stay among
// themselves, and those below zero too: integer and bigint agree.
type integers struct{ small, large *ff1 }

// The lengths of the two permutations in bits, without the sign.
const (
	smallBits = 31
	largeBits = 63
)

func newIntegers(key []byte) (*integers, error) {
	small, err := newFF1(key, 2, smallBits)
	if err != nil {
		return nil, err
	}
	large, err := newFF1(key, 2, largeBits)
	if err != nil {
		return nil, err
	}
	return &integers{small, large}, nil
}

func (p *integers) of(v int64) int64 {
	if v < 0 {
		return ^p.of(^v)
	}
	if v < 1<<smallBits {
		return int64(p.small.encrypt(uint64(v)))
	}
	// What lands among the small ones walks on until it leaves them: the
	// orbits stay disjoint, so it is still a permutation.
	x := p.large.encrypt(uint64(v))
	for x < 1<<smallBits {
		x = p.large.encrypt(x)
	}
	return int64(x)
}
