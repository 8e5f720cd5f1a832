package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// terms are what a statement was let in on.
type terms struct {
	limits policy.Limits
	// rule is the id of the rule whose limits these are, position its
	// file:line:column.
	rule, position string
	// discreet is true if the server's errors may quote what the client
	// must not see.
	discreet bool
	// reticent is true if they may quote a value of a class that it may see.
	reticent bool
	// queries is true if a statement computes with rows.
	queries bool
	// masks are how results are masked, nil for not at all.
	masks *masks
	// charges are the budgets of the policy that the answers count for, nil
	// for none; subject is where a row says whose it is.
	charges *charges
	subject subjectAt
	// judged is the decision, for whoever asks whether what it saw is still so, nil
	// if it saw nothing; mixed is true if it is one of several. shown is how many
	// changes others could see when it was taken up.
	judged *decided
	mixed  bool
	shown  uint64
	// bare are the columns of the result that have no class, nil for none.
	bare *bare
}

func termsOf(made *decided) terms {
	d := &made.decision
	judged := made
	if looked := made.request.Facts.Catalog; made.sight.book == nil || looked == nil || looked.Problem != "" {
		judged = nil
	}
	return terms{
		judged: judged,
		limits: d.Limits, rule: d.LimitsRule, position: d.LimitsPosition, discreet: d.Discreet, reticent: d.Reticent, masks: made.masks,
		charges: made.charges, subject: made.subject, bare: made.bare,
		queries: slices.ContainsFunc(made.request.Statements, func(st statement.Statement) bool { return queriesRows[st.Node] }),
	}
}

// tighter takes from two terms whatever is less.
func (t terms) tighter(other terms) terms {
	less := func(mine *int64, its int64) {
		if its != 0 && (*mine == 0 || its < *mine) {
			*mine = its
			t.rule, t.position = other.rule, other.position
		}
	}
	duration := int64(t.limits.Duration)
	less(&t.limits.Rows, other.limits.Rows)
	less(&t.limits.Bytes, other.limits.Bytes)
	less(&duration, int64(other.limits.Duration))
	t.limits.Duration = time.Duration(duration)
	t.discreet, t.reticent, t.queries = t.discreet || other.discreet, t.reticent || other.reticent, t.queries || other.queries
	if t.masks == nil {
		t.masks = other.masks
	}
	if t.bare == nil {
		t.bare = other.bare
	}
	switch {
	case t.judged == nil:
		t.judged = other.judged
	case t.judged != other.judged:
		t.mixed = true
	}
	t.mixed = t.mixed || other.mixed
	if t.charges == nil {
		t.subject = other.subject
	} else if other.charges != nil && t.subject != other.subject {
		t.subject = subjectAt{}
	}
	t.charges = t.charges.and(other.charges)
	return t
}

// budget counts what a statement has sent to the client. That of a cursor or
// portal lasts as long as it does, so that taking rows in slices takes no more
// of them. It is used under the lock of the session's pending queue.
type budget struct {
	terms
	rows, bytes int64
	// over is set once more was asked for than there is.
	over *overrun
}

// overrun is a limit that was reached.
type overrun struct {
	// limit says how much is allowed, such as "10000 rows".
	limit string
	// about says what is limited.
	about          string
	rule, position string
	// unmasked is set if it is no limit, but a result that cannot be masked:
	// why.
	unmasked string
	// changed is set if it is no limit, but a result that is not what was judged.
	changed string
	// account is set if it is a budget of the policy, shared by all sessions.
	account *spentAccount
}

// What is limited, and what became of it.
const (
	aboutRows = "what one statement or cursor may send to the client; the rows up to that were sent"
	aboutTime = "the time that one statement may take"
)

func newBudget(t terms) *budget { return &budget{terms: t.alone()} }

// alone are the terms without the budgets that are shared, which are charged on
// their own, and without what is of one execution.
func (t terms) alone() terms {
	t.charges, t.subject = nil, subjectAt{}
	t.judged, t.mixed, t.shown, t.bare = nil, false, 0, nil
	return t
}

// under puts a budget under the terms of a new decision. What was sent stays
// sent.
func (b *budget) under(t terms) {
	if t = t.alone(); t != b.terms {
		b.terms, b.over = t, nil
	}
}

// take counts a message on its way to the client and says which limit keeps
// it from getting there, if one does.
func (b *budget) take(rows, bytes int64) *overrun {
	switch {
	case b.over != nil:
	case b.limits.Rows != 0 && b.rows+rows > b.limits.Rows:
		b.over = &overrun{limit: strconv.FormatInt(b.limits.Rows, 10) + " rows", about: aboutRows, rule: b.rule, position: b.position}
	case b.limits.Bytes != 0 && b.bytes+bytes > b.limits.Bytes:
		b.over = &overrun{limit: policy.BytesWords(b.limits.Bytes), about: aboutRows, rule: b.rule, position: b.position}
	default:
		b.rows += rows
		b.bytes += bytes
	}
	return b.over
}

// account is what the answers to one statement are charged to: its own budget,
// or those of all cursors that its name may stand for.
type account []*budget

func (a account) take(rows, bytes int64) (over *overrun) {
	for _, b := range a {
		if o := b.take(rows, bytes); over == nil {
			over = o
		}
	}
	return over
}

// spent returns the limit that was reached before, nil if none was.
func (a account) spent() *overrun {
	for _, b := range a {
		if b.over != nil {
			return b.over
		}
	}
	return nil
}

// duration is how long the statement may take, zero for as long as it likes,
// with what to say when it took longer.
func (a account) duration() (most time.Duration, over *overrun) {
	for _, b := range a {
		if d := b.limits.Duration; d != 0 && (most == 0 || d < most) {
			most, over = d, &overrun{limit: policy.DurationWords(d), about: aboutTime, rule: b.rule, position: b.position}
		}
	}
	return most, over
}

// refusal is what the client is told in place of the rest of its rows. changed
// is true if the statement ran to its end all the same, and may have changed
// something.
func (o *overrun) refusal(id string, changed bool) *refusal {
	r := o.words(id)
	if changed {
		r.detail += "\nThe statement ran to its end before it could be stopped: what it may have changed is changed."
		if o.changed != "" {
			r.hint = "Look at what it has changed before you run it again. No row has left since the change."
		}
	}
	return r
}

func (o *overrun) words(id string) *refusal {
	if o.account != nil {
		return o.account.refusal(id)
	}
	rule := strings.TrimPrefix(o.rule, "builtin:")
	r := &refusal{
		id: id, sqlstate: "42501", rule: o.rule,
		message: fmt.Sprintf("sluice: stopped at the limit of %s of rule %s [req %s]; SHOW sluice.why_%s", o.limit, rule, id, id),
		detail:  fmt.Sprintf("rule %s limits %s", rule, o.about),
		hint:    "Select the rows you need with WHERE and LIMIT, or ask the owner of the policy for a rule with other limits.",
	}
	if o.unmasked != "" {
		r.message = fmt.Sprintf("sluice: stopped, because the result cannot be masked as rule %s asks [req %s]; SHOW sluice.why_%s", rule, id, id)
		r.detail = o.unmasked
		r.hint = "Leave the column out, or ask the owner of the policy for another mask; nothing has left unmasked."
	}
	if o.changed != "" {
		r.message = fmt.Sprintf("sluice: stopped, because what the statement reads has changed since it was judged [req %s]; SHOW sluice.why_%s", id, id)
		r.detail = o.changed
		r.hint = "Run it again. No row has left since the change."
	}
	if o.position != "" {
		r.detail += " (" + o.position + ")"
	}
	return r
}
