package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
)

// moment is something that happened to a copy.
type moment struct {
	at   time.Time
	what string
	deed bool // people did it
}

// told are the events of a copy that a reader of its timeline is told.
var told = map[string]string{
	(*ledger.Published)(nil).EventType(): "published",
	(*ledger.Drifted)(nil).EventType():   "noticed",
	(*ledger.Frozen)(nil).EventType():    "frozen: nobody can read it",
	(*ledger.Purged)(nil).EventType():    "purged: its rows are gone",
}

// timeline shows what the trail says became of the copy, between what people did to
// it, and wants Sluice to have answered each of that.
func (p *player) timeline(ctx context.Context) error {
	l, err := ledger.Read(ctx, p.work.setup.TrailDir, ledger.Options{Timeline: 1000})
	if err != nil {
		return fmt.Errorf("reading the copies in the trail: %w", err)
	}
	copies := l.Copies(ledger.Query{All: true, States: []ledger.State{ledger.State(ledger.LifePurged)}})
	if len(copies) != 1 {
		return fmt.Errorf("the trail has %d copies that were purged, and one was", len(copies))
	}
	fmt.Fprintf(p.out, "\n   What became of the copy? By the trail, and what the DBA did by the demo's clock:\n\n")
	line := merged(copies[0].Timeline, p.deeds)
	var deed time.Time
	for _, m := range line {
		after := ""
		switch {
		case m.deed:
			deed = m.at
		case !deed.IsZero():
			after = fmt.Sprintf("+%.1f s", m.at.Sub(deed).Seconds())
		}
		fmt.Fprintf(p.out, "     %s %8s  %s\n", m.at.UTC().Format("15:04:05.0"), after, m.what)
	}
	fmt.Fprintf(p.out, "\n   In 2019: +22 days, and it was strangers who noticed.\n")
	if err := answered(line); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "   [ok] whatever was done to the copy, Sluice closed it\n")
	return nil
}

// merged are the events of a copy and what people did to it, in order of time. What
// is noticed again before something was done is told once.
func merged(events []ledger.Entry, deeds []moment) []moment {
	line := slices.Clone(deeds)
	for _, e := range events {
		if what := told[e.Type]; what != "" {
			line = append(line, moment{at: e.Time, what: what})
		}
	}
	slices.SortStableFunc(line, func(a, b moment) int { return a.at.Compare(b.at) })
	return slices.CompactFunc(line, func(a, b moment) bool { return a.what == b.what })
}

// answered wants every deed to be noticed, and the copy frozen or purged, before the
// next one and within reactTimeout.
func answered(line []moment) error {
	for i, deed := range line {
		if !deed.deed {
			continue
		}
		noticed, closed := false, false
		for _, m := range line[i+1:] {
			if m.deed || m.at.Sub(deed.at) > reactTimeout {
				break
			}
			noticed = noticed || m.what == told[(*ledger.Drifted)(nil).EventType()]
			closed = closed || noticed && m.closes()
		}
		if !closed {
			return fmt.Errorf("the trail does not say within %s that the copy was closed after this: %s", reactTimeout, deed.what)
		}
	}
	return nil
}

func (m moment) closes() bool {
	return m.what == told[(*ledger.Frozen)(nil).EventType()] || m.what == told[(*ledger.Purged)(nil).EventType()]
}
