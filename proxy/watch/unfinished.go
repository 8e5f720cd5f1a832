package watch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
)

// unfinishedPause is how long after a failure it is tried again to find out what
// became of a copy.
const unfinishedPause = 20 * time.Second

// finish finds out what became of copies whose process ended before it could say so,
// and has removed what they left.
func (w *watcher) finish(ctx context.Context, now time.Time) {
	var open []*ledger.Copy
	for _, c := range w.copies {
		if c.Life == ledger.LifeUnknown && c.Receipt == nil || c.Life == ledger.LifeFailed {
			open = append(open, c)
		}
	}
	if len(open) == 0 && now.Sub(w.swept) < sweepEvery || len(open) == 0 && len(w.copies) == 0 || now.Before(w.unswept) {
		return
	}
	swept, err := w.place.Sweep(ctx)
	if err != nil {
		w.unswept = now.Add(unfinishedPause)
		w.log.Warn("what unfinished copies have left could not be removed", "err", err)
		return
	}
	w.swept = now
	if len(swept) > 0 {
		w.log.Info("removed what unfinished copies had left", "copies", swept)
	}
	for _, c := range open {
		if err := w.settle(ctx, c, slices.Contains(swept, c.ID)); err != nil {
			w.unswept = now.Add(unfinishedPause)
			w.log.Warn("what became of a copy could not be found out", "copy", c.ID, "err", err)
		}
	}
	w.copies = w.watch.options.Book.Copies(w.place.Name())
}

// settle records how a copy ended.
func (w *watcher) settle(ctx context.Context, c *ledger.Copy, swept bool) error {
	there, err := w.place.Outcome(ctx, c.ID)
	if err != nil {
		return err
	}
	if there {
		return w.foundPublished(ctx, c)
	}
	var staged bool
	if staged, err = w.staged(ctx, c.ID); err != nil || staged {
		return err // somebody works on it, or it could not be removed
	}
	looked := "the destination has no lease and no staging schema of it"
	if swept {
		looked += ", after what it had left was removed"
	}
	if c.Life == ledger.LifeFailed {
		w.note(ctx, &ledger.Removed{Copy: c.ID, Why: "it did not come about", Verified: []ledger.Evidence{evidence(w.now(), ledger.HowCatalog, looked)}})
		return nil
	}
	w.note(ctx, &ledger.Failed{Copy: c.ID, Left: ledger.LeftNothing, Problem: "the process that made it ended before it was published; " + looked, Side: ledger.SideProxy, Step: "copy"})
	return nil
}

// staged reports whether there is a schema in which a copy is loaded.
func (w *watcher) staged(ctx context.Context, id string) (there bool, err error) {
	err = w.place.Ask(ctx, func(ctx context.Context, q catalog.Querier) error {
		return q.Query(ctx, "SELECT count(*) > 0 FROM pg_namespace WHERE starts_with(nspname, "+quote.Literal("sluice_stage_"+id)+")", func(row [][]byte) error {
			there = string(row[0]) == "t"
			return nil
		})
	})
	return there, err
}

// sumUnknown stands where a receipt has a digest and nobody has recorded one.
const sumUnknown = "unrecorded:0"

// foundPublished records that a copy is there although the proxy that made it ended
// before it could say so. Digests went with it; how many rows there are is what the
// server's statistics say.
func (w *watcher) foundPublished(ctx context.Context, c *ledger.Copy) error {
	if c.Begun == nil {
		return nil
	}
	body := &ledger.Published{Copy: c.ID, Warnings: []string{
		"the proxy that made it ended after it was published and before its receipt was recorded: digests and sizes are not known, numbers of rows are estimates",
	}}
	err := w.place.Ask(ctx, func(ctx context.Context, q catalog.Querier) error {
		body.Relations = nil
		for _, t := range c.Begun.Targets {
			err := q.Query(ctx, "SELECT c.oid::text, GREATEST(c.reltuples, 0)::int8::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = "+quote.Literal(t.Schema)+" AND c.relname = "+quote.Literal(t.Name), func(row [][]byte) error {
				body.Relations = append(body.Relations, ledger.Receipt{
					Schema: t.Schema, Name: t.Name, OID: uint32(number(row[0])), Rows: int64(number(row[1])), Read: sumUnknown, Held: sumUnknown,
				})
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(body.Relations) == 0 {
		return fmt.Errorf("its lease says that it was published, and none of its relations is there")
	}
	if w.note(ctx, body) {
		w.tell(Alert{Event: "found", Copy: c.ID, Severity: ledger.SeverityLatent, Owner: ownerOf(c), Summary: "copy " + c.ID + " was published although the proxy that made it ended; it is watched now"})
	}
	return nil
}
