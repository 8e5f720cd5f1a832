package watch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/destination"
)

const (
	// beat is how often a place that holds copies is asked whether anything has
	// changed, rest how often it is looked whether there are copies.
	beat = time.Second
	rest = time.Minute
	// verdictAge is how old a verdict may be without any change.
	verdictAge = time.Hour
	// badAge is how old a verdict may be while something is wrong: it may have been
	// put right.
	badAge = 10 * time.Second
	// patience is for how long a place may not answer until that counts. The
	// lease inside the data is not renewed meanwhile.
	patience = 10 * time.Second
	// awayPause is how long after it has not answered it is asked again.
	awayPause = 2 * time.Second
	// sweepEvery is how often what crashed copies have left is looked for.
	sweepEvery = 10 * time.Minute
)

// watcher looks after one place. Only run uses what is not under mu.
type watcher struct {
	watch  *Watch
	place  Place
	log    *slog.Logger
	wake   chan struct{}
	looker *looker

	// copies are those of the book when it was read; unread is true if it has changed
	// since.
	copies []*ledger.Copy
	read   time.Time
	unread atomic.Bool
	def    policy.PlaceDef
	digest string
	stands map[string]*stand
	leases map[string]time.Time // until when each copy can be read
	// verdict is the last one, judged when it was reached; wanted is true if
	// another is due.
	verdict *Verdict
	judged  time.Time
	wanted  bool
	// changes are what the next verdict is about, whole is true if it has to knock
	// with every name, strange what was found about logins and second copies.
	changes []Change
	whole   bool
	present []string
	strange []Change
	// knocks bring what was met outside; door is what was met last.
	knocks  chan *destination.Outside
	knocked time.Time
	door    map[string]string
	// answered is when it last answered, silent since when it does not, asked when it
	// was asked last, refusal what it has answered instead.
	answered, silent, asked time.Time
	refusal                 string
	wellAt                  time.Time
	blocked                 *Blocked
	// own are relations that the proxy itself has changed since the last look.
	own     map[uint32]bool
	swept   time.Time
	cleared map[string]time.Time // when removals that failed are tried again
	// unrenewed and unswept are when renewals and sweeps that failed are.
	unrenewed, unswept time.Time
	noticed            map[Tier]int64
	verdicts           int64
	// took is how long the last verdict took, cost how long one takes without waiting for
	// answers that do not come.
	took, cost time.Duration
	// measured is what was last recorded about the place.
	measured string
	began    bool

	mu     sync.Mutex
	status PlaceStatus
}

func newWatcher(w *Watch, p Place) *watcher {
	one := &watcher{
		watch: w, place: p, log: w.options.Log.With("place", p.Name()), wake: make(chan struct{}, 1), looker: newLooker(p),
		stands: map[string]*stand{}, leases: map[string]time.Time{}, knocks: make(chan *destination.Outside, 1), cleared: map[string]time.Time{}, noticed: map[Tier]int64{}, own: map[uint32]bool{},
	}
	one.status.Name = p.Name()
	return one
}

func (w *watcher) now() time.Time { return w.watch.options.Now() }

// run is the loop, until the context ends.
func (w *watcher) run(ctx context.Context) {
	var knocking sync.WaitGroup
	defer knocking.Wait()
	tick := time.NewTimer(0)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		case met := <-w.knocks:
			w.met(met)
		}
		if w.round(ctx, &knocking) {
			tick.Reset(beat)
		} else {
			tick.Reset(rest)
		}
	}
}

// round does everything that is due, and reports whether there are copies.
func (w *watcher) round(ctx context.Context, knocking *sync.WaitGroup) (watched bool) {
	defer func() {
		if r := recover(); r != nil {
			w.log.Error("the watch panicked", "panic", r)
			watched = true
		}
		w.publish(watched)
	}()
	now := w.now()
	if w.unread.Swap(false) || now.Sub(w.read) >= rest {
		w.copies, w.read = w.watch.options.Book.Copies(w.place.Name()), now
	}
	if !w.terms(now) {
		return len(w.copies) > 0
	}
	w.finish(ctx, now)
	if len(w.copies) == 0 {
		w.stop()
		return false
	}
	w.follow()
	if w.look(ctx, now) {
		return true // the proxy stops
	}
	w.knock(ctx, now, knocking)
	if w.judgeDue(now) {
		w.judge(ctx)
	}
	if ctx.Err() != nil {
		return true
	}
	w.react(ctx)
	w.renew(ctx)
	w.expire(ctx)
	return true
}

// codeNoTerms is why a place is blocked of which the policy says nothing any more.
const codeNoTerms = "no-terms"

// terms reads what the policy says. Without it nothing is well.
func (w *watcher) terms(now time.Time) bool {
	def, digest, err := w.place.Terms()
	if err == nil {
		noTerms := w.blocked != nil && w.blocked.Code == codeNoTerms
		w.wanted = w.wanted || digest != w.digest || noTerms
		w.def, w.digest = def, digest
		return true
	}
	if len(w.copies) > 0 && w.blocked == nil {
		w.block(now, codeNoTerms, "the policy and the configuration do not speak of the same place: "+err.Error())
		w.tell(Alert{Event: "unwatched", Severity: ledger.SeverityUnknown, Summary: "copies at " + w.place.Name() + " are not watched: " + Clean(err.Error())})
	}
	return false
}

// stop forgets a place that has no copies any more.
func (w *watcher) stop() {
	w.looker.reset()
	w.verdict, w.began, w.wanted, w.door, w.changes, w.strange = nil, false, false, nil, nil, nil
	w.block(w.now(), "", "")
	w.stands, w.leases, w.cleared = map[string]*stand{}, map[string]time.Time{}, map[string]time.Time{}
	w.silent = time.Time{}
}

// follow makes the copies of the book those that are watched.
func (w *watcher) follow() {
	there, roots := map[string]bool{}, map[uint32]bool{}
	for _, c := range w.copies {
		there[c.ID] = true
		if !published(c) {
			continue
		}
		if s := w.stands[c.ID]; s != nil && s.done == policy.ReactFreeze && !c.Frozen {
			s.done = "" // a person has thawed it
		}
		if w.stands[c.ID] == nil {
			s := w.stand(c)
			w.mine([]*ledger.Copy{c}) // that it was published is no news
			if w.blocked == nil && (s.bad() && blocks(s.wanted) || s.done != "") {
				w.block(w.now(), blockCode(s), blockWords(c, s, Judgement{Deficits: c.Deficits}))
			}
		}
	}
	for _, root := range rootsOf(w.copies) {
		roots[root] = true
	}
	w.looker.forget(roots)
	for id := range w.stands {
		if !there[id] {
			delete(w.stands, id)
			delete(w.leases, id)
			delete(w.cleared, id)
		}
	}
}

// stand is how things stand with a copy.
func (w *watcher) stand(c *ledger.Copy) *stand {
	s := w.stands[c.ID]
	if s == nil {
		s = recalled(c, w.def.React)
		w.stands[c.ID], w.wanted = s, true
	}
	return s
}

// mine says that the proxy itself has changed relations of copies: the next look at
// them finds that, and a verdict follows either way.
func (w *watcher) mine(copies []*ledger.Copy) {
	for _, root := range rootsOf(copies) {
		w.own[root] = true
	}
	delete(w.looker.at, T0)
}

// look asks what is due. It reports whether the proxy stops.
func (w *watcher) look(ctx context.Context, now time.Time) (stopping bool) {
	if !w.silent.IsZero() && now.Sub(w.asked) < awayPause {
		return false
	}
	defer func() { w.asked = w.now() }()
	g, err := w.looker.look(ctx, now, &w.def, w.copies)
	w.take(g)
	refused := errors.Is(err, ErrRefused)
	switch {
	case errors.Is(err, ErrStopping), ctx.Err() != nil:
		return true
	case err == nil, refused:
		if !w.silent.IsZero() {
			w.log.Info("a place that holds copies answers again", "away", now.Sub(w.silent).Round(time.Second))
			w.wanted, w.whole = true, true
		}
		w.answered, w.silent = now, time.Time{}
	case w.silent.IsZero():
		w.silent = now
		w.log.Warn("a place that holds copies does not answer", "err", err)
	}
	said := ""
	if refused {
		said = err.Error()
	}
	if said != w.refusal {
		w.refusal, w.wanted = said, true
	}
	if refused {
		w.log.Debug("a place refuses to be looked at", "err", err)
	}
	if !w.began && err == nil {
		w.began = true
		w.wanted, w.whole = true, true
		w.sinceLast()
	}
	return false
}

// sinceLast finds out whether something around the copies has changed while nobody
// watched.
func (w *watcher) sinceLast() {
	before := w.watch.options.Book.Measured(w.place.Name())
	if before != nil && before.Inside != "" && before.Inside != w.looker.sum() {
		w.changes = append(w.changes, Change{Kind: "what is around the copies", Name: "while nobody watched", Was: before.Inside, Is: w.looker.sum(), Tier: T1})
	}
}

// take notes what a look has found.
func (w *watcher) take(g *glance) {
	if g == nil {
		return
	}
	for _, s := range g.strangers {
		w.strange = append(w.strange, Change{Kind: "login", Name: Clean(s.name), Is: s.String(), Tier: Login})
	}
	for _, s := range g.seconds {
		w.strange = append(w.strange, Change{
			Relation: oldest(s.of), Kind: "relation", Name: s.name, Tier: Second,
			Is: "has the columns of copy " + s.of.ID + ", is newer, and belongs to " + s.owner,
		})
	}
	if _, looked := w.looker.at[T0]; looked && len(w.own) > 0 {
		g.changes = slices.DeleteFunc(g.changes, func(c Change) bool { return c.Tier == T0 && w.own[c.Relation] })
		w.own = map[uint32]bool{}
	}
	for _, c := range g.changes {
		w.noticed[c.Tier]++
		w.log.Debug("something has changed at a place that holds copies", "tier", c.Tier, "kind", c.Kind, "name", c.Name)
	}
	w.noticed[Login] += int64(len(g.strangers))
	w.noticed[Second] += int64(len(g.seconds))
	if g.hint {
		w.noticed[Counters]++
	}
	if g.reloaded {
		w.noticed[Tripwire]++
		w.wanted, w.whole = true, true
	}
	if len(g.changes)+len(g.strangers)+len(g.seconds) > 0 {
		w.wanted, w.present = true, g.present
	}
	w.changes = append(w.changes, g.changes...)
}

// knock has somebody knock, if it is time.
func (w *watcher) knock(ctx context.Context, now time.Time, knocking *sync.WaitGroup) {
	if now.Sub(w.knocked) < w.def.Watch.Wire || !w.silent.IsZero() {
		return
	}
	w.knocked = now
	knocking.Go(func() {
		met := w.place.Knock(ctx)
		select {
		case w.knocks <- met:
		case <-ctx.Done():
		}
	})
}

// met holds what was met outside against what was met before.
func (w *watcher) met(o *destination.Outside) {
	now := doors(o)
	if w.door != nil {
		changes := doorChanges(w.door, now)
		w.noticed[Wire] += int64(len(changes))
		w.changes = append(w.changes, changes...)
		if len(changes) > 0 {
			w.wanted, w.whole = true, true
		}
	}
	w.door = now
	w.looker.at[Wire] = w.now()
}

// judgeDue reports whether a verdict is due.
func (w *watcher) judgeDue(now time.Time) bool {
	away := !w.silent.IsZero()
	if away && now.Sub(w.silent) < patience {
		return false
	}
	// Logins that an earlier run has left read what they like, and are about to go.
	most := patience
	if w.verdict == nil {
		most = longestPending
	}
	if left := w.place.Logins().Left; !away && !left.IsZero() && now.Sub(left) < most {
		return false
	}
	old := now.Sub(w.judged)
	switch {
	case w.verdict == nil, w.wanted && !away, old >= verdictAge:
		return true
	case away:
		return w.verdict.Place.worst() != ledger.SeverityUnknown || old >= mostPause
	}
	for _, s := range w.stands {
		if s.bad() && (old >= w.pause() || s.wanted == policy.ReactPurge && !s.confirmed) {
			return true
		}
	}
	return false
}

// pause is how old a verdict may be while something is wrong. A place whose catalogs
// take long to read is not kept busy by it; what is not known is soon asked again.
func (w *watcher) pause() time.Duration {
	pause := max(badAge, 20*w.cost)
	if w.verdict.complete() {
		return pause
	}
	return min(pause, mostPause)
}

// spent notes how long a verdict took. One that is about what is not known may have waited
// for most of that, and does not make the place a more costly one.
func (w *watcher) spent(took time.Duration, v *Verdict) {
	w.took = took
	if w.verdicts == 0 || took < w.cost || v.complete() {
		w.cost = took
	}
}
