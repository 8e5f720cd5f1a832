package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// FunctionsToMeasure lists the names of functions that the statements call
// and that the policy knows, sorted, without their schemas: what the catalog
// says about every function of these names belongs into Facts.Functions.
func (p *Policy) FunctionsToMeasure(statements []statement.Statement) []string {
	if p == nil || len(p.known) == 0 {
		return nil
	}
	var names []string
	p.addToMeasure(&names, statements, 0)
	slices.Sort(names)
	return slices.Compact(names)
}

func (p *Policy) addToMeasure(names *[]string, statements []statement.Statement, depth int) {
	for i := range statements {
		st := &statements[i]
		if hasOpaque(st) {
			for _, f := range st.Functions {
				if len(p.known[f.Name]) > 0 {
					*names = append(*names, f.Name)
				}
			}
		}
		for _, use := range st.Names {
			if use.Inner != nil && depth < maxInner {
				p.addToMeasure(names, []statement.Statement{*use.Inner}, depth+1)
			}
		}
	}
}

// Signature writes the signature of a function as functions.known and the
// facts about functions have it. The types are those of the input arguments,
// as the server's format_type writes them.
func Signature(schema, name string, types []string) string {
	return quote.Name(schema, name) + "(" + strings.Join(types, ", ") + ")"
}

// changeBeside reports whether something in the request, beside calls of known
// functions of this name, may change code: facts were measured before the text
// runs, and do not hold for what comes after such a thing in it. It counts as
// well what keeps a call for later, when it may mean another function.
func (j *judge) changeBeside(name string) bool {
	return slices.ContainsFunc(j.findChangers(), func(other string) bool { return other != name })
}

func (j *judge) changesCode() bool { return len(j.findChangers()) > 0 }

// findChangers lists what in the request may change code: the name of a known
// function that does, and "" for everything else.
func (j *judge) findChangers() []string {
	if !j.looked {
		j.looked = true
		for i := range j.req.Statements {
			j.addChangers(&j.req.Statements[i])
		}
	}
	return j.changers
}

// addChangers keeps two different names at most: they answer for any third.
func (j *judge) addChangers(st *statement.Statement) {
	c := &ruling{judge: j, st: st}
	for _, effect := range st.Effects {
		name := ""
		if called, known := c.knownCall(effect); len(known) > 0 {
			if stated, why := c.measuredEffect(called, known); why == nil {
				name, effect = called.Name, statement.Effect{Kind: stated}
			}
		}
		if effect.Kind == statement.OpaqueCode {
			name, effect = c.clearEffect(effect)
		}
		if mayChangeCode(effect) && len(j.changers) < 2 && !slices.Contains(j.changers, name) {
			j.changers = append(j.changers, name)
		}
	}
	for _, f := range c.runs() {
		for _, effect := range ranEffects(f, true) {
			if mayChangeCode(effect) && !slices.Contains(j.changers, "") {
				j.changers = append(j.changers, "")
			}
		}
	}
	for _, use := range st.Names {
		if use.Inner != nil {
			j.addChangers(use.Inner)
		}
	}
}

// leavesCode holds the kinds that leave every function as it is. They are
// listed, rather than those that do not, so that a new kind is not forgotten.
var leavesCode = setOf(statement.OrdinaryRead) | setOf(statement.OrdinaryWrite) | setOf(statement.InternalCopy) | setOf(statement.ExportToClient)

// keepsQuery is an internal copy whose query runs again at every refresh.
const keepsQuery = "CREATE MATERIALIZED VIEW"

func mayChangeCode(effect statement.Effect) bool {
	return !leavesCode.has(effect.Kind) || strings.Contains(effect.What, keepsQuery)
}
