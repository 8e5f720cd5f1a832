package layers

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// entry is the number of an entry in the name of a setting.
var entry = regexp.MustCompile(`^(0|[1-9][0-9]{0,3})$`)

// split cuts the name of a setting into keys and numbers of entries.
func split(name string) []string {
	return strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(name), ".")
}

// path writes keys and numbers as the name of a setting.
func path(parts []string) string {
	name := ""
	for _, part := range parts {
		if entry.MatchString(part) {
			name += "[" + part + "]"
			continue
		}
		name = strictyaml.Join(name, part)
	}
	return name
}

// unindexed is the name of a setting with the entries of its lists left open,
// as listen[].address.
func unindexed(name string) string { return indexes.ReplaceAllString(name, "[]") }

var indexes = regexp.MustCompile(`\[\d+\]`)

// reach finds the value that the parts lead to. On its way it makes what is
// not there yet: structs behind pointers, and the entry behind the last one
// of a list.
func reach(v reflect.Value, parts []string) (reflect.Value, error) {
	for i, part := range parts {
		var err error
		if v, err = step(v, part, path(parts[:i])); err != nil {
			return reflect.Value{}, err
		}
	}
	if v.Kind() == reflect.Pointer && isLeaf(v.Type()) {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if !isLeaf(v.Type()) {
		return reflect.Value{}, fmt.Errorf("%s is no single setting%s", path(parts), below(v.Type(), path(parts)))
	}
	return v, nil
}

func step(v reflect.Value, part, at string) (reflect.Value, error) {
	if v.Kind() == reflect.Pointer && !isLeaf(v.Type()) {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch {
	case isLeaf(v.Type()):
		return v, fmt.Errorf("%s is a single setting and has no %s", at, part)
	case v.Kind() == reflect.Slice:
		n, err := strconv.Atoi(part)
		if err != nil || !entry.MatchString(part) {
			return v, fmt.Errorf("%s is a list: write the number of an entry behind it, as in %s[0]", at, at)
		}
		if n > v.Len() {
			return v, fmt.Errorf("%s has %d entries, so the next new one is %s[%d]", at, v.Len(), at, v.Len())
		}
		if n == v.Len() {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		return v.Index(n), nil
	}
	field, found := fieldOf(v, part)
	if !found {
		return v, fmt.Errorf("there is no setting %s%s", strictyaml.Join(at, part), near(strictyaml.Join(at, part), at, keysOf(v.Type())))
	}
	return field, nil
}

// near is the tail of a message about a name that does not exist.
func near(name, at string, keys []string) string {
	for i, key := range keys {
		keys[i] = strictyaml.Join(at, key)
	}
	if meant := strictyaml.Suggest(name, keys); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return "; known are " + strings.Join(keys, ", ")
}

// below names the settings inside one.
func below(t reflect.Type, at string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return fmt.Sprintf(": it is a list, whose entries are %s[0] and so on", at)
	}
	return near("", at, keysOf(t))
}
