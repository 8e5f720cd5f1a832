package policy

import "fmt"

// Verdict is what happens to a statement. The zero value refuses.
type Verdict uint8

// The verdicts.
const (
	Deny Verdict = iota
	Hold
	Carry
	Mask
	Allow
)

var verdictNames = [...]string{Deny: "deny", Hold: "hold", Carry: "carry", Mask: "mask", Allow: "allow"}

// String returns the verdict's word; a value that is no verdict reads as
// deny.
func (v Verdict) String() string {
	if int(v) >= len(verdictNames) {
		return verdictNames[Deny]
	}
	return verdictNames[v]
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	*v = Deny
	return fmt.Errorf("policy: %q is not a verdict", text)
}

// Decision is a verdict with what it rests on.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Rule is the id of the rule that decided, or builtin:NAME.
	Rule string `json:"rule"`
	// Statement is the index of the statement that decided, -1 if the
	// text as a whole did.
	Statement int `json:"statement"`
	// Subject says in a few words what was judged: "COPY of public.users
	// to the client". It has no literal of the text.
	Subject string `json:"subject"`
	// Reasons holds the deciding rule first.
	Reasons []Reason `json:"reasons"`
	// Hint says what to do instead.
	Hint string `json:"hint,omitempty"`
	// SQLSTATE is the code for the client if the verdict is not Allow.
	SQLSTATE string `json:"sqlstate,omitempty"`
	// Relation is the relation to point at, as schema and name; empty if
	// there is none.
	Schema   string `json:"schema,omitempty"`
	Relation string `json:"relation,omitempty"`
	// Position is the byte offset in the shape to point at, -1 for none; in
	// the text itself if that could not be read. PlaceIn finds it in a text.
	Position int `json:"position"`
	// Limits bind what comes back, unless the verdict is Deny: the smallest
	// of what the rules for its effects and statements say.
	Limits Limits `json:"limits,omitzero"`
	// LimitsRule is the id of the rule that gave the limits, "defaults" for
	// those of the document, "builtin:defaults" for BuiltinLimits. If they
	// come from several, it is one of them. LimitsPosition is its
	// file:line:column, empty for the built-in ones.
	LimitsRule     string `json:"limits_rule,omitempty"`
	LimitsPosition string `json:"limits_position,omitempty"`
	// Budgets are what the answers are charged to, unless the verdict is Deny.
	Budgets []BudgetTerms `json:"budgets,omitempty"`
	// Notices is what rules in mode warn have to tell the client.
	Notices []Reason `json:"notices,omitempty"`
	// Shadow is what rules in mode shadow would have done. It is recorded
	// and not shown.
	Shadow []Reason `json:"shadow,omitempty"`
	// Classes are the classes of columns that the text may touch, sorted.
	// ClassesOutput are those of them whose values may be in what comes out
	// of it, ClassesUsed those that it may look at or write.
	Classes       []string `json:"classes,omitempty"`
	ClassesOutput []string `json:"classes_output,omitempty"`
	ClassesUsed   []string `json:"classes_used,omitempty"`
	// Masks say how columns of results are masked, sorted by statement and
	// column. Set only if the verdict is Mask, or Carry. What they mask is not among
	// ClassesOutput; ClassesMasked are the classes of it, sorted.
	Masks         []OutputMask `json:"masks,omitempty"`
	ClassesMasked []string     `json:"classes_masked,omitempty"`
	// Carry says what is carried where, if the verdict is Carry and everything
	// that has to be known for that is. Nobody is charged for it: the rows do not
	// come to whoever asked.
	Carry *CarryTerms `json:"carry,omitempty"`
	// ChangesCode is true if what is allowed may change what a call means:
	// it makes or alters functions, types or the like, or runs code that
	// could. Facts about functions do not hold for what comes after it in
	// the same transaction, since nobody else can see it.
	ChangesCode bool `json:"-"`
	// Volatile is true if the answer may differ for the same policy,
	// identity, session and statements, because it looked at the time or
	// at a fact. Such a decision is not to be kept for another request.
	Volatile bool `json:"-"`
	// Wants is set if rows would be carried, were it known how the place protects
	// them: what has to be measured, and then decided again.
	Wants *CarryWants `json:"-"`
	// Discreet is true if what the server says of an error may quote a
	// value that must not reach the client.
	Discreet bool `json:"-"`
	// Reticent is true if it may quote a value of a class that the client may
	// see.
	Reticent bool `json:"-"`
}

// Reason is a rule and the fact it met.
type Reason struct {
	Rule string `json:"rule"`
	// Position is file:line:column of the rule; empty for built-in rules.
	Position string `json:"position,omitempty"`
	Text     string `json:"text"`
}
