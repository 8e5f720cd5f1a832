package protection

import (
	"context"
	"fmt"
	"regexp"
)

func (l *loader) readFunctions(ctx context.Context) error {
	known := map[oid]*function{}
	return l.steps(ctx,
		step{fmt.Sprintf(askFunctions, l.since(14, atomicBody, noAtomicBody)), func(r *row) {
			if f := l.function(r); f != nil {
				known[f.oid] = f
			}
		}},
		step{askFunctionUses, func(r *row) {
			f := known[r.oid()]
			l.of(r, func(rel *Relation) {
				if f != nil {
					f.uses = append(f.uses, functionUse{rel, r.columns()})
				}
			})
		}},
	)
}

func (l *loader) function(r *row) *function {
	f := &function{oid: r.oid(), in: l.server.schemas[r.oid()], name: r.Text(), arguments: r.Text(), owner: r.oid(), definer: r.Bool(), language: r.Text(), trusted: r.Bool()}
	f.rights, f.referred, f.source = r.rights(), r.Bool(), r.Text()
	body, atomic := r.Optional()
	calls := r.Bool()
	if f.in == nil {
		r.Fail("the schema of function %d is not there", f.oid)
		return nil
	}
	f.atomic = atomic && !calls && !runsText.MatchString(body)
	if atomic {
		f.source = body
	}
	l.server.functions = append(l.server.functions, f)
	return f
}

// runsText finds calls of PostgreSQL's own functions that run a text or read a
// relation that a text names, which no dependency tells.
var runsText = regexp.MustCompile(`(?i)_to_xml|ts_stat|ts_rewrite|ts_query|pg_read_|lo_|pg_logical_|currval|pg_get_`)

func (l *loader) readPublications(ctx context.Context) error {
	known := map[oid]*publication{}
	err := l.steps(ctx,
		step{askPublications, func(r *row) {
			number := r.oid()
			known[number] = &publication{name: r.Text(), all: r.Bool(), schemas: map[oid]bool{}, tables: map[oid]published{}}
			l.server.publications = append(l.server.publications, known[number])
		}},
		step{fmt.Sprintf(askPublished, l.since(15, filterOf, noFilter)), func(r *row) {
			if p := known[r.oid()]; p != nil {
				table := r.oid()
				p.tables[table] = published{columns: r.columns(), filter: r.Text()}
			}
		}},
	)
	if err != nil || l.server.Version < 15 {
		return err
	}
	return l.ask(ctx, askPublishedSchemas, func(r *row) {
		if p := known[r.oid()]; p != nil {
			p.schemas[r.oid()] = true
		}
	})
}

func (l *loader) readRest(ctx context.Context) error {
	return l.steps(ctx,
		step{askDefaultRights, func(r *row) {
			d := defaultRights{role: r.oid(), schema: r.oid(), kind: r.Char()}
			d.list, d.empty = r.rights().list, r.Bool()
			l.server.defaults = append(l.server.defaults, d)
		}},
		step{askServers, func(r *row) {
			l.server.servers = append(l.server.servers, foreignServer{r.Text(), r.Text(), int(r.Number(1 << 31))})
		}},
	)
}
