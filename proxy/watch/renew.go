package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
)

// lookAge is how old what was seen may be for a lease to be renewed.
const lookAge = 3 * beat

// renewPause is how long after a renewal that failed it is tried again.
const renewPause = 5 * time.Second

// renew extends the leases inside the data of copies with which all is well, when a
// third of their time has passed. This is what the watch is for: without it nobody
// reads them any more.
func (w *watcher) renew(ctx context.Context) {
	now, life := w.now(), w.def.Expires.Lease
	if !w.green(now) || now.Before(w.unrenewed) {
		return
	}
	var ids []string
	for _, c := range w.copies {
		if c.Life != ledger.LifeLive || c.Frozen || !now.Before(c.Expires) {
			continue
		}
		if s := w.stand(c); s.bad() || s.done != "" {
			continue
		}
		until, known := w.leases[c.ID]
		if known && (until.Equal(c.Expires) || life > 0 && until.Sub(now) > life*2/3) {
			continue
		}
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return
	}
	renewed := map[string]time.Time{}
	err := w.place.Act(ctx, Carrier, func(ctx context.Context, q catalog.Querier) error {
		return q.Query(ctx, w.renewal(ids, life), func(row [][]byte) error {
			renewed[string(row[0])] = time.Time{}
			return nil
		})
	})
	if err != nil {
		w.unrenewed = w.now().Add(renewPause)
		w.log.Error("leases of copies could not be renewed", "copies", len(ids), "err", err)
		return
	}
	for _, c := range w.copies {
		if _, done := renewed[c.ID]; done {
			w.leases[c.ID] = soonest(now.Add(life), c.Expires, life)
		}
	}
	for _, id := range ids {
		if _, done := renewed[id]; !done {
			// Somebody has taken it away, and with it every reader.
			w.leases[id] = now.Add(life)
			w.log.Warn("the lease of a copy is not there, so nobody can read the copy", "copy", id)
			w.tell(Alert{Event: "unreadable", Copy: id, Severity: ledger.SeverityLatent, Summary: "the lease of copy " + id + " is not in sluice.lease any more, so nobody can read the copy"})
		}
	}
}

// green reports whether what is known now is that all is well.
func (w *watcher) green(now time.Time) bool {
	return w.verdict != nil && w.began && w.silent.IsZero() && w.refusal == "" && !w.wanted && len(w.changes) == 0 && !open(w.verdict.Place.worst()) &&
		now.Sub(w.answered) <= lookAge && (w.knocked.IsZero() || now.Sub(w.looker.at[Wire]) <= 2*w.def.Watch.Wire+lookAge || now.Sub(w.judged) <= 2*w.def.Watch.Wire)
}

// soonest is when a renewed lease ends; without a lease it is when the copy does.
func soonest(lease, expires time.Time, life time.Duration) time.Time {
	if life == 0 || expires.Before(lease) {
		return expires
	}
	return lease
}

// renewal extends leases by the server's own clock, and never beyond the end of the
// copy. One that was closed stays closed.
func (w *watcher) renewal(ids []string, life time.Duration) string {
	var rows []string
	for _, c := range w.copies {
		for _, id := range ids {
			if id == c.ID {
				rows = append(rows, fmt.Sprintf("(%s, %s::timestamptz)", quote.Literal(id), quote.Literal(c.Expires.UTC().Format(time.RFC3339Nano))))
			}
		}
	}
	until := "v.expires"
	if life > 0 {
		until = fmt.Sprintf("LEAST(v.expires, now() + interval '%d milliseconds')", life.Milliseconds())
	}
	return "UPDATE sluice.lease l SET valid_until = " + until + " FROM (VALUES " + strings.Join(rows, ",") + ") v(copy, expires)" +
		" WHERE l.copy = v.copy AND l.valid_until > '-infinity' RETURNING l.copy"
}

// lockNotAvailable reports whether a statement has not got a lock in time.
func lockNotAvailable(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (refused.Code == "55P03" || refused.Code == "40P01") // lock_not_available, deadlock_detected
}
