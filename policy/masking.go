package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// ruleMask is the id of the refusal of what a rule lets out masked only, and
// that cannot be masked.
const ruleMask = "builtin:mask"

// OutputMask says how one column of a result is masked.
type OutputMask struct {
	// Statement and Output are the indexes of the statement and of the column
	// in its result.
	Statement int `json:"statement"`
	Output    int `json:"output"`
	// Name is the column's name, as far as it is known.
	Name string `json:"name,omitempty"`
	// Class is the class of what is in it, the worst if there are several.
	Class string `json:"class"`
	// Masking says what becomes of the values, Position is where the policy
	// says so (file:line:column). Position is empty for what is nulled because it is
	// computed from values that must not leave.
	Masking  Masking `json:"masking"`
	Position string  `json:"position,omitempty"`
}

// anyClass stands where a class would for what may hold anything.
const anyClass = "*"

// masked are the kinds whose rows a mask can be put on: those that go to the
// client in answer to the statement.
var masked = setOf(statement.ExportToClient) | setOf(statement.OrdinaryRead) | setOf(statement.OrdinaryWrite)

// maskable reports whether all that leaves by the statement leaves through
// columns that the catalog tells.
func (c *ruling) maskable() bool {
	for _, e := range c.st.Effects {
		if !masked.has(e.Kind) && !(e.Kind == statement.ExportRemote && c.st.Carry != nil) {
			return false
		}
	}
	return c.fact().told() && !c.touch().unnamed && c.st.Replication == nil && !samplesAny(c.st)
}

// givesObjects reports whether contents of large objects go to the client.
func (c *ruling) givesObjects() bool {
	return slices.ContainsFunc(c.st.Effects, func(e statement.Effect) bool {
		called, byFunction := causedBy(c.st, e)
		return e.Kind == statement.ExportToClient && byFunction && isLargeObject(called.Name)
	})
}

// samplesAny reports whether the statement reads what may hold values of any
// column.
func samplesAny(st *statement.Statement) bool {
	return slices.ContainsFunc(st.Columns, func(col statement.Column) bool { return samples(st, &col) })
}

// mask puts masks on what comes out of a statement that a rule lets pass
// masked. Without anything to mask it is allowed as it is. Where nobody asked
// the catalog the verdict is Mask without Masks: that tells what the policy asks
// for, and is no leave.
func (c *ruling) mask(t terms) Decision {
	if c.judge.req.Facts.Catalog == nil {
		return c.wouldMask(t)
	}
	t.verdict = Allow
	allowed := c.granted(t)
	if c.maskedFor == nil {
		c.maskedFor = c.maskedByRule(t)
	}
	// Nobody masks the words of an error or a notice.
	c.judge.discreet = c.judge.discreet || c.reticent()
	if c.onlyWrites() {
		return allowed
	}
	if c.st.Node == "ViewStmt" && c.fact().told() {
		return allowed // holds no rows; whoever reads it is judged by what is under it
	}
	if !c.maskable() || c.givesObjects() {
		return c.cannotMask(t, allowed)
	}
	some, refusal := c.maskOutputs(t)
	switch {
	case len(refusal) > 0:
		return c.refuseMask(t, refusal)
	case some:
		allowed.Verdict = Mask
		allowed.Reasons[0].Text, allowed.Reasons[0].Position = c.maskedFor.allows(t), c.maskedFor.position
	}
	return allowed
}

// wouldMask is the verdict where nobody asked what names mean.
func (c *ruling) wouldMask(t terms) Decision {
	if c.maskedFor == nil {
		return c.granted(t)
	}
	d := c.decision(Mask, ruleClient, t.effect)
	d.because(c.maskedFor.position, "%s", c.maskedFor.asks)
	d.Hint = ""
	return d
}

// maskOutputs notes the masks of a statement's result, and says whether there are
// some and why others cannot be put on.
func (c *ruling) maskOutputs(t terms) (some bool, refusal []Reason) {
	f := c.fact()
	for at := range f.Outputs {
		m, why := c.maskOutput(f, at, t)
		switch {
		case why != nil:
			refusal = addReason(refusal, *why)
		case m != nil:
			c.judge.masks = append(c.judge.masks, *m)
			some = true
		}
	}
	return some, c.fitMasks(f, refusal)
}

// cannotMask refuses what might bring something out that has a class, and
// cannot be masked because nobody can tell which column it would be in.
func (c *ruling) cannotMask(t terms, allowed Decision) Decision {
	touch := c.touch()
	f := c.fact()
	if c.givesObjects() && c.maskedFor.all && !t.rule.unclassified {
		return c.refuseMask(t, []Reason{{Rule: ruleMask, Position: t.rule.position, Text: "nobody can say what a large object holds, so it has no class"}})
	}
	told := f.told() || !bringsOut(c.st)
	if told && !touch.unnamed && len(c.brought()) == 0 && !samplesAny(c.st) {
		return allowed
	}
	var why []Reason
	note := func(text string) { why = addReason(why, Reason{Rule: ruleMask, Text: text}) }
	switch catalog := c.judge.req.Facts.Catalog; {
	case catalog.Problem != "":
		note("the database's catalog could not be read: " + quote.Short(catalog.Problem, maxReason))
	case touch.unnamed:
		note("the statement may reach relations that its text does not name")
	case f == nil || f.Open:
		note("nobody can tell which columns of the result hold what")
	}
	if f != nil {
		for _, unknown := range f.Unknown {
			note(quote.Short(unknown, maxReason))
		}
	}
	if len(why) == 0 {
		note("masks are put on rows that go to the client, and this statement sends values elsewhere too")
	}
	return c.refuseMask(t, why)
}

// maskOutput says how a column of the result is masked: nil for not at all. A
// column that holds values of one column as they are is masked as its class
// asks for; what is computed from values that must not leave is nulled.
func (c *ruling) maskOutput(f *StatementFact, at int, t terms) (*OutputMask, *Reason) {
	out := &f.Outputs[at]
	var of []*columnEntry
	for _, origin := range out.Origins {
		col := &f.Columns[origin]
		entries, looked := c.judge.policy.classesOf(col)
		if len(entries) == 0 && !looked && !col.View && c.movesData() && c.maskedFor.all && !t.rule.unclassified {
			return nil, &Reason{Rule: ruleMask, Position: t.rule.position, Text: quote.Short(col.Schema+"."+col.Relation+"."+col.Name, maxSubject) + " has no class"}
		}
		of = append(of, entries...)
	}
	of = c.maskedFor.masked(of)
	switch {
	case out.Open:
		return &OutputMask{Statement: c.index, Output: at, Name: out.Name, Class: anyClass, Masking: Masking{Mask: maskNull}}, nil
	case len(of) == 0:
		return nil, nil
	}
	worst := worstEntry(of)
	m := &OutputMask{Statement: c.index, Output: at, Name: out.Name, Class: worst.class, Masking: Masking{Mask: maskNull}}
	if !out.Exact || len(of) > 1 && slices.ContainsFunc(of, func(e *columnEntry) bool { return e.class != worst.class }) {
		return m, nil
	}
	entry := c.maskedFor.find(worst.class)
	if entry == nil {
		return nil, c.maskedFor.without(worst)
	}
	m.Masking, m.Position = entry.Masking, entry.position
	return m, nil
}

// movesData reports whether the statement is more than somebody looking at
// rows.
func (c *ruling) movesData() bool {
	return hasKind(c.st, statement.ExportToClient) || c.st.Carry != nil
}

// worstEntry prefers credentials, and then the first by name, so that the
// answer does not depend on the order of columns.
func worstEntry(entries []*columnEntry) *columnEntry {
	return slices.MinFunc(entries, func(a, b *columnEntry) int {
		if a.secret() != b.secret() {
			if a.secret() {
				return -1
			}
			return 1
		}
		return strings.Compare(a.class, b.class)
	})
}

// refuseMask refuses what a rule lets out masked only.
func (c *ruling) refuseMask(t terms, why []Reason) Decision {
	d := c.decision(Deny, ruleMask, t.effect)
	d.because(c.maskedFor.position, "%s", c.maskedFor.asks)
	for _, one := range why {
		d.because(one.Position, "%s", one.Text)
	}
	owner := "the owner of the policy"
	if t.rule != nil {
		owner = ownerOf(t.rule)
	}
	d.Hint = "Leave those columns out, or ask " + owner + " for a class and a mask for them; sluice classify shows what columns hold."
	if t.rule != nil {
		d.see(t.rule)
	}
	return d
}

// finishMasks says how the text is masked, if it may run.
func (j *judge) finishMasks(d *Decision) {
	if d.Verdict != Mask && d.Verdict != Carry || j.req.Facts.Catalog == nil {
		return
	}
	d.Masks, d.Discreet = j.masks, true
	for _, m := range j.masks {
		d.ClassesMasked = addWord(d.ClassesMasked, m.Class)
	}
}
