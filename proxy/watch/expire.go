package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// expire reminds of ends that come, and removes copies whose time has come. One that
// cannot be removed is tried again; its lease has ended with it, so nobody reads it.
func (w *watcher) expire(ctx context.Context) {
	now := w.now()
	var due []*ledger.Copy
	for _, c := range w.copies {
		if !published(c) || c.Expires.IsZero() {
			continue
		}
		if now.Before(c.Expires) {
			w.remind(ctx, now, c)
			continue
		}
		if c.Life == ledger.LifeLive && !w.note(ctx, &ledger.Expired{Copy: c.ID, Expires: ledger.At(c.Expires)}) {
			continue
		}
		if !now.Before(w.cleared[c.ID]) {
			due = append(due, c)
		}
	}
	if len(due) > 0 && w.silent.IsZero() {
		w.removeAll(ctx, due)
	}
}

// removeAll removes copies over one login.
func (w *watcher) removeAll(ctx context.Context, due []*ledger.Copy) {
	done := map[string]*outcome{}
	err := w.place.Act(ctx, Reactor, func(ctx context.Context, q catalog.Querier) error {
		h := &hand{q: q, def: &w.def, logins: w.place.Logins(), now: w.now}
		for _, c := range due {
			done[c.ID] = h.remove(ctx, c, false)
		}
		return nil
	})
	for _, c := range due {
		o := done[c.ID]
		if o == nil {
			o = &outcome{left: []string{"nobody could log in to do it"}}
		}
		if err != nil && len(o.verified) == 0 {
			o.leaves("%v", err)
		}
		w.removed(ctx, c, o)
	}
	w.wanted = true
}

func (w *watcher) removed(ctx context.Context, c *ledger.Copy, o *outcome) {
	if len(o.left) > 0 {
		w.watch.counts.reaction("remove", "failed")
		first := w.cleared[c.ID].IsZero()
		w.cleared[c.ID] = w.now().Add(mostPause / 2)
		w.log.Error("a copy whose time has come could not be removed", "copy", c.ID, "left", few(o.left, 5))
		if first {
			w.tell(Alert{Event: "not removed", Copy: c.ID, Severity: ledger.SeverityLatent, Owner: ownerOf(c), Left: bounded(o.left),
				Summary: Clean("the time of copy " + c.ID + titles(c) + " has come, and it could not be removed: " + few(o.left, 2))})
		}
		return
	}
	o.verified = append(o.verified, w.outside(ctx))
	why := "its time has come: " + c.Expires.UTC().Format(time.RFC3339)
	if w.note(ctx, &ledger.Removed{Copy: c.ID, Why: why, Verified: bounded(o.verified)}) {
		w.watch.counts.reaction("remove", "done")
		w.tell(Alert{Event: "removed", Copy: c.ID, Owner: ownerOf(c), Steps: bounded(o.steps), Evidence: bounded(o.verified),
			Summary: "copy " + c.ID + titles(c) + " is removed: " + why})
	}
}

// remind tells the owner of a copy that it will go, once for each time before its end
// that the policy names. What is overdue is one reminder.
func (w *watcher) remind(ctx context.Context, now time.Time, c *ledger.Copy) {
	var due time.Time
	for _, before := range w.def.Expires.Remind {
		if at := c.Expires.Add(-before); !now.Before(at) && at.After(c.Since()) && at.After(due) {
			due = at
		}
	}
	if due.IsZero() || remindedSince(c, due) {
		return
	}
	if w.note(ctx, &ledger.Reminded{Copy: c.ID, Expires: ledger.At(c.Expires), To: []string{orUnknown(ownerOf(c))}}) {
		w.tell(Alert{Event: "reminder", Copy: c.ID, Owner: ownerOf(c), Summary: fmt.Sprintf(
			"copy %s%s will be removed at %s", c.ID, titles(c), c.Expires.UTC().Format("2006-01-02 15:04Z"))})
	}
}

// remindedSince reports whether there was a reminder at a time or later.
func remindedSince(c *ledger.Copy, at time.Time) bool {
	for _, e := range c.Timeline {
		if e.Type == "copy.reminded" && !e.Time.Before(at) {
			return true
		}
	}
	return false
}

func orUnknown(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}
