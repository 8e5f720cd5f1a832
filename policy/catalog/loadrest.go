package catalog

import "context"

// firstSchemaPublications is the first server_version_num with publications of
// schemas.
const firstSchemaPublications = 150000

// readRest reads what belongs to no schema.
func (l *loader) readRest(ctx context.Context) error {
	s := l.snapshot
	steps := []step{
		{askExtensions, func(r *row) {
			s.Extensions = append(s.Extensions, Extension{Name: r.Text(), Version: r.Text(), Schema: l.schema(r)})
		}},
		{askServers, func(r *row) {
			s.Servers = append(s.Servers, Server{OID: r.oid(), Name: r.Text(), Wrapper: r.Text(), Handler: r.oid(), Host: r.Text(), Port: r.Text(), Database: r.Text()})
		}},
		{askEventTriggers, func(r *row) {
			s.EventTriggers = append(s.EventTriggers, EventTrigger{Name: r.Text(), Event: r.Text(), Function: r.oid(), Enabled: r.Char()})
		}},
		{askPublications, func(r *row) {
			s.Publications = append(s.Publications, Publication{OID: r.oid(), Name: r.Text(), AllTables: r.Bool()})
		}},
		{askPublished, func(r *row) {
			l.publication(r.oid(), func(p *Publication) { p.Tables = append(p.Tables, r.oid()) })
		}},
	}
	if s.Server >= firstSchemaPublications {
		steps = append(steps, step{askPublishedSchemas, func(r *row) {
			l.publication(r.oid(), func(p *Publication) { p.Schemas = append(p.Schemas, l.schema(r)) })
		}})
	}
	return l.steps(ctx, steps)
}

func (l *loader) publication(oid OID, read func(*Publication)) {
	for i := range l.snapshot.Publications {
		if l.snapshot.Publications[i].OID == oid {
			read(&l.snapshot.Publications[i])
		}
	}
}
