package policy

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Unclassified is the word that budgets have for data without any class. It
// is no class: it has no family.
const Unclassified = "unclassified"

// BudgetLimits bound what one identity may be given of a class within a
// window, in all its sessions together. In a decision zero means unlimited.
type BudgetLimits struct {
	// Rows counts the messages that carry data: the rows of results, the lines
	// of streams, and errors and notices, each of which can hold as much.
	Rows int64 `json:"rows,omitzero"`
	// Bytes counts the bytes of these messages' bodies.
	Bytes int64 `json:"bytes,omitzero"`
	// Subjects counts the people, or whatever the policy's section subjects
	// says that rows belong to, each once.
	Subjects int64 `json:"subjects,omitzero"`
}

// BudgetTerms are a budget that a statement is charged to, for one of its
// classes. Each class has an account of its own, also where a budget names
// several.
type BudgetTerms struct {
	// Budget is the budget's id, Position its file:line:column.
	Budget   string `json:"budget"`
	Position string `json:"position"`
	// Class is a class of the policy, or Unclassified.
	Class string `json:"class"`
	// Window is how far back the budget looks; nanoseconds in JSON.
	Window time.Duration `json:"window"`
	Limits BudgetLimits  `json:"limits"`
	// Aside is true if the rows of the result hold nothing of the class: the
	// statement only looks at it or writes it. Its errors and notices may quote
	// it all the same.
	Aside bool `json:"aside,omitempty"`
	// Owner, Message and Link are the owner's words to whom the budget meets.
	Owner   string `json:"-"`
	Message string `json:"-"`
	Link    string `json:"-"`
}

// budgetRule is a budget of the document.
type budgetRule struct {
	// who holds the id, the owner's words, and whose data is counted.
	who          rule
	classes      []classPattern
	unclassified bool
	window       time.Duration
	limits       BudgetLimits
}

// counts reports whether a budget is for a class, or for Unclassified.
func (b *budgetRule) counts(class string) bool {
	if class == Unclassified {
		return b.unclassified
	}
	return hasClass(b.classes, class)
}

func (b *budgetRule) terms(class string, aside bool) BudgetTerms {
	return BudgetTerms{
		Budget: b.who.id, Position: b.who.position, Class: class, Window: b.window, Limits: b.limits, Aside: aside,
		Owner: b.who.owner, Message: b.who.message, Link: b.who.link,
	}
}

// budgets lists what a text is charged to, in the order of the document and
// then of the classes. What a statement of it gives without any class is
// Unclassified.
// What a budget has left is not looked at, so that a decision holds while
// others spend: who keeps the accounts refuses what is spent.
func (j *judge) budgets() (all []BudgetTerms) {
	for _, b := range j.view.budgets {
		if b.unclassified && (len(j.output) == 0 || j.plain) {
			all = append(all, b.terms(Unclassified, !j.givesRows()))
		}
		for _, class := range j.output {
			if b.counts(class) {
				all = append(all, b.terms(class, false))
			}
		}
		for _, class := range j.used {
			if _, comesOut := slices.BinarySearch(j.output, class); !comesOut && b.counts(class) {
				all = append(all, b.terms(class, true))
			}
		}
	}
	return all
}

// silent are nodes that have no rows to give.
var silent = map[string]bool{
	"TransactionStmt": true, "VariableSetStmt": true, "DeallocateStmt": true, "ClosePortalStmt": true, "DiscardStmt": true,
	"ListenStmt": true, "UnlistenStmt": true, "NotifyStmt": true, "LockStmt": true, "empty": true,
}

// written are nodes whose rows come from columns, by RETURNING.
var written = map[string]bool{"InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true}

func (j *judge) givesRows() bool {
	for i := range j.req.Statements {
		if givesRows(&j.req.Statements[i]) {
			return true
		}
	}
	return false
}

// givesRows reports whether a statement may have rows for the client. Where it
// has none a spent budget does not keep it from running: a transaction must come
// to its end.
func givesRows(st *statement.Statement) bool {
	switch {
	case silent[st.Node], st.Kind == statement.DDL && st.Node != "ExplainStmt":
		return false
	case written[st.Node]:
		return slices.ContainsFunc(st.Columns, func(c statement.Column) bool { return c.Use == statement.Output })
	}
	return true
}

// Budgets lists the budgets that a session meets, one for each class of the
// policy that they are for.
func (p *Policy) Budgets(identity Identity, session Session) (all []BudgetTerms) {
	if p == nil {
		return nil
	}
	for _, b := range p.View(identity, session).budgets {
		for _, class := range p.classNames {
			if b.counts(class) {
				all = append(all, b.terms(class, false))
			}
		}
		if b.unclassified {
			all = append(all, b.terms(Unclassified, false))
		}
	}
	return all
}

// BudgetWindows says how far back each budget looks, by its id.
func (p *Policy) BudgetWindows() map[string]time.Duration {
	windows := map[string]time.Duration{}
	if p != nil {
		for _, b := range p.budgets {
			windows[b.who.id] = b.window
		}
	}
	return windows
}

// Holder is whose budgets an identity spends: the person that a token named,
// or else the user that was proven. Whichever it is stands in front.
func (i Identity) Holder() string {
	if i.Subject != "" {
		return "subject " + strconv.Quote(i.Subject) + " of " + i.Issuer
	}
	return "user " + strconv.Quote(i.User)
}

// Subject is a column whose value says whose row it is.
type Subject struct {
	Schema, Relation, Column string
}

// Subjects lists the columns that say whose rows those of their relations
// are, sorted. Equal values are one subject, whatever relation they stand in.
func (p *Policy) Subjects() []Subject {
	if p == nil {
		return nil
	}
	return slices.Clone(p.subjects)
}

// SubjectColumn is the column of a relation that says whose row it is; ok is
// false if the policy names none.
func (p *Policy) SubjectColumn(schema, relation string) (column string, ok bool) {
	if p == nil {
		return "", false
	}
	at, found := slices.BinarySearchFunc(p.subjects, Subject{Schema: schema, Relation: relation}, Subject.compareRelation)
	if !found {
		return "", false
	}
	return p.subjects[at].Column, true
}

func (s Subject) compareRelation(other Subject) int {
	return cmp.Or(cmp.Compare(s.Schema, other.Schema), cmp.Compare(s.Relation, other.Relation))
}
