package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/destination"
)

func (b *bench) want(id string, kinds ...string) {
	b.t.Helper()
	if got := b.kinds(id)[2:]; !slices.Equal(got, kinds) {
		b.t.Errorf("events %q, want %q", got, kinds)
	}
}

func (b *bench) renewals() (n int) {
	for _, d := range b.place.did {
		if strings.HasPrefix(d, "renew") {
			n++
		}
	}
	return n
}

func TestWellRenews(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(600)
	b.want(id)
	if n := b.renewals(); n < 5 || n > 8 { // a third of five minutes
		t.Errorf("%d renewals in ten minutes", n)
	}
	if len(b.alerts) > 0 {
		t.Errorf("alerts %+v", b.alerts)
	}
	if s := b.watch.Status(); s.Places[0].WellAt.IsZero() || s.Places[0].Severity != "" || s.Places[0].Copies[0].Readable.Before(b.time) {
		t.Errorf("status %+v", s.Places[0])
	}
}

func TestFreezes(t *testing.T) {
	b := newBench(t)
	id, other := b.book.publish(t, 1, b.time.Add(240*time.Hour)), b.book.publish(t, 2, b.time.Add(240*time.Hour))
	b.place.items[scope{oidOf(id), "columns"}] = map[string]string{"x": "id, name"}
	b.beats(5)
	b.place.items[scope{oidOf(id), "relation"}] = map[string]string{"x": "rights {=r/sluice_owner}"}
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
	b.beats(3)
	b.want(id, "copy.drifted", "copy.frozen")
	b.want(other)
	if why := b.watch.Blocked("analytics"); !strings.Contains(why, "somebody reads") {
		t.Errorf("blocked: %q", why)
	}
	d := b.book.events[slices.IndexFunc(b.book.events, func(e ledger.Body) bool { return e.EventType() == "copy.drifted" })].(*ledger.Drifted)
	if text := fmt.Sprintf("%+v", d.Evidence); !strings.Contains(text, "{=r/sluice_owner}") || !strings.Contains(text, "eve (psql)") {
		t.Errorf("evidence %s", text)
	}
	delete(b.place.wrong, id)
	b.beats(30)
	b.want(id, "copy.drifted", "copy.frozen", "copy.recovered")
	if why := b.watch.Blocked("analytics"); !strings.Contains(why, "frozen") {
		t.Errorf("blocked: %q", why)
	}
	for _, d := range b.place.did[slices.Index(b.place.did, "hide"):] {
		if strings.HasPrefix(d, "renew") && strings.Contains(d, id) {
			t.Error("the lease of a frozen copy was renewed")
		}
	}
	b.restart()
	b.beats(10)
	b.want(id, "copy.drifted", "copy.frozen", "copy.recovered")
	if why := b.watch.Blocked("analytics"); !strings.Contains(why, "frozen") {
		t.Errorf("blocked after a restart: %q", why)
	}
}

// A person has a copy read again; what they have done to the place is judged as ever.
func TestThawed(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
	b.place.reloads++
	b.beats(3)
	delete(b.place.wrong, id)
	b.beats(20)
	before := b.renewals()
	err := b.book.add("", &ledger.Thawed{By: "ana", Copy: id, Why: "mended", Verified: []ledger.Evidence{evidence(b.time, ledger.HowCatalog, "as it was")}})
	if err != nil {
		t.Fatal(err)
	}
	b.place.reloads++
	b.beats(200)
	if why := b.watch.Blocked("analytics"); why != "" || b.renewals() == before {
		t.Errorf("blocked %q, %d renewals since", why, b.renewals()-before)
	}
}

// People of the place take a freeze back themselves. That counts once all is well.
func TestThawedThere(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
	b.place.reloads++
	b.beats(3)
	b.place.wrong[id].Thawed = true
	b.place.reloads++
	b.beats(1)
	b.place.wrong[id].Thawed = false
	b.place.reloads++
	b.beats(20)
	b.want(id, "copy.drifted", "copy.frozen", "copy.frozen")
	before := b.renewals()
	b.place.wrong[id] = &Judgement{Thawed: true}
	b.place.reloads++
	b.beats(200)
	b.want(id, "copy.drifted", "copy.frozen", "copy.frozen", "copy.recovered", "copy.thawed")
	if why := b.watch.Blocked("analytics"); why != "" || b.renewals() == before {
		t.Errorf("blocked %q, %d renewals since", why, b.renewals()-before)
	}
}

// What cannot be undone is done after what can, and after a second measurement.
func TestPurges(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[""] = &Judgement{Severity: ledger.SeverityServer, Deficits: deficit("no-credential")}
	b.place.reloads++
	b.place.did = nil
	b.beats(4)
	b.want(id, "copy.drifted", "copy.frozen", "copy.purged")
	frozen, dropped := slices.Index(b.place.did, "hide"), slices.Index(b.place.did, "drop")
	if frozen < 0 || dropped < frozen || !slices.Contains(b.place.did[frozen:dropped], "judge") {
		t.Errorf("done: %q", b.place.did)
	}
}

// One bad measurement freezes, and does not remove.
func TestPurgeNeedsTwo(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[""] = &Judgement{Severity: ledger.SeverityServer, Deficits: deficit("no-credential")}
	b.place.reloads++
	b.beats(1)
	delete(b.place.wrong, "")
	b.beats(30)
	b.want(id, "copy.drifted", "copy.frozen", "copy.recovered")
}

func TestAwayAndBack(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.away = true
	b.beats(8)
	b.want(id)
	b.beats(10)
	b.want(id, "copy.drifted")
	if why := b.watch.Blocked("analytics"); why == "" {
		t.Error("a place that does not answer is not blocked")
	}
	before := b.renewals()
	b.beats(600)
	if b.renewals() != before {
		t.Error("a lease was renewed while the place was away")
	}
	b.place.away = false
	b.beats(5)
	b.want(id, "copy.drifted", "copy.recovered")
	if b.renewals() == before {
		t.Error("the lease was not renewed when all was well again")
	}
}

// A verdict that has waited for answers which did not come does not keep the place
// blocked for longer than they did.
func TestUnknownIsAskedAgainSoon(t *testing.T) {
	unknown := &Judgement{Unknown: []string{"a try over plain had no clear answer"}}
	for _, c := range []struct {
		name   string
		before int // beats while all is well
		within time.Duration
		about  string // a copy, or none for the place
	}{
		{"after a good one", 5, badAge + 2*beat, ""},
		{"of a copy, after a good one", 5, badAge + 2*beat, strings.Repeat("a", 25) + "b"},
		{"the first", 0, mostPause + 2*beat, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
			b.beats(c.before)
			b.place.wrong[c.about], b.place.takes = unknown, 10*time.Second
			b.place.reloads++
			b.beats(1)
			b.want(id, "copy.drifted")
			b.place.wrong, b.place.takes = map[string]*Judgement{}, 0
			b.beats(int(badAge / beat / 2))
			b.want(id, "copy.drifted")
			b.beats(int(c.within / beat))
			b.want(id, "copy.drifted", "copy.recovered")
		})
	}
}

// What one policy demands is not followed by what another says should be done.
func TestVerdictOfAnotherPolicy(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("reader")}
	b.place.loaded = true
	b.place.reloads++
	b.beats(5)
	b.want(id)
	b.place.loaded = false
	b.beats(2)
	b.want(id, "copy.drifted", "copy.frozen")
}

// A place whose catalogs take long to read is not read all the time while something is
// wrong there.
func TestCostlyPlaces(t *testing.T) {
	b := newBench(t)
	b.place.def.React.Object = policy.ReactAlert
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.place.takes = 5 * time.Second
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("reader")}
	b.beats(1)
	b.want(id, "copy.drifted")
	before := b.watcher().verdicts
	b.beats(90)
	if n := b.watcher().verdicts - before; n != 0 {
		t.Errorf("%d verdicts in a minute and a half", n)
	}
	b.beats(20)
	if n := b.watcher().verdicts - before; n != 1 {
		t.Errorf("%d verdicts in two minutes", n)
	}
}

// What has changed is on record also if the verdict that something is wrong came before
// anybody saw the change; people are told once.
func TestChangeSeenLate(t *testing.T) {
	b := newBench(t)
	b.place.def.React.Object = policy.ReactAlert
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.place.items[scope{oidOf(id), "columns"}] = map[string]string{"x": "id, name"}
	b.beats(5)
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
	b.place.reloads++ // somebody looks
	b.beats(2)
	b.want(id, "copy.drifted")
	b.place.items[scope{oidOf(id), "relation"}] = map[string]string{"x": "owner eve"}
	b.beats(5)
	b.want(id, "copy.drifted", "copy.drifted")
	if d := b.book.events[len(b.book.events)-1].(*ledger.Drifted); !strings.Contains(fmt.Sprintf("%+v", d.Evidence), "owner eve") {
		t.Errorf("evidence %+v", d.Evidence)
	}
	told := 0
	for _, a := range b.alerts {
		if a.Event == "drifted" {
			told++
		}
	}
	b.beats(60)
	b.want(id, "copy.drifted", "copy.drifted")
	if told != 1 {
		t.Errorf("people were told %d times", told)
	}
}

// A policy that does not name a place any more leaves its copies unwatched, which people
// are told of, and keeps nobody from copying once it is named again.
func TestUnnamed(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.unnamed = true
	b.beats(700)
	before := b.renewals()
	if blocked := b.watch.Status().Places[0].Blocked; blocked == nil || blocked.Code != codeNoTerms {
		t.Errorf("the status has the block %+v", blocked)
	}
	if len(b.alerts) != 1 || b.alerts[0].Event != "unwatched" {
		t.Errorf("alerts %+v", b.alerts)
	}
	b.place.unnamed = false
	if why := b.watch.Blocked("analytics"); why != "" {
		t.Errorf("blocked before anybody has looked again: %s", why)
	}
	b.beats(2)
	b.want(id)
	if blocked := b.watch.Status().Places[0].Blocked; blocked != nil || b.renewals() == before {
		t.Errorf("blocked %+v, renewed %t", blocked, b.renewals() > before)
	}
}

func TestReactorFails(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.powerless = true
	b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
	b.place.writes++
	b.place.items[scope{0, "role"}] = map[string]string{"eve": "LOGIN"}
	b.beats(40)
	b.want(id, "copy.drifted", "copy.frozen", "copy.drifted")
	events := b.book.events[len(b.book.events)-2:]
	if f := events[0].(*ledger.Frozen); len(f.Left) == 0 {
		t.Errorf("%+v", f)
	}
	if d := events[1].(*ledger.Drifted); d.Severity != ledger.SeverityUnknown { // what cannot be closed is worse
		t.Errorf("%+v", d)
	}
	if i := slices.IndexFunc(b.alerts, func(a Alert) bool { return a.Event == "not frozen" }); i < 0 || b.alerts[i].Severity != ledger.SeverityUnknown {
		t.Errorf("alerts %+v", b.alerts)
	}
	b.place.powerless = false
	b.beats(70)
	if !b.book.Copy(id).Frozen {
		t.Error("it was not frozen when that could be done")
	}
}

func TestExpires(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(80*time.Hour))
	b.beats(5)
	b.time = b.time.Add(10 * time.Hour)
	b.beats(5)
	b.want(id, "copy.reminded")
	b.time = b.time.Add(50 * time.Hour)
	b.beats(5)
	b.want(id, "copy.reminded", "copy.reminded")
	b.place.away = true
	b.time = b.time.Add(30 * time.Hour)
	b.beats(20)
	if kinds := b.kinds(id); !slices.Contains(kinds, "copy.expired") || slices.Contains(kinds, "copy.removed") {
		t.Errorf("events %q", kinds)
	}
	b.restart()
	b.place.away = false
	b.beats(5)
	if !b.book.Copy(id).Gone() {
		t.Errorf("events %q", b.kinds(id))
	}
	if b.watch.Status().Places[0].Watched {
		t.Error("a place without copies is watched")
	}
}

// What is overdue is one reminder, and none is for a time before the copy was there.
func TestRemindsOnce(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(20*time.Hour))
	b.beats(100)
	b.want(id)
	b.place.def.Expires.Remind = []time.Duration{10 * time.Hour, 5 * time.Hour}
	b.time = b.time.Add(16 * time.Hour)
	b.beats(10)
	b.want(id, "copy.reminded")
}

func TestUnfinished(t *testing.T) {
	b := newBench(t)
	failed, there := b.book.begin(t, 1, b.time.Add(time.Hour)), b.book.begin(t, 2, b.time.Add(time.Hour))
	b.place.outcomes[there] = true
	b.beats(1)
	if len(b.kinds(failed)) != 1 {
		t.Error("a copy that is being made was settled")
	}
	b.book.processEnded()
	b.beats(2)
	if got := b.book.Copy(failed); !got.Gone() || got.Life != ledger.LifeFailed {
		t.Errorf("it is %s", got.State())
	}
	if got := b.book.Copy(there); got.Life != ledger.LifeLive || got.Receipt.Relations[0].OID != 4711 {
		t.Errorf("it is %s", got.State())
	}
}

func TestLost(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	b.place.wrong[id] = &Judgement{Missing: []string{"crm.t1"}}
	b.place.items[scope{0, "role"}] = map[string]string{"eve": "LOGIN"}
	b.beats(30)
	b.want(id, "copy.lost")
}

// A copy in whose place another is put is not lost, also if that is seen before the
// other is known to be there.
func TestReplaced(t *testing.T) {
	b := newBench(t)
	id := b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(5)
	next := b.book.beginAs(t, 2, 1, ledger.ModeSwap, b.time.Add(240*time.Hour))
	b.place.wrong[id] = &Judgement{Missing: []string{"crm.t1"}}
	b.place.items[scope{0, "role"}] = map[string]string{"eve": "LOGIN"}
	b.beats(10)
	b.want(id)
	err := b.book.add("", &ledger.Published{Copy: next, Relations: []ledger.Receipt{{Schema: "crm", Name: "t1", OID: oidOf(next), Read: "x:0", Held: "x:0"}}})
	if err != nil {
		t.Fatal(err)
	}
	b.beats(3)
	b.want(id, "copy.removed")
}

func TestStrangers(t *testing.T) {
	b := newBench(t)
	b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.place.logins.Live["v-ap-probe-abcdefghij0123456789-1700000000"] = true
	b.place.strangers = [][2]string{{"v-ap-probe-abcdefghij0123456789-1700000000", "sluice_probe"}}
	b.beats(10)
	if len(b.alerts) > 0 {
		t.Fatalf("alerts about the proxy's own login: %+v", b.alerts)
	}
	// One that is being issued is none yet; one that is not issued in the end is.
	b.place.logins.Pending = b.time
	b.place.strangers = append(b.place.strangers, [2]string{"v-ap-probe-zbcdefghij0123456789-1700000000", "sluice_probe"})
	b.beats(10)
	if len(b.alerts) > 0 {
		t.Fatalf("alerts about a login that is being issued: %+v", b.alerts)
	}
	b.place.logins.Pending = time.Time{}
	b.beats(10)
	if len(b.alerts) != 1 || !strings.Contains(b.alerts[0].Summary, "v-ap-probe-zbcdefghij0123456789-1700000000") {
		t.Errorf("alerts %+v", b.alerts)
	}
}

func TestChurnIsQuiet(t *testing.T) {
	b := newBench(t)
	b.book.publish(t, 1, b.time.Add(240*time.Hour))
	like := scope{0, kindLease}
	b.place.items[like] = map[string]string{"LOGIN member of app": ""}
	b.beats(6)
	for range 20 {
		delete(b.place.items, like)
		b.place.writes++
		b.beats(3)
		b.place.items[like] = map[string]string{"LOGIN member of app": ""}
		b.place.writes++
		b.beats(3)
	}
	if n := b.watch.Status().Places[0].Verdicts; n != 1 {
		t.Errorf("%d verdicts", n)
	}
	b.place.items[like]["LOGIN member of other"] = "" // one of a new kind is judged, and no news if that is well
	b.place.writes++
	b.beats(6)
	if n := b.watch.Status().Places[0].Verdicts; n != 2 {
		t.Errorf("%d verdicts", n)
	}
	if kinds := b.kinds(""); len(kinds) != 1 || len(b.alerts) > 0 { // the first measurement
		t.Errorf("events %q, alerts %+v", kinds, b.alerts)
	}
}

func TestDoorIsWatched(t *testing.T) {
	b := newBench(t)
	b.book.publish(t, 1, b.time.Add(240*time.Hour))
	b.beats(40)
	b.place.door = destination.Trust
	b.beats(33)
	if i := slices.IndexFunc(b.alerts, func(a Alert) bool { return a.Event == "changed" && strings.Contains(a.Summary, "knock") }); i < 0 {
		t.Errorf("alerts %+v", b.alerts)
	}
}

// While a verdict is bad a reaction becomes sterner or stays, whatever is seen.
func TestStandGetsNoMilder(t *testing.T) {
	react := policy.PlaceReactions{Latent: policy.ReactAlert, Object: policy.ReactFreeze, Server: policy.ReactPurge, Unknown: policy.ReactBlock}
	all := []ledger.Severity{ledger.SeverityObject, ledger.SeverityUnknown, ledger.SeverityServer}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s, now := &stand{}, time.Unix(0, 0)
		for range 20 {
			var wrong []ledger.Severity
			for range r.IntN(3) {
				wrong = append(wrong, all[r.IntN(3)])
			}
			before := *s
			s.see(wrong, react, now)
			if len(wrong) == 0 {
				if s.bad() || s.wanted != "" {
					t.Fatal("it is well, and something is wanted")
				}
				continue
			}
			if before.bad() && (sternness(s.wanted) < sternness(before.wanted) || rank(s.severity) < rank(before.severity)) {
				t.Fatalf("%+v became %+v by %q", before, *s, wrong)
			}
			switch due := s.due(now); {
			case due == policy.ReactPurge && (sternness(s.done) < sternness(policy.ReactFreeze) || !s.confirmed):
				t.Fatalf("purge is due: %+v", *s)
			case due != "" && r.IntN(2) == 0:
				s.succeeded(due)
			case due != "":
				s.failedAt(now)
				now = now.Add(time.Second)
			}
		}
	}
}

// Whatever happens, in any order: every reaction has an event that says why before it
// and one that says how it ended after it, leases are renewed only while all is well
// with the copy, and rows go only after two bad measurements and a freeze.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func anyOrder(t *testing.T, r *rand.Rand) {
	b := newBench(t)
	var ids []string
	for n := range 3 {
		ids = append(ids, b.book.publish(t, n, b.time.Add(time.Duration(1+r.IntN(300))*time.Hour)))
	}
	for range 120 {
		switch id := ids[r.IntN(3)]; r.IntN(12) {
		case 0:
			b.place.wrong[id] = &Judgement{Severity: ledger.SeverityObject, Deficits: deficit("read-by-anyone")}
		case 1:
			b.place.wrong[id] = &Judgement{Unknown: []string{"nobody knows"}}
		case 2:
			b.place.wrong[""] = &Judgement{Severity: ledger.SeverityServer, Deficits: deficit("no-credential")}
		case 3, 4:
			b.place.wrong = map[string]*Judgement{}
		case 5:
			b.place.away = !b.place.away
		case 6:
			b.place.powerless = !b.place.powerless
		case 7:
			b.book.deaf = !b.book.deaf
		case 8:
			b.restart()
		case 9:
			b.place.refuses = !b.place.refuses
		case 10:
			b.place.reloads++
		case 11:
			b.place.items[scope{oidOf(id), "relation"}] = map[string]string{"x": fmt.Sprint(r.IntN(1000))}
		}
		before := len(b.place.did)
		well := map[string]bool{}
		for _, id := range ids {
			well[id] = !b.place.away && !b.place.refuses && b.place.wrong[id] == nil && b.place.wrong[""] == nil
		}
		b.beats(1 + r.IntN(4))
		for _, d := range b.place.did[before:] {
			for _, id := range ids {
				if strings.HasPrefix(d, "renew") && strings.Contains(d, id) && !well[id] && !b.verdictBefore(id) {
					t.Fatalf("the lease of %s was renewed", id)
				}
			}
		}
		b.check(ids)
	}
}

// verdictBefore reports whether the last verdict about a copy was that all is well:
// what has not been noticed yet is judged as it was.
func (b *bench) verdictBefore(id string) bool {
	v := b.watcher().verdict
	return v != nil && v.Place.worst() == "" && (v.Copies[id] == nil || v.Copies[id].worst() == "")
}

// check holds the events of each copy against what must be true of them.
func (b *bench) check(ids []string) {
	b.t.Helper()
	for _, id := range ids {
		drifted, frozen := false, false
		for _, body := range b.book.events {
			switch e := body.(type) {
			case *ledger.Drifted:
				drifted = drifted || e.Copy == id && open(e.Severity)
			case *ledger.Recovered:
				if e.Copy == id {
					drifted = false
				}
			case *ledger.Frozen:
				if e.Copy == id && !drifted {
					b.t.Fatalf("%s was frozen without a word why: %q", id, b.kinds(id))
				}
				frozen = frozen || e.Copy == id && len(e.Left) == 0
			case *ledger.Purged:
				if e.Copy == id && len(e.Left) == 0 && (!drifted || !frozen) {
					b.t.Fatalf("%s was purged: %q", id, b.kinds(id))
				}
			}
		}
	}
}
