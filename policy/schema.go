package policy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/sluice-pg/sluice/policy/condition"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// Schema is the JSON Schema (draft 07) of the policy document, for editors.
// It is made from the types that Parse reads into, so it cannot describe
// another document than that. It does not know everything Parse does: names
// that must be declared, rules that are never reached and conditions are
// beyond it.
func Schema() []byte {
	root := schemaOf(reflect.TypeFor[document](), "")
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "Policy of Sluice"
	root["type"] = "object"
	root["required"] = []string{"version"}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		// Maps, slices, strings and numbers can always be written.
		panic("policy: the schema cannot be written: " + err.Error())
	}
	return out.Bytes()
}

// node is a schema in the making.
type node = map[string]any

// schemaOf describes a Go type as strictyaml reads it.
func schemaOf(t reflect.Type, form string) node {
	switch {
	case t == reflect.TypeFor[strictyaml.Text](), t == reflect.TypeFor[strictyaml.Scalar](), t.Kind() == reflect.String:
		return formOf(form)
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), form)
	case t.Kind() == reflect.Bool:
		return node{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return formOf(form)
	case t.Kind() == reflect.Slice:
		return node{"type": "array", "items": schemaOf(t.Elem(), form)}
	case t.Kind() == reflect.Map:
		out := node{"type": "object", "additionalProperties": schemaOf(t.Elem(), "")}
		if form != "" {
			out["propertyNames"] = formOf(form)
		}
		return out
	}
	return objectSchema(t)
}

// objectSchema describes a struct by its tags.
func objectSchema(t reflect.Type) node {
	properties := node{}
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		one := schemaOf(f.Type, f.Tag.Get("form"))
		one["description"] = f.Tag.Get("about")
		if f.Tag.Get("some") != "" {
			one["minItems"] = 1
		}
		if options == "nullable" {
			one["type"] = []any{one["type"], "null"}
		}
		if f.Tag.Get("need") != "" {
			required = append(required, name)
		}
		properties[name] = one
	}
	out := node{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// words accepts some texts and no others.
func words(accepted ...string) node { return node{"type": "string", "enum": accepted} }

// text accepts texts of a form.
func text(pattern string) node { return node{"type": "string", "pattern": pattern} }

// atMost accepts texts that are not longer.
func atMost(characters int) node { return node{"type": "string", "maxLength": characters} }

// formOf describes the values that a key accepts, by the name of the form.
// Without a name that is any text.
func formOf(name string) node {
	switch name {
	case "version":
		return node{"type": "integer", "enum": []int{1}}
	case "port":
		return node{"type": "integer", "minimum": 1, "maximum": 65535}
	case "identifier":
		return text(identifier.String())
	case "class":
		return text(className.String())
	case "digest":
		return text(digest.String())
	case "effect":
		return words(effectNames...)
	case "mode":
		return words(modeNames[:]...)
	case "kind":
		return words(append(kindNames(), "*")...)
	case "stated":
		return words(statedNames()...)
	case "method":
		return words(methodNames...)
	case "tls":
		return words(tlsRungs...)
	case "authentication":
		return words(authenticationRungs...)
	case "replication":
		return words(replicationRungs...)
	}
	return freeForm(name)
}

// freeForm describes values that people make up.
func freeForm(name string) node {
	switch name {
	case "message":
		return atMost(maxMessage)
	case "owner":
		return atMost(maxName)
	case "condition":
		return node{"type": "string", "minLength": 1, "maxLength": condition.MaxLength}
	case "link":
		return node{"type": "string", "pattern": "^https?://[^/]", "maxLength": maxLink}
	case "count":
		return node{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^(unlimited|[1-9][0-9]*)$"}
	case "bytes":
		return node{"type": []string{"integer", "string"}, "minimum": 1, "pattern": "^(unlimited|[1-9][0-9]*(KiB|MiB|GiB|TiB)?)$"}
	case "duration":
		return text("^(unlimited|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$")
	}
	return node{"type": "string"}
}
