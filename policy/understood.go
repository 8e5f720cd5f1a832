package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// callEffect is the effect of CALL itself, beside that of the procedure.
const callEffect = "CALL"

// codeEffect begins the effects of code that was followed.
const codeEffect = "code of "

// withUnderstood gives the calls of code that could be followed through the
// catalog what that code does, in the place of code that cannot be judged. The
// statement then names what the code reaches, as if it stood there. What a
// person has stated about a function (functions.known) comes first. The
// statement itself is not changed.
func (c *ruling) withUnderstood() {
	if len(c.judge.req.Facts.Calls) == 0 || !hasOpaque(c.st) {
		return
	}
	var changed *statement.Statement
	rest := 0
	for _, effect := range slices.Clone(c.st.Effects) {
		if effect.Kind != statement.OpaqueCode || effect.What == callEffect {
			continue
		}
		facts := c.seenThrough(effect)
		if facts == nil {
			rest++
			continue
		}
		if changed == nil {
			changed = branch(c.st)
		}
		take(changed, effect, facts)
	}
	if changed == nil {
		return
	}
	if rest == 0 {
		replaceEffect(changed, statement.Effect{Kind: statement.OpaqueCode, What: callEffect}, nil)
	}
	slices.SortStableFunc(changed.Effects, func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
	changed.Kind = worstOf(changed.Effects)
	c.st = changed
}

// branch copies a statement as far as take changes it.
func branch(st *statement.Statement) *statement.Statement {
	changed := *st
	changed.Effects, changed.Relations = slices.Clone(st.Effects), slices.Clone(st.Relations)
	changed.Columns, changed.Destinations = slices.Clone(st.Columns), slices.Clone(st.Destinations)
	return &changed
}

// seenThrough returns what is known of all functions behind an opaque effect,
// or nil. It notes why something does not count.
func (c *ruling) seenThrough(effect statement.Effect) []*CodeFact {
	calls, name := c.callsBehind(effect)
	if calls == nil {
		return nil
	}
	// What was seen of the catalog is looked at again before the decision holds
	// for another statement.
	c.judge.volatile = c.judge.volatile || c.judge.req.Facts.Catalog == nil
	facts := []*CodeFact{}
	for _, call := range calls {
		if len(call.Functions) == 0 {
			return nil
		}
		for i := range call.Functions {
			f := &call.Functions[i]
			if why := c.unclear(f); why != "" {
				c.note("", "function %s: %s", quote.Short(f.Signature, maxSubject), quote.Short(why, maxReason))
				return nil
			}
			facts = append(facts, f)
		}
	}
	if c.judge.changeBeside(name) {
		c.note("", "what else the text does may change %s, or keep the call for later; call it in a text of its own", quote.Short(name, maxSubject))
		return nil
	}
	return facts
}

// unclear says why what is known of a function is not all that it does.
func (c *ruling) unclear(f *CodeFact) string {
	if len(f.Opaque) > 0 {
		return "what it does cannot be seen: " + f.Opaque[0]
	}
	for _, measured := range c.judge.req.Facts.Functions {
		if measured.Signature == f.Signature && measured.Body != "" && f.Body != "" && measured.Body != f.Body {
			return "it was changed after its code was followed"
		}
	}
	return ""
}

// callsBehind finds the facts about the calls that an opaque effect may come
// from: all that are written with its name. Nil if one of them is missing.
func (c *ruling) callsBehind(effect statement.Effect) (calls []*CallFact, name string) {
	add := func(want CallFact) bool {
		for i := range c.judge.req.Facts.Calls {
			have := &c.judge.req.Facts.Calls[i]
			if have.Schema == want.Schema && have.Name == want.Name && have.Args == want.Args && have.Operator == want.Operator {
				calls = append(calls, have)
				return true
			}
		}
		return false
	}
	switch {
	case strings.HasPrefix(effect.What, functionEffect):
		called, _ := causedBy(c.st, effect)
		for _, f := range c.st.Functions {
			if f.Schema == called.Schema && f.Name == called.Name && !add(CallFact{Schema: f.Schema, Name: f.Name, Args: f.Args}) {
				return nil, ""
			}
		}
		return calls, called.Name
	case strings.HasPrefix(effect.What, operatorEffect):
		words := strings.TrimPrefix(effect.What, operatorEffect)
		for _, o := range c.st.Operators {
			named := o.Schema != "" && isNamed(words, o.Schema+"."+o.Name) || o.Schema == "" && isNamed(words, o.Name)
			if named && !add(CallFact{Schema: o.Schema, Name: o.Name, Operator: true}) {
				return nil, ""
			}
		}
		return calls, words
	}
	return nil, ""
}

// take puts what functions do in the place of an effect.
func take(st *statement.Statement, effect statement.Effect, facts []*CodeFact) {
	var effects []statement.Effect
	words, _ := split(effect.What)
	words = codeEffect + words
	for _, f := range facts {
		for _, e := range f.Effects {
			one := statement.Effect{Kind: e.Kind, What: words + " (" + e.What + ")", Position: effect.Position}
			if !slices.Contains(effects, one) {
				effects = append(effects, one)
			}
		}
		takeReached(st, f, effect.Position)
	}
	replaceEffect(st, effect, effects)
}

// replaceEffect puts others in the place of an effect; if there are none, the
// call only reads.
func replaceEffect(st *statement.Statement, old statement.Effect, others []statement.Effect) {
	at := slices.IndexFunc(st.Effects, func(e statement.Effect) bool { return e.Kind == old.Kind && e.What == old.What })
	if at < 0 {
		return
	}
	if len(others) == 0 {
		st.Effects[at].Kind = statement.OrdinaryRead
		return
	}
	st.Effects = slices.Replace(st.Effects, at, at+1, others...)
}

// takeReached adds what a function reaches to what a statement names.
func takeReached(st *statement.Statement, f *CodeFact, position int) {
	relation := func(r statement.Relation) {
		same := func(o statement.Relation) bool {
			return o.Schema == r.Schema && o.Name == r.Name && o.Access == r.Access
		}
		if !slices.ContainsFunc(st.Relations, same) {
			st.Relations = append(st.Relations, r)
		}
	}
	for _, c := range f.Reads {
		relation(statement.Relation{Schema: c.Schema, Name: c.Relation, Access: statement.Read, Position: position})
		use := statement.Used
		if c.Output {
			use = statement.Output
		}
		column := statement.Column{Schema: c.Schema, Relation: c.Relation, Name: c.Column, Use: use, Position: position}
		if !slices.Contains(st.Columns, column) {
			st.Columns = append(st.Columns, column)
		}
	}
	for _, r := range f.Writes {
		relation(statement.Relation{Schema: r.Schema, Name: r.Name, Access: statement.Write, Position: position})
	}
	for _, s := range f.Servers {
		st.Destinations = append(st.Destinations, statement.Destination{Type: statement.ToServer, Name: s, Position: position})
	}
}

// clearEffect is the worst that the code behind an opaque effect does, with
// the name it is called by; the effect itself if that cannot be told. To change
// other code is worst here.
func (c *ruling) clearEffect(effect statement.Effect) (string, statement.Effect) {
	if effect.What == callEffect {
		return c.clearCall(effect)
	}
	calls, name := c.callsBehind(effect)
	worst := statement.Effect{Kind: statement.OrdinaryRead}
	for _, call := range calls {
		for i := range call.Functions {
			if c.unclear(&call.Functions[i]) != "" {
				return "", effect
			}
			for _, e := range call.Functions[i].Effects {
				one := statement.Effect{Kind: e.Kind, What: e.What}
				if mayChangeCode(one) && !mayChangeCode(worst) || mayChangeCode(one) == mayChangeCode(worst) && e.Kind.Worse(worst.Kind) {
					worst = one
				}
			}
		}
		if len(call.Functions) == 0 {
			return "", effect
		}
	}
	if len(calls) == 0 {
		return "", effect
	}
	return name, worst
}

// clearCall is what CALL does beside its procedure: nothing, if all that it
// calls is clear.
func (c *ruling) clearCall(effect statement.Effect) (string, statement.Effect) {
	name := ""
	for _, other := range c.st.Effects {
		if other.Kind != statement.OpaqueCode || other.What == callEffect {
			continue
		}
		var does statement.Effect
		if name, does = c.clearEffect(other); does.Kind == statement.OpaqueCode {
			return "", effect
		}
	}
	if name == "" {
		return "", effect
	}
	return name, statement.Effect{Kind: statement.OrdinaryRead, What: callEffect}
}

// Stated is what the policy states of a function (functions.known): what it
// does, if its body is the one that was read.
func (p *Policy) Stated(signature, body string) (statement.Kind, bool) {
	if p == nil {
		return 0, false
	}
	for _, known := range p.known {
		for _, f := range known {
			if f.signature == signature && f.body == body {
				return f.effect, true
			}
		}
	}
	return 0, false
}
