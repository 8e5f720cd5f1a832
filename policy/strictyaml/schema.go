package strictyaml

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// Form is a part of a JSON Schema.
type Form = map[string]any

// Key is what a Go type does not tell about one of its keys.
type Key struct {
	// About describes the key to people.
	About string
	// Value describes its texts and numbers, those of its list, or the names
	// of its map; nil means any of the type.
	Value Form
	// Need says that the key must be there, Some that its list must not be
	// empty.
	Need, Some bool
}

// Schema writes the JSON Schema (draft 07) of the documents that Decode reads
// into a struct type, for editors. It is made from the type, so it cannot
// describe other documents than those; describe tells what the type does not.
func Schema(t reflect.Type, title string, describe func(owner reflect.Type, field reflect.StructField) Key) []byte {
	root := schema{describe}.object(t)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = title
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		// Maps, slices, strings and numbers can always be written.
		panic("strictyaml: the schema cannot be written: " + err.Error())
	}
	return out.Bytes()
}

type schema struct {
	describe func(reflect.Type, reflect.StructField) Key
}

// of describes a type with the form of its texts and numbers.
func (s schema) of(t reflect.Type, value Form) Form {
	leaf := func(otherwise Form) Form {
		if value != nil {
			return value
		}
		return otherwise
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem(), value)
	case t == textType, t.Kind() == reflect.String, reflect.PointerTo(t).Implements(unmarshaler):
		return leaf(Form{"type": "string"})
	case t == scalarType:
		return leaf(Form{"type": []string{"integer", "string"}})
	case t == durationType:
		return leaf(Form{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`})
	case t.Kind() == reflect.Bool:
		return Form{"type": "boolean"}
	case t.Kind() == reflect.Slice:
		return Form{"type": "array", "items": s.of(t.Elem(), value)}
	case t.Kind() == reflect.Map:
		out := Form{"type": "object", "additionalProperties": s.of(t.Elem(), nil)}
		if value != nil {
			out["propertyNames"] = value
		}
		return out
	case t.Kind() == reflect.Struct:
		return s.object(t)
	}
	return leaf(Form{"type": "integer"})
}

func (s schema) object(t reflect.Type) Form {
	properties := Form{}
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		key := s.describe(t, f)
		one := s.of(f.Type, key.Value)
		if key.About != "" {
			one["description"] = key.About
		}
		if key.Some {
			one["minItems"] = 1
		}
		if options == "nullable" {
			one["type"] = []any{one["type"], "null"}
		}
		if options == "nullword" {
			one = Form{"anyOf": []any{one, Form{"type": "null"}}, "description": key.About}
		}
		if key.Need {
			required = append(required, name)
		}
		properties[name] = one
	}
	out := Form{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}
