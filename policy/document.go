package policy

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"

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

// document is the YAML form of a policy.
type document struct {
	strictyaml.Position
	Version      *int                        `yaml:"version"`
	Defaults     defaultsEntry               `yaml:"defaults"`
	Destinations map[string]destinationEntry `yaml:"destinations,nullable"`
	Rules        []ruleEntry                 `yaml:"rules,nullable"`
}

type destinationEntry struct {
	strictyaml.Position
	Host     string `yaml:"host"`
	Port     *int   `yaml:"port"`
	Database string `yaml:"database"`
	CA       string `yaml:"ca"`
}

type defaultsEntry struct {
	strictyaml.Position
	Limits *limitsEntry `yaml:"limits"`
}

type limitsEntry struct {
	strictyaml.Position
	Rows     strictyaml.Scalar `yaml:"rows"`
	Bytes    strictyaml.Scalar `yaml:"bytes"`
	Duration strictyaml.Scalar `yaml:"duration"`
}

type ruleEntry struct {
	strictyaml.Position
	ID        strictyaml.Text   `yaml:"id"`
	Effect    strictyaml.Text   `yaml:"effect"`
	Mode      strictyaml.Text   `yaml:"mode"`
	Kinds     []strictyaml.Text `yaml:"kinds"`
	Relations []strictyaml.Text `yaml:"relations"`
	Functions []strictyaml.Text `yaml:"functions"`
	Databases []strictyaml.Text `yaml:"databases"`
	Users     []strictyaml.Text `yaml:"users"`
	Addresses []strictyaml.Text `yaml:"addresses"`
	Methods   []strictyaml.Text `yaml:"methods"`
	Limits    *limitsEntry      `yaml:"limits"`
	Owner     strictyaml.Text   `yaml:"owner"`
	Message   strictyaml.Text   `yaml:"message"`
	Link      strictyaml.Text   `yaml:"link"`
}

// Parse reads a policy. The name, usually that of the file, appears in
// errors and in the reasons of decisions. An empty document is a policy
// without rules. The error joins one *strictyaml.Error for each mistake.
func Parse(name string, data []byte) (*Policy, error) {
	source, err := strictyaml.Open(name, data)
	if err != nil {
		return nil, err
	}
	var doc document
	if err := source.Decode(&doc); err != nil {
		return nil, err
	}
	r := &reader{source: source, errs: source.Errors()}
	p := &Policy{name: name, digest: digestOf(data)}
	r.version(&doc)
	p.places = r.destinations(doc.Destinations)
	p.defaults, p.defaultsPosition = r.limits(doc.Defaults.Limits)
	rules := r.rules(doc.Rules)
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
}

func (r *reader) version(doc *document) {
	empty := doc.Version == nil && doc.Position.IsZero()
	switch {
	case empty:
	case doc.Version == nil:
		r.errs.Addf(doc.Position, "the document does not say which form it has: begin it with version: 1")
	case *doc.Version != 1:
		r.errs.Addf(doc.Position, "version %d of the policy form is not known here; version: 1 is", *doc.Version)
	}
}

func (r *reader) destinations(entries map[string]destinationEntry) []PlaceDef {
	places := make([]PlaceDef, 0, len(entries))
	for name, entry := range entries {
		place := PlaceDef{Name: name, Host: entry.Host, Port: defaultPort, Database: entry.Database, CA: entry.CA}
		if entry.Port != nil {
			place.Port = *entry.Port
		}
		if !identifier.MatchString(name) {
			r.errs.Addf(entry.Position, "the name of a destination is made of %s", identifierWords)
		}
		if entry.Host == "" || strings.ContainsAny(entry.Host, " ,/:@") && !isAddress(entry.Host) {
			r.errs.Addf(entry.Position, "destination %s needs a host: one host name or IP address", name)
		}
		if place.Port < 1 || place.Port > 65535 {
			r.errs.Addf(entry.Position, "destination %s: a port is a number from 1 to 65535", name)
		}
		places = append(places, place)
	}
	slices.SortFunc(places, func(a, b PlaceDef) int { return cmp.Compare(a.Name, b.Name) })
	r.doublePlaces(places, entries)
	return places
}

// doublePlaces refuses two names for one place: facts about the one would
// be missed by rules about the other.
func (r *reader) doublePlaces(places []PlaceDef, entries map[string]destinationEntry) {
	type key struct {
		host     string
		port     int
		database string
	}
	seen := map[key]string{}
	for _, place := range places {
		k := key{canonicalHost(place.Host), place.Port, place.Database}
		if first, double := seen[k]; double && place.Host != "" {
			r.errs.Addf(entries[place.Name].Position, "destinations %s and %s are the same place: keep one name", first, place.Name)
		}
		seen[k] = place.Name
	}
}

func canonicalHost(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(host)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
