package catalog

import (
	"slices"
	"strings"
)

// The schemas of temporary objects are pg_temp_N, one for each session;
// pg_temp is the session's own.
const (
	systemSchema = "pg_catalog"
	ownTemp      = "pg_temp"
	anyTemp      = "pg_temp_"
)

// boundPath is where the names of code are that the server keeps with its names
// resolved: in its text every name outside pg_catalog has its schema.
var boundPath = []string{systemSchema}

// pathOf is the path in which a function's names are looked for: its own if it
// has one, or else that of its caller. Temporary objects come first unless a
// path says otherwise.
func pathOf(settings, callers []string) []string {
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		if !strings.EqualFold(name, "search_path") {
			continue
		}
		listed, ok := splitPath(value)
		if !ok {
			return nil
		}
		if !slices.Contains(listed, systemSchema) {
			listed = slices.Insert(listed, 0, systemSchema)
		}
		if !slices.Contains(listed, ownTemp) {
			listed = slices.Insert(listed, 0, ownTemp)
		}
		return listed
	}
	return callers
}

// splitPath reads a list of schemas as the server keeps it; ok is false if one
// of them depends on the role.
func splitPath(value string) (schemas []string, ok bool) {
	for len(value) > 0 {
		value = strings.TrimLeft(value, " ,")
		var name string
		if strings.HasPrefix(value, `"`) {
			end := 1
			for end < len(value) && (value[end] != '"' || end+1 < len(value) && value[end+1] == '"') {
				if value[end] == '"' {
					end++
				}
				end++
			}
			if end >= len(value) {
				return nil, false
			}
			name, value = strings.ReplaceAll(value[1:end], `""`, `"`), value[end+1:]
		} else {
			name, value, _ = strings.Cut(value, ",")
			name = strings.ToLower(strings.TrimSpace(name))
		}
		if name == "$user" {
			return nil, false
		}
		if name != "" {
			schemas = append(schemas, name)
		}
	}
	return schemas, true
}

// isTemp reports whether a schema is for temporary objects.
func isTemp(schema string) bool { return schema == ownTemp || strings.HasPrefix(schema, anyTemp) }

// spaces are the schemas that one entry of a path, or a schema in the text,
// stands for. Whose pg_temp is meant depends on who runs the code.
func (s *Snapshot) spaces(name string) []*namespace {
	name = cut(name)
	if name != ownTemp {
		if in := s.schemas[name]; in != nil {
			return []*namespace{in}
		}
		return nil
	}
	var all []*namespace
	for other, in := range s.schemas {
		if isTemp(other) {
			all = append(all, in)
		}
	}
	return all
}

// relationsNamed are the relations that a name may mean. Of a path it is the
// first that has one; temporary ones that others may have come on top.
func (s *Snapshot) relationsNamed(schema, name string, path []string) (found []OID) {
	name = cut(name)
	look := func(spaces []*namespace) {
		for _, in := range spaces {
			if oid, ok := in.relations[name]; ok {
				found = append(found, oid)
			}
		}
	}
	switch {
	case schema != "":
		look(s.spaces(schema))
	case path == nil:
		look(s.everywhere())
	default:
		for _, one := range path {
			before := len(found)
			look(s.spaces(one))
			if len(found) > before && !isTemp(one) {
				break
			}
		}
	}
	return found
}

func (s *Snapshot) everywhere() []*namespace {
	all := make([]*namespace, 0, len(s.schemas))
	for _, in := range s.schemas {
		all = append(all, in)
	}
	return all
}

// inPath are the schemas in which a function, operator or type of a name may
// be. Functions and operators are not looked for among temporary objects.
func (s *Snapshot) inPath(schema string, path []string, temp bool) (all []*namespace) {
	switch {
	case schema != "":
		return s.spaces(schema)
	case path == nil:
		return s.everywhere()
	}
	for _, one := range path {
		if temp || !isTemp(one) {
			all = append(all, s.spaces(one)...)
		}
	}
	return all
}

// functionsNamed are the functions, not PostgreSQL's own, that a name may
// mean with so many arguments, -1 for any number.
func (s *Snapshot) functionsNamed(schema, name string, args int, path []string) (found []OID) {
	name = cut(name)
	for _, in := range s.inPath(schema, path, false) {
		for _, oid := range in.functions[name] {
			if f := s.functions[oid]; f != nil && f.takes(args) {
				found = append(found, oid)
			}
		}
	}
	return found
}

// takes reports whether a call with so many arguments can mean f.
func (f *Function) takes(args int) bool {
	n := len(f.Types)
	if f.Kind == 'p' {
		n = max(n, len(f.Parameters)) // CALL writes those for results too
	}
	return args < 0 || f.Variadic || args <= n && args >= len(f.Types)-f.Defaults || f.Kind == 'a'
}

// typesNamed are the types that a name may mean, row types of tables included.
func (s *Snapshot) typesNamed(schema, name string, path []string) (found []OID) {
	name = cut(name)
	for _, in := range s.inPath(schema, path, true) {
		if oid, ok := in.types[name]; ok {
			found = append(found, oid)
		}
		if oid, ok := in.relations[name]; ok && s.relations[oid].RowType != 0 {
			found = append(found, s.relations[oid].RowType)
		}
	}
	return found
}
