package layers

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	unmarshaler  = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// isLeaf tells types that hold one value, or a list or map of texts, from
// those that hold settings.
func isLeaf(t reflect.Type) bool {
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		return true
	case t.Kind() == reflect.Pointer:
		return isLeaf(t.Elem())
	case t.Kind() == reflect.Slice:
		return isLeaf(t.Elem())
	}
	return t.Kind() != reflect.Struct
}

// keyOf is the key of a struct field, empty if it is no setting.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if key == "-" {
		return ""
	}
	return key
}

// fieldOf finds the field of a key.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if keyOf(v.Type().Field(i)) == key && key != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keysOf lists the keys of a struct type.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := keyOf(t.Field(i)); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// leaves visits the values of a struct in the order of the type. What is not
// there, such as a nil pointer, has none.
func leaves(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch {
	case isLeaf(v.Type()):
		if v.Kind() != reflect.Pointer || !v.IsNil() {
			visit(path, reflect.Indirect(v))
		}
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), path, visit)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	default:
		for i := range v.NumField() {
			if key := keyOf(v.Type().Field(i)); key != "" {
				leaves(v.Field(i), strictyaml.Join(path, key), visit)
			}
		}
	}
}

// sample makes a value of a type in which every setting is there: lists have
// one entry, and texts are "x".
func sample(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(sample(t.Elem()))
	case isLeaf(t):
		if t.Kind() == reflect.String {
			v.SetString("x")
		}
	case t.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, sample(t.Elem())))
	default:
		for i := range t.NumField() {
			if keyOf(t.Field(i)) != "" {
				v.Field(i).Set(sample(t.Field(i).Type))
			}
		}
	}
	return v
}
