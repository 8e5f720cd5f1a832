package watch

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
)

// Alert is what people are told. Its JSON is the body of the webhook. It has names of
// places, relations, roles and people in it, and never the value of a row.
type Alert struct {
	// SchemaVersion changes when a reader has to.
	SchemaVersion int `json:"schema_version"`
	// At is when, UTC.
	At time.Time `json:"at"`
	// Instance is the proxy that says it.
	Instance string `json:"instance,omitempty"`
	// Event is what happened: drifted, recovered, frozen, not frozen, purged, not
	// purged, removed, not removed, lost, reminder, changed, found, unreadable,
	// unwatched.
	Event string `json:"event"`
	// Place is that of the policy, Copy the id of a copy, empty if it is about the
	// place alone; Owner is the person who answers for the copy.
	Place string `json:"place"`
	Copy  string `json:"copy,omitempty"`
	Owner string `json:"owner,omitempty"`
	// Severity is latent, object, unknown or server, empty if nothing is wrong.
	Severity ledger.Severity `json:"severity,omitempty"`
	// Reaction is what is done about it, or was.
	Reaction policy.Reaction `json:"reaction,omitempty"`
	// Summary is all of it in a sentence.
	Summary string `json:"summary"`
	// Deficits are what is wrong, Evidence what was seen.
	Deficits []ledger.Deficit  `json:"deficits,omitempty"`
	Evidence []ledger.Evidence `json:"evidence,omitempty"`
	// Steps are what was done, Left what could not be.
	Steps []string `json:"steps,omitempty"`
	Left  []string `json:"left,omitempty"`
}

// alertVersion is that of Alert.
const alertVersion = 1

// tell logs an alert, counts it, and passes it on.
func (w *watcher) tell(a Alert) {
	a.SchemaVersion, a.At, a.Place = alertVersion, w.now().UTC(), w.place.Name()
	args := []any{"event", a.Event, "summary", a.Summary}
	if a.Copy != "" {
		args = append(args, "copy", a.Copy)
	}
	if a.Severity != "" {
		args = append(args, "severity", a.Severity)
	}
	switch {
	case open(a.Severity) || len(a.Left) > 0:
		w.log.Error("watch", args...)
	case a.Severity != "":
		w.log.Warn("watch", args...)
	default:
		w.log.Info("watch", args...)
	}
	w.watch.counts.mu.Lock()
	w.watch.counts.alerts++
	w.watch.counts.mu.Unlock()
	w.watch.options.Tell(a)
}

// note records an event. What cannot be recorded is said, and recorded again when it
// is still so.
func (w *watcher) note(ctx context.Context, body ledger.Body) bool {
	err := w.watch.options.Book.Note(context.WithoutCancel(ctx), body)
	if errors.Is(err, ErrGone) {
		w.log.Debug("what was seen of a copy is over", "type", body.EventType(), "copy", ledger.CopyOf(body))
		return false
	}
	if err != nil {
		w.log.Error("an event about a copy could not be recorded", "type", body.EventType(), "err", err)
		return false
	}
	w.copies = w.watch.options.Book.Copies(w.place.Name())
	return true
}
