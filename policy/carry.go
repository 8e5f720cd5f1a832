package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// ruleCarry is the id of the refusal of a copy that a rule lets be carried.
const ruleCarry = "builtin:carry"

// CarryTerms say what is carried where, one item for each statement of the text.
type CarryTerms struct {
	// Place is the name of the destination.
	Place string      `json:"place"`
	Items []CarryItem `json:"items"`
	// Seconds is how long the copy is to live.
	Seconds int64 `json:"seconds"`
}

// CarryItem is one relation or query that is carried.
type CarryItem struct {
	// Statement is its index in the text.
	Statement int `json:"statement"`
	// Schema and Relation are what is read; empty for a query of several.
	Schema   string `json:"schema,omitempty"`
	Relation string `json:"relation,omitempty"`
	// Target is where it goes, and what becomes of a table that is there.
	TargetSchema string             `json:"target_schema"`
	Target       string             `json:"target"`
	Existing     statement.Existing `json:"existing,omitempty"`
	// Classes are those of its columns, masked or not, in their order; a column
	// without a class is not among them.
	Classes []CarriedColumn `json:"classes,omitempty"`
}

// CarriedColumn is a column of a copy that has a class.
type CarriedColumn struct {
	Name  string `json:"name"`
	Class string `json:"class"`
	// Masked is true if its values do not go there as they are.
	Masked bool `json:"masked,omitempty"`
}

// CarryWants is what would be carried.
type CarryWants struct {
	CarryTerms
	// Masks are those of its columns.
	Masks []OutputMask
}

// maskedAtPlace is what becomes of classes that are carried to a place.
func (c *ruling) maskedAtPlace(def *place) *maskedFor {
	return &maskedFor{
		first: def.masks, all: true, position: def.Position,
		asks: "place " + def.Name + " is given certain classes masked only",
		without: func(e *columnEntry) *Reason {
			switch {
			case e.secret():
				return &Reason{Rule: ruleSecret, Position: e.position, Text: quote.Short(e.text, maxSubject) + " is " + e.class +
					": credentials go nowhere but as null or constant; give " + def.Name + " a mask for them, or leave the column out"}
			case !hasClass(def.accepts, e.class):
				return &Reason{Position: def.Position, Text: fmt.Sprintf("%s accepts no %s, and %s is that by %s",
					def.Name, e.class, quote.Short(e.text, maxSubject), e.position)}
			}
			return nil
		},
	}
}

// carry judges a COPY TO 'sluice://...'. What it needs beyond a rule that gives
// leave: a place that may have the copy, was measured and protects it at least as
// well as it is protected here, and columns that may go there.
func (c *ruling) carry(t terms) Decision {
	switch {
	case t.verdict < Carry:
		return c.granted(t)
	case t.rule == nil || t.verdict != Carry:
		return c.refuseCarry(t, c.adviceRule(), Reason{Text: "rows are carried under a rule with the effect carry, and none is for this"})
	}
	def := c.judge.policy.placeNamed(c.st.Carry.Place)
	c.judge.volatile = true
	c.maskedFor = c.maskedAtPlace(def)
	if c.judge.req.Facts.Catalog == nil {
		return c.wouldCarry(t)
	}
	if faults := c.carryFaults(t); len(faults) > 0 {
		return c.refuseCarry(t, adviceColumns, faults...)
	}
	c.judge.carried(def, c.carryItem())
	if faults := c.placeFaults(def); len(faults) > 0 {
		c.judge.unmeasured = c.judge.unmeasured || c.placeMeasured(def) == nil
		return c.refuseCarry(t, c.adviceCheck(def), faults...)
	}
	d := c.granted(t)
	d.Hint = ""
	d.Reasons[0].Text = fmt.Sprintf("rule %s lets %s be carried to %s", t.rule.id, t.effect.Kind, def.Name)
	for _, fact := range c.placeFacts(def) {
		d.because(def.Position, "%s", fact.good)
	}
	if !t.rule.limits.empty() { // those of the document are for what comes to people
		c.judge.bind(bound{t.rule.limits.over(Limits{}), t.rule.id, t.rule.limitsPosition})
	}
	return d
}

// refuseAddress refuses to carry what goes nowhere, whatever the rules say.
func (c *ruling) refuseAddress() (Decision, bool) {
	if c.st.Carry == nil {
		return Decision{}, false
	}
	def, why := c.carryPlace()
	if why == nil {
		why = c.carryTarget(def)
	}
	if why == nil {
		return Decision{}, false
	}
	return c.refuseCarry(terms{effect: worstOutward(c.st)}, c.adviceForm(), *why), true
}

// wouldCarry is the verdict where nobody has measured anything: what the text
// tells speaks against it, or nothing does.
func (c *ruling) wouldCarry(t terms) Decision {
	var faults []Reason
	for _, e := range c.brought() {
		if why := c.maskedFor.without(e); why != nil && c.maskedFor.find(e.class) == nil {
			faults = addReason(faults, *why)
		}
	}
	if len(faults) > 0 {
		return c.refuseCarry(t, adviceColumns, faults...)
	}
	return c.granted(t)
}

// carryPlace finds the place, nil with a reason if there is none that copies are
// carried to.
func (c *ruling) carryPlace() (*place, *Reason) {
	asked := c.st.Carry
	if asked.Problem != "" {
		return nil, &Reason{Text: "the address cannot be read: " + quote.Short(asked.Problem, 2*maxReason)}
	}
	for i := range c.judge.req.Statements {
		if other := c.judge.req.Statements[i].Carry; other == nil || other.Place != asked.Place {
			return nil, &Reason{Text: "a text that has rows carried holds nothing but such COPYs, all of them to one place: they become one copy"}
		}
	}
	def := c.judge.policy.placeNamed(asked.Place)
	switch {
	case def == nil:
		return nil, &Reason{Text: quote.Short(asked.Place, maxName) + " is no destination of the policy"}
	case def.Host == "" || def.Database == "":
		return nil, &Reason{Position: def.Position, Text: "copies are carried to a place with one host and one database, and the policy does not say which of " + def.Name + " that is"}
	}
	return def, nil
}

// bookSchema is the schema of a place that Sluice keeps leases in; those in which
// copies are loaded have that name with _stage_ and a copy's id behind.
const bookSchema = "sluice"

// carryTarget says what speaks against where the copy is to be put.
func (c *ruling) carryTarget(def *place) *Reason {
	schema, table := c.target()
	switch {
	case schema == "" || table == "":
		return &Reason{Text: "nobody can tell what the copy is to be called: write the target behind the place, as sluice://" + def.Name + "/schema.table"}
	case strings.HasPrefix(schema, "pg_") || schema == "information_schema":
		return &Reason{Text: "schema " + quote.Short(schema, maxName) + " belongs to PostgreSQL: nothing is copied there"}
	case schema == bookSchema || strings.HasPrefix(schema, bookSchema+"_stage_"):
		return &Reason{Text: "in schema " + quote.Short(schema, maxName) + " Sluice keeps what belongs to copies, such as until when they can be read: nothing is copied there"}
	case len(def.Schemas) > 0 && !slices.Contains(def.Schemas, schema):
		return &Reason{Position: def.Position, Text: fmt.Sprintf("copies are put into %s at %s, not into %s", strings.Join(def.Schemas, ", "), def.Name, quote.Short(schema, maxName))}
	case time.Duration(c.st.Carry.Expires)*time.Second > def.Expires.AtMost:
		return &Reason{Position: def.Position, Text: fmt.Sprintf("a copy lives %s at %s at most, and more is asked for", DurationWords(def.Expires.AtMost), def.Name)}
	}
	return nil
}

// target is the name that the copy is to have.
func (c *ruling) target() (schema, table string) {
	if c.st.Carry.Table != "" {
		return c.st.Carry.Schema, c.st.Carry.Table
	}
	if source := c.source(); source != nil {
		return source.Schema, source.Name
	}
	return "", ""
}

// source is the relation that is carried, nil for a query of several.
func (c *ruling) source() *statement.Relation {
	var found *statement.Relation
	for i := range c.st.Relations {
		if found != nil {
			return nil
		}
		found = &c.st.Relations[i]
	}
	return found
}

// placeFaults says what speaks against the place.
func (c *ruling) placeFaults(def *place) (faults []Reason) {
	for _, fact := range c.placeFacts(def) {
		if fact.bad != "" {
			faults = append(faults, Reason{Position: def.Position, Text: fact.bad})
		}
	}
	return faults
}

// carryFaults says what speaks against the columns.
func (c *ruling) carryFaults(t terms) []Reason {
	f := c.fact()
	switch only := setOf(statement.ExportRemote) | setOf(statement.OrdinaryRead); {
	case !c.maskable(), slices.ContainsFunc(c.st.Effects, func(e statement.Effect) bool { return !only.has(e.Kind) }):
		return c.whyUntold()
	case len(f.Relations) == 0:
		return []Reason{{Text: "it reads no relation, so it would be a copy of nothing"}}
	case len(f.Outputs) == 0:
		return []Reason{{Text: "nobody can tell which columns the copy would have"}}
	}
	if why := nameless(f); why != "" {
		return []Reason{{Text: why}}
	}
	_, faults := c.maskOutputs(t)
	return faults
}

// nameless says which column of a result has no name of its own, or "".
func nameless(f *StatementFact) string {
	seen := map[string]bool{}
	for i := range f.Outputs {
		name := f.Outputs[i].Name
		switch {
		case name == "" || name == "?column?":
			return fmt.Sprintf("column %d of the copy would have no name: give it one with AS", i+1)
		case seen[name]:
			return "two columns of the copy would be called " + quote.Short(name, maxName) + ": give each a name of its own with AS"
		}
		seen[name] = true
	}
	return ""
}

// whyUntold says why nobody can tell what the copy would hold.
func (c *ruling) whyUntold() []Reason {
	var why []Reason
	if looked := c.judge.req.Facts.Catalog; looked.Problem != "" {
		why = addReason(why, Reason{Text: "the database's catalog could not be read: " + quote.Short(looked.Problem, maxReason)})
	}
	if f := c.fact(); f != nil {
		for _, unknown := range f.Unknown {
			why = addReason(why, Reason{Text: quote.Short(unknown, maxReason)})
		}
	}
	for _, e := range c.st.Effects {
		if e.Kind != statement.OrdinaryRead && e.Kind != statement.ExportRemote {
			why = addReason(why, Reason{Text: "beside being carried it does this: " + quote.Short(e.What, maxSubject) + " (" + e.Kind.String() + ")"})
		}
	}
	if len(why) == 0 {
		why = addReason(why, Reason{Text: "the statement may reach relations that its text does not name, so nobody can tell what the copy would hold"})
	}
	return why
}

// placeFact is what one measurement says about a place: in favour of it or
// against it.
type placeFact struct{ good, bad string }

// placeMeasured is the measurement of a place that copies are carried to, nil if
// there is none.
func (c *ruling) placeMeasured(def *place) *Place {
	places := c.judge.req.Facts.Places
	at := slices.IndexFunc(places, func(one Place) bool { return one.Name == def.Name && one.Parity != nil })
	if at < 0 {
		return nil
	}
	return &places[at]
}

// placeFacts are what is known about a place that copies are carried to. What was
// not measured speaks against it.
func (c *ruling) placeFacts(def *place) []placeFact {
	fact := c.placeMeasured(def)
	if fact == nil {
		return []placeFact{{bad: "nothing was measured about " + def.Name}}
	}
	if fact.Blocked != "" {
		return []placeFact{{bad: def.Name + " is given no new copy: " + quote.Short(fact.Blocked, maxReason)}}
	}
	out := []placeFact{{}}
	if words, bad := judgePlace(def, def.Name, fact); bad {
		out[0].bad = words
	} else {
		out[0].good = words
	}
	for _, text := range atMostQuoted(fact.Deficits) {
		out = append(out, placeFact{bad: text})
	}
	return append(out, parityFacts(def, fact)...)
}

func parityFacts(def *place, fact *Place) (out []placeFact) {
	p := fact.Parity
	when := clock(p.MeasuredAt)
	switch {
	case p.Problem != "":
		return []placeFact{{bad: "who can read the copy there could not be compared with who can read it here: " + quote.Short(p.Problem, maxReason)}}
	case when == unknownTime:
		return []placeFact{{bad: "who can read the copy there was compared, but not when is known"}}
	}
	for _, text := range atMostQuoted(p.Deficits) {
		out = append(out, placeFact{bad: text})
	}
	if len(out) == 0 {
		out = append(out, placeFact{good: fmt.Sprintf("whoever could read the copy at %s can read it here (compared %s)", def.Name, when)})
	}
	return out
}

// mostQuoted is how many deficits a refusal quotes; the others are on record.
const mostQuoted = 6

func atMostQuoted(texts []string) []string {
	var out []string
	for i, text := range texts {
		if i == mostQuoted {
			return append(out, fmt.Sprintf("and %d more, which are on record", len(texts)-i))
		}
		out = append(out, quote.Short(text, 2*maxReason))
	}
	return out
}

// carryItem is what the statement has carried.
func (c *ruling) carryItem() CarryItem {
	item := CarryItem{Statement: c.index, Existing: c.st.Carry.Existing}
	item.TargetSchema, item.Target = c.target()
	if source := c.source(); source != nil {
		item.Schema, item.Relation = source.Schema, source.Name
	}
	f := c.fact()
	for at := range f.Outputs {
		var of []*columnEntry
		for _, origin := range f.Outputs[at].Origins {
			entries, _ := c.judge.policy.classesOf(&f.Columns[origin])
			of = append(of, entries...)
		}
		if len(of) == 0 {
			continue
		}
		onMask := func(m OutputMask) bool { return m.Statement == c.index && m.Output == at }
		item.Classes = append(item.Classes, CarriedColumn{
			Name: f.Outputs[at].Name, Class: worstEntry(of).class, Masked: slices.ContainsFunc(c.judge.masks, onMask),
		})
	}
	return item
}

// carried notes what is carried. A text is one copy, which lives as long as the
// first of its statements that says so asks for.
func (j *judge) carried(def *place, item CarryItem) {
	if j.carry == nil {
		life := def.Expires.After
		for i := range j.req.Statements {
			if asked := j.req.Statements[i].Carry; asked != nil && asked.Expires > 0 {
				life = time.Duration(asked.Expires) * time.Second
				break
			}
		}
		j.carry = &CarryTerms{Place: def.Name, Seconds: int64(life / time.Second)}
	}
	j.carry.Items = append(j.carry.Items, item)
}

// refuseCarry refuses to carry rows.
func (c *ruling) refuseCarry(t terms, advice string, why ...Reason) Decision {
	d := c.decision(Deny, ruleCarry, t.effect)
	for _, one := range why {
		d.because(one.Position, "%s", one.Text)
	}
	d.Hint = advice
	if t.rule != nil {
		d.see(t.rule)
	}
	return d
}

const adviceColumns = "Leave those columns out, with COPY schema.table (columns) TO ..., or ask the owner of the policy for a class and a mask for them; sluice classify shows what columns hold."

// adviceForm says how a copy is asked for.
func (c *ruling) adviceForm() string {
	advice := "Write COPY schema.table TO 'sluice://place/schema.table'"
	if names := c.judge.policy.carryNames(); len(names) > 0 {
		return advice + "; places are " + strings.Join(names, ", ") + "."
	}
	return advice + "; the policy names no place yet that rows can be carried to."
}

// adviceRule says whom to ask for leave.
func (c *ruling) adviceRule() string {
	return "Ask the owner of the policy for a rule with effect: carry, kinds: [export_remote] and destinations: [" + quote.Short(c.st.Carry.Place, maxName) + "]."
}

// adviceCheck says what to do about a place.
func (c *ruling) adviceCheck(def *place) string {
	ask := "its owner"
	if def.Owner != "" {
		ask = quote.Short(def.Owner, maxName) + ", who owns it"
	}
	return "sluice destination check " + def.Name + " prints all that was measured and what to change; ask " + ask + "."
}

// carryNames are the destinations that copies can be carried to, at most five.
func (p *Policy) carryNames() (names []string) {
	for _, one := range p.places {
		if one.Host != "" && one.Database != "" && len(names) < 5 {
			names = append(names, one.Name)
		}
	}
	return names
}
