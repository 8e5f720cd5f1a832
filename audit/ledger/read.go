package ledger

import (
	"context"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
)

// Options say how a ledger is read from a trail.
type Options struct {
	// Until leaves out what happened later; zero leaves out nothing.
	Until time.Time
	// Timeline is how many events of each copy and place are kept.
	Timeline int
}

// Read makes the ledger of the trail in a directory, which may be one that is
// being written: an unfinished record at its end is left out. What is damaged
// is among the ledger's problems, and what stands behind it is read. Whether the
// trail is genuine is for package verify. Its error means that the directory
// could not be read at all.
func Read(ctx context.Context, dir string, o Options) (*Ledger, error) {
	l := New(o.Timeline)
	err := read.Types(ctx, dir, Types, func(r record.Record) error {
		if o.Until.IsZero() || !r.Time.After(o.Until) {
			l.Add(r)
		}
		return nil
	}, func(d read.Damage) error {
		l.Unreadable(d.String())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ours tells whether a type of events is about copies or places.
func ours(eventType string) bool {
	return strings.HasPrefix(eventType, "copy.") || strings.HasPrefix(eventType, "place.")
}
