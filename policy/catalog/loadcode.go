package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Of how many objects one transaction reads the code: those of a small batch
// stay locked until its end, those of a large one do not.
const (
	smallBatch = 50
	largeBatch = 2000
)

// mostLocked is after how many objects that somebody holds a lock on those of
// a batch that fails are not tried one by one any more: each costs a wait.
const mostLocked = 20

// readCode reads the texts of code: of views, defaults, checks and bodies of
// SQL statements.
func (l *loader) readCode(ctx context.Context) error {
	relations, functions := l.snapshot.relations, l.snapshot.functions
	var views, checked, bodies, ruled, policed []OID
	for oid, rel := range relations {
		if oid >= FirstUser && (rel.Kind == View || rel.Kind == MaterializedView) {
			views = append(views, oid)
		}
		if slices.ContainsFunc(rel.Constraints, func(c Constraint) bool { return c.Type == 'c' }) {
			checked = append(checked, oid)
		}
		if rel.Rules > 0 {
			ruled = append(ruled, oid)
		}
		if rel.Policies > 0 {
			policed = append(policed, oid)
		}
	}
	for oid, f := range functions {
		if f.Atomic {
			bodies = append(bodies, oid)
		}
	}
	for _, part := range []struct {
		ask   string
		oids  []OID
		batch int
		read  func(*row)
	}{
		{askDefaults, l.withDefaults, largeBatch, l.defaultOf},
		{askChecks, checked, largeBatch, l.check},
		{askQueries, views, smallBatch, func(r *row) { l.of(r, func(rel *Relation) { rel.Query = r.Text() }) }},
		{askRuleTexts, ruled, smallBatch, l.code(RuleCode)},
		{askPolicyTexts, policed, smallBatch, l.code(PolicyCode)},
		{askBodies, bodies, smallBatch, func(r *row) {
			if f := functions[r.oid()]; f != nil {
				f.Body = r.Text()
			}
		}},
	} {
		slices.Sort(part.oids)
		for batch := range slices.Chunk(slices.Compact(part.oids), part.batch) {
			if err := l.readBatch(ctx, part.ask, batch, part.read); err != nil {
				return err
			}
		}
	}
	l.snapshot.Incomplete = l.locked > 0
	return nil
}

func (l *loader) defaultOf(r *row) {
	l.of(r, func(rel *Relation) {
		if c := rel.Column(r.small()); c != nil {
			c.Default = r.Text()
		}
	})
}

func (l *loader) check(r *row) {
	l.of(r, func(rel *Relation) {
		name, text := r.Text(), r.Text()
		for i := range rel.Constraints {
			if c := &rel.Constraints[i]; c.Type == 'c' && c.Name == name {
				c.Check = text
			}
		}
	})
}

// readBatch reads the code of some objects. If that fails it tries each half,
// so that only the object that somebody has locked stays without.
func (l *loader) readBatch(ctx context.Context, ask string, oids []OID, read func(*row)) error {
	words := make([]string, len(oids))
	for i, oid := range oids {
		words[i] = strconv.FormatUint(uint64(oid), 10)
	}
	err := l.inTransaction(ctx, func(ctx context.Context) error {
		return l.ask(ctx, fmt.Sprintf(ask, strings.Join(words, ",")), read)
	})
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(errLeft)) || ctx.Err() != nil || l.kept.Full() != nil:
		return err
	case len(oids) == 1 || l.locked >= mostLocked:
		l.locked++
		for _, oid := range oids {
			l.snapshot.unread[oid] = true
		}
		return nil
	}
	half := len(oids) / 2
	if err := l.readBatch(ctx, ask, oids[:half], read); err != nil {
		return err
	}
	return l.readBatch(ctx, ask, oids[half:], read)
}
