package measure

import (
	"context"

	"github.com/sluice-pg/sluice/policy/destination"
)

// Knock tries the place's doors as somebody whom it cannot know, from every address
// that the policy names, and asks it nothing.
func (p *Place) Knock(ctx context.Context) *destination.Outside {
	return p.knock(ctx, nil, false).Facts()
}
