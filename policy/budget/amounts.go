package budget

import "time"

// Amounts are what is counted. Of limits, zero is unlimited.
type Amounts struct {
	Rows     int64 `json:"rows,omitzero"`
	Bytes    int64 `json:"bytes,omitzero"`
	Subjects int64 `json:"subjects,omitzero"`
}

func (a Amounts) plus(b Amounts) Amounts {
	return Amounts{a.Rows + b.Rows, a.Bytes + b.Bytes, a.Subjects + b.Subjects}
}

func (a Amounts) minus(b Amounts) Amounts {
	return Amounts{a.Rows - b.Rows, a.Bytes - b.Bytes, a.Subjects - b.Subjects}
}

// Minus is what is left of a when b is taken away, in nothing less than zero.
func (a Amounts) Minus(b Amounts) Amounts {
	left := a.minus(b)
	return Amounts{max(left.Rows, 0), max(left.Bytes, 0), max(left.Subjects, 0)}
}

// Terms are how much there is within a window.
type Terms struct {
	Window time.Duration
	// Limits are zero for what is unlimited.
	Limits Amounts
}

// Key says whose account it is, by which budget and of which class.
type Key struct {
	Holder, Budget, Class string
}

// Message is something that would go to a client.
type Message struct {
	Rows, Bytes int64
	// Subject is whose the row is, from Hasher.Subject; zero if that cannot
	// be told: then each row has a subject of its own.
	Subject uint64
}

// Outcome is what becomes of a message. The zero value lets nothing pass.
type Outcome uint8

// The outcomes.
const (
	// Full: there is no room for another account.
	Full Outcome = iota
	// Short: first Extend has to put on record that more may be taken.
	Short
	// OverRows, OverBytes and OverSubjects: it would pass this limit.
	OverRows
	OverBytes
	OverSubjects
	// Taken: it was counted, and may pass.
	Taken
)

// Taking is an outcome with what is to be put on record.
type Taking struct {
	Outcome Outcome
	// Anonymous is how many subjects were counted for rows that nobody knows
	// whose they are.
	Anonymous int64
	// Fresh is true if nobody has put the sighting of the subject on record
	// for the present slot.
	Fresh bool
	// Level says how the subjects of the slot are sampled: of all, those whose
	// hash begins with so many zero bits are known.
	Level uint8
}
