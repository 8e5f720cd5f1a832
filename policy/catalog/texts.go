package catalog

import "fmt"

// MostText bounds the strings of one snapshot, in bytes: whoever may make
// objects could make a catalog of any size.
const MostText = 512 << 20

// longestShared is the length up to which equal strings are kept once. Names
// and types repeat; bodies and queries do not.
const longestShared = 64

// texts keeps the strings of a snapshot, short ones once.
type texts struct {
	shared map[string]string
	bytes  int
}

func newTexts() *texts { return &texts{shared: map[string]string{}} }

// keep returns a string of its own for bytes that will change.
func (s *texts) keep(b []byte) string {
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

// full says when there is more than a snapshot may hold.
func (s *texts) full() error {
	if s.bytes > MostText {
		return fmt.Errorf("catalog: the texts of the database's catalog (names, comments, queries, functions) are longer than %d MiB", MostText>>20)
	}
	return nil
}
