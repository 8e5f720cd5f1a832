package catalog

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Sight is what one session sees of a database. Its zero value sees nothing.
type Sight struct {
	Snapshot *Snapshot
	// Path is what current_schemas(true) says: the schemas in which names
	// without one are looked for, in order, those that are searched without
	// being named included. nil means that it is not known; a name without a
	// schema is then unknown.
	Path []string
	// Overlay is what the session has made and changed since the snapshot;
	// nil for nothing.
	Overlay *Overlay
}

// Found says whether something is there.
type Found int

// The answers. Unknown is the careful one: it could be there or not, and be
// what the snapshot has by that name or something else.
const (
	Unknown Found = iota
	Missing
	Known
)

func (f Found) String() string {
	switch f {
	case Missing:
		return "missing"
	case Known:
		return "known"
	}
	return "unknown"
}

// longestName is how many bytes of a name the server keeps (NAMEDATALEN - 1).
const longestName = 63

// cut shortens a name as the server does: to whole characters.
func cut(name string) string {
	if len(name) <= longestName {
		return name
	}
	end := longestName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

const (
	// temporary is how statements name a session's schema for temporary
	// objects, whose own name begins with temporaryPrefix.
	temporary       = "pg_temp"
	temporaryPrefix = "pg_temp_"
)

func isTemporary(schema string) bool { return strings.HasPrefix(schema, temporaryPrefix) }

// schemas are where a name is looked for, in order. ok is false if that is not
// known.
func (s Sight) schemas(schema string) (in []string, ok bool) {
	switch {
	case s.Snapshot == nil:
		return nil, false
	case schema == "":
		return s.Path, s.Path != nil
	case schema != temporary:
		return []string{cut(schema)}, true
	case s.Path == nil:
		return nil, false
	}
	at := slices.IndexFunc(s.Path, isTemporary)
	if at < 0 {
		return nil, true
	}
	return s.Path[at : at+1], true
}

// Find looks up what a relation's name means, as the server does: the first
// schema of the path that has it, or the one that is written in front. Names
// are as the parser gives them, without quotes. An index or TOAST table is
// found as well, since it hides what comes after it in the path.
func (s Sight) Find(schema, name string) (*Relation, Found) {
	in, ok := s.schemas(schema)
	if !ok {
		return nil, Unknown
	}
	name = cut(name)
	if schema == "" && s.madeBesidePath(name) {
		return nil, Unknown
	}
	made, first := s.unlistedTemporary(schema, in, name)
	if first == Unknown {
		return nil, Unknown
	}
	for _, in := range in {
		r, found := s.findIn(in, name)
		switch {
		case found == Missing:
		case found == Known && first == Known:
			return nil, Unknown // whichever comes first in the path
		default:
			return r, found
		}
	}
	return made, first
}

// findIn looks a name up in one schema.
func (s Sight) findIn(schema, name string) (*Relation, Found) {
	if r, changed := s.Overlay.named(schema, name); changed {
		if r == nil {
			return nil, Unknown
		}
		return r, Known
	}
	r := s.Snapshot.named(schema, name)
	switch {
	case r == nil:
		return nil, Missing
	case isTemporary(schema):
		// Made by code that the text does not show, or by an earlier session
		// whose schema this one has now.
		return nil, Unknown
	}
	return r, Known
}

// unlistedTemporary looks a name up among temporary relations if the path does
// not yet have the schema for them: the session has made its first one since.
func (s Sight) unlistedTemporary(schema string, in []string, name string) (*Relation, Found) {
	if schema != "" && schema != temporary || slices.ContainsFunc(in, isTemporary) {
		return nil, Missing
	}
	r, changed := s.Overlay.named(temporary, name)
	switch {
	case !changed:
		return nil, Missing
	case r == nil:
		return nil, Unknown
	}
	return r, Known
}

// madeBesidePath reports whether a schema that the session has made, which the
// path may have by now, has something of a name.
func (s Sight) madeBesidePath(name string) bool {
	if s.Overlay == nil {
		return false
	}
	for schema := range s.Overlay.schemas {
		if slices.Contains(s.Path, schema) {
			continue
		}
		if _, found := s.findIn(schema, name); found != Missing {
			return true
		}
	}
	return false
}

// Relation returns a relation by its OID, as the session sees it: also one that
// it has made, whose OID is not the server's, or changed. One that is dropped
// or in doubt is as the snapshot has it, if it does; nil if there is none.
func (s Sight) Relation(oid OID) *Relation {
	if s.Overlay != nil {
		if name, ok := s.Overlay.names[oid]; ok {
			if r := s.Overlay.relations[name]; r != nil && r.OID == oid {
				return r
			}
		}
	}
	return s.Snapshot.Relation(oid)
}

// named returns what a schema has by a name, nil for nothing.
func (s *Snapshot) named(schema, name string) *Relation {
	in := s.schemas[schema]
	if in == nil {
		return nil
	}
	if oid, ok := in.relations[name]; ok {
		return s.relations[oid]
	}
	if o, ok := in.others[name]; ok {
		return &Relation{OID: o.oid, Schema: schema, Name: name, Kind: o.kind, Of: o.of}
	}
	return nil
}
