package statement

import (
	"reflect"
	"sync"
)

// places tells where the tokens of a text are in its shape.
type places struct {
	// tokens leaves out the comments; at has the offset of each.
	tokens []token
	at     []int
}

func placesOf(tokens []token) places {
	p := places{tokens: make([]token, 0, len(tokens)), at: make([]int, 0, len(tokens))}
	var r ruler
	for _, t := range tokens {
		if !t.comment() {
			p.tokens = append(p.tokens, t)
			p.at = append(p.at, r.step(t.start, t.end, t.literal()))
		}
	}
	return p
}

// inShape turns an offset in the text into one in the shape. The parser gives
// offsets of the beginnings of tokens, and the analysis ends of them; any
// other is taken for the nearest one before it. A negative one is -1.
func (p places) inShape(offset int) int {
	if offset < 0 {
		return -1
	}
	i := firstFrom(p.tokens, offset+1) - 1
	if i < 0 {
		return 0
	}
	t, at := p.tokens[i], p.at[i]
	switch {
	case offset == t.start:
		return at
	case t.literal() && offset < t.end:
		return at
	case t.literal():
		return at + 1
	}
	return at + min(offset, t.end) - t.start
}

// positionNames are the fields that hold an offset.
var positionNames = map[string]bool{"Position": true, "Start": true, "End": true}

// replacer applies f to every field that holds an offset, in a value and all
// it is made of. What two pointers point to is changed once.
type replacer struct {
	f    func(int) int
	seen map[any]bool
}

func (r *replacer) replace(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || r.seen[v.Interface()] {
			return
		}
		if r.seen == nil {
			r.seen = map[any]bool{}
		}
		r.seen[v.Interface()] = true
		r.replace(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			r.replace(v.Index(i))
		}
	case reflect.Struct:
		for _, i := range positionPlan(v.Type()) {
			if field := v.Field(i); field.Kind() == reflect.Int {
				field.SetInt(int64(r.f(int(field.Int()))))
			} else {
				r.replace(field)
			}
		}
	}
}

var queryType = reflect.TypeFor[*Query]()

var positionPlans sync.Map // reflect.Type of a struct -> []int

// positionPlan lists the fields of a struct that are offsets or may hold
// some.
func positionPlan(t reflect.Type) []int {
	if p, ok := positionPlans.Load(t); ok {
		return p.([]int)
	}
	var fields []int
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Type == queryType {
			continue // has no places
		}
		switch kind := field.Type.Kind(); {
		case kind == reflect.Int && positionNames[field.Name],
			kind == reflect.Pointer, kind == reflect.Struct,
			kind == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct,
			kind == reflect.Slice && field.Type.Elem().Kind() == reflect.Pointer:
			fields = append(fields, i)
		}
	}
	positionPlans.Store(t, fields)
	return fields
}

// mostLocated is the length of the longest text, in bytes, that Locate reads
// with the parser's lexer if the package's own does not understand it.
const mostLocated = 64 << 10

// Locate finds the byte offset in a text that is meant by a position in its
// shape. It is -1 for -1, for a position that the text does not have, and in a
// long text that is hard to read.
func Locate(text string, position int) int {
	if position < 0 {
		return -1
	}
	at, read := locateByLexer(text, position)
	if read {
		return at
	}
	if len(text) > mostLocated || deepComment(text) >= 0 {
		return -1
	}
	tokens, err := scan(text)
	if err != nil {
		return -1
	}
	var r ruler
	for _, t := range tokens {
		if t.comment() {
			continue
		}
		if at, found := within(&r, t.start, t.end, t.literal(), position); found {
			return at
		}
	}
	return -1
}

// locateByLexer is Locate with the package's own lexer; read is false if that
// does not understand the text up to the position.
func locateByLexer(text string, position int) (at int, read bool) {
	l, ok := newLexer(text)
	if !ok {
		return -1, false
	}
	var r ruler
	for {
		t := l.next()
		switch t.kind {
		case lexDoubt:
			return -1, false
		case lexEnd:
			return -1, true
		}
		if at, found := within(&r, t.start, t.end, t.kind.literal(), position); found {
			return at, true
		}
	}
}

// within passes one token and returns the offset in the text if the position
// is in it, or at its end and not at the beginning of the next one. The two
// only differ where a space is between them.
func within(r *ruler, start, end int, literal bool, position int) (at int, found bool) {
	begin := r.step(start, end, literal)
	switch {
	case position > r.at || position < begin:
		return -1, false
	case position == r.at:
		return end, true
	case literal:
		return start, true
	}
	return start + position - begin, true
}
