package harness

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// versions are the servers that suites run on unless told otherwise: the
// oldest and the newest that are supported, and Debian's.
var versions = []int{13, 15, 18}

// Versions are the servers to run on: those that $SLUICE_TEST_VERSIONS lists
// with commas, such as "14,17", otherwise 13, 15 and 18. A version that is
// not installed fails the tests that want it.
func Versions(t testing.TB) []int {
	t.Helper()
	return VersionsOr(t, versions...)
}

// VersionsOr is Versions for a suite that has its own list for when
// $SLUICE_TEST_VERSIONS is not set.
func VersionsOr(t testing.TB, otherwise ...int) []int {
	t.Helper()
	list := os.Getenv("SLUICE_TEST_VERSIONS")
	if list == "" {
		return otherwise
	}
	var out []int
	for word := range strings.SplitSeq(list, ",") {
		v, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("SLUICE_TEST_VERSIONS: %v", err)
		}
		out = append(out, v)
	}
	return out
}
