package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

// Moment is a time inside a body. It is written as the trail writes times, in
// UTC to the microsecond, so that there is one way to write it.
type Moment struct{ time.Time }

// At makes a moment of a time.
func At(t time.Time) Moment {
	if t.IsZero() {
		return Moment{}
	}
	return Moment{t.UTC().Truncate(time.Microsecond)}
}

// MarshalJSON implements json.Marshaler.
func (m Moment) MarshalJSON() ([]byte, error) {
	if y := m.UTC().Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("the year %d cannot be written", y)
	}
	return json.Marshal(m.UTC().Format(record.TimeLayout))
}

// UnmarshalJSON implements json.Unmarshaler. Any other form is an error.
func (m *Moment) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("a time is not a string of the form %s", record.TimeLayout)
	}
	t, err := time.Parse(record.TimeLayout, s)
	if err != nil || t.Format(record.TimeLayout) != s {
		return fmt.Errorf("a time is not of the form %s", record.TimeLayout)
	}
	m.Time = t
	return nil
}
