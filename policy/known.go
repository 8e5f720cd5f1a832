package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// knownFunction is a function whose body somebody has read.
type knownFunction struct {
	schema, name string
	signature    string // schema.name(types)
	body         string // sha256:hex
	effect       statement.Kind
	position     string // file:line:column
}

// withKnown gives the calls of functions that the policy knows, and that
// have the body it knows, the effect that the policy states. So it does with
// statements that make such a function. The statement itself is not changed.
func (c *ruling) withKnown() {
	if len(c.judge.policy.known) == 0 || !hasOpaque(c.st) {
		return
	}
	var effects []statement.Effect
	for i, effect := range c.st.Effects {
		stated, known := c.knownEffect(effect)
		if !known {
			stated, known = c.knownDefinition(effect)
		}
		if !known {
			continue
		}
		if effects == nil {
			effects = slices.Clone(c.st.Effects)
		}
		effects[i].Kind = stated
	}
	if effects == nil {
		return
	}
	slices.SortStableFunc(effects, func(a, b statement.Effect) int { return int(a.Kind) - int(b.Kind) })
	changed := *c.st
	changed.Effects, changed.Kind = effects, worstOf(effects)
	c.st = &changed
}

// knownCall finds the function behind an opaque effect, and what the policy
// knows under its name. An effect of another thing that stands where a
// function does, such as the making of a trigger, is none of a call.
func (c *ruling) knownCall(effect statement.Effect) (statement.Function, []*knownFunction) {
	if effect.Kind != statement.OpaqueCode || !strings.HasPrefix(effect.What, functionEffect) {
		return statement.Function{}, nil
	}
	called, _ := causedBy(c.st, effect)
	return called, c.judge.policy.known[called.Name]
}

// knownEffect is what a policy states about the function behind an opaque
// effect. It notes why a function whose name is known does not count.
func (c *ruling) knownEffect(effect statement.Effect) (statement.Kind, bool) {
	called, known := c.knownCall(effect)
	if len(known) == 0 {
		return effect.Kind, false
	}
	c.judge.volatile = true
	stated, why := c.measuredEffect(called, known)
	switch {
	case why != nil:
		if why.Text != "" {
			c.note(why.Position, "%s", why.Text)
		}
		return effect.Kind, false
	case c.judge.changeBeside(called.Name):
		c.note(known[0].position, "function %s is known to the policy, but what else the text does may change it, or keep the call for later; "+
			"call it in a text of its own", quote.Short(quote.Name(called.Schema, called.Name), maxSubject))
		return effect.Kind, false
	}
	return stated, true
}

// measuredEffect compares what the catalog says about a function with what
// the policy knows. Of several overloads the worst effect counts. A call
// without a schema could be any function, and a name of which not every
// overload is known could be the unknown one. Why is nil if the effect
// counts; its text is empty if there is nothing to say.
func (c *ruling) measuredEffect(called statement.Function, known []*knownFunction) (stated statement.Kind, why *Reason) {
	for _, f := range c.st.Functions {
		if f.Name == called.Name && (f.Schema == "" || f.Schema != called.Schema) {
			return stated, reason(known[0].position, "function %s is known to the policy by its schema, and is called without it or with several", called.Name)
		}
	}
	stated = statement.OrdinaryRead
	found := false
	for _, fact := range c.judge.req.Facts.Functions {
		if !strings.HasPrefix(fact.Signature, quote.Name(called.Schema, called.Name)+"(") {
			continue
		}
		signature := quote.Short(fact.Signature, maxSubject)
		at := slices.IndexFunc(known, func(k *knownFunction) bool { return k.signature == fact.Signature })
		switch {
		case at < 0 && fact.Note != "":
			return stated, reason("", "function %s is not known to the policy, though others of its name are: %s", signature, quote.Short(fact.Note, maxReason))
		case at < 0:
			return stated, reason("", "function %s is not known to the policy, though others of its name are", signature)
		case fact.Note != "":
			return stated, reason(known[at].position, "function %s is known to the policy, but here its body does not say what it does: %s", signature, quote.Short(fact.Note, maxReason))
		case known[at].body != fact.Body:
			return stated, reason(known[at].position, "the body of %s here is not the one that the policy knows", signature)
		}
		stated, found = statement.Worst(stated, known[at].effect), true
	}
	if found {
		return stated, nil
	}
	return stated, c.unmeasured(called, known)
}

// unmeasured says why nothing is known of a function in this database.
func (c *ruling) unmeasured(called statement.Function, known []*knownFunction) *Reason {
	at := slices.IndexFunc(known, func(k *knownFunction) bool { return k.schema == called.Schema })
	if at < 0 {
		return &Reason{}
	}
	signature, problem := quote.Short(known[at].signature, maxSubject), c.judge.req.Facts.FunctionsProblem
	if problem != "" {
		return reason(known[at].position, "function %s is known to the policy, but its body was not measured here: %s", signature, quote.Short(problem, maxReason))
	}
	return reason(known[at].position, "function %s is known to the policy, but its body was not measured here", signature)
}

// The words with which the analysis names the making of code.
var makesFunction = []string{"CREATE FUNCTION", "CREATE PROCEDURE"}

// knownDefinition is what it takes to make a function exactly as the policy
// knows it: a schema change, or what a call of it does if that is worse. A
// body says what a function does only in these languages, and only with the
// usual attributes.
func (c *ruling) knownDefinition(effect statement.Effect) (statement.Kind, bool) {
	if effect.Kind != statement.OpaqueCode || !slices.Contains(makesFunction, effect.What) || len(c.st.Created) == 0 {
		return effect.Kind, false
	}
	stated := statement.DDL
	for _, made := range c.st.Created {
		known := c.judge.policy.known[made.Name]
		at := slices.IndexFunc(known, func(k *knownFunction) bool { return made.Schema != "" && k.signature == made.Signature })
		if at < 0 {
			return effect.Kind, false
		}
		switch {
		case made.BodyDigest == "" || known[at].body != "sha256:"+made.BodyDigest:
			c.note(known[at].position, "the body of %s here is not the one that the policy knows", quote.Short(made.Signature, maxSubject))
			return effect.Kind, false
		case !made.Plain || made.Language != "sql" && made.Language != "plpgsql":
			c.note(known[at].position, "%s is known to the policy, but not with this language and these attributes", quote.Short(made.Signature, maxSubject))
			return effect.Kind, false
		}
		stated = statement.Worst(stated, known[at].effect)
	}
	return stated, true
}

// note keeps a fact for the case that the statement is refused.
func (c *ruling) note(position, format string, args ...any) {
	c.notes = addReason(c.notes, *reason(position, format, args...))
}

func reason(position, format string, args ...any) *Reason {
	return &Reason{Position: position, Text: fmt.Sprintf(format, args...)}
}
