package statement

import (
	"reflect"
	"unsafe"
)

// entryWeight is what an entry takes besides its key and analysis.
const entryWeight = int(unsafe.Sizeof(entry{}))

// weigh estimates the memory an analysis holds on to, in bytes. Words that
// are part of the program count too, so it is rather too much.
func weigh(a *Analysis) int {
	return int(unsafe.Sizeof(*a)) + held(reflect.ValueOf(a).Elem())
}

// held is what a value points to.
func held(v reflect.Value) (bytes int) {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Pointer:
		if v.IsNil() {
			return 0
		}
		if v.Type() == queryType {
			return v.Interface().(*Query).Weight * partBytes
		}
		return int(v.Type().Elem().Size()) + held(v.Elem())
	case reflect.Slice:
		bytes = v.Cap() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			bytes += held(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			bytes += held(v.Field(i))
		}
	}
	return bytes
}
