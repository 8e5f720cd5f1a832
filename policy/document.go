package policy

import (
	"regexp"
	"slices"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Limits of a document, so that reading one stays quick and the words that
// clients see stay short.
const (
	maxRules   = 2000
	maxMessage = 500
	maxLink    = 300
	// maxName is the length of a PostgreSQL name in bytes (NAMEDATALEN-1);
	// the server cuts longer ones.
	maxName = 63
)

// identifier is the form of the ids of rules and the names of places. They
// appear in one-line messages, so they are short.
var identifier = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

const identifierWords = "lower-case letters, digits, dots, dashes and underscores, at most 40 of them"

// Parse reads a policy. The name, usually that of the file, appears in
// errors and in the reasons of decisions. A document without anything is a
// mistake: more likely than a policy without rules it is one that was lost
// while it was written. The error joins one *strictyaml.Error for each mistake.
func Parse(name string, data []byte) (*Policy, error) {
	source, err := strictyaml.Open(name, data)
	if err != nil {
		return nil, err
	}
	var doc document
	if err := source.Decode(&doc); err != nil {
		return nil, err
	}
	r := &reader{source: source, errs: source.Errors(), conditions: map[string]*condition.Condition{}}
	p := &Policy{name: name, digest: digestOf(data)}
	r.version(&doc)
	p.defaults, p.defaultsPosition = r.limits(doc.Defaults.Limits)
	r.databases(doc.Databases)
	r.classes(doc.Classes)
	p.classNames, p.columns = r.classNames, r.columns(doc.Columns)
	p.masks = r.masks(doc.Masks)
	p.known = r.known(doc.Functions.Known)
	p.places, p.readers = r.destinations(doc.Destinations), r.readersOf
	for _, one := range p.places {
		r.placeNames = append(r.placeNames, one.Name)
	}
	p.clients, p.hasClients = r.clients(doc.Clients), doc.Clients != nil
	p.leases = r.leases(doc.Leases)
	p.feeds = r.feeds(doc.Replication)
	rules := r.rules(doc.Rules)
	p.budgets = r.budgets(doc.Budgets, rules)
	p.subjects = r.subjects(doc.Subjects)
	if err := r.errs.Err(); err != nil {
		return nil, err
	}
	p.rules = rules
	for _, one := range rules {
		if one.effect == Deny {
			p.deny = append(p.deny, one)
		} else {
			p.leave = append(p.leave, one)
		}
	}
	return p, nil
}

// reader turns the YAML form into rules and collects what is wrong.
type reader struct {
	source *strictyaml.Document
	errs   *strictyaml.Errors
	// databaseNames and classNames are what the document declares, sorted;
	// databaseNames is nil if it has no such section.
	databaseNames []string
	classNames    []string
	// readersOf say whom roles stand for, by database; placeNames are the
	// destinations, sorted.
	readersOf  map[string][]Readers
	placeNames []string
	// conditions holds what was compiled, by its text: rules tend to share
	// conditions.
	conditions map[string]*condition.Condition
}

func (r *reader) version(doc *document) {
	switch {
	case doc.Version == nil && doc.Position.IsZero():
		r.errs.Addf(doc.Position, "the document is empty: a policy without rules is version: 1")
	case doc.Version == nil:
		r.errs.Addf(doc.Position, "the document does not say which form it has: begin it with version: 1")
	case *doc.Version != 1:
		r.errs.Addf(doc.Position, "version %d of the policy form is not known here; version: 1 is", *doc.Version)
	}
}

// databases reads which databases there are.
func (r *reader) databases(entries map[string]databaseEntry) {
	if entries == nil {
		return
	}
	r.databaseNames, r.readersOf = make([]string, 0, len(entries)), map[string][]Readers{}
	for name, entry := range entries {
		r.readersOf[name] = r.readers(entry.Readers)
		if name == "" {
			r.errs.Addf(entry.Position, "the name of a database is empty")
		}
		r.databaseNames = append(r.databaseNames, name)
	}
	slices.Sort(r.databaseNames)
}
