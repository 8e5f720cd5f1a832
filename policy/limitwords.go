package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// BytesWords writes a number of bytes in the largest unit that gives a whole
// number, such as 8 MiB or 1001 bytes.
func BytesWords(n int64) string {
	for _, unit := range slices.Backward(byteUnits) {
		if size := int64(1) << unit.shift; n >= size && n%size == 0 {
			return strconv.FormatInt(n>>unit.shift, 10) + " " + unit.name
		}
	}
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// DurationWords writes a duration as people do: 15m for 15m0s, 2h for 2h0m0s.
func DurationWords(d time.Duration) string {
	words := d.String()
	if strings.HasSuffix(words, "m0s") {
		words = strings.TrimSuffix(words, "0s")
	}
	if strings.HasSuffix(words, "h0m") {
		words = strings.TrimSuffix(words, "0m")
	}
	return words
}
