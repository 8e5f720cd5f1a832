package proxy

import (
	"encoding/json"
	"fmt"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// decided is a decision with what it was made of.
type decided struct {
	policy   *policy.Policy
	kind     statement.Kind
	decision policy.Decision
	// charges are the shared budgets that the answers count for.
	charges *charges
	// request is what was decided; encoded holds its canonical form once
	// it was asked for.
	request *policy.Request
	encoded []byte
	// sight is what was seen of the catalog; the zero value if nothing was
	// looked up there.
	sight sightKey
	// path is what names without a schema were looked up in.
	path []string
	// meant is what the names of the only statement mean there; empty if
	// nobody looked.
	meant string
	// subject is where a row of the result says whose it is.
	subject subjectAt
	// bare are the columns of the result that have no class.
	bare *bare
	// carry is what was measured for a copy, nil for anything else.
	carry *carryPlan
	// masks are how results are masked, nil for not at all.
	masks *masks
	// recorded is the request id under which the decision is on record in
	// full; empty until it is.
	recorded string
	// copyIns are those of the statements that ask for COPY data, also by
	// EXECUTE.
	copyIns []*statement.CopyIn
	// judged is what observers are told of it; nil until the first is.
	judged *Judged
}

// passes reports whether the statement may run: it is allowed, or everything
// that is to be masked or carried is told.
func (d *decided) passes() bool {
	looked := d.request.Facts.Catalog
	switch d.decision.Verdict {
	case policy.Allow:
		return true
	case policy.Mask:
		return looked != nil && looked.Problem == "" && len(d.decision.Masks) > 0
	case policy.Carry:
		return looked != nil && looked.Problem == "" && d.decision.Carry != nil && d.carry != nil
	}
	return false
}

// volatile reports whether the same request may be decided otherwise a moment
// later.
func (d *decided) volatile() bool {
	looked := d.request.Facts.Catalog
	return d.decision.Volatile || looked != nil && (looked.Problem != "" || takesComments(d.request.Statements))
}

// canonical returns the request as the trail records it.
func (d *decided) canonical() ([]byte, error) {
	if d.encoded == nil {
		encoded, err := json.Marshal(d.request)
		if err != nil {
			return nil, fmt.Errorf("audit: decision request: %w", err)
		}
		d.encoded = encoded
	}
	return d.encoded, nil
}

// memory keeps the decisions of one session by the analysis they are about.
// Within a session, identity and everything said at its start stay the same,
// and an analysis says all that a decision looks at in a text; so a decision
// holds for as long as the policy does. What depends on more is not kept.
// Only the goroutine that reads from the client uses it.
type memory struct {
	kept map[*statement.Analysis]*decided
	// policy is the one that all of them were made by.
	policy *policy.Policy
}

// maxKept bounds the decisions of one session.
const maxKept = 64

// find returns a decision that still holds, nil if there is none.
func (m *memory) find(a *statement.Analysis, p *policy.Policy) *decided {
	if m.policy != p {
		return nil
	}
	return m.kept[a]
}

// keep remembers a decision that nothing but the policy and what was seen of the
// catalog can change: it lets the text run, as it is or masked, looked at nothing
// measured and at no clock, and no name in its text can come to mean something
// else.
func (m *memory) keep(a *statement.Analysis, d *decided) {
	if d.volatile() || !d.passes() || a.Problem != nil {
		return
	}
	for i := range a.Statements {
		if len(a.Statements[i].Names) > 0 || len(a.Statements[i].Destinations) > 0 {
			return
		}
	}
	if m.policy != d.policy || m.kept == nil {
		m.policy, m.kept = d.policy, map[*statement.Analysis]*decided{}
	}
	if len(m.kept) >= maxKept {
		for any := range m.kept {
			delete(m.kept, any) // whichever comes first: all are as good
			break
		}
	}
	m.kept[a] = d
}
