package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
)

// judge measures everything and draws the conclusions.
func (w *watcher) judge(ctx context.Context) {
	began := w.now()
	whole := w.whole || w.verdict == nil || began.Sub(w.judged) >= verdictAge
	v := w.place.Judge(ctx, w.copies, whole)
	switch {
	case ctx.Err() != nil:
		return
	case v.Terms != w.digest:
		// The policy was loaded again meanwhile: what it demands is held against what
		// it says should be done, and not against what another does.
		w.wanted = true
		return
	}
	w.forgetGone()
	changes, strange, present := w.changes, w.strange, w.present
	w.changes, w.strange, w.present, w.wanted, w.whole = nil, nil, nil, false, false
	w.verdict, w.judged = v, w.now()
	w.spent(w.judged.Sub(began), v)
	w.verdicts++
	if !w.silent.IsZero() && !open(v.Place.worst()) {
		// It did not answer, and then it did: the next look says how it is.
		w.wanted = true
	}
	w.conclude(ctx, v, changes, strange, present)
}

// forgetGone leaves out copies that are gone since the round began: another was put in
// their place.
func (w *watcher) forgetGone() {
	now := w.watch.options.Book.Copies(w.place.Name())
	w.copies = slices.DeleteFunc(slices.Clone(w.copies), func(c *ledger.Copy) bool {
		return !slices.ContainsFunc(now, func(there *ledger.Copy) bool { return there.ID == c.ID })
	})
}

// conclude draws the conclusions of a verdict: how things stand with each copy, and
// what has to be recorded and told. What is to be done about it is for react.
func (w *watcher) conclude(ctx context.Context, v *Verdict, changes, strange []Change, present []string) {
	seen := seenAs(v.At, changes, strange, present)
	latent := map[string]bool{}
	for _, c := range slices.Concat(changes, strange) {
		for _, id := range w.concerned(c) {
			latent[id] = true
		}
	}
	w.notePlace(ctx, v, slices.Concat(changes, strange), seen)
	all, code, why := true, "", ""
	for _, c := range w.copies {
		if !published(c) {
			continue
		}
		j := merged(&v.Place, v.Copies[c.ID])
		if latent[c.ID] && j.worst() == "" && len(j.Missing) == 0 { // what is gone is told of as that
			j.Severity = ledger.SeverityLatent
		}
		w.concludeCopy(ctx, v.At, c, j, seen, latent[c.ID])
		s := w.stand(c)
		all = all && !s.bad()
		if code == "" && (s.bad() && blocks(s.wanted) || s.done != "") {
			code, why = blockCode(s), blockWords(c, s, j)
		}
	}
	w.block(v.At, code, why)
	if !open(v.Place.worst()) && all {
		w.wellAt = v.At
	}
}

// merged is what is wrong with a copy, by itself and by its place.
func merged(place, of *Judgement) Judgement {
	if of == nil {
		of = &Judgement{}
	}
	return Judgement{
		Thawed: of.Thawed, Severity: Worse(place.Severity, of.Severity), Missing: of.Missing,
		Deficits: bounded(slices.Concat(place.Deficits, of.Deficits)), Unknown: bounded(slices.Concat(place.Unknown, of.Unknown)),
	}
}

// concerned are the copies that a change may be about.
func (w *watcher) concerned(c Change) (ids []string) {
	for _, one := range w.copies {
		if one.Receipt == nil || c.Relation == 0 {
			continue
		}
		if slices.ContainsFunc(one.Receipt.Relations, func(r ledger.Receipt) bool { return r.OID == c.Relation }) {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

// seenAs are changes as evidence.
func seenAs(at time.Time, changes, strange []Change, present []string) (out []ledger.Evidence) {
	const most = 50
	for _, c := range slices.Concat(strange, changes) {
		how := ledger.HowCatalog
		if c.Tier == Wire {
			how = ledger.HowOutside
		}
		if len(out) < most {
			out = append(out, evidence(at, how, c.String()))
		}
	}
	if more := len(changes) + len(strange) - most; more > 0 {
		out = append(out, evidence(at, ledger.HowCatalog, fmt.Sprintf("and %d more changes", more)))
	}
	if len(present) > 0 {
		out = append(out, evidence(at, ledger.HowInside, "who changed it is not known; connected at that moment: "+strings.Join(present, ", ")))
	}
	return out
}

// concludeCopy takes a verdict about one copy; changed is true if what was seen is about
// it.
func (w *watcher) concludeCopy(ctx context.Context, at time.Time, c *ledger.Copy, j Judgement, seen []ledger.Evidence, changed bool) {
	s := w.stand(c)
	if len(j.Missing) > 0 {
		w.lost(ctx, at, c, j.Missing)
	}
	wasBad := s.bad()
	switch {
	case open(j.worst()):
		s.see(j.severities(), w.def.React, at)
		w.drifted(ctx, at, c, s, j, seen, changed)
	case j.Severity == ledger.SeverityLatent:
		recovered := wasBad && w.recovered(ctx, at, c)
		if !wasBad || recovered {
			lastGood := at
			s.well(lastGood)
			w.drifted(ctx, at, c, s, j, seen, changed)
			s.wanted = sterner(s.wanted, w.def.React.Latent)
			if blocks(s.wanted) {
				s.severity, s.since = ledger.SeverityLatent, at
			}
		}
	default:
		if (wasBad || c.Severity == ledger.SeverityLatent && at.Sub(lastEvent(c)) > verdictAge/2) && !w.recovered(ctx, at, c) {
			return // tried again with the next verdict
		}
		s.well(at)
	}
	switch {
	case !j.Thawed || !c.Frozen:
	case s.bad():
		s.done = "" // it is frozen again
	default:
		w.thawed(ctx, at, c)
	}
}

// thawed records that people of the place have taken a freeze back, and all is well.
func (w *watcher) thawed(ctx context.Context, at time.Time, c *ledger.Copy) {
	body := &ledger.Thawed{
		By: "somebody at " + w.place.Name(), Copy: c.ID, Why: "what hid its rows was removed there, and it is protected as it was",
		Verified: []ledger.Evidence{evidence(at, ledger.HowCatalog, "none of its relations has the policy "+FrozenPolicy+c.ID+"; who can read it was measured")},
	}
	if !w.note(ctx, body) {
		return
	}
	w.wanted = true // the place may have copies again
	delete(w.leases, c.ID)
	w.tell(Alert{Event: "thawed", Copy: c.ID, Severity: ledger.SeverityLatent, Owner: ownerOf(c), Summary: "copy " + c.ID + titles(c) + " can be read again: " + body.Why, Evidence: body.Verified})
}

// lastEvent is when something was last recorded about a copy.
func lastEvent(c *ledger.Copy) time.Time {
	if n := len(c.Timeline); n > 0 {
		return c.Timeline[n-1].Time
	}
	return c.Since()
}

// drifted records that a copy is not protected as it was, once for each way in which
// it is not, and again for what is seen to have changed there: a verdict may come
// before that is.
func (w *watcher) drifted(ctx context.Context, at time.Time, c *ledger.Copy, s *stand, j Judgement, seen []ledger.Evidence, changed bool) {
	severity := Worse(j.worst(), s.severity)
	words := drift(severity, j)
	known := words == s.told && severity != ledger.SeverityLatent
	if known && !changed {
		return
	}
	for _, u := range j.Unknown {
		seen = append(seen, evidence(at, ledger.HowReported, "not known: "+u))
	}
	if len(seen) == 0 {
		seen = []ledger.Evidence{evidence(at, ledger.HowCatalog, "measured anew")}
	}
	lastGood := s.lastGood
	if lastGood.IsZero() {
		lastGood = c.Since()
	}
	if lastGood.IsZero() || lastGood.After(at) {
		lastGood = at
	}
	body := &ledger.Drifted{Copy: c.ID, Deficits: bounded(j.Deficits), Evidence: bounded(seen), LastGood: ledger.At(lastGood), Severity: severity}
	if len(body.Deficits) == 0 && (severity == ledger.SeverityObject || severity == ledger.SeverityServer) {
		body.Deficits = c.Deficits // it was so, and now something else is not known
	}
	if len(body.Deficits) == 0 && (severity == ledger.SeverityObject || severity == ledger.SeverityServer) {
		body.Severity = ledger.SeverityUnknown
	}
	s.untold, s.told = body, words
	w.retell(ctx, s)
	if known {
		return // people were told
	}
	w.tell(Alert{
		Event: "drifted", Copy: c.ID, Severity: severity, Reaction: sterner(s.wanted, reactionTo(severity, w.def.React)), Owner: ownerOf(c),
		Summary: summary(c, severity, j, seen), Deficits: body.Deficits, Evidence: body.Evidence,
	})
}

// retell records a drift that is not on record yet, and reports whether it is now. That
// the trail takes nothing does not keep a copy from being closed; but what was done is
// on record behind why.
func (w *watcher) retell(ctx context.Context, s *stand) bool {
	if s.untold != nil && w.note(ctx, s.untold) {
		s.untold = nil
	}
	return s.untold == nil
}

// drift is what of a drift makes it another one.
func drift(s ledger.Severity, j Judgement) string {
	words := []string{string(s)}
	for _, d := range j.Deficits {
		words = append(words, d.Code+" "+d.Subject+" "+d.Relation)
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), "\n")
}

func summary(c *ledger.Copy, severity ledger.Severity, j Judgement, seen []ledger.Evidence) string {
	text := "copy " + c.ID + titles(c)
	switch {
	case severity == ledger.SeverityLatent && len(seen) > 0:
		return Clean(text + ": something has changed that gives nobody more to read: " + seen[0].What)
	case len(j.Deficits) > 0:
		return Clean(text + " is not protected as it was: " + j.Deficits[0].What)
	case len(j.Unknown) > 0:
		return Clean(text + ": how it is protected is not known: " + j.Unknown[0])
	}
	return text + " is not protected as it was"
}

// titles are the relations of a copy.
func titles(c *ledger.Copy) string {
	var names []string
	if c.Receipt != nil {
		for _, r := range c.Receipt.Relations {
			names = append(names, Clean(r.Schema+"."+r.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + few(names, 3) + ")"
}

func ownerOf(c *ledger.Copy) string {
	if c.Begun == nil {
		return ""
	}
	return c.Begun.Owner
}

// published reports whether a copy can be said anything about: others could see it.
func published(c *ledger.Copy) bool {
	return c.Receipt != nil && c.Life != ledger.LifeCopying && c.Life != ledger.LifeFailed && !c.Gone()
}

// recovered records that a copy is protected again as it must be.
func (w *watcher) recovered(ctx context.Context, at time.Time, c *ledger.Copy) bool {
	if s := w.stand(c); c.Severity == "" && (s.told == "" || s.untold != nil) {
		return true // that it was not was not recorded, or what was done has ended it
	}
	ok := w.note(ctx, &ledger.Recovered{Copy: c.ID, Evidence: []ledger.Evidence{
		evidence(at, ledger.HowCatalog, "who can read it was read from the catalogs and is no more than at the origin"),
		evidence(at, ledger.HowOutside, "the place was knocked at and reaches its floor"),
	}})
	if ok {
		w.tell(Alert{Event: "recovered", Copy: c.ID, Owner: ownerOf(c), Summary: "copy " + c.ID + titles(c) + " is protected again as it must be"})
	}
	return ok
}

// lost records that relations are gone that nobody here has removed. One in whose
// place another copy was put is simply gone; while another is being put there, nobody
// knows yet.
func (w *watcher) lost(ctx context.Context, at time.Time, c *ledger.Copy, missing []string) {
	if !published(c) {
		return
	}
	switch by := w.replacedBy(c, missing); {
	case by != nil && by.Receipt == nil:
	case by != nil:
		w.note(ctx, &ledger.Removed{
			Copy: c.ID, Why: "copy " + by.ID + " was put in its place",
			Verified: []ledger.Evidence{evidence(at, ledger.HowCatalog, "none of its relations is in pg_class any more")},
		})
	case c.Life == ledger.LifeLost:
	case w.note(ctx, &ledger.Lost{
		Copy: c.ID, Relations: bounded(missing), Evidence: []ledger.Evidence{evidence(at, ledger.HowCatalog, "not in pg_class: "+few(missing, 5))},
	}):
		w.tell(Alert{Event: "lost", Copy: c.ID, Owner: ownerOf(c), Summary: "copy " + c.ID + " is not where it was put: " + Clean(few(missing, 5)) + " is gone"})
	}
}

// replacedBy is a later copy that takes, or has taken, the places of all relations of
// one; nil if there is none.
func (w *watcher) replacedBy(c *ledger.Copy, missing []string) *ledger.Copy {
	if len(missing) < len(c.Receipt.Relations) {
		return nil
	}
	for _, later := range w.copies {
		if later.Begun == nil || !later.BegunAt.After(c.BegunAt) || later.ID == c.ID || later.Receipt == nil && later.Life != ledger.LifeCopying {
			continue
		}
		all := true
		for _, r := range c.Receipt.Relations {
			all = all && slices.ContainsFunc(later.Begun.Targets, func(t ledger.Target) bool {
				return t.Schema == r.Schema && t.Name == r.Name && t.Mode == ledger.ModeSwap
			})
		}
		if all {
			return later
		}
	}
	return nil
}

// notePlace records what is another than before about the place itself.
func (w *watcher) notePlace(ctx context.Context, v *Verdict, changes []Change, seen []ledger.Evidence) {
	body := &ledger.Changed{Place: w.place.Name()}
	for _, c := range changes {
		if c.Relation == 0 && c.Kind != kindLease && len(body.Changes) < ledger.MaxList {
			body.Changes = append(body.Changes, ledger.Change{What: short(c.Kind + " " + c.Name), Was: c.Was, Is: otherThan(c.Is, c.Was)})
		}
	}
	if len(body.Changes) > 0 {
		body.Evidence = bounded(seen)
		if w.note(ctx, body) && !open(v.Place.worst()) {
			w.tell(Alert{Event: "changed", Severity: ledger.SeverityLatent, Summary: Clean("at " + w.place.Name() + ": " + changeWords(changes)), Evidence: body.Evidence})
		}
	}
	m := &ledger.Measured{
		Address: v.Address, CertificateKey: v.Key, Database: v.Database, Deficits: bounded(v.Place.Deficits), Place: w.place.Name(), System: v.System,
		Unknown: bounded(v.Place.Unknown), Outside: doorSum(w.door), LastGood: ledger.At(w.wellAt),
	}
	if w.began {
		m.Inside = w.looker.sum()
	}
	if m.Outside == "" {
		m.Outside = v.Outside
	}
	if m.Inside+m.Outside == "" && len(m.Unknown) == 0 {
		m.Unknown = []string{"nothing was measured"}
	}
	words := fmt.Sprint(m.Inside, m.System, m.CertificateKey, drift("", v.Place), len(m.Unknown) > 0)
	if before := w.watch.options.Book.Measured(w.place.Name()); w.measured == "" && before != nil {
		w.measured = fmt.Sprint(before.Inside, before.System, before.CertificateKey, drift("", Judgement{Deficits: before.Deficits}), len(before.Unknown) > 0)
	}
	if words != w.measured && w.note(ctx, m) {
		w.measured = words
	}
}

func changeWords(changes []Change) string {
	var words []string
	for _, c := range changes {
		if c.Relation == 0 && c.Kind != kindLease {
			words = append(words, c.String())
		}
	}
	return few(words, 3)
}

// short cuts a name to what the ledger takes.
func short(text string) string {
	text = Clean(text)
	if len(text) > 250 {
		text = strings.ToValidUTF8(text[:250], "")
	}
	return strings.TrimSpace(text)
}

func otherThan(is, was string) string {
	if is == was {
		return is + " (changed)"
	}
	return is
}

// block says that the place is given no new copy, and since when; an empty code that
// it is.
func (w *watcher) block(now time.Time, code, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case code == "":
		w.blocked = nil
	case w.blocked == nil:
		w.blocked = &Blocked{Since: now, Code: code, why: Clean(why)}
	default:
		w.blocked = &Blocked{Since: w.blocked.Since, Code: code, why: Clean(why)}
	}
	w.status.Blocked = w.blocked
}

func blockCode(s *stand) string {
	if s.severity != "" {
		return string(s.severity)
	}
	return string(s.done)
}

func blockWords(c *ledger.Copy, s *stand, j Judgement) string {
	switch {
	case len(j.Deficits) > 0:
		return "copy " + c.ID + " there is not protected as it was: " + j.Deficits[0].What
	case len(j.Unknown) > 0:
		return "how copy " + c.ID + " there is protected is not known: " + j.Unknown[0]
	case s.done == policy.ReactFreeze:
		return "copy " + c.ID + " there is frozen"
	}
	return "copy " + c.ID + " there is not protected as it was"
}
