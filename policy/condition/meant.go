package condition

import (
	"reflect"
	"regexp"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// unknownField is how the type checker begins what it says of an unknown
// field. For unknown variables it makes a suggestion of its own.
var unknownField = regexp.MustCompile(`^undefined field '([^']*)'`)

// meant is the field that was probably meant by one the checker does not
// know, "" if none is near.
func meant(message string) string {
	if found := unknownField.FindStringSubmatch(message); found != nil {
		return strictyaml.Suggest(found[1], fieldNames())
	}
	return ""
}

func fieldNames() []string {
	var names []string
	for _, t := range []reflect.Type{
		reflect.TypeFor[Identity](), reflect.TypeFor[Session](), reflect.TypeFor[Statement](), reflect.TypeFor[Destination](),
	} {
		for i := range t.NumField() {
			names = append(names, t.Field(i).Tag.Get("cel"))
		}
	}
	return names
}
