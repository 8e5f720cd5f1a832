package budget

import (
	"fmt"
	"testing"
)

// The first vectors of the reference implementation: the key is the bytes 00 to
// 0f, the input so many bytes from 00 on.
func TestSipHash(t *testing.T) {
	var key [KeySize]byte
	input := make([]byte, 64)
	for i := range input {
		input[i] = byte(i)
	}
	copy(key[:], input)
	h := NewHasher(key)
	for n, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 2: 0x0d6c8009d9a94f5a, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5,
	} {
		if got := h.Subject(input[:n]); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", h, h, h, h); text != "budget.Hasher budget.Hasher budget.Hasher budget.Hasher" {
		t.Errorf("the key is shown: %s", text)
	}
}
