package mask

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
)

// shortMAC is HMAC-SHA256 (RFC 2104) for values that fit one block. The states
// of the hash behind the two blocks of the key are kept, and each value is
// padded here (FIPS 180-4, 5.1.1): two blocks instead of four, and none of the
// copies that a hash makes to stay usable after Sum. The state is read from
// what the hash marshals, so that newShortMAC holds it to crypto/hmac first.
type shortMAC struct {
	hash         marshalHash
	inner, outer []byte
	block, last  [sha256.BlockSize]byte
	state        []byte
}

type marshalHash interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

const (
	// shortBytes is how long a value may be: a byte that ends it and eight of
	// its length follow.
	shortBytes = sha256.BlockSize - 9
	// stateAt is where the marshalled state has its eight words, behind a
	// mark of four bytes.
	stateAt = 4
)

// newShortMAC makes one for a key of 32 bytes; nil if the standard library's
// hash does not show its state as expected.
func newShortMAC(key []byte) *shortMAC {
	h, ok := sha256.New().(marshalHash)
	if !ok {
		return nil
	}
	m := &shortMAC{hash: h}
	var errs [2]error
	m.inner, errs[0] = m.begin(key, 0x36)
	m.outer, errs[1] = m.begin(key, 0x5c)
	if errs[0] != nil || errs[1] != nil {
		return nil
	}
	pad(m.last[:], sha256.Size)
	for _, probe := range [][]byte{nil, []byte("probe"), bytes.Repeat([]byte{0xff}, shortBytes)} {
		want := hmac.New(sha256.New, key)
		_, _ = want.Write(probe) // never fails (hash.Hash)
		if !bytes.Equal(m.of(probe), want.Sum(nil)) {
			return nil
		}
	}
	return m
}

// begin returns the state behind the key's block.
func (m *shortMAC) begin(key []byte, with byte) ([]byte, error) {
	block := bytes.Repeat([]byte{with}, sha256.BlockSize)
	for i, c := range key {
		block[i] ^= c
	}
	m.hash.Reset()
	_, _ = m.hash.Write(block)
	return m.hash.AppendBinary(nil)
}

// pad ends a block that has n bytes of a text whose first block came before.
func pad(block []byte, n int) {
	clear(block[n:])
	block[n] = 0x80
	binary.BigEndian.PutUint64(block[sha256.BlockSize-8:], uint64(sha256.BlockSize+n)*8)
}

// of returns the 32 bytes for a value, which stand until the next call; nil if
// the hash failed.
func (m *shortMAC) of(value []byte) []byte {
	pad(m.block[:], copy(m.block[:], value))
	copy(m.last[:], m.after(m.inner, m.block[:]))
	return m.after(m.outer, m.last[:])
}

// after is the state of the hash one block later, in bytes.
func (m *shortMAC) after(state, block []byte) []byte {
	if err := m.hash.UnmarshalBinary(state); err != nil {
		return nil
	}
	_, _ = m.hash.Write(block)
	var err error
	if m.state, err = m.hash.AppendBinary(m.state[:0]); err != nil || len(m.state) < stateAt+sha256.Size {
		return nil
	}
	return m.state[stateAt : stateAt+sha256.Size]
}
