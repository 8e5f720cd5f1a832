package mask

import (
	"encoding/hex"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The samples without a tweak of NIST's "FF1 samples" for SP 800-38G.
func TestFF1Samples(t *testing.T) {
	const key = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94"
	for size, want := range map[int]uint64{16: 2433477484, 24: 2830668132, 32: 6657667009} {
		raw, err := hex.DecodeString(key[:2*size])
		if err != nil {
			t.Fatal(err)
		}
		f, err := newFF1(raw, 10, 10)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.encrypt(123456789); got != want {
			t.Errorf("AES-%d: 0123456789 becomes %d, not %d", 8*size, got, want)
		}
	}
}

// Every number of a small domain is reached exactly once.
func TestFF1Permutes(t *testing.T) {
	f, err := newFF1(make([]byte, 32), 2, 15)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for x := range uint64(1 << 15) {
		y := f.encrypt(x)
		if y >= 1<<15 || seen[y] {
			t.Fatalf("%d becomes %d, which is outside or was there", x, y)
		}
		seen[y] = true
	}
}

func TestIntegersKeepSignAndSize(t *testing.T) {
	p, err := newIntegers(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		x := p.of(a)
		if (a < 0) != (x < 0) || isInt32(a) != isInt32(x) {
			t.Errorf("%d becomes %d", a, x)
		}
		if (a == b) != (x == p.of(b)) {
			t.Errorf("%d and %d become %d and %d", a, b, x, p.of(b))
		}
	})
}

func isInt32(n int64) bool { return n >= math.MinInt32 && n <= math.MaxInt32 }
