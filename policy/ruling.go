package policy

import (
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// ruling is the judgement of one statement in the making.
type ruling struct {
	judge *judge
	st    *statement.Statement
	index int
	// inner is true for a statement that stands in another; the facts about
	// the catalog are about the outer one.
	inner bool
	// bound is what the statement may give back, nil as long as no rule
	// said anything.
	bound *bound
	// maskedFor says what is masked in the result, once it is known that
	// something is.
	maskedFor *maskedFor
	// touches and input are computed when first asked for.
	touches *touch
	input   *condition.Input
	// notes are facts to quote if the statement is refused.
	notes []Reason
}

// decision begins a decision about an effect. It points at the statement's
// main relation, but for an effect of code, whose relations are not known,
// and for one of a statement without relations, at the effect itself.
func (c *ruling) decision(verdict Verdict, rule string, effect statement.Effect) Decision {
	d := Decision{
		Verdict: verdict, Rule: rule, Statement: c.index,
		Subject: subject(c.st, effect, c.judge), Position: effect.Position,
	}
	if verdict != Allow {
		d.SQLSTATE = insufficientPrivilege
		d.Hint = hint(c.st, effect)
	}
	_, byFunction := causedBy(c.st, effect)
	if main := mainRelation(c.st); main != nil && !(byFunction && d.Position >= 0) {
		d.pointAt(main)
	} else if d.Position < 0 && c.index >= 0 {
		d.Position = c.st.Start
	}
	return d
}

// pointAt makes a relation the one the client is shown.
func (d *Decision) pointAt(r *statement.Relation) {
	d.Schema, d.Relation = r.Schema, r.Name
	if r.Position >= 0 {
		d.Position = r.Position
	}
}

// because adds a reason under the deciding rule.
func (d *Decision) because(position, format string, args ...any) {
	d.Reasons = append(d.Reasons, Reason{Rule: d.Rule, Position: position, Text: fmt.Sprintf(format, args...)})
}

// granted lets a statement run on some terms, which may ask for more than
// the caller can do.
func (c *ruling) granted(t terms) Decision {
	if t.rule == nil {
		d := c.decision(Allow, ruleEveryday, t.effect)
		d.because("", "%s is allowed unless a rule denies it", t.effect.Kind)
		return d
	}
	r := t.rule
	d := c.decision(t.verdict, r.id, t.effect)
	d.because(r.position, "rule %s %s %s", r.id, verbs[t.verdict], t.effect.Kind)
	if t.verdict == Allow {
		return d
	}
	if t.failed != nil {
		d.because(r.position, "the condition of rule %s could not be evaluated, so the rule counts: %s", r.id, conditionError(t.failed))
	}
	if r.message != "" {
		d.because("", "%s", quote.Short(r.message, maxMessage))
	}
	d.Hint = "Ask " + ownerOf(r) + "."
	d.see(r)
	c.addFacts(&d)
	return d
}

// conditionError is what went wrong with a condition, in the words of the
// language.
func conditionError(err error) string {
	return quote.Short(strings.TrimPrefix(err.Error(), "condition: "), maxReason)
}

// ownerOf names who answers for a rule.
func ownerOf(r *rule) string {
	if r.owner != "" {
		return quote.Short(r.owner, maxName) + ", who owns rule " + r.id
	}
	return "the owner of rule " + r.id
}

// refuseSetting refuses a change to a setting on which reading the text
// rightly depends.
func (c *ruling) refuseSetting(s *statement.Setting) Decision {
	effect := statement.Effect{Kind: c.st.Kind, What: "change of " + settingName(s), Position: s.Position}
	d := c.decision(Deny, RuleSettings, effect)
	d.Schema, d.Relation, d.Position = "", "", s.Position
	d.Subject = effect.What
	pinned, known := pinnedSettings[s.Name]
	switch {
	case known && pinned.value == "":
		d.because("", "%s is pinned: %s", s.Name, pinned.why)
		d.Hint = pinned.advice
	case known:
		d.because("", "%s is pinned to %s: %s", s.Name, pinned.value, pinned.why)
		d.Hint = fmt.Sprintf("Setting %s to %s is accepted. %s", s.Name, pinned.value, pinned.advice)
	case s.Name == "*":
		d.because("", "the text does not tell which setting changes, and some are pinned")
		d.Hint = "Write the setting's name as a constant, and one setting per statement."
	default:
		d.because("", "%s is pinned: it decides what the server makes of a text or whom it protects", quote.Short(s.Name, maxName))
		d.Hint = "Leave the setting as it is; SHOW " + quote.Short(s.Name, maxName) + " tells its value."
	}
	return d
}

func settingName(s *statement.Setting) string {
	if s.Name == "*" {
		return "an unnamed setting"
	}
	return quote.Short(s.Name, maxName)
}

// refuseByRule refuses in the name of a deny rule.
func (c *ruling) refuseByRule(r *rule, m met) Decision {
	effect := c.st.Effects[0]
	for _, e := range c.st.Effects {
		if r.kinds.has(e.Kind) && (!r.kinds.has(effect.Kind) || e.Kind.Worse(effect.Kind)) {
			effect = e
		}
	}
	d := c.decision(Deny, r.id, effect)
	met := m.relation
	switch {
	case met != nil && met.Schema == "":
		d.because(r.position, "rule %s denies this; %s is written without a schema, so it could be what the rule names", r.id, quote.Short(met.String(), maxSubject))
	case met != nil:
		d.because(r.position, "rule %s denies this for %s", r.id, quote.Short(met.String(), maxSubject))
	case len(r.relations) > 0:
		d.because(r.position, "rule %s denies this for %s, and the statement may reach relations that its text does not name", r.id, r.relations[0])
	case len(r.classes) > 0 && m.column == nil:
		d.because(r.position, "rule %s denies this for certain classes, and the statement may reach relations that its text does not name", r.id)
	default:
		d.because(r.position, "rule %s denies this", r.id)
	}
	if m.column != nil {
		d.because(m.column.position, "the statement may touch %s, which is %s", quote.Short(m.column.text, maxSubject), m.column.class)
	}
	if m.failed != nil {
		d.because(r.position, "the condition of rule %s could not be evaluated, so the rule counts: %s", r.id, conditionError(m.failed))
	}
	if met != nil {
		d.pointAt(met)
	}
	if r.message != "" {
		d.because("", "%s", quote.Short(r.message, maxMessage))
	}
	d.Hint = "Ask " + ownerOf(r) + "; no other rule can allow this."
	d.see(r)
	c.addFacts(&d)
	return d
}

// see adds the address where the owner of a rule says more.
func (d *Decision) see(r *rule) {
	if r.link != "" {
		d.Hint += " See " + r.link
	}
}

func (c *ruling) addFacts(d *Decision) {
	for _, fact := range c.destinationFacts() {
		d.because("", "%s", fact)
	}
}

// refuseByDefault refuses an effect that no rule allows, and says how near
// one came.
func (c *ruling) refuseByDefault(effect statement.Effect) Decision {
	d := c.decision(Deny, ruleDefaultDeny, effect)
	d.because("", "%s%s is refused unless a rule allows it", effect.Kind, inParentheses(effect))
	for _, note := range c.notes {
		d.because(note.Position, "%s", note.Text)
	}
	c.addFacts(&d)
	// A rule that holds back or masks is of less help than one that allows.
	var near *rule
	var short mismatch
	var of *statement.Relation
	for _, r := range c.judge.view.leave {
		if near != nil && (near.effect == Allow || r.effect != Allow) {
			continue
		}
		why, relation := r.allows(c, effect)
		if why == otherKind || why == matches || !r.acts() {
			continue
		}
		near, short, of = r, why, relation
	}
	if c.st.Carry != nil {
		d.Hint = c.adviceRule()
	}
	if near != nil {
		c.nearMiss(&d, near, short, of)
	}
	return d
}

// inParentheses is what the analysis knows about an effect.
func inParentheses(effect statement.Effect) string {
	if _, known := split(effect.What); known != "" {
		return " (" + known + ")"
	}
	return ""
}

// nearMiss explains why a rule for the same kind does not help.
func (c *ruling) nearMiss(d *Decision, r *rule, why mismatch, relation *statement.Relation) {
	if relation != nil {
		d.pointAt(relation)
	}
	switch why {
	case bareRelation:
		d.because(r.position, "rule %s %s relations by schema and name, and %s is written without its schema", r.id, verbs[r.effect], quote.Short(relation.String(), maxSubject))
		d.Hint = fmt.Sprintf("Write it with its schema: %s. A bare name means what search_path makes of it, temporary tables first.", c.withSchema(r, relation))
	case otherRelation:
		if relation == nil {
			d.because(r.position, "rule %s %s this for certain relations only, and the text names none", r.id, verbs[r.effect])
		} else {
			d.because(r.position, "rule %s %s this, but not for %s", r.id, verbs[r.effect], quote.Short(relation.String(), maxSubject))
		}
	case functionReads:
		d.because(r.position, "rule %s %s certain relations, and what a function reads cannot be told from its call", r.id, verbs[r.effect])
	case otherFunction:
		d.because(r.position, "rule %s %s certain functions, written with their schema, and this is none of them", r.id, verbs[r.effect])
	case otherClass:
		d.because(r.position, "rule %s %s certain classes of columns, and the statement does not surely keep to them", r.id, verbs[r.effect])
	case otherDestination:
		d.because(r.position, "rule %s %s this towards %s only", r.id, verbs[r.effect], strings.Join(r.destinations, ", "))
	case otherCondition:
		d.because(r.position, "rule %s %s this under a condition that does not hold", r.id, verbs[r.effect])
	case failedCondition:
		d.because(r.position, "rule %s %s this under a condition that could not be evaluated", r.id, verbs[r.effect])
	}
	d.see(r)
}

// withSchema writes a bare relation as the rule would take it.
func (c *ruling) withSchema(r *rule, relation *statement.Relation) string {
	schema := "public"
	for _, p := range r.relations {
		if p.couldBe("", relation.Name) && !p.anySchema {
			schema = p.schema
			break
		}
	}
	return quote.Short(quote.Name(schema, relation.Name), 2*maxName)
}

// refuseDestination refuses what a rule would allow, because of where it
// would go.
func (c *ruling) refuseDestination(leave *rule, effect statement.Effect, faults []Reason) Decision {
	d := c.decision(Deny, ruleDestination, effect)
	for _, fault := range faults {
		d.because(fault.Position, "%s", fault.Text)
	}
	if leave != nil {
		d.because(leave.position, "rule %s allows %s, but only to a destination of the policy that was measured without a finding", leave.id, effect.Kind)
	}
	d.Hint = "Name the server under destinations in the policy and close what was found there; then run the statement again."
	return d
}
