package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
)

// subjectsPurpose is what the key of subjects is derived from the trail's for.
const subjectsPurpose = "sluice: subjects of budgets"

// chargesNeedles find the records about budgets among all others: of results,
// those that charge.
var chargesNeedles = [][]byte{[]byte(`"charged":{"holder":`), []byte(`"type":"budget.`), []byte(`"type":"trail.open"`)}

// RecoverBudgets fills the accounts with what a trail says was given within the
// windows of a policy's budgets, and reads the trail no further back than that.
// The trail must be open, and nothing be charged before. Its error means that
// nobody knows what was given.
func RecoverBudgets(ctx context.Context, dir string, key *audit.Key, p *policy.Policy, now time.Time) (*Budgets, error) {
	var secret [shared.KeySize]byte
	derived := key.Derive(subjectsPurpose)
	copy(secret[:], derived[:])
	b := &Budgets{Book: shared.NewBook(), Hasher: shared.NewHasher(secret)}
	windows := p.BudgetWindows()
	if len(windows) == 0 {
		return b, nil
	}
	var longest time.Duration
	for _, w := range windows {
		longest = max(longest, w)
	}
	r := recovery{shared.NewRecovery(b.Book, windows, now)}
	// A window counts what is up to a 24th of it older, too.
	since := now.Add(-longest - longest/24)
	err := read.Since(ctx, dir, since, chargesNeedles, r.record)
	if err == nil {
		err = r.End()
	}
	if err != nil {
		return nil, fmt.Errorf("what budgets have given cannot be read from the trail, so nothing may be given: %w", err)
	}
	return b, nil
}

type recovery struct{ *shared.Recovery }

// record counts one record of the trail.
func (r recovery) record(of record.Record) error {
	switch of.Type {
	case "trail.open":
		r.Ended()
	case typeReserved:
		var body reservedRecord
		if err := json.Unmarshal(of.Body, &body); err != nil {
			return fmt.Errorf("record %d: %w", of.Index, err)
		}
		r.Outstanding(body.key(), of.Time, shared.Amounts{Rows: body.Rows, Bytes: body.Bytes, Subjects: body.Subjects})
	case typeCharged:
		var body chargedRecord
		return r.charged(of, &body, &body)
	case "result":
		var body struct{ Charged chargedRecord }
		return r.charged(of, &body, &body.Charged)
	}
	return nil
}

// charged reads a body and counts the charges in it.
func (r recovery) charged(of record.Record, body any, charges *chargedRecord) error {
	if err := json.Unmarshal(of.Body, body); err != nil {
		return fmt.Errorf("record %d: %w", of.Index, err)
	}
	seen, err := charges.subjects()
	if err != nil {
		return fmt.Errorf("record %d: %w", of.Index, err)
	}
	for _, to := range charges.To {
		past := shared.Past{
			At: of.Time, Taken: shared.Amounts{Rows: to.Rows, Bytes: to.Bytes, Subjects: to.Subjects},
			Level: charges.Level, Fresh: to.Fresh,
		}
		if !to.Aside {
			past.Subjects = seen
		}
		r.Taken(shared.Key{Holder: charges.Holder, Budget: to.Budget, Class: to.Class}, past)
	}
	return nil
}

// returnBudgets puts on record how much is really outstanding, once no session
// is left: what was reserved ahead and not given is free again.
func (s *Server) returnBudgets() {
	err := s.budgets.Book.Outstanding(func(key shared.Key, left shared.Amounts) error {
		return s.recorder.Enqueue(audit.Event{Time: s.now(), Type: typeReserved, Body: reservedOf(key, left)})
	})
	if err != nil {
		s.log.Warn("what budgets have reserved is not given back, and counts as given", "err", err)
	}
}
