package mask

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"testing"
)

// The quick way is HMAC-SHA256 for every length, and there is one: without it
// this would only be slow, but a new release of Go must not go unnoticed.
// A result of few rows has no room made for values that come again.
func TestFewValuesAreNotRemembered(t *testing.T) {
	p := newPRF(make([]byte, 32))
	value := []byte("anna@example.com")
	first := string(p.of(value))
	for range unremembered - 1 {
		p.of(value)
	}
	if p.memory != nil {
		t.Error("there is a memory already")
	}
	if p.of(value); p.memory == nil || string(p.of(value)) != first || p.found != 1 {
		t.Errorf("after many values: %d found in the memory", p.found)
	}
}

func TestPRFIsHMAC(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	p := newPRF(key)
	if p.short == nil {
		t.Error("the hash does not show its state as expected")
	}
	for n := range 200 {
		value := bytes.Repeat([]byte{byte(n)}, n)
		want := hmac.New(sha256.New, key)
		want.Write(value)
		if got := p.compute(value); !bytes.Equal(got, want.Sum(nil)) {
			t.Errorf("%d bytes have the hash %x", n, got)
		}
	}
}

// RFC 4231, test case 2, with its short key filled up as HMAC does.
func TestPRFKnownAnswer(t *testing.T) {
	p := newPRF(append([]byte("Jefe"), make([]byte, 28)...))
	const want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	if got := hex.EncodeToString(p.of([]byte("what do ya want for nothing?"))); got != want {
		t.Error(got)
	}
}

// Values that come again have the same pseudonym from the memory, and the
// memory neither grows nor mixes values up.
func TestMemoryKeepsPseudonyms(t *testing.T) {
	a, b := newPRF(make([]byte, 32)), newPRF(make([]byte, 32))
	for i := range 3 * pause {
		v := []byte(strconv.Itoa(i % 3000))
		if i > pause {
			v = []byte(strconv.Itoa(i % 7))
		}
		if !slices.Equal(a.of(v), b.compute(v)) {
			t.Fatalf("%d: %q has another hash from the memory", i, v)
		}
	}
	if len(a.memory) != slots {
		t.Errorf("%d values are remembered", len(a.memory))
	}
}
