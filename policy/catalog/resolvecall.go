package catalog

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// call is what a call adds to what its arguments may hold; looked are those
// of its arguments of which its result usually tells nothing.
func (r *resolver) call(c *statement.Call, args, looked value) value {
	if c.Passes {
		r.read(args.and(looked), true)
	}
	var v value
	switch {
	case c.Operator:
		v = r.operator(c, args)
	case c.Cast:
		return r.cast(c)
	default:
		v = r.function(*c, args)
	}
	if v.open || len(v.calls) > 0 {
		r.read(args.and(looked), true)
		v = v.and(looked)
	}
	return v
}

// keep notes what a function keeps where other sessions can see it.
func (r *resolver) keep(c *statement.Call, v value) {
	if !v.empty() {
		r.read(v, true)
		r.writes = append(r.writes, Writing{Name: c.Name, Kept: true, Value: v.output("")})
	}
}

// function is what a function may return besides its arguments.
func (r *resolver) function(c statement.Call, args value) (v value) {
	users, doubt := r.functionsNamed(c.Schema, c.Name)
	if doubt {
		v = r.inDoubt("function", c.Schema, c.Name)
	}
	for _, f := range users {
		if c.Known && !r.mayTake(f, args) {
			continue
		}
		v = v.and(value{calls: []OID{f.OID}})
	}
	if len(v.calls) > 0 {
		r.called(v.calls)
		v.open = v.open || !c.Known && r.own(c.Schema, c.Name)
		v.types = args.types
		return v
	}
	switch {
	case c.Known:
	case r.own(c.Schema, c.Name):
		r.opaque, v.open = true, true
	case c.Attribute, c.Args == 1 && r.typeNamed(c.Schema, c.Name) != nil:
		return r.cast(&c) // type(value)
	default:
		r.note("function %s is not in the catalog", statement.Relation{Schema: c.Schema, Name: c.Name})
		v.open = true
	}
	return v
}

// mayTake reports whether a function of a user that has the name of one of
// PostgreSQL's can be the one meant: if it takes a type of somebody's own, it
// is only for what may have that type.
func (r *resolver) mayTake(f *Function, args value) bool {
	for _, name := range f.Types {
		name = strings.TrimSuffix(name, "[]")
		oid := r.typeSpelled(name)
		if oid >= FirstUser && !args.mayBe(oid, r.sight.Snapshot) {
			return false
		}
	}
	return true
}

// mayBe reports whether a value can have a type.
func (v value) mayBe(oid OID, s *Snapshot) bool {
	if v.open || len(v.calls) > 0 {
		return true
	}
	for _, t := range v.types {
		if t == oid || s.Type(t) == nil { // an array or a row, which may hold any
			return true
		}
	}
	return false
}

// operator is what the operators of users may return.
func (r *resolver) operator(c *statement.Call, args value) (v value) {
	users, doubt := r.operatorsNamed(c.Schema, c.Name)
	if doubt {
		v = r.inDoubt("operator", c.Schema, c.Name)
	}
	for _, o := range users {
		if c.Known && (o.Left >= FirstUser && !args.mayBe(o.Left, r.sight.Snapshot) || o.Right >= FirstUser && !args.mayBe(o.Right, r.sight.Snapshot)) {
			continue
		}
		r.called(o.Support)
		if o.Function >= FirstUser {
			v = v.and(value{calls: []OID{o.Function}})
		}
	}
	r.called(v.calls)
	if len(users) == 0 && !c.Known {
		r.note("operator %s is not in the catalog", statement.Relation{Schema: c.Schema, Name: c.Name})
		v.open = true
	}
	return v
}

// cast is what a cast adds: the type, and the code that makes its values.
func (r *resolver) cast(c *statement.Call) (v value) {
	t := r.typeNamed(c.Schema, c.Name)
	if t == nil || t.OID < FirstUser {
		return v
	}
	r.called(t.Functions)
	v.types = []OID{t.OID}
	if t.Base >= FirstUser {
		v = v.and(value{types: []OID{t.Base}})
	}
	return v
}

// casts are the casts of users that may be applied to a value, written or not.
func (r *resolver) casts(args value) (v value) {
	if r.sight.Snapshot == nil || len(args.types) == 0 {
		return v
	}
	for _, c := range r.sight.Snapshot.Casts {
		if c.Function < FirstUser || !slices.Contains(args.types, c.Source) && !slices.Contains(args.types, c.Target) {
			continue
		}
		v = v.and(value{calls: []OID{c.Function}})
	}
	r.called(v.calls)
	return v
}
