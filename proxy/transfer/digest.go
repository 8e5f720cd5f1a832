package transfer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/bits"
	"strings"
)

// Digest stands for the rows of a relation, in whatever order and pieces they
// came: the sum, modulo 2^256, of SHA-256(key, row) over all rows, where a row is
// its bytes in COPY's format without the stream's header and trailer (in binary
// with the count of fields, in text with the line's end). Equal rows count as
// often as they are there, so that a row twice is not a row missing.
//
// The key is 16 random bytes for each copy, known to nobody but this process until
// the copy is published. So what a destination holds instead of a row, by mistake
// or on purpose, adds a number that nobody could choose, and goes unnoticed with a
// chance of 2^-256. Once the key is known, as it is to whoever reads a receipt,
// that holds no longer for somebody who makes up many rows (a sum can then be
// met by solving for it): a digest compares two ends of one copy, and is no
// signature of the rows.
type Digest struct {
	// Key is the copy's, Sum the sum; Rows is how many rows are in it.
	Key  [16]byte
	Sum  [32]byte
	Rows uint64
}

// String is "sluice-rows-1:KEY:ROWS:SUM", key and sum in hexadecimal.
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

const digestName = "sluice-rows-1:"

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
	var carry uint64
	for i := 24; i >= 0; i -= 8 {
		var word uint64
		word, carry = bits.Add64(binary.BigEndian.Uint64(d.Sum[i:]), binary.BigEndian.Uint64(o.Sum[i:]), carry)
		binary.BigEndian.PutUint64(d.Sum[i:], word)
	}
	d.Rows += o.Rows
}

// rowHash sums the rows of one stream. It allocates nothing for a row.
type rowHash struct {
	key   [16]byte
	state hash.Hash
	room  [sha256.Size]byte
	sum   [4]uint64 // the most significant first
	rows  uint64
}

func newRowHash(key [16]byte) *rowHash { return &rowHash{key: key, state: sha256.New()} }

// row adds a row that is there whole.
func (h *rowHash) row(row []byte) {
	h.start()
	h.state.Write(row)
	h.end()
}

// start, more and end add a row in pieces.
func (h *rowHash) start() {
	h.state.Reset()
	h.state.Write(h.key[:])
}

func (h *rowHash) more(piece []byte) { h.state.Write(piece) }

func (h *rowHash) end() {
	s := h.state.Sum(h.room[:0])
	var carry uint64
	h.sum[3], carry = bits.Add64(h.sum[3], binary.BigEndian.Uint64(s[24:]), 0)
	h.sum[2], carry = bits.Add64(h.sum[2], binary.BigEndian.Uint64(s[16:]), carry)
	h.sum[1], carry = bits.Add64(h.sum[1], binary.BigEndian.Uint64(s[8:]), carry)
	h.sum[0], _ = bits.Add64(h.sum[0], binary.BigEndian.Uint64(s), carry)
	h.rows++
}

// digest is the sum so far.
func (h *rowHash) digest() Digest {
	d := Digest{Key: h.key, Rows: h.rows}
	for i, word := range h.sum {
		binary.BigEndian.PutUint64(d.Sum[8*i:], word)
	}
	return d
}
