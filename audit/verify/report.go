package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/record"
)

// Report says what was found. Its JSON is meant for programs, String for
// people.
type Report struct {
	// OK is true if nothing is wrong.
	OK bool `json:"ok"`
	// Origin is the trail's name.
	Origin string `json:"origin"`
	// Key is the name and hash of the key that the signatures were checked
	// with.
	Key string `json:"key"`
	// Good is how many records, from the first on, are proven: they are
	// undamaged and a checkpoint with a good signature covers them.
	Good int64 `json:"good"`
	// GoodTime is the time of the last of them, RFC 3339, empty if there is
	// none.
	GoodTime string `json:"good_time,omitempty"`
	// Unsigned is how many undamaged records follow that no checkpoint
	// covers yet. They prove nothing. It is 0 if there is a problem.
	Unsigned int64 `json:"unsigned"`
	// Checkpoints, Segments and Blobs count what was checked.
	Checkpoints int64 `json:"checkpoints"`
	Segments    int   `json:"segments"`
	Blobs       int   `json:"blobs"`
	// Problem is the first thing that is wrong.
	Problem *Problem `json:"problem,omitempty"`
	// Notes are things a reader should know that are not wrong.
	Notes []string `json:"notes,omitempty"`
}

// Problem says what is wrong and where.
type Problem struct {
	// File is the file's name in the trail's directory, empty if it is none
	// in particular.
	File string `json:"file,omitempty"`
	// Offset is the first byte of the frame, record or entry in the file,
	// -1 if it is none in particular.
	Offset int64 `json:"offset"`
	// Record is the index of the first record that is not proven because
	// of it, -1 if it is none in particular.
	Record int64 `json:"record"`
	// What is a sentence.
	What string `json:"what"`
}

// String says it in one line.
func (p *Problem) String() string {
	var where []string
	if p.File != "" {
		where = append(where, p.File)
	}
	if p.Offset >= 0 {
		where = append(where, fmt.Sprintf("byte %d", p.Offset))
	}
	if p.Record >= 0 {
		where = append(where, fmt.Sprintf("record %d", p.Record))
	}
	if len(where) == 0 {
		return p.What
	}
	return strings.Join(where, ", ") + ": " + p.What
}

// String is the report for people, several lines, the outcome first.
func (r Report) String() string {
	var b strings.Builder
	if r.Problem != nil {
		fmt.Fprintf(&b, "BAD: %s\n", r.Problem)
	}
	switch {
	case r.Good > 0:
		fmt.Fprintf(&b, "good up to record %d at %s\n", r.Good-1, r.GoodTime)
	default:
		b.WriteString("no record is proven\n")
	}
	switch {
	case r.Unsigned == 1:
		fmt.Fprintf(&b, "1 further record is present but not yet signed (%d)\n", r.Good)
	case r.Unsigned > 1:
		fmt.Fprintf(&b, "%d further records are present but not yet signed (%d to %d)\n", r.Unsigned, r.Good, r.Good+r.Unsigned-1)
	}
	fmt.Fprintf(&b, "trail %s, key %s\n", r.Origin, r.Key)
	fmt.Fprintf(&b, "checked: %s, %s, %s\n", counted(int64(r.Segments), "segment"), counted(r.Checkpoints, "checkpoint"), counted(int64(r.Blobs), "blob"))
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func formatTime(t time.Time) string { return t.Format(record.TimeLayout) }
