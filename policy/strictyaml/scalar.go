package strictyaml

import (
	"encoding"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// decimal is the one way to write a whole number.
var decimal = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

// text reads a text. Numbers, true, false and null are not texts unless
// they stand in quotes.
func (w *walk) text(n ast.Node, subject string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	w.mismatch(n, "text", subject)
	return "", false
}

// textOrNumber reads a text or a whole number in its one spelling.
func (w *walk) textOrNumber(n ast.Node, subject string) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode:
		if decimal.MatchString(n.Token.Value) {
			return n.Token.Value, true
		}
	}
	w.mismatch(n, "a whole number or a text", subject)
	return "", false
}

func (w *walk) duration(n ast.Node, into reflect.Value, subject string) {
	s, isText := n.(*ast.StringNode)
	if !isText {
		w.mismatch(n, "a time span with its unit, such as 30s or 5m", subject)
		return
	}
	span, err := time.ParseDuration(s.Value)
	if err != nil {
		w.errs.Addf(place(n), "%s must be a time span with its unit, such as 30s or 5m, not %q", subject, s.Value)
		return
	}
	into.SetInt(int64(span))
}

func (w *walk) unmarshal(n ast.Node, into reflect.Value, subject string) {
	s, ok := w.text(n, subject)
	if !ok {
		return
	}
	if err := into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		w.errs.Addf(place(n), "%s: %v", subject, err)
	}
}

func (w *walk) scalar(n ast.Node, into reflect.Value, subject string) {
	switch into.Kind() {
	case reflect.String:
		if s, ok := w.text(n, subject); ok {
			into.SetString(s)
		}
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
			return
		}
		w.mismatch(n, "true or false", subject)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.integer(n, into, subject)
	default:
		w.errs.Addf(place(n), "%s cannot be read into a Go value of type %s", subject, into.Type())
	}
}

func (w *walk) integer(n ast.Node, into reflect.Value, subject string) {
	number, ok := n.(*ast.IntegerNode)
	if !ok || !decimal.MatchString(number.Token.Value) {
		w.mismatch(n, "a whole number", subject)
		return
	}
	if into.CanUint() {
		if value, err := strconv.ParseUint(number.Token.Value, 10, into.Type().Bits()); err == nil {
			into.SetUint(value)
			return
		}
	} else if value, err := strconv.ParseInt(number.Token.Value, 10, into.Type().Bits()); err == nil {
		into.SetInt(value)
		return
	}
	w.errs.Addf(place(n), "%s is out of range: %s", subject, number.Token.Value)
}

// mismatch reports a value of another type than expected.
func (w *walk) mismatch(n ast.Node, want, subject string) {
	got, hint := "something else", ""
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		got = "text"
	case *ast.BoolNode:
		got, hint = "a truth value", "put it in quotes"
	case *ast.IntegerNode:
		got, hint = "a number", "put it in quotes"
	case *ast.FloatNode:
		got, hint = "a fraction", "put it in quotes"
	case *ast.SequenceNode:
		got = "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		got = "keys with values"
	}
	if want != "text" || hint == "" {
		w.errs.Addf(place(n), "%s must be %s, not %s", subject, want, got)
		return
	}
	w.errs.Addf(place(n), "%s must be text, not %s: %s", subject, got, hint)
}
