package watch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
)

// hintRest is how long after a look by a hint the next hint waits: a server whose
// catalogs change all the time is not looked at all the time.
const hintRest = 2 * time.Second

// looker asks one place. It keeps what was seen last; only the watcher uses it.
type looker struct {
	place Place
	baseline
	// first is true until one look has seen everything; at is when each tier looked
	// last.
	first bool
	at    map[Tier]time.Time
	// The following are of the last tripwire: the version of the server, its system
	// identifier, when it was started and its files loaded, how many rows of catalogs
	// were written, the highest OID of a relation, and whether the rules of
	// pg_hba.conf and the kinds of passwords may be asked for.
	version        int
	system, loaded string
	writes         uint64
	highest        uint32
	hba, verifiers bool
	// hint is true if counters have moved and nobody has looked since, hinted is when
	// somebody has last looked because of them.
	hint   bool
	hinted time.Time
	// strange are logins that may be strangers, by when they were first seen, alarmed
	// those that were told of; forms are how the names of the proxy's own begin.
	strange map[string]time.Time
	alarmed map[string]bool
	forms   map[string]bool
	// seconds are relations like copies, by when they were first seen, told those that
	// were told of; searchedUntil is the highest OID that was searched.
	seconds       map[uint32]time.Time
	told          map[uint32]bool
	searchedUntil uint32
}

func newLooker(place Place) *looker {
	l := &looker{place: place}
	l.reset()
	return l
}

// reset forgets everything: the next look is the first.
func (l *looker) reset() {
	l.baseline = baseline{digests: map[scope]string{}, items: map[scope]map[string]string{}, met: map[string]bool{}, roots: map[uint32]bool{}}
	l.first, l.at, l.loaded = true, map[Tier]time.Time{}, ""
	l.strange, l.alarmed, l.forms = map[string]time.Time{}, map[string]bool{}, map[string]bool{}
	l.seconds, l.told = map[uint32]time.Time{}, map[uint32]bool{}
	l.searchedUntil = 0
}

// glance is what one look has found.
type glance struct {
	changes []Change
	// strangers are logins like those of Sluice that nobody has a lease of, seconds
	// relations that are like copies.
	strangers []stranger
	seconds   []second
	// hint is true if counters moved, reloaded if files were loaded or the server
	// was started.
	hint, reloaded bool
	// present are those who are connected, if something has changed.
	present []string
}

// look asks what is due, in one transaction. What it has found counts also if it
// could not ask all of it: the baseline has it already.
func (l *looker) look(ctx context.Context, now time.Time, def *policy.PlaceDef, copies []*ledger.Copy) (*glance, error) {
	before := l.place.Logins()
	g := &glance{}
	err := l.place.Ask(ctx, func(ctx context.Context, q catalog.Querier) error {
		return l.ask(ctx, q, now, def, copies, before, g)
	})
	g.strangers = l.sift(g.strangers, before, l.place.Logins(), now, l.at[T1].Equal(now))
	l.first = l.first && err != nil
	return g, err
}

func (l *looker) ask(ctx context.Context, q catalog.Querier, now time.Time, def *policy.PlaceDef, copies []*ledger.Copy, logins Logins, g *glance) error {
	if err := l.tripwire(ctx, q, g); err != nil {
		return fmt.Errorf("the tripwire: %w", err)
	}
	l.at[Tripwire] = now
	l.hint = l.hint || g.hint
	hint := l.hint && now.Sub(l.hinted) >= hintRest
	if hint {
		l.hint, l.hinted = false, now
	}
	due := func(t Tier, every time.Duration) bool {
		// A little earlier, so that what is seen is judged within the interval.
		return l.first || hint || g.reloaded || now.Sub(l.at[t]) >= every-min(beat, every/4)
	}
	roots := rootsOf(copies)
	if due(T0, def.Watch.Relations) {
		if err := l.compare(ctx, q, sqlRelations(roots, l.version, false), sqlRelations(roots, l.version, true), T0, func(s scope) bool { return s.root != 0 }, g); err != nil {
			return fmt.Errorf("the copied relations: %w", err)
		}
		l.at[T0] = now
	}
	if due(T1, def.Watch.Roles) {
		if err := l.around(ctx, q, def, logins, g); err != nil {
			return fmt.Errorf("roles and settings: %w", err)
		}
		l.at[T1] = now
	}
	if l.hba && (l.first || g.reloaded || now.Sub(l.at[Rules]) >= def.Watch.Wire) {
		if err := l.compare(ctx, q, sqlRules, sqlRules, Rules, func(s scope) bool { return s.kind == "pg_hba.conf" }, g); err != nil {
			return fmt.Errorf("pg_hba.conf: %w", err)
		}
		l.at[Rules] = now
	}
	if err := l.search(ctx, q, now, copies, roots, g); err != nil {
		return fmt.Errorf("relations like copies: %w", err)
	}
	if len(g.changes) == 0 || l.first {
		return nil
	}
	g.present = nil
	return q.Query(ctx, sqlPresent, func(row [][]byte) error {
		if name, _, _ := strings.Cut(string(row[0]), " ("); !logins.Live[name] {
			g.present = append(g.present, Clean(string(row[0])))
		}
		return nil
	})
}

// tripwire asks what is asked every time.
func (l *looker) tripwire(ctx context.Context, q catalog.Querier, g *glance) error {
	return q.Query(ctx, sqlTripwire, func(row [][]byte) error {
		loaded := string(row[1]) + " " + string(row[2])
		writes := number(row[4])
		system, hba, verifiers := string(row[3]), string(row[6]) == "t", string(row[7]) == "t"
		if !l.first {
			g.reloaded = loaded != l.loaded
			g.hint = writes != l.writes
			if hba != l.hba || verifiers != l.verifiers || system != l.system {
				// What may be asked is not what it was, or another server answers.
				g.changes = append(g.changes, Change{Kind: "what the probe may ask, or which server answers", Tier: Tripwire})
			}
		}
		l.version, l.loaded, l.writes, l.highest = int(number(row[0])), loaded, writes, uint32(number(row[5]))
		l.system, l.hba, l.verifiers = system, hba, verifiers
		return nil
	})
}

// around looks at T1 and at logins.
func (l *looker) around(ctx context.Context, q catalog.Querier, def *policy.PlaceDef, logins Logins, g *glance) error {
	ours := make([]string, 0, len(logins.Live))
	for name := range logins.Live {
		ours = append(ours, name)
	}
	slices.Sort(ours)
	covers := func(s scope) bool {
		return s.root == 0 && s.kind != "pg_hba.conf" && (s.kind != "password" || l.verifiers)
	}
	around := sqlAround(ours, l.version, l.verifiers)
	if err := l.compare(ctx, q, around, around, T1, covers, g); err != nil {
		return err
	}
	return l.logins(ctx, q, def, logins, g)
}

// compare holds digests of items against the baseline, reads in words those of what has
// moved, and makes them the baseline.
func (l *looker) compare(ctx context.Context, q catalog.Querier, items, words string, tier Tier, covers func(scope) bool, g *glance) error {
	digests := map[scope]string{}
	err := q.Query(ctx, items+askDigests, func(row [][]byte) error {
		digests[scope{uint32(number(row[0])), string(row[1])}] = string(row[2])
		return nil
	})
	if err != nil {
		return err
	}
	moved := l.moved(digests, covers)
	if len(moved) == 0 {
		return nil
	}
	seen, whole, err := readItems(ctx, q, words, moved)
	if err != nil {
		return err
	}
	for _, s := range moved {
		changes := l.take(s, digests[s], seen[s], whole, tier)
		if !l.first && (s.root == 0 || l.roots[s.root]) { // all about a relation that is new is new
			g.changes = append(g.changes, changes...)
		}
	}
	for s := range digests {
		l.roots[s.root] = true
	}
	return nil
}

// readItems reads the items of scopes. whole is false if there were too many.
func readItems(ctx context.Context, q catalog.Querier, items string, scopes []scope) (map[scope]map[string]string, bool, error) {
	out := map[scope]map[string]string{}
	var only []string
	for _, s := range scopes {
		out[s] = map[string]string{}
		only = append(only, fmt.Sprintf("(%d, %s)", s.root, quote.Literal(s.kind)))
	}
	where := ""
	if len(only) <= 500 {
		where = "WHERE (root::int8, kind) IN (" + strings.Join(only, ",") + ")"
	}
	n := 0
	err := q.Query(ctx, items+fmt.Sprintf(askItems, where, maxItems+1), func(row [][]byte) error {
		n++
		if s := (scope{uint32(number(row[0])), string(row[1])}); out[s] != nil {
			out[s][string(row[2])] += string(row[3])
		}
		return nil
	})
	return out, n <= maxItems, err
}

// rootsOf are the OIDs of the relations of copies, each once.
func rootsOf(copies []*ledger.Copy) (roots []uint32) {
	for _, c := range copies {
		if c.Receipt == nil {
			continue
		}
		for i := range c.Receipt.Relations {
			roots = append(roots, c.Receipt.Relations[i].OID)
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

// second is a relation that has the columns of a copy, and is newer.
type second struct {
	oid   uint32
	name  string
	owner string
	of    *ledger.Copy
}

// secondRest is how long a relation that is like a copy is not told of: it may be one
// that is being published at this moment.
const secondRest = 2 * time.Second

// search looks for relations that are like copies, if relations were made since.
func (l *looker) search(ctx context.Context, q catalog.Querier, now time.Time, copies []*ledger.Copy, roots []uint32, g *glance) error {
	if l.highest == l.searchedUntil && len(l.seconds) == 0 {
		return nil
	}
	from := l.searchedUntil
	if l.highest < from || len(l.seconds) > 0 {
		from = 0 // OIDs have wrapped, the newest is gone, or some are to be seen again
	}
	searched, seen := map[string]bool{}, map[uint32]bool{}
	for _, c := range copies {
		for _, columns := range columnSets(c) {
			after := max(oldest(c), from)
			key := strings.Join(columns, "\x00")
			if after == 0 || searched[key] {
				continue
			}
			searched[key] = true
			err := q.Query(ctx, sqlLike(columns, after, roots), func(row [][]byte) error {
				one := second{uint32(number(row[0])), Clean(string(row[1])), Clean(string(row[2])), c}
				if !l.told[one.oid] && !beingMade(copies, string(row[1])) {
					seen[one.oid] = true
					l.second(now, one, g)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	for oid := range l.seconds {
		if !seen[oid] {
			delete(l.seconds, oid)
		}
	}
	l.searchedUntil = l.highest
	return nil
}

// second takes a relation that is like a copy: it is told of when it has been there
// for a moment.
func (l *looker) second(now time.Time, one second, g *glance) {
	first, known := l.seconds[one.oid]
	switch {
	case !known:
		l.seconds[one.oid] = now
	case now.Sub(first) >= secondRest:
		delete(l.seconds, one.oid)
		l.told[one.oid] = true
		g.seconds = append(g.seconds, one)
	}
}

// beingMade reports whether a relation is what a copy is about to become.
func beingMade(copies []*ledger.Copy, name string) bool {
	for _, c := range copies {
		if c.Receipt != nil || c.Begun == nil {
			continue
		}
		for i := range c.Begun.Targets {
			t := &c.Begun.Targets[i]
			if t.Schema+"."+t.Name == name || quote.Qualified(t.Schema, t.Name) == name {
				return true
			}
		}
	}
	return false
}

// columnSets are the names of columns of each relation of a copy, sorted.
func columnSets(c *ledger.Copy) (sets [][]string) {
	if c.Begun == nil || c.Receipt == nil {
		return nil
	}
	for i := range c.Begun.Targets {
		t := &c.Begun.Targets[i]
		names := slices.Clone(t.Rest)
		for j := range t.Columns {
			names = append(names, t.Columns[j].Name)
		}
		if len(names) < 2 {
			continue // one column is like too many
		}
		slices.Sort(names)
		sets = append(sets, names)
	}
	return sets
}

// oldest is the lowest OID of a copy's relations, 0 without any.
func oldest(c *ledger.Copy) (lowest uint32) {
	for i := range c.Receipt.Relations {
		if oid := c.Receipt.Relations[i].OID; lowest == 0 || oid < lowest {
			lowest = oid
		}
	}
	return lowest
}

// sorted are the keys of a set.
func sorted[K cmp.Ordered](set map[K]bool) []K {
	var out []K
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
