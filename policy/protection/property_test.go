package protection

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// draw makes random facts of a small world, so that they often have to do with
// each other.
type draw struct{ *rand.Rand }

func (d draw) of(words ...string) string { return words[d.IntN(len(words))] }

func (d draw) scope() Scope {
	switch d.IntN(4) {
	case 0:
		return everything
	case 1:
		return Scope{Extent: SomeRows, Any: []string{d.of("p", "q")}}
	case 2:
		return Scope{Extent: SomeRows, Any: sorted([]string{d.of("p", "q"), d.of("q", "r")}), Soft: d.IntN(2) == 0}
	}
	return Scope{Extent: SomeRows, Any: []string{d.of("p", "q", always)}, Every: []string{d.of("e", "f")}}
}

func (d draw) fact() Fact {
	return Fact{
		Subject: d.of("analyst", "service", "operator", AnyoneName), Column: d.of("x", "y"), Masked: 50 * d.IntN(2), Scope: d.scope(),
		Effort: Effort(d.IntN(4)), Authentication: 20 + 20*d.IntN(3), Transport: 5 * d.IntN(3),
	}
}

func (d draw) facts(most int) *Facts {
	f := &Facts{}
	for range d.IntN(most + 1) {
		f.Facts = append(f.Facts, d.fact())
	}
	f.settle()
	return f
}

func (d draw) rules() Rules {
	r := Rules{RefuseSoft: d.IntN(4) == 0}
	if d.IntN(2) == 0 {
		r.Floor = Entry{Authentication: 20 + 20*d.IntN(2), Transport: 5 * d.IntN(2), Known: true}
	}
	if d.IntN(3) == 0 {
		r.Trusted = []string{"operator"}
	}
	if d.IntN(3) == 0 {
		r.Allow = []Allowance{{"service", "x"}}
	}
	return r
}

// less returns facts that allow less than others, or as much.
func (d draw) less(f *Facts) *Facts {
	out := &Facts{}
	for _, one := range f.Facts {
		if d.IntN(5) == 0 {
			continue
		}
		one.Effort = min(one.Effort+Effort(d.IntN(2)), BeneathSQL)
		one.Authentication += 10 * d.IntN(2)
		if one.Scope.Extent == AllRows && d.IntN(2) == 0 {
			one.Scope = d.scope()
		}
		out.Facts = append(out.Facts, one)
	}
	out.settle()
	return out
}

const draws = 5_000

func eachDraw(t *testing.T, try func(d draw) error) {
	t.Helper()
	for seed := range uint64(draws) {
		if err := try(draw{rand.New(rand.NewPCG(seed, 1))}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// unruled are rules under which a place may be compared with itself.
func unruled(r Rules) Rules {
	r.Floor, r.RefuseSoft = Entry{}, false
	return r
}

func TestCompareIsReflexive(t *testing.T) {
	eachDraw(t, func(d draw) error {
		f := d.facts(6)
		if v := Compare(f, f, unruled(d.rules())); v.Outcome != AtLeast {
			return fmt.Errorf("%+v: %s", f.Facts, v)
		}
		return nil
	})
}

func TestCompareIsTransitive(t *testing.T) {
	held := 0
	eachDraw(t, func(d draw) error {
		c := d.facts(6)
		b, rules := d.less(c), d.rules()
		a := d.less(b)
		if d.IntN(2) == 0 {
			a, b = d.facts(2), d.facts(4)
		}
		rules.Allow, rules.Trusted = nil, nil // they let facts through that are no order
		if Compare(b, a, rules).Outcome != AtLeast || Compare(c, b, rules).Outcome != AtLeast {
			return nil
		}
		held++
		if v := Compare(c, a, rules); v.Outcome != AtLeast {
			return fmt.Errorf("%+v\n%+v\n%+v\n%+v: %s", a.Facts, b.Facts, c.Facts, rules, v)
		}
		return nil
	})
	if held < draws/20 {
		t.Errorf("only %d chains held", held)
	}
}

// Whatever lets more people read more at a destination, or is known of fewer
// at the source, never makes a verdict better.
func TestCompareIsMonotone(t *testing.T) {
	refused := 0
	eachDraw(t, func(d draw) error {
		source, destination, rules := d.facts(6), d.facts(4), d.rules()
		if d.IntN(2) == 0 {
			destination = d.less(source)
		}
		before := Compare(source, destination, rules)
		if before.Outcome == AtLeast {
			return nil
		}
		refused++
		more, fewer := d.more(destination), d.fewer(source)
		if v := Compare(source, more, rules); v.Outcome == AtLeast {
			return fmt.Errorf("%+v\nis refused, and not\n%+v\nagainst %+v by %+v", destination.Facts, more.Facts, source.Facts, rules)
		}
		if v := Compare(fewer, destination, rules); v.Outcome == AtLeast {
			return fmt.Errorf("%+v is refused against %+v and not against %+v", destination.Facts, source.Facts, fewer.Facts)
		}
		return nil
	})
	if refused < draws/10 {
		t.Errorf("only %d were refused", refused)
	}
}

// more adds a reader, or lets one see or do more.
func (d draw) more(f *Facts) *Facts {
	out := &Facts{Facts: append([]Fact{}, f.Facts...)}
	if len(out.Facts) == 0 {
		out.Facts = append(out.Facts, d.fact())
	}
	one := &out.Facts[d.IntN(len(out.Facts))]
	switch d.IntN(6) {
	case 0:
		out.Facts = append(out.Facts, d.fact())
	case 1:
		one.Scope = Scope{Extent: AllRows}
	case 2:
		if one.Scope.Extent == SomeRows {
			one.Scope.Every = nil
			one.Scope.Any = sorted(append([]string{"p"}, one.Scope.Any...))
		}
	case 3:
		one.Effort -= min(one.Effort, 1)
	case 4:
		one.Authentication = max(one.Authentication-20, 0)
	case 5:
		one.Transport = 0
	}
	out.settle()
	return out
}

// fewer takes a reader away, or lets one do less.
func (d draw) fewer(f *Facts) *Facts {
	out := &Facts{Facts: append([]Fact{}, f.Facts...)}
	if len(out.Facts) == 0 {
		return out
	}
	at := d.IntN(len(out.Facts))
	switch d.IntN(3) {
	case 0:
		out.Facts = append(out.Facts[:at], out.Facts[at+1:]...)
	case 1:
		out.Facts[at].Effort = BeneathSQL
	case 2:
		out.Facts[at].Authentication += 20
	}
	out.settle()
	return out
}

// What is left out of the canonical form changes no verdict, and the form is
// its own.
func TestCanonicalFormSaysTheSame(t *testing.T) {
	shorter := 0
	eachDraw(t, func(d draw) error {
		raw, other, rules := &Facts{}, d.facts(5), d.rules()
		for range 6 {
			raw.Facts = append(raw.Facts, d.fact())
		}
		settled := &Facts{Facts: append([]Fact{}, raw.Facts...)}
		settled.settle()
		if len(settled.Facts) < len(raw.Facts) {
			shorter++
		}
		if a, b := Compare(other, raw, rules).Outcome, Compare(other, settled, rules).Outcome; a != b {
			return fmt.Errorf("as a destination: %v, canonical %v: %+v", a, b, raw.Facts)
		}
		if a, b := Compare(raw, other, rules).Outcome, Compare(settled, other, rules).Outcome; a != b {
			return fmt.Errorf("as a source: %v, canonical %v: %+v", a, b, raw.Facts)
		}
		stored, err := settled.JSON()
		if err != nil {
			return err
		}
		again, err := ParseFacts(stored)
		if err != nil {
			return err
		}
		if v := Compare(again, settled, unruled(rules)); v.Outcome != AtLeast {
			return fmt.Errorf("stored and read it is another: %s", v)
		}
		return nil
	})
	if shorter == 0 {
		t.Error("nothing was left out")
	}
}

// The order in which facts are found does not matter.
func TestDigestDoesNotDependOnOrder(t *testing.T) {
	eachDraw(t, func(d draw) error {
		a := &Facts{}
		for range 8 {
			a.Facts = append(a.Facts, d.fact())
		}
		b := &Facts{Facts: append([]Fact{}, a.Facts...)}
		d.Shuffle(len(b.Facts), func(i, j int) { b.Facts[i], b.Facts[j] = b.Facts[j], b.Facts[i] })
		a.settle()
		b.settle()
		first, err := a.Digest()
		if err != nil {
			return err
		}
		if second, err := b.Digest(); err != nil || first != second {
			return fmt.Errorf("%v and %v, %w", a.Facts, b.Facts, err)
		}
		return nil
	})
}

// A scope is within another only if every row is: conditions are taken as any
// sets of rows.
func TestScopeWithin(t *testing.T) {
	within := 0
	eachDraw(t, func(d draw) error {
		a, b := d.scope(), d.scope()
		if !a.Within(b, nil) {
			return nil
		}
		within++
		for row := range 1 << 6 {
			if a.shows(row) && !b.shows(row) {
				return fmt.Errorf("%+v is not within %+v", a, b)
			}
		}
		return nil
	})
	if within < draws/10 {
		t.Errorf("only %d were within", within)
	}
}

// shows reports whether a scope shows a row, given as a set of the conditions
// that it meets.
func (s Scope) shows(row int) bool {
	meets := func(c string) bool {
		return c == always || row&(1<<(map[string]int{"p": 0, "q": 1, "r": 2, "e": 3, "f": 4}[c])) != 0
	}
	if s.Extent != SomeRows {
		return s.Extent == AllRows
	}
	some := false
	for _, c := range s.Any {
		some = some || meets(c)
	}
	for _, c := range s.Every {
		some = some && meets(c)
	}
	return some
}
