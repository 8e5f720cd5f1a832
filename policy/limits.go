package policy

import "time"

// Limits bound what one statement may give back to the client, as rows of a
// result or as a stream. In a decision zero means unlimited: whatever a
// policy leaves open has been filled in by then.
type Limits struct {
	// Rows counts the rows of a result and the lines of a COPY stream.
	Rows int64 `json:"rows,omitzero"`
	// Bytes counts the bytes of their messages' bodies.
	Bytes int64 `json:"bytes,omitzero"`
	// Duration runs from the statement's start to its end; nanoseconds in
	// JSON.
	Duration time.Duration `json:"duration,omitzero"`
}

// BuiltinLimits are the limits that hold where neither a rule nor the document's defaults say
// anything. They are wide enough for people who look at rows, and far too
// narrow for a table of customers, so that printing a table is no way around
// a refused export. The time is unlimited: migrations and maintenance take
// what they take, and sessions that do nothing are ended by the proxy's own
// limits for idle ones.
func BuiltinLimits() Limits { return Limits{Rows: 10_000, Bytes: 8 << 20} }

// The names of limits that no rule gave, in Decision.LimitsRule.
const (
	limitsBuiltin  = "builtin:defaults"
	limitsDocument = "defaults"
)

// limitSet is what a rule or the defaults say about limits. A nil field says
// nothing, zero says unlimited.
type limitSet struct {
	rows, bytes *int64
	duration    *time.Duration
}

// over fills in what s leaves open.
func (s limitSet) over(base Limits) Limits {
	return Limits{Rows: given(s.rows, base.Rows), Bytes: given(s.bytes, base.Bytes), Duration: given(s.duration, base.Duration)}
}

func (s limitSet) empty() bool { return s.rows == nil && s.bytes == nil && s.duration == nil }

func given[T any](value *T, otherwise T) T {
	if value != nil {
		return *value
	}
	return otherwise
}

// bound is limits with the rule they come from.
type bound struct {
	Limits
	rule     string
	position string
}

// lower narrows b to what other allows too. The rule that is named is the
// one whose rows count, and else the last that narrowed something.
func (b bound) lower(other bound) bound {
	least := Limits{
		Rows:     leastOf(b.Rows, other.Rows),
		Bytes:    leastOf(b.Bytes, other.Bytes),
		Duration: leastOf(b.Duration, other.Duration),
	}
	if least == b.Limits || b.Rows != 0 && least.Rows == b.Rows {
		return bound{least, b.rule, b.position}
	}
	return bound{least, other.rule, other.position}
}

// leastOf is the smaller of two limits, of which zero is unlimited.
func leastOf[T ~int64](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
