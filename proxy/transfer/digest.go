package transfer

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/bits"
	"strings"

	"github.com/dchest/siphash"
)

// Digest stands for the rows of a relation, in whatever order and pieces they
// came: the sum, modulo 2^128, of SipHash-2-4 of 128 bits over all rows, where a row
// is its bytes in COPY's format without the stream's header and trailer (in binary
// with the count of fields, in text with the line's end), and the bytes that SipHash
// returns are a number, least significant byte first. Equal rows count as often as they
// are there, so that a row twice is not a row missing.
//
// The key is 16 random bytes for each copy, known to nobody but this process until
// the copy is published. SipHash is a pseudorandom function under a key that is not
// known (Aumasson and Bernstein, 2012). So what a destination holds instead of a row,
// by mistake or on purpose, adds a number that nobody could choose, and goes unnoticed
// with a chance of 2^-128. Once the key is known, as it is to whoever reads a receipt,
// that holds no longer: a digest compares two ends of one copy, and is no signature of
// the rows.
type Digest struct {
	// Key is the copy's, Sum the sum, most significant byte first; Rows is how many
	// rows are in it.
	Key  [16]byte
	Sum  [16]byte
	Rows uint64
}

// String is "sluice-rows-2:KEY:ROWS:SUM", key and sum in hexadecimal.
func (d Digest) String() string {
	return fmt.Sprintf("%s%x:%d:%x", digestName, d.Key, d.Rows, d.Sum)
}

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDigest(string(text))
	return err
}

const digestName = "sluice-rows-2:"

// ParseDigest reads what String prints.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	rest, ok := strings.CutPrefix(text, digestName)
	parts := strings.Split(rest, ":")
	if !ok || len(parts) != 3 {
		return d, fmt.Errorf("%q is no digest of rows", printable(text))
	}
	key, err := hex.DecodeString(parts[0])
	sum, err2 := hex.DecodeString(parts[2])
	if err != nil || err2 != nil || len(key) != len(d.Key) || len(sum) != len(d.Sum) {
		return d, fmt.Errorf("%q is no digest of rows", printable(text))
	}
	copy(d.Key[:], key)
	copy(d.Sum[:], sum)
	if _, err := fmt.Sscan(parts[1], &d.Rows); err != nil || d.String() != text {
		return Digest{}, fmt.Errorf("%q is no digest of rows", printable(text))
	}
	return d, nil
}

// newKey makes the key of a copy's digests.
func newKey() (key [16]byte) {
	_, _ = rand.Read(key[:]) // it never fails (crypto/rand)
	return key
}

// add puts another part of the same relation into the sum.
func (d *Digest) add(o Digest) {
	low, carry := bits.Add64(binary.BigEndian.Uint64(d.Sum[8:]), binary.BigEndian.Uint64(o.Sum[8:]), 0)
	high, _ := bits.Add64(binary.BigEndian.Uint64(d.Sum[:]), binary.BigEndian.Uint64(o.Sum[:]), carry)
	binary.BigEndian.PutUint64(d.Sum[8:], low)
	binary.BigEndian.PutUint64(d.Sum[:], high)
	d.Rows += o.Rows
}

// rowHash sums the rows of one stream. It allocates nothing for a row.
type rowHash struct {
	key       [16]byte
	k0, k1    uint64    // the key's halves, for rows that are there whole
	state     hash.Hash // for those that come in pieces
	room      [siphash.Size128]byte
	low, high uint64
	rows      uint64
}

func newRowHash(key [16]byte) *rowHash {
	return &rowHash{key: key, k0: binary.LittleEndian.Uint64(key[:]), k1: binary.LittleEndian.Uint64(key[8:]), state: siphash.New128(key[:])}
}

// row adds a row that is there whole.
func (h *rowHash) row(row []byte) { h.add(siphash.Hash128(h.k0, h.k1, row)) }

// start, more and end add a row in pieces.
func (h *rowHash) start() { h.state.Reset() }

func (h *rowHash) more(piece []byte) { h.state.Write(piece) }

func (h *rowHash) end() {
	s := h.state.Sum(h.room[:0])
	h.add(binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:]))
}

func (h *rowHash) add(low, high uint64) {
	var carry uint64
	h.low, carry = bits.Add64(h.low, low, 0)
	h.high, _ = bits.Add64(h.high, high, carry)
	h.rows++
}

// digest is the sum so far.
func (h *rowHash) digest() Digest {
	d := Digest{Key: h.key, Rows: h.rows}
	binary.BigEndian.PutUint64(d.Sum[:], h.high)
	binary.BigEndian.PutUint64(d.Sum[8:], h.low)
	return d
}
