package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	shared "github.com/sluice-pg/sluice/policy/budget"
	"github.com/sluice-pg/sluice/policy/statement"
)

// spentAccount is what there is to say about a shared budget that was reached.
type spentAccount struct {
	holder string
	terms  policy.BudgetTerms
	used   shared.Amounts
	// outcome says which limit it was.
	outcome shared.Outcome
	// room is when there is enough for the message; zero for never.
	room time.Time
}

// overBudget says that a message would pass a shared budget.
func (s *session) overBudget(c *charge, outcome shared.Outcome, now time.Time, m shared.Message) *overrun {
	room, _ := c.Room(now, m)
	account := &spentAccount{s.person().Holder(), c.terms, c.Used(now), outcome, room}
	return &overrun{limit: account.limit() + " in " + policy.DurationWords(c.terms.Window), rule: c.terms.Budget, position: c.terms.Position, account: account}
}

// limit is what was reached, such as "1000 rows of contact.email".
func (a *spentAccount) limit() string {
	of := " of " + a.class()
	switch a.outcome {
	case shared.OverRows:
		return strconv.FormatInt(a.terms.Limits.Rows, 10) + " rows" + of
	case shared.OverBytes:
		return policy.BytesWords(a.terms.Limits.Bytes) + of
	case shared.OverSubjects:
		return strconv.FormatInt(a.terms.Limits.Subjects, 10) + " subjects" + of
	}
	return strconv.Itoa(shared.MaxAccounts) + " accounts"
}

func (a *spentAccount) class() string {
	if a.terms.Class == policy.Unclassified {
		return "data without a class"
	}
	return a.terms.Class
}

// usedWords is how much of the limit that was reached was given.
func (a *spentAccount) usedWords() string {
	switch a.outcome {
	case shared.OverRows:
		return fmt.Sprintf("%d of %d rows", a.used.Rows, a.terms.Limits.Rows)
	case shared.OverBytes:
		return fmt.Sprintf("%d of %d bytes", a.used.Bytes, a.terms.Limits.Bytes)
	case shared.OverSubjects:
		return fmt.Sprintf("%d of %d subjects", a.used.Subjects, a.terms.Limits.Subjects)
	}
	return "nothing"
}

// refusal is what the client is told, before a statement or in place of the rest
// of its rows.
func (a *spentAccount) refusal(id string) *refusal {
	if a.outcome == shared.Full {
		return a.noRoom(id)
	}
	detail := []string{fmt.Sprintf("Budget %s (%s) gives %s %s within %s, in all sessions together; %s are taken.",
		a.terms.Budget, a.terms.Position, a.holder, a.limit(), policy.DurationWords(a.terms.Window), a.usedWords())}
	if a.terms.Message != "" {
		detail = append(detail, a.terms.Message)
	}
	owner := "the owner of the policy"
	if a.terms.Owner != "" {
		owner = a.terms.Owner + ", who owns the budget"
	}
	hint := fmt.Sprintf("%s; SHOW sluice.budget tells how much there is. Leave %s out of what you select, or ask %s.", a.roomSentence(), a.class(), owner)
	if a.terms.Link != "" {
		hint += " See " + a.terms.Link
	}
	return &refusal{
		id: id, sqlstate: "42501", rule: a.terms.Budget,
		message: fmt.Sprintf("sluice: stopped at the budget %s: %s in %s [req %s]; SHOW sluice.why_%s",
			a.terms.Budget, a.limit(), policy.DurationWords(a.terms.Window), id, id),
		detail: strings.Join(detail, "\n"), hint: hint,
	}
}

// roomSentence says when what was refused would fit, without the full stop.
func (a *spentAccount) roomSentence() string {
	if a.room.IsZero() {
		return "One value of this is more than the whole budget"
	}
	return "There is room again at " + a.room.UTC().Format(time.RFC3339)
}

// noRoom refuses where there are more accounts than can be kept.
func (a *spentAccount) noRoom(id string) *refusal {
	return &refusal{
		id: id, sqlstate: "54000", rule: a.terms.Budget,
		message: fmt.Sprintf("sluice: stopped, because nothing can be counted for budget %s: there are %d accounts [req %s]", a.terms.Budget, shared.MaxAccounts, id),
		detail:  "What cannot be counted does not leave.",
		hint:    "Tell the people who run Sluice. Accounts make room when their window is over.",
	}
}

// showBudget lists the budgets that the session meets, whatever they are for.
func (s *session) showBudget() *table {
	now := s.server.now()
	p := s.server.policy.Load()
	holder := s.person().Holder()
	t := &table{columns: []string{"budget", "class", "window", "rows", "bytes", "subjects", "room from"}}
	terms := p.Budgets(s.person(), s.request(nil, statement.OrdinaryRead, nil).Session)
	for _, one := range terms[:min(len(terms), maxShownBudgets)] {
		account := s.chargeOn(holder, one)
		used := account.Used(now)
		room, _ := account.Room(now, leastMessage)
		t.rows = append(t.rows, []string{
			one.Budget, one.Class, policy.DurationWords(one.Window), ofLimit(used.Rows, one.Limits.Rows),
			ofLimit(used.Bytes, one.Limits.Bytes), ofLimit(used.Subjects, one.Limits.Subjects), roomWords(room),
		})
	}
	switch {
	case len(terms) == 0:
		return &table{[]string{"budget"}, [][]string{{"no budget of the policy is for this session"}}}
	case len(terms) > maxShownBudgets:
		t.rows = append(t.rows, []string{fmt.Sprintf("and %d more", len(terms)-maxShownBudgets), "", "", "", "", "", ""})
	}
	return t
}

// leastMessage is the least that a row can be.
var leastMessage = shared.Message{Rows: 1, Bytes: 1}

// maxShownBudgets bounds what SHOW sluice.budget lists.
const maxShownBudgets = 200

func ofLimit(used, limit int64) string {
	if limit == 0 {
		return strconv.FormatInt(used, 10)
	}
	return fmt.Sprintf("%d of %d", used, limit)
}

func roomWords(at time.Time) string {
	if at.IsZero() {
		return "now"
	}
	return at.UTC().Format(time.RFC3339)
}
