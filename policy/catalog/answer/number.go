package answer

import (
	"fmt"
	"math"
)

// MaxOID is the largest OID.
const MaxOID = math.MaxUint32

// Number reads a decimal number of at most most, without a sign; 0 for a text
// without digits.
func Number(text []byte, most uint64) (uint64, error) {
	var n uint64
	for _, c := range text {
		digit := uint64(c - '0')
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%d bytes that are no number", len(text))
		}
		// Before it grows, since it would begin at zero again.
		if digit > most || n > (most-digit)/10 {
			return 0, fmt.Errorf("a number that is larger than %d", most)
		}
		n = n*10 + digit
	}
	return n, nil
}
