package protection

import (
	"context"
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/catalog/answer"
)

// Load reads what the database that q is connected to says about who can read
// what. It needs no right beyond that to connect: what it asks is open to
// every role, on PostgreSQL 13 and later.
//
// It asks about twenty questions, each a SELECT, and leaves transactions to
// its caller: within one that is REPEATABLE READ all answers are of one
// moment, and within one that has changed the catalog the change is seen.
// Conditions of policies are read as pg_get_expr prints them, which takes the
// locks of a SELECT on what they name; the caller's lock_timeout bounds that.
// They are comparable if search_path was pg_catalog, pg_temp for both; if not,
// they may count as different, never as the same.
func Load(ctx context.Context, q catalog.Querier) (*Server, error) {
	l := &loader{q: q, kept: answer.NewStrings(mostText), server: &Server{
		byOID: map[oid]*role{}, byName: map[string]*role{}, schemas: map[oid]*schema{},
		relations: map[oid]*Relation{}, named: map[relationName]*Relation{},
	}}
	for _, read := range []func(context.Context) error{l.readRoles, l.readRelations, l.readRules, l.readFunctions, l.readPublications, l.readRest} {
		if err := read(ctx); err != nil {
			return nil, fmt.Errorf("protection: %w", err)
		}
	}
	l.server.relate()
	return l.server, nil
}

// mostText bounds the texts of one Server, in bytes.
const mostText = 256 << 20

// loader is what a Load has so far.
type loader struct {
	q      catalog.Querier
	server *Server
	kept   *answer.Strings
}

// ask runs a question and has each row of its answer read.
func (l *loader) ask(ctx context.Context, sql string, read func(*row)) error {
	return l.q.Query(ctx, sql, func(values [][]byte) error {
		r := row{l.kept.Row(values)}
		read(&r)
		return r.Err()
	})
}

// step is a question with what becomes of its rows.
type step struct {
	sql  string
	read func(*row)
}

func (l *loader) steps(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		if err := l.ask(ctx, s.sql, s.read); err != nil {
			return err
		}
	}
	return nil
}

// since chooses the text for servers from a version on, or else the other.
func (l *loader) since(version int, then, otherwise string) string {
	if l.server.Version >= version {
		return then
	}
	return otherwise
}

// oldest is the first major version that is supported.
const oldest = 13

func (l *loader) readRoles(ctx context.Context) error {
	if err := l.ask(ctx, askDatabase, l.database); err != nil {
		return err
	}
	if l.server.Version < oldest {
		return fmt.Errorf("the server is PostgreSQL %d; its catalogs are understood from %d on", l.server.Version, oldest)
	}
	err := l.steps(ctx,
		step{askRoles, l.role},
		step{fmt.Sprintf(askMembers, l.since(16, optionsOf, noOptions)), l.member},
	)
	l.server.anyone = &role{name: "PUBLIC"}
	return err
}

func (l *loader) database(r *row) {
	l.server.Version = int(r.Number(1<<31)) / 10000
	l.server.owner, l.server.rights = r.oid(), r.rights()
	l.server.Database = r.Text()
}

func (l *loader) role(r *row) {
	one := &role{oid: r.oid(), name: r.Text(), super: r.Bool(), inherit: r.Bool(), createRole: r.Bool(), login: r.Bool(), replication: r.Bool(), bypassRLS: r.Bool()}
	if one.oid == public || l.server.byOID[one.oid] != nil {
		r.Fail("the role %d is there twice", one.oid)
		return
	}
	l.server.roles = append(l.server.roles, one)
	l.server.byOID[one.oid], l.server.byName[one.name] = one, one
}

func (l *loader) member(r *row) {
	of, member := l.server.byOID[r.oid()], l.server.byOID[r.oid()]
	m := membership{of: of, admin: r.Bool(), inherit: r.Bool(), set: r.Bool()}
	if of == nil || member == nil {
		return // a role that is gone gives nothing
	}
	if l.server.Version < 16 {
		// Before 16 it is the member that inherits or does not, and every
		// membership lets it SET ROLE.
		m.inherit, m.set = member.inherit, true
	}
	member.members = append(member.members, m)
}

func (l *loader) readRelations(ctx context.Context) error {
	return l.steps(ctx,
		step{askSchemas, l.schema},
		step{askRelations, l.relation},
		step{askColumns, l.columns},
		step{askColumnRights, l.columnRights},
		step{askInherits, l.inherits},
		step{askPolicies, l.policy},
		step{askTriggers, l.trigger},
	)
}

func (l *loader) schema(r *row) {
	in := &schema{oid: r.oid(), name: r.Text(), owner: r.oid(), rights: r.rights()}
	l.server.schemas[in.oid] = in
}

func (l *loader) relation(r *row) {
	rel := &Relation{oid: r.oid(), in: l.server.schemas[r.oid()], Name: r.Text(), Kind: r.Char(), owner: r.oid(), rowSecurity: r.Bool(), forced: r.Bool()}
	options := r.Texts()
	rel.rights = r.rights()
	if rel.in == nil {
		r.Fail("the schema of relation %d is not there", rel.oid)
		return
	}
	rel.Schema = rel.in.name
	rel.invoker = l.server.Version >= 15 && invokes(options)
	l.server.relations[rel.oid] = rel
	l.server.named[relationName{rel.Schema, rel.Name}] = rel
}

// of reads the OID of a relation and goes on if it is one that is looked at.
func (l *loader) of(r *row, read func(*Relation)) {
	if rel := l.server.relations[r.oid()]; rel != nil {
		read(rel)
	}
}

func (l *loader) columns(r *row) {
	l.of(r, func(rel *Relation) {
		rel.numbers, rel.Columns = r.columns(), r.Texts()
		if len(rel.numbers) != len(rel.Columns) || !slices.IsSorted(rel.numbers) {
			r.Fail("relation %d has %d columns and %d names of them", rel.oid, len(rel.numbers), len(rel.Columns))
		}
	})
}

func (l *loader) columnRights(r *row) {
	l.of(r, func(rel *Relation) {
		number := int16(r.Number(1<<15 - 1))
		given := r.rights()
		if at := rel.at(number); at >= 0 && len(given.list) > 0 {
			rel.columnRights = append(rel.columnRights, columnRights{at, given.list})
		}
	})
}

func (l *loader) inherits(r *row) {
	l.of(r, func(child *Relation) {
		l.of(r, func(parent *Relation) {
			child.parents = append(child.parents, parent)
			parent.children = append(parent.children, child)
		})
	})
}

func (l *loader) policy(r *row) {
	l.of(r, func(rel *Relation) {
		p := policy{name: r.Text(), permissive: r.Bool(), roles: r.oids()}
		text, some := r.Optional()
		p.condition = condition{text: text, code: r.Text(), elsewhere: r.Bool()}
		if some { // one without USING neither shows nor hides a row
			rel.policies = append(rel.policies, p)
		}
	})
}

func (l *loader) trigger(r *row) {
	l.of(r, func(rel *Relation) {
		name := r.Text()
		rel.triggers = append(rel.triggers, quoted(name)+" ("+quoted(r.Text(), r.Text())+")")
	})
}

func (l *loader) readRules(ctx context.Context) error {
	return l.ask(ctx, askRules, func(r *row) {
		l.of(r, func(by *Relation) {
			rule, view := r.Text(), r.Bool()
			if !view && !slices.Contains(by.rules, rule) {
				by.rules = append(by.rules, rule)
			}
			l.of(r, func(rel *Relation) {
				rel.usedBy = append(rel.usedBy, use{by: by, rule: rule, view: view, columns: r.columns()})
			})
		})
	})
}
