package destination

// Fact is something that was asked, with its answer if there was one. The zero
// value is unknown.
//
// Value may hold something although the fact is not known: then it is a part of
// the answer. A weakness in it counts; the absence of one says nothing.
type Fact[T any] struct {
	Known bool `json:"known"`
	Value T    `json:"value,omitzero"`
	// Evidence is where the answer comes from, or why there is none.
	Evidence string `json:"evidence"`
}

// Known is a fact with its answer and where that comes from.
func Known[T any](value T, evidence string) Fact[T] {
	return Fact[T]{Known: true, Value: value, Evidence: evidence}
}

// Unknown is a fact without an answer, and why.
func Unknown[T any](why string) Fact[T] { return Fact[T]{Evidence: why} }

// Partly is a fact of which only a part could be seen, and why.
func Partly[T any](part T, why string) Fact[T] { return Fact[T]{Value: part, Evidence: why} }
