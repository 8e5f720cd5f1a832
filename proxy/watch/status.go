package watch

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
)

// Status is how the watch is at one moment. It names places as they are configured
// and copies by their ids, and nobody and nothing else.
type Status struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at"`
	// Since is when the watch began.
	Since  time.Time     `json:"since"`
	Places []PlaceStatus `json:"places"`
	// Reactions counts reactions since the start, by what and how they ended.
	Reactions map[string]int64 `json:"reactions"`
	// Alerts counts what people were to be told since the start.
	Alerts int64 `json:"alerts"`
}

// PlaceStatus is how one place is.
type PlaceStatus struct {
	Name string `json:"name"`
	// Watched is true while it holds copies.
	Watched bool `json:"watched"`
	// LookedAt is when it last answered, WellAt when all was last seen to be well;
	// zero if never.
	LookedAt time.Time `json:"looked_at,omitzero"`
	WellAt   time.Time `json:"well_at,omitzero"`
	// Away is since when it does not answer.
	Away time.Time `json:"away_since,omitzero"`
	// Severity is that of the place and its copies, the worst; empty is well.
	Severity ledger.Severity `json:"severity,omitempty"`
	Blocked  *Blocked        `json:"blocked,omitempty"`
	// Tiers are the times of the last look of each tier.
	Tiers map[Tier]time.Time `json:"tiers,omitempty"`
	// Changes counts what each tier has noticed since the start, Hints how often
	// counters alone have made it look.
	Changes map[Tier]int64 `json:"changes,omitempty"`
	// Verdicts counts measurements of everything; Took is how long the last was.
	Verdicts int64         `json:"verdicts"`
	Took     time.Duration `json:"verdict_took_ns"`
	Copies   []CopyStatus  `json:"copies,omitempty"`
}

// Blocked says that a place is given no new copy.
type Blocked struct {
	Since time.Time `json:"since"`
	// Code is why in a word.
	Code string `json:"code"`
	// why is it in a sentence, which has names in it.
	why string
}

// CopyStatus is how one copy is.
type CopyStatus struct {
	ID       string          `json:"copy"`
	State    ledger.State    `json:"state"`
	Severity ledger.Severity `json:"severity,omitempty"`
	// Wanted and Done are reactions.
	Wanted policy.Reaction `json:"wanted,omitempty"`
	Done   policy.Reaction `json:"done,omitempty"`
	// Readable is until when the lease inside the data lets it be read, as far as
	// this watch has renewed it.
	Readable time.Time `json:"readable_until,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
}

// statusVersion changes when a reader of the JSON has to.
const statusVersion = 1

// counts are counted over all places.
type counts struct {
	mu        sync.Mutex
	reactions map[string]int64
	alerts    int64
}

func (c *counts) reaction(what policy.Reaction, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reactions == nil {
		c.reactions = map[string]int64{}
	}
	c.reactions[string(what)+" "+outcome]++
}

// Status may be asked for at any time; it waits for nothing.
func (w *Watch) Status() Status {
	out := Status{SchemaVersion: statusVersion, At: w.options.Now().UTC(), Since: w.began.UTC(), Reactions: map[string]int64{}}
	w.counts.mu.Lock()
	maps.Copy(out.Reactions, w.counts.reactions)
	out.Alerts = w.counts.alerts
	w.counts.mu.Unlock()
	for _, one := range w.watchers {
		out.Places = append(out.Places, one.statusNow())
	}
	slices.SortFunc(out.Places, func(a, b PlaceStatus) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (w *watcher) statusNow() PlaceStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Tiers, s.Changes, s.Copies = maps.Clone(s.Tiers), maps.Clone(s.Changes), slices.Clone(s.Copies)
	return s
}

// publish makes what the watcher knows the status.
func (w *watcher) publish(watched bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.status
	s.Watched, s.LookedAt, s.WellAt, s.Away, s.Blocked = watched, w.answered, w.wellAt, w.silent, w.blocked
	s.Tiers, s.Changes = maps.Clone(w.looker.at), maps.Clone(w.noticed)
	s.Verdicts, s.Took, s.Severity, s.Copies = w.verdicts, w.took, "", nil
	if !watched {
		return
	}
	for _, c := range w.copies {
		stand := w.stands[c.ID]
		one := CopyStatus{ID: c.ID, State: c.State(), Expires: c.Expires, Readable: w.leases[c.ID]}
		if stand != nil {
			one.Severity, one.Wanted, one.Done = stand.severity, stand.wanted, stand.done
			s.Severity = Worse(s.Severity, stand.severity)
		}
		s.Copies = append(s.Copies, one)
	}
}
