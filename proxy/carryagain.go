package proxy

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/sluice-pg/sluice/policy"
)

// What is carried was decided by what names meant at the source a moment before it
// is read, and by the policy of then. A column that was renamed since, or a view that
// was replaced, would go there as what it is not, with another's mask or none; a rule
// that was taken back would still have its way. So it is decided once more: when all
// that is read is locked, and right before it is published.

// errDecidedOtherwise is why a copy ends that would not be decided again as it was.
var errDecidedOtherwise = errors.New("the policy, or what the names in it mean at the source, has changed since it was decided")

// stillDecided decides the copy by the policy of this moment, and by the source's
// catalog as it is now. What was measured of the place is taken as it was then: the
// publishing transaction measures it anew. Only the goroutine that reads from the
// client uses it.
func (c *carrier) stillDecided(ctx context.Context) error {
	s, before, now := c.session, c.made, c.server.policy.Load()
	book, err := s.database.catalog.latest(ctx)
	if err != nil {
		return fmt.Errorf("what is to be copied cannot be looked at again: %s", catalogProblem(err))
	}
	if book == before.sight.book && now == c.policy {
		return nil
	}
	if err := c.sameTerms(now); err != nil {
		return err
	}
	seen := s.sight.seen()
	seen.Snapshot = book.Snapshot
	r := *before.request
	s.lookInto(ctx, now, book, seen, &r)
	d := now.View(r.Identity, r.Session).Decide(&r)
	if d.Verdict != policy.Carry || !reflect.DeepEqual(d.Carry, before.decision.Carry) || !slices.EqualFunc(d.Masks, before.decision.Masks, sameMask) ||
		!sameMeaning(r.Facts.Catalog, before.request.Facts.Catalog) {
		return errDecidedOtherwise
	}
	c.policy = now
	return nil
}

// sameTerms makes sure that a policy says of the place, and of who reads at the
// source, what the one says that the copy was decided by.
func (c *carrier) sameTerms(now *policy.Policy) error {
	if now == c.policy {
		return nil
	}
	database := c.session.database.config.Name
	def, known := now.PlaceNamed(c.plan.place.Name)
	was := c.plan.place.PlaceDef
	def.Position, was.Position = "", ""
	switch {
	case !known:
		return errors.New("the policy has been loaded again since and names no such destination any more")
	case !reflect.DeepEqual(def, was):
		return errors.New("the policy has been loaded again since and says something else of the destination")
	case !reflect.DeepEqual(now.ReadersOf(database), c.policy.ReadersOf(database)):
		return errors.New("the policy has been loaded again since and says something else of who reads at the source")
	}
	return nil
}

func sameMask(a, b policy.OutputMask) bool {
	a.Position, b.Position = "", ""
	return a == b
}

// sameMeaning reports whether what statements read, and what they return, is the
// same in two catalogs.
func sameMeaning(a, b *policy.CatalogFact) bool {
	return slices.EqualFunc(a.Statements, b.Statements, func(x, y policy.StatementFact) bool { return reflect.DeepEqual(x, y) })
}
