package statement

import (
	"reflect"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// readsRows reports whether expressions depend on rows: they name a column,
// have a sub-select or count rows. Without any of these, whatever built-in
// functions they call, they only know what the client sent. Functions that
// know more are judged by themselves, wherever they stand.
func readsRows(nodes []*pg.Node) bool {
	for _, n := range nodes {
		if n != nil && findsRows(reflect.ValueOf(n)) {
			return true
		}
	}
	return false
}

func findsRows(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return false
		}
		switch m := v.Interface().(type) {
		case *pg.ColumnRef, *pg.SubLink:
			return true
		case *pg.FuncCall:
			if m.AggStar {
				return true
			}
		}
		for _, part := range plan(v.Elem().Type()) {
			if findsRows(v.Elem().Field(part.index)) {
				return true
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if findsRows(v.Index(i)) {
				return true
			}
		}
	case reflect.Interface:
		return !v.IsNil() && findsRows(v.Elem().Elem().Field(0))
	}
	return false
}
