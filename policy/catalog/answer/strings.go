package answer

import "fmt"

// longestShared is the length up to which equal strings are kept once. Names
// and types repeat; bodies and queries do not.
const longestShared = 64

// Strings keeps the texts of many rows, short ones once.
type Strings struct {
	shared map[string]string
	bytes  int
	most   int
}

// NewStrings makes Strings that hold at most so many bytes.
func NewStrings(most int) *Strings { return &Strings{shared: map[string]string{}, most: most} }

// Row begins a row whose texts are kept.
func (s *Strings) Row(values [][]byte) Row { return Row{Values: values, kept: s} }

// Keep returns a string of its own for bytes that will change.
func (s *Strings) Keep(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > longestShared {
		s.bytes += len(b)
		return string(b)
	}
	if kept, ok := s.shared[string(b)]; ok {
		return kept
	}
	kept := string(b)
	s.bytes += len(b)
	s.shared[kept] = kept
	return kept
}

// Full says when there is more than may be kept.
func (s *Strings) Full() error {
	if s.bytes > s.most {
		return fmt.Errorf("the texts of the database's catalog (names, comments, conditions, functions) are longer than %d MiB", s.most>>20)
	}
	return nil
}
