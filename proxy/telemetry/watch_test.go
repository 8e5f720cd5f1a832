package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/watch"
)

func TestCopiesAreMeasured(t *testing.T) {
	unasked(t)
	told := begin(t, Options{Prometheus: true})
	now := time.Now()
	copies := proxy.CopiesState{Sent: 3, Failed: 2, Lost: 1}
	err := told.Watch(Subject{
		State: func() proxy.State { return proxy.State{} }, Stats: func() statement.Stats { return statement.Stats{} }, Healthy: func() error { return nil },
		Copies: func() proxy.CopiesState { return copies }, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	text := scrape(t, told)
	contains(t, text, `sluice_watch_webhooks_total{outcome="sent"} 3`, `sluice_watch_webhooks_total{outcome="failed"} 2`, `sluice_watch_webhooks_total{outcome="lost"} 1`)
	if strings.Contains(text, "sluice_copies") {
		t.Error("copies are counted where none are watched")
	}
	copies.Watch = &watch.Status{
		Since: now.Add(-time.Hour), Reactions: map[string]int64{"freeze done": 2, "purge failed": 1},
		Places: []watch.PlaceStatus{
			{Name: "analytics", Watched: true, WellAt: now.Add(-time.Minute), Blocked: &watch.Blocked{}, Copies: []watch.CopyStatus{{State: ledger.StateFrozen}, {State: "live"}, {State: "live"}}},
			{Name: "new", Watched: true, Away: now},
			{Name: "empty"},
		},
	}
	text = scrape(t, told)
	contains(t, text, `sluice_watch_posture_age_seconds{place="analytics"} 60`, `sluice_watch_posture_age_seconds{place="new"} 3600`,
		`sluice_copies{place="analytics",state="frozen"} 1`, `sluice_copies{place="analytics",state="live"} 2`, `sluice_watch_blocked{place="analytics"} 1`,
		`sluice_watch_blocked{place="empty"} 0`, `sluice_watch_away{place="new"} 1`, `sluice_watch_away{place="analytics"} 0`,
		`sluice_watch_reactions_total{outcome="done",reaction="freeze"} 2`, `sluice_watch_reactions_total{outcome="failed",reaction="purge"} 1`)
	if strings.Contains(text, `sluice_watch_posture_age_seconds{place="empty"}`) {
		t.Error("a place without copies has an age")
	}
}
