package proxy

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

// In a record a member whose name ends in _digest refers to the store. Only
// the request does, and no name of a member is a word of the client's.
func TestRecordsReferOnlyToRequests(t *testing.T) {
	marshaler := reflect.TypeFor[json.Marshaler]()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		if seen[typ] || typ.Implements(marshaler) {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Map:
			t.Errorf("%s is a map: whose words are its keys?", path)
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(typ.Elem(), path)
		case reflect.Struct:
			for i := range typ.NumField() {
				field := typ.Field(i)
				name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if !field.IsExported() || name == "-" {
					continue
				}
				if name == "" {
					name = field.Name
				}
				if strings.HasSuffix(name, "_digest") && name != "request_digest" {
					t.Errorf("%s.%s would refer to the store", path, name)
				}
				walk(field.Type, path+"."+name)
			}
		}
	}
	for _, record := range []any{
		decisionRecord{}, executeRecord{}, resultRecord{}, openRecord{}, closeRecord{}, leaseRecord{}, policy.Request{},
	} {
		walk(reflect.TypeOf(record), reflect.TypeOf(record).String())
	}
	if len(seen) < 20 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}
