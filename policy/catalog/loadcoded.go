package catalog

import (
	"context"
	"encoding/json"
	"slices"
)

// The questions about code, written like those of loadsql.go.
const (
	// askParameters lists the parameters of each function as a JSON array of
	// name, type and mode.
	askParameters = `SELECT p.oid, p.proretset, p.provariadic OPERATOR(pg_catalog.<>) 0::pg_catalog.oid, p.pronargdefaults,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(COALESCE(p.proargnames[a.at], ''), a.type::pg_catalog.int8, COALESCE(p.proargmodes[a.at]::pg_catalog.text, 'i')) ORDER BY a.at)
    FROM pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[])) WITH ORDINALITY AS a (type, at))
FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY p.oid`

	askReferences = `SELECT k.conrelid, k.conname, k.confupdtype, k.confdeltype FROM pg_catalog.pg_constraint k
WHERE k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog."char" ORDER BY k.conrelid, k.oid`

	askElements = `SELECT e.typarray, e.oid FROM pg_catalog.pg_type e WHERE e.typarray OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid ORDER BY 1`

	// askDomainChecks reads the constraints and defaults of domains; neither can
	// have a sub-select, so nothing is locked.
	askDomainChecks = `SELECT k.contypid, pg_catalog.pg_get_expr(k.conbin, 0::pg_catalog.oid) FROM pg_catalog.pg_constraint k
WHERE k.contypid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND k.conbin IS NOT NULL
UNION ALL SELECT t.oid, pg_catalog.pg_get_expr(t.typdefaultbin, 0::pg_catalog.oid) FROM pg_catalog.pg_type t
WHERE t.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND t.typdefaultbin IS NOT NULL
ORDER BY 1, 2`

	askConditions = `SELECT t.tgrelid, t.tgname, pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t
WHERE NOT t.tgisinternal AND t.tgqual IS NOT NULL ORDER BY t.tgrelid, t.oid`

	// askRuleTexts and askPolicyTexts lock what the code names, like
	// askQueries. A policy without an expression has an empty text.
	askRuleTexts = `SELECT r.ev_class, pg_catalog.json_agg(pg_catalog.pg_get_ruledef(r.oid) ORDER BY r.oid) FROM pg_catalog.pg_rewrite r
WHERE r.ev_class OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) AND r.rulename OPERATOR(pg_catalog.<>) '_RETURN'::pg_catalog.name
GROUP BY r.ev_class ORDER BY r.ev_class`
	askPolicyTexts = `SELECT p.polrelid, pg_catalog.json_agg(e.text ORDER BY p.oid, e.at) FROM pg_catalog.pg_policy p,
  LATERAL (VALUES (1, COALESCE(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '')), (2, COALESCE(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ''))) AS e (at, text)
WHERE p.polrelid OPERATOR(pg_catalog.=) ANY ('{%s}'::pg_catalog.oid[]) GROUP BY p.polrelid ORDER BY p.polrelid`
)

// readCoded reads what running code depends on.
func (l *loader) readCoded(ctx context.Context) error {
	return l.steps(ctx, []step{
		{askParameters, l.parameters},
		{askReferences, l.references},
		{askElements, func(r *row) { l.snapshot.elements[r.oid()] = r.oid() }},
		{askDomainChecks, func(r *row) {
			if t := l.snapshot.types[r.oid()]; t != nil {
				t.Checks = append(t.Checks, r.Text())
			}
		}},
		{askConditions, func(r *row) {
			l.of(r, func(rel *Relation) { rel.condition(r.Text(), r.Text()) })
		}},
	})
}

// condition gives a trigger its statement.
func (r *Relation) condition(name, text string) {
	for i := range r.Triggers {
		if r.Triggers[i].Name == name {
			r.Triggers[i].When = text
		}
	}
}

func (l *loader) parameters(r *row) {
	f := l.snapshot.functions[r.oid()]
	if f == nil {
		return
	}
	f.Set, f.Variadic, f.Defaults = r.Bool(), r.Bool(), int(r.oid())
	text := r.Next()
	if text == nil {
		return
	}
	var list [][3]any
	if err := json.Unmarshal(text, &list); err != nil {
		r.Fail("a list of parameters that cannot be read: %v", err)
		return
	}
	for _, p := range list {
		name, isName := p[0].(string)
		number, isNumber := p[1].(float64)
		mode, isMode := p[2].(string)
		if !isName || !isNumber || !isMode || len(mode) != 1 {
			r.Fail("a parameter that cannot be read")
			return
		}
		f.Parameters = append(f.Parameters, Parameter{Name: l.kept.Keep([]byte(name)), Type: OID(number), Mode: mode[0]})
	}
}

func (l *loader) references(r *row) {
	l.of(r, func(rel *Relation) {
		name, onUpdate, onDelete := r.Text(), r.Char(), r.Char()
		for i := range rel.Constraints {
			if k := &rel.Constraints[i]; k.Type == 'f' && k.Name == name {
				k.OnUpdate, k.OnDelete = onUpdate, onDelete
			}
		}
	})
}

// code gives a relation its code of a kind, a JSON array of texts.
func (l *loader) code(kind CodeKind) func(*row) {
	return func(r *row) {
		l.of(r, func(rel *Relation) {
			rel.Code = slices.DeleteFunc(rel.Code, func(c RelationCode) bool { return c.Kind == kind }) // of a batch that failed
			for _, text := range r.Texts() {
				rel.Code = append(rel.Code, RelationCode{kind, text})
			}
		})
	}
}
