package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// Flow is code that a write runs, and that may put values of columns into rows of
// relations.
type Flow struct {
	// By names the code, such as "trigger log of app.orders".
	By string
	// Moves are the columns whose values it may take, sorted, Into the relations
	// whose rows it may put them into.
	Moves []ColumnID
	Into  []OID
	// Column is the one that they get into, instead of Into; zero for none.
	Column ColumnID
}

// FlowsOfWrite are those of triggers, defaults and rules, of the relation that is
// written and of all whose rows change with it. What only looks, and what puts
// values nowhere, is none.
func (c *Code) FlowsOfWrite(ctx context.Context, relation OID, ops WriteOps, path []string) (flows []Flow) {
	written := c.ReachOfWrite(ctx, relation, ops, path).Writes
	if !slices.Contains(written, relation) {
		written = append(slices.Clone(written), relation)
	}
	for _, oid := range written {
		rel := c.snapshot.relations[oid]
		if rel == nil {
			continue
		}
		of := AnyWrite
		if oid == relation {
			of = ops
		}
		for _, f := range slices.Concat(c.triggerFlows(ctx, rel, of, path), c.defaultFlows(ctx, rel, of, path), c.ruleFlows(ctx, rel, path)) {
			if len(f.Moves) > 0 && (len(f.Into) > 0 || f.Column != ColumnID{}) {
				flows = append(flows, f)
			}
		}
	}
	return flows
}

// triggerFlows are those of the triggers that fire.
func (c *Code) triggerFlows(ctx context.Context, rel *Relation, ops WriteOps, path []string) (flows []Flow) {
	const eachRow, before = 1, 2
	for _, t := range rel.Triggers {
		if t.Enabled == 'D' || t.Type != 0 && WriteOps(t.Type)&ops == 0 {
			continue
		}
		f, r := c.snapshot.functions[t.Function], c.Reach(ctx, t.Function, path)
		if f == nil {
			continue // Reach says that it is not there
		}
		if _, stated := c.states(f); stated {
			continue // somebody has read it
		}
		by := "trigger " + quote.Name(t.Name) + " of " + words(rel.Schema, rel.Name)
		flows = append(flows, Flow{By: by, Moves: movedBy(r, rel, f.MovesOfRow), Into: r.Writes})
		if t.Type&(eachRow|before) == eachRow|before {
			flows = append(flows, c.ownFlows(by, f, r, rel)...)
		}
	}
	return flows
}

// ownFlows are what a trigger function puts into its own row.
func (c *Code) ownFlows(by string, f *Function, r *Reached, rel *Relation) (flows []Flow) {
	for _, a := range f.assignments(c.computes) {
		flow := Flow{By: by, Moves: movedBy(&Reached{}, rel, func(column string) bool { return slices.Contains(a.from, strings.ToLower(column)) })}
		if a.any {
			flow.Moves = movedBy(r, rel, f.MovesOfRow)
		}
		at := slices.IndexFunc(rel.Columns, func(c Column) bool { return c.Name == a.column })
		if a.column == "" || at < 0 {
			flow.Into = []OID{rel.OID}
		} else {
			flow.Column = ColumnID{rel.OID, rel.Columns[at].Num}
		}
		flows = append(flows, flow)
	}
	return flows
}

// computes reports whether a function, written without a schema, is PostgreSQL's own
// and computes with what it is given, and nobody has made another of that name.
func (c *Code) computes(function string) bool {
	kind, known := statement.BuiltinFunction("", function, -1)
	return known && !kind.Worse(statement.OrdinaryRead) && len(c.snapshot.functionsNamed("", function, -1, nil)) == 0
}

// defaultFlows are those of defaults and generated columns.
func (c *Code) defaultFlows(ctx context.Context, rel *Relation, ops WriteOps, path []string) (flows []Flow) {
	if ops&(Inserts|Updates) == 0 {
		return nil
	}
	for i := range rel.Columns {
		column := &rel.Columns[i]
		if !strings.Contains(column.Default, "(") {
			continue // it calls nothing
		}
		by := "default of " + words(rel.Schema, rel.Name) + "." + quote.Name(column.Name)
		r := c.answer(ctx, reachKey{oid: rel.OID, what: 'd', part: i}, path, func(w *reach) {
			w.frozen(fmt.Sprintf("relation %d default %d", rel.OID, i), statement.Code{Language: "expression", Text: column.Default}, by)
		})
		flows = append(flows,
			Flow{By: by, Moves: movedBy(r, nil, nil), Column: ColumnID{rel.OID, column.Num}},
			Flow{By: by, Moves: movedBy(r, nil, nil), Into: r.Writes})
	}
	return flows
}

// ruleFlows are those of rewrite rules, all as one.
func (c *Code) ruleFlows(ctx context.Context, rel *Relation, path []string) []Flow {
	if rel.Rules == 0 {
		return nil
	}
	r := c.answer(ctx, reachKey{oid: rel.OID, what: 'u'}, path, func(w *reach) { w.hung(rel, RuleCode, rel.Rules) })
	moves := func(column string) bool {
		return slices.ContainsFunc(rel.Code, func(code RelationCode) bool {
			return code.Kind == RuleCode && strings.Contains(strings.ToLower(code.Text), strings.ToLower(column))
		})
	}
	return []Flow{{By: "rule of " + words(rel.Schema, rel.Name), Moves: movedBy(r, rel, moves), Into: r.Writes}}
}

// movedBy are the columns whose values code may put somewhere: those that it may
// give back, write or send, and those of the row that it is run for.
func movedBy(r *Reached, row *Relation, moves func(column string) bool) (moved []ColumnID) {
	for _, read := range r.Reads {
		if read.Output {
			moved = append(moved, read.Column)
		}
	}
	if row == nil {
		return moved
	}
	for i := range row.Columns {
		if moves(row.Columns[i].Name) {
			moved = append(moved, ColumnID{row.OID, row.Columns[i].Num})
		}
	}
	return moved
}
