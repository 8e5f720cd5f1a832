package classify

// Strength is how much speaks for a suggestion.
type Strength uint8

// The strengths. Question needs a person who knows: a word without order
// may be a secret, a digest or a small picture.
const (
	Question Strength = iota + 1
	Weak
	Likely
	Sure
)

// String is the strength in one word.
func (s Strength) String() string {
	switch s {
	case Question:
		return "question"
	case Weak:
		return "weak"
	case Likely:
		return "likely"
	case Sure:
		return "sure"
	}
	return "none"
}

// MarshalText writes the word, for JSON.
func (s Strength) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
