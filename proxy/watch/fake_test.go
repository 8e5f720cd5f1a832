package watch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/destination"
)

// fakePlace is a place that says what a test wants.
type fakePlace struct {
	t   *testing.T
	now func() time.Time
	// takes is how long a verdict takes; pass lets time pass.
	takes time.Duration
	pass  func(time.Duration)

	mu  sync.Mutex
	def policy.PlaceDef
	// unnamed is true while the policy says nothing of it.
	unnamed bool
	// loaded is true if verdicts are by a policy that was loaded after the round began.
	loaded bool
	// reloads, writes and highest are of the tripwire; items are what is looked at,
	// by the root and kind.
	reloads, writes, highest int
	items                    map[scope]map[string]string
	strangers                [][2]string
	logins                   Logins
	// away has nothing answered, refuses has looks refused.
	away, refuses bool
	// wrong is what is wrong with copies, by their ids, and "" with the place.
	wrong map[string]*Judgement
	// powerless has the reactor fail.
	powerless bool
	gone      map[string]bool // copies that were removed
	// did is what was done, in order.
	did []string
	// door is the answer of knocks.
	door destination.Authentication
	// outcomes are of unfinished copies.
	outcomes map[string]bool
}

func newFakePlace(t *testing.T, now func() time.Time) *fakePlace {
	return &fakePlace{
		t: t, now: now, pass: func(time.Duration) {}, items: map[scope]map[string]string{}, wrong: map[string]*Judgement{}, gone: map[string]bool{}, door: destination.SCRAM, outcomes: map[string]bool{},
		logins: Logins{Live: map[string]bool{}},
		def: policy.PlaceDef{
			Name: "analytics", Roles: policy.PlaceRoles{Owner: "sluice_owner", Probe: "sluice_probe", Carrier: "sluice_carrier", Reactor: "sluice_reactor"},
			Watch:   policy.PlaceWatch{Relations: 2 * time.Second, Roles: 5 * time.Second, Wire: 30 * time.Second},
			React:   policy.PlaceReactions{Latent: policy.ReactAlert, Object: policy.ReactFreeze, Server: policy.ReactPurge, Unknown: policy.ReactBlock},
			Expires: policy.PlaceExpiry{After: 240 * time.Hour, Lease: 5 * time.Minute, Remind: []time.Duration{72 * time.Hour, 24 * time.Hour}},
		},
	}
}

var (
	errUnnamed = errors.New("analytics is no destination of the policy")
	errAway    = errors.New("connection refused")
	errFakeSQL = errors.New("permission denied")
)

func (p *fakePlace) Name() string { return "analytics" }

func (p *fakePlace) Terms() (policy.PlaceDef, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unnamed {
		return policy.PlaceDef{}, "y", errUnnamed
	}
	return p.def, "x", nil
}

func (p *fakePlace) Ask(ctx context.Context, question func(context.Context, catalog.Querier) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.away:
		return errAway
	case p.refuses:
		return fmt.Errorf("%w: %w", ErrRefused, errFakeSQL)
	}
	return question(ctx, fakeCatalog{p})
}

func (p *fakePlace) Knock(context.Context) *destination.Outside {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := &destination.Outside{MeasuredAt: p.now(), Reachable: !p.away}
	if p.away {
		o.Problems = []string{"nothing answers there"}
		return o
	}
	strength := destination.StrengthSCRAM
	if p.door == destination.Trust {
		strength = 0
	}
	o.Knocks = []destination.Knock{{Transport: "tls", User: "sluice_probe_x", Unknown: true, Database: "copies", Authentication: p.door, Strength: strength}}
	return o
}

func (p *fakePlace) Judge(_ context.Context, copies []*ledger.Copy, _ bool) *Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass(p.takes)
	v := &Verdict{At: p.now(), Address: "localhost:5432", Database: "copies", System: "7", Copies: map[string]*Judgement{}}
	if v.Terms = "x"; p.loaded {
		v.Terms = "z"
	}
	if p.away {
		v.System, v.Place.Unknown = "", []string{"it does not answer"}
		return v
	}
	if j := p.wrong[""]; j != nil {
		v.Place = *j
	}
	for _, c := range copies {
		j := p.wrong[c.ID]
		if j == nil {
			j = &Judgement{}
		}
		v.Copies[c.ID] = j
	}
	p.did = append(p.did, "judge")
	return v
}

func (p *fakePlace) Logins() Logins { return p.logins }

func (p *fakePlace) Act(ctx context.Context, as Part, work func(context.Context, catalog.Querier) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, map[Part]string{Carrier: "login carrier", Reactor: "login reactor"}[as])
	if p.away || as == Reactor && p.powerless {
		return errAway
	}
	return work(ctx, fakeHand{p})
}

func (p *fakePlace) Sweep(context.Context) ([]string, error) {
	if p.away {
		return nil, errAway
	}
	return nil, nil
}

func (p *fakePlace) Outcome(_ context.Context, id string) (bool, error) { return p.outcomes[id], nil }

// row makes a row of texts.
func row(values ...string) [][]byte {
	var out [][]byte
	for _, v := range values {
		out = append(out, []byte(v))
	}
	return out
}

// fakeCatalog answers looks.
type fakeCatalog struct{ p *fakePlace }

func (f fakeCatalog) Query(_ context.Context, sql string, each func([][]byte) error) error {
	p := f.p
	switch {
	case sql == sqlTripwire:
		return each(row("150000", fmt.Sprint("loaded ", p.reloads), "started", "7", fmt.Sprint(p.writes), fmt.Sprint(p.highest), "t", "t"))
	case strings.HasSuffix(sql, askDigests):
		for s, items := range p.items {
			if covered(sql, s) {
				if err := each(row(fmt.Sprint(s.root), s.kind, fmt.Sprint(items))); err != nil {
					return err
				}
			}
		}
		return nil
	case strings.Contains(sql, "FROM items"):
		for s, items := range p.items {
			if !covered(sql, s) {
				continue
			}
			for key, says := range items {
				if err := each(row(fmt.Sprint(s.root), s.kind, key, says)); err != nil {
					return err
				}
			}
		}
		return nil
	case strings.HasPrefix(sql, "SELECT DISTINCT r.rolname"):
		for _, s := range p.strangers {
			if err := each(row(s[0], s[1])); err != nil {
				return err
			}
		}
		return nil
	case sql == sqlPresent:
		return each(row("eve (psql)"))
	case strings.Contains(sql, "pg_namespace WHERE starts_with"):
		return each(row("f"))
	case strings.Contains(sql, "reltuples"):
		return each(row("4711", "10"))
	}
	return nil
}

// covered reports whether a query of items is about a scope.
func covered(sql string, s scope) bool {
	switch {
	case strings.HasPrefix(sql, "WITH RECURSIVE tree"):
		return s.root != 0
	case strings.HasPrefix(sql, sqlRules):
		return s.kind == "pg_hba.conf"
	}
	return s.root == 0 && s.kind != "pg_hba.conf"
}

// fakeHand answers the reactor and the carrier, and does what they say.
type fakeHand struct{ p *fakePlace }

func (f fakeHand) Query(_ context.Context, sql string, each func([][]byte) error) error {
	p := f.p
	switch {
	case strings.HasPrefix(sql, "SELECT system_identifier"):
		return each(row("7", "copies"))
	case strings.HasPrefix(sql, "WITH RECURSIVE tree"):
		for id, gone := range p.gone {
			if gone && strings.Contains(sql, fmt.Sprint(oidOf(id))) {
				return nil
			}
		}
		return each(row(between(sql, "'{", "}'"), "crm.people", "sluice_owner", "r", "t"))
	case strings.HasPrefix(sql, "UPDATE sluice.lease SET valid_until = '-infinity'"):
		p.did = append(p.did, "close")
	case strings.HasPrefix(sql, "UPDATE sluice.lease l"):
		p.did = append(p.did, "renew "+sql)
		for _, part := range strings.Split(between(sql, "VALUES ", ") v("), "('")[1:] {
			if err := each(row(part[:26])); err != nil {
				return err
			}
		}
	case strings.Contains(sql, "DROP TABLE"):
		p.did = append(p.did, "drop")
		for id := range p.wrong {
			_ = id
		}
	case strings.Contains(sql, "FORCE ROW LEVEL SECURITY") && strings.HasPrefix(sql, "BEGIN"):
		p.did = append(p.did, "hide")
	case strings.Contains(sql, "sluice.lease WHERE copy") && strings.HasPrefix(sql, "SELECT"):
		return each(row("0", "0", "0"))
	case strings.HasPrefix(sql, "SELECT count(*)::text, string_agg"):
		return each(row("0", ""))
	}
	return nil
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	inside, _, _ := strings.Cut(rest, to)
	return inside
}

// fakeBook is a ledger without a trail behind it.
type fakeBook struct {
	*ledger.Ledger
	now   func() time.Time
	index audit.Index
	// events are the types that were recorded, with their copies; deaf has nothing
	// recorded.
	events []ledger.Body
	deaf   bool
}

func (b *fakeBook) Copies(place string) []*ledger.Copy {
	return b.Ledger.Copies(ledger.Query{Place: place})
}

func (b *fakeBook) Measured(place string) *ledger.Measured {
	if p := b.Place(place); p != nil {
		return p.Measured
	}
	return nil
}

func (b *fakeBook) Note(_ context.Context, body ledger.Body) error {
	if b.deaf {
		return errors.New("the disk is full")
	}
	return b.add("", body)
}

func (b *fakeBook) add(request string, body ledger.Body) error {
	e, err := ledger.Event(b.now(), request, "", body)
	if err != nil {
		return err
	}
	b.index++
	b.events = append(b.events, body)
	return b.Apply(b.index, e)
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// publish adds a copy.
func (b *fakeBook) publish(t *testing.T, n int, expires time.Time) string {
	t.Helper()
	id := b.begin(t, n, expires)
	if err := b.add("", &ledger.Published{Copy: id, Relations: []ledger.Receipt{{Schema: "crm", Name: fmt.Sprint("t", n), OID: oidOf(id), Read: "x:0", Held: "x:0"}}}); err != nil {
		t.Fatal(err)
	}
	return id
}

func (b *fakeBook) begin(t *testing.T, n int, expires time.Time) string {
	t.Helper()
	return b.beginAs(t, n, n, ledger.ModeNew, expires)
}

// beginAs begins copy n to the place of another.
func (b *fakeBook) beginAs(t *testing.T, n, place int, mode ledger.Mode, expires time.Time) string {
	t.Helper()
	id := strings.Repeat("a", 24) + string(rune('a'+n/26)) + string(rune('a'+n%26))
	err := b.add("request", &ledger.Begun{
		Copy: id, Expires: ledger.At(expires), Owner: "ops", Person: "ops", Role: "r",
		Destination: ledger.Destination{Address: "localhost:5432", Database: "copies", Place: "analytics", System: "7"},
		Origin: ledger.Origin{Database: "shop", Place: "shop", System: "8", Facts: ledger.Facts{Sum: zeros, Inline: []byte("[]")},
			Relations: []ledger.OriginRelation{{Schema: "crm", Name: "people"}}},
		Targets: []ledger.Target{{Schema: "crm", Name: fmt.Sprint("t", place), From: []int{0}, Mode: mode, Rest: []string{"id", "name"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// oidOf is the OID of a copy's relation.
func oidOf(id string) uint32 {
	return 20000 + uint32(id[24]-'a')*26 + uint32(id[25]-'a')
}

// bench is a watcher with fakes and a clock of its own.
type bench struct {
	t      *testing.T
	time   time.Time
	place  *fakePlace
	book   *fakeBook
	watch  *Watch
	alerts []Alert
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, time: time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.time }
	b.place, b.book = newFakePlace(t, now), &fakeBook{Ledger: ledger.New(0), now: now}
	b.place.pass = func(d time.Duration) { b.time = b.time.Add(d) }
	b.restart()
	return b
}

// restart makes a new watch, as a new process has it.
func (b *bench) restart() {
	b.watch = New(Options{Places: []Place{b.place}, Book: b.book, Now: func() time.Time { return b.time }, Tell: func(a Alert) { b.alerts = append(b.alerts, a) }})
}

func (b *bench) watcher() *watcher { return b.watch.watchers["analytics"] }

// beats lets so many beats pass.
func (b *bench) beats(n int) {
	for range n {
		b.time = b.time.Add(beat)
		var knocking sync.WaitGroup
		w := b.watcher()
		b.watch.Changed("")
		w.round(context.Background(), &knocking)
		knocking.Wait()
		select {
		case met := <-w.knocks:
			w.met(met)
		default:
		}
	}
}

// kinds are the types of the events about a copy, or a place with the id "".
func (b *bench) kinds(id string) (out []string) {
	for _, body := range b.book.events {
		text := fmt.Sprintf("%+v", body)
		if id != "" && strings.Contains(text, id) || id == "" && strings.HasPrefix(body.EventType(), "place.") {
			out = append(out, body.EventType())
		}
	}
	return out
}

func deficit(code string) []ledger.Deficit {
	return []ledger.Deficit{{Code: code, What: "somebody reads"}}
}

// processEnded says that the writer of the trail has ended: what was being made is
// not made any more.
func (b *fakeBook) processEnded() {
	b.index++
	b.Add(record.Record{Index: int64(b.index), Time: b.now(), Type: "trail.open", Body: []byte("{}")})
}
