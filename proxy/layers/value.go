package layers

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// set reads a text into a value. Its errors do not quote the text, which may
// be a secret at the wrong place.
func set(v reflect.Value, text string) error {
	t := v.Type()
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch {
	case t == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a time span with its unit, such as 30s or 5m")
		}
		v.SetInt(int64(d))
	case t.Kind() == reflect.String:
		v.SetString(text)
	case t.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case v.CanInt(), v.CanUint():
		return setNumber(v, text)
	case t.Kind() == reflect.Slice:
		return setList(v, text)
	case t.Kind() == reflect.Map:
		return setMap(v, text)
	default:
		return fmt.Errorf("can be given in the file only")
	}
	return nil
}

func setNumber(v reflect.Value, text string) error {
	if v.CanUint() {
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return errors.New("must be a whole number that is not negative")
		}
		v.SetUint(n)
		return nil
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if err != nil {
		return errors.New("must be a whole number")
	}
	v.SetInt(n)
	return nil
}

// setList reads values with commas between them.
func setList(v reflect.Value, text string) error {
	parts := strings.Split(text, ",")
	list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := set(list.Index(i), strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// setMap reads pairs key=value with commas between them.
func setMap(v reflect.Value, text string) error {
	t := v.Type()
	m := reflect.MakeMap(t)
	for part := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(part, "=")
		if !found {
			return errors.New("must be pairs such as a=1,b=2")
		}
		one := reflect.New(t.Elem()).Elem()
		if err := set(one, strings.TrimSpace(value)); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(strings.TrimSpace(key)).Convert(t.Key()), one)
	}
	v.Set(m)
	return nil
}
