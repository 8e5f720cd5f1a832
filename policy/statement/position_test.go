package statement

import (
	"reflect"
	"strings"
	"testing"
)

// Every whole number in a statement is an offset that is turned into one in
// the shape, or is known to be none.
func TestEveryPositionIsFound(t *testing.T) {
	counts := map[string]bool{
		"Destination.Port": true, "CopyIn.Columns": true, "Function.Args": true,
		"Call.Args": true, "Rows.Args": true, "Target.NameOf": true, "Set.Num": true, "Query.Weight": true,
		"Carry.Expires": true,
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] || typ == queryType.Elem() { // which has none
				return
			}
			seen[typ] = true
			for i := range typ.NumField() {
				field := typ.Field(i)
				name := typ.Name() + "." + field.Name
				switch field.Type.Kind() {
				case reflect.Int:
					if positionNames[field.Name] == counts[name] {
						t.Errorf("%s: is it an offset? Then call it Position, else name it in this test", name)
					}
				case reflect.String, reflect.Bool, reflect.Uint8, reflect.Pointer, reflect.Struct:
					walk(field.Type)
				case reflect.Slice:
					switch field.Type.Elem().Kind() {
					case reflect.Struct, reflect.Pointer, reflect.String, reflect.Bool, reflect.Uint8:
					default:
						t.Errorf("%s: replacer does not look into %s", name, field.Type)
					}
					walk(field.Type)
				default:
					t.Errorf("%s: replacer does not look into %s", name, field.Type)
				}
			}
		}
	}
	walk(reflect.TypeFor[Statement]())
	if !seen[reflect.TypeFor[NameUse]()] || !seen[reflect.TypeFor[Effect]()] {
		t.Errorf("only saw %v", seen)
	}
}

// eachPosition calls f for every offset in the statements.
func eachPosition(statements []Statement, f func(int)) {
	r := replacer{f: func(at int) int {
		f(at)
		return at
	}}
	r.replace(reflect.ValueOf(statements))
}

func TestReplacerMeetsEachOnce(t *testing.T) {
	inner := &Statement{Start: 1, End: 2, Effects: []Effect{{Position: 3}}}
	all := []Statement{{
		Start: 4, End: 5, Relations: []Relation{{Position: 6}}, Functions: []Function{{Position: 7}},
		Destinations: []Destination{{Port: 100, Position: 8}}, Settings: []Setting{{Position: 9}},
		Names: []NameUse{{Inner: inner}, {Inner: inner}}, CopyIn: &CopyIn{Columns: 100},
	}}
	sum := 0
	eachPosition(all, func(at int) { sum += at })
	if sum != 45 {
		t.Errorf("the offsets sum up to %d, not 45", sum)
	}
}

// spread writes a text with other white space, comments and literals: its
// shape stays the same.
func spread(text string, tokens []token) string {
	var b strings.Builder
	last := -1
	for i, tok := range tokens {
		if tok.comment() {
			continue
		}
		if last >= 0 && tok.start > last {
			b.WriteString([]string{" \t", "/* ' */", " -- \"\n ", "/* a /* b */ */\n"}[i%4])
		}
		switch {
		case lexKindOf(tok.kind) == lexString:
			b.WriteString("'it''s another'")
		case lexKindOf(tok.kind) == lexInteger:
			b.WriteString("2147483647")
		default:
			b.WriteString(text[tok.start:tok.end])
		}
		last = tok.end
	}
	return b.String()
}

// Every token of a text is found again by its place in the shape, in that
// text and in all others of the same shape.
func TestLocate(t *testing.T) {
	texts := append(corpus(t, "kinds", "settings", "scope", "destinations", "everyday", "names"), plainTexts...)
	texts = append(texts, "SELECT'a'", "SELECT 'a'", "SELECT U&\"a\" , E'\\'' /* x */ FROM t", "/* a */ SELECT /* b */ 'x''y'/* c */::text")
	for _, text := range texts {
		tokens, err := scan(text)
		if err != nil {
			continue
		}
		whole, _ := shape(text, tokens)
		p := placesOf(tokens)
		for i, tok := range p.tokens {
			at, end := p.inShape(tok.start), p.inShape(tok.end)
			if want := text[tok.start:tok.end]; whole[at:end] != want && (!tok.literal() || whole[at:end] != "?") {
				t.Fatalf("%q: %q is at %q in the shape", text, want, whole[at:end])
			}
			if at != p.at[i] || Locate(text, at) != tok.start || Locate(text, end) != tok.end {
				t.Fatalf("%q: [%d:%d] became [%d:%d] and then [%d:%d]", text, tok.start, tok.end, at, end, Locate(text, at), Locate(text, end))
			}
		}
		if Locate(text, -1) != -1 || Locate(text, len(whole)+1) != -1 {
			t.Fatalf("%q: found what is not there", text)
		}
		checkSpread(t, text, spread(text, tokens), tokens)
	}
}

// checkSpread compares the places in two texts of the same shape.
func checkSpread(t *testing.T, text, other string, tokens []token) {
	t.Helper()
	spreadTokens, err := scan(other)
	if err != nil {
		t.Fatalf("%q: %v", other, err)
	}
	p, q := placesOf(tokens), placesOf(spreadTokens)
	if !reflect.DeepEqual(p.at, q.at) {
		t.Fatalf("%q and %q have other places", text, other)
	}
	for i := range p.at {
		if got := Locate(other, p.at[i]); got != q.tokens[i].start {
			t.Fatalf("%q: token %d is at %d, not %d", other, i, got, q.tokens[i].start)
		}
	}
}

// What an analysis points at is where the text has it.
func TestPositionsPointAtNames(t *testing.T) {
	for _, text := range []string{
		"/* x */ SELECT 'a''b',  E'c' , lower( 'd' ) FROM\n users",
		"SELECT 1; SELECT /* y */ 'z', lower(\"users\".a) FROM users;",
		"PREPARE p AS SELECT 'long literal', lower('x') FROM  users",
	} {
		a := judge(text)
		if a.Problem != nil {
			t.Fatalf("%s: %+v", text, a.Problem)
		}
		st := a.Statements[len(a.Statements)-1]
		for name, at := range map[string]int{"users": st.Relations[0].Position, "lower": st.Functions[0].Position, st.Effects[0].What[:6]: st.Start} {
			if !strings.HasPrefix(a.Shape[at:], name) || !strings.HasPrefix(text[Locate(text, at):], name) {
				t.Errorf("%q: %s is taken for %q", text, name, a.Shape[at:])
			}
		}
		eachPosition(a.Statements, func(at int) {
			if at < -1 || at > len(a.Shape) || at >= 0 && Locate(text, at) < 0 {
				t.Errorf("%q: no place %d", text, at)
			}
		})
	}
}

// Texts of the worker's size are located too, unless they are hard to read.
func TestLocateInLongTexts(t *testing.T) {
	long := "SELECT '" + strings.Repeat("x", 100<<10) + "', a"
	if got := Locate(long, len("SELECT ?, ")); got != len(long)-1 {
		t.Errorf("got %d, want %d", got, len(long)-1)
	}
	if got := Locate("SELECT E'', "+long[len("SELECT "):], len("SELECT ?, ?, ")); got != -1 {
		t.Errorf("got %d, want -1", got)
	}
	if got := Locate("SELECT U&'a', "+"'b', a", len("SELECT ?, ?, ")); got != len("SELECT U&'a', 'b', ") {
		t.Errorf("got %d", got)
	}
}
