package cases

import (
	"context"

	"github.com/sluice-pg/sluice/policy"
)

// Meaning adds to a request the facts that a database's catalog has about its
// statements: what their names mean, and what the code does that they run. Nil if
// nobody knows.
type Meaning func(*policy.Request)

// Ask asks a policy about every text of a question, in order, as those of one
// session: a text that is let pass may make names that a later one uses. The error
// says that the question names a place that the policy does not have.
func Ask(ctx context.Context, p *policy.Policy, a Analyzer, q *Question, meaning Meaning) ([]policy.Decision, error) {
	places, err := bind(p, *q)
	if err != nil {
		return nil, err
	}
	var s session
	decisions := make([]policy.Decision, 0, len(q.Texts))
	for _, text := range q.Texts {
		req, statements := s.request(ctx, a, q, places, text)
		if meaning != nil {
			meaning(req)
		}
		d := p.Decide(req)
		if d.Verdict == policy.Allow || d.Verdict == policy.Mask {
			s.ran(statements)
		}
		decisions = append(decisions, d)
	}
	return decisions, nil
}
