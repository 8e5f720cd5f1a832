package protection

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func parseSubjects(t testing.TB, patterns map[string][]string) *Subjects {
	t.Helper()
	s, err := ParseSubjects(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// places are the recorded source and destination to one policy.
func places(t testing.TB) (source, destination Place) {
	t.Helper()
	strong := func(string) Entry { return Entry{Authentication: 40, Transport: VerifiedTLS, Known: true} }
	subjects := parseSubjects(t, map[string][]string{
		"analyst": {"ana"}, "service": {"*svc*", "bob", "bypass"}, "operator": {"postgres", "dba", "bk", "backup"},
	})
	return Place{Name: "prod", Subjects: subjects, Entry: strong}, Place{Name: "copy", Subjects: subjects, Entry: strong}
}

// copied is the lineage of a copy whose columns keep their names.
func copied(r *Relation) Lineage {
	l := Lineage{}
	for _, c := range r.Columns {
		l[c] = []Origin{{Column: ColumnName("app", "users", c)}}
	}
	return l
}

// verdictOn compares a relation of the recorded destination with app.users of
// the recorded source.
func verdictOn(t testing.TB, name string, change func(*Place, Lineage)) (*Facts, Verdict) {
	t.Helper()
	from, to := places(t)
	source, destination := recorded(t, "source"), recorded(t, "destination")
	r := mustRelation(t, destination, "q", name)
	lineage := copied(r)
	if change != nil {
		change(&to, lineage)
	}
	facts := Destination(destination, r, to, lineage)
	here := Source(source, mustRelation(t, source, "app", "users"), from, nil)
	return facts, Compare(here, facts, Rules{Floor: Entry{40, VerifiedTLS, true}, Trusted: []string{"operator"}})
}

func TestVerdictReadsWell(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"good", "open", "parts"} {
		_, v := verdictOn(t, name, nil)
		fmt.Fprintf(&b, "q.%s from app.users: %s\n%s\n", name, v.Outcome, v)
	}
	golden(t, "testdata/verdicts.txt", b.String())
}

// Who may not read a column at its origin may not read either what a weak mask leaves of
// it, and is told of apart from what is not masked.
func TestWeakMasksNeedReadersOfTheOrigin(t *testing.T) {
	deficits := func(masked int) (about []string) {
		_, v := verdictOn(t, "open", func(_ *Place, l Lineage) { l["email"][0].Masked = masked })
		for _, d := range v.Deficits {
			if slices.Contains(d.Columns, "app.users.email") {
				about = append(about, d.Text)
			}
		}
		return about
	}
	const left = "what the mask leaves of email"
	told := func(text string) bool { return strings.Contains(text, left) }
	plain, inPart, gone := deficits(0), deficits(InPart), deficits(Gone)
	switch {
	case len(plain) == 0 || slices.ContainsFunc(plain, told):
		t.Errorf("not masked: %q", plain)
	case len(inPart) < len(plain) || !slices.ContainsFunc(inPart, told):
		t.Errorf("masked in part: %q", inPart)
	case len(gone) != 0:
		t.Errorf("masked: %q", gone)
	}
}

func TestOursAndHarmlessAreLeftOut(t *testing.T) {
	facts, before := verdictOn(t, "good", nil)
	if len(before.Deficits) == 0 || len(facts.Ours) != 0 {
		t.Fatalf("%s", before)
	}
	facts, after := verdictOn(t, "good", func(p *Place, _ Lineage) {
		p.Ours = func(role string) bool { return role == "svc_report" }
		p.Harmless = func(function string) bool { return function == "q.mail(bigint)" }
	})
	if after.Outcome != AtLeast || !slices.Equal(facts.Ours, []string{"svc_report"}) {
		t.Errorf("%v: %s", facts.Ours, after)
	}
}

func TestEntryThatIsNotKnown(t *testing.T) {
	_, v := verdictOn(t, "good", func(p *Place, _ Lineage) { p.Entry = nil })
	if len(v.Unknown) != 1 || v.Unknown[0].Code != UnknownEntry || v.Outcome != Weaker {
		t.Errorf("%s", v)
	}
	_, v = verdictOn(t, "good", func(p *Place, _ Lineage) {
		p.Entry = func(role string) Entry { return Entry{40, VerifiedTLS, role != "ana"} }
	})
	if len(v.Unknown) != 1 || v.Unknown[0].Object != "ana" {
		t.Errorf("%s", v)
	}
}

// At the source, what is not known of the entry is taken to be the best.
func TestSourceWithoutEntryDemandsTheFloor(t *testing.T) {
	from, _ := places(t)
	from.Entry = nil
	s := recorded(t, "source")
	facts := Source(s, mustRelation(t, s, "app", "users"), from, nil)
	for _, f := range facts.Facts {
		if f.Authentication != strongest || f.Transport != VerifiedTLS {
			t.Errorf("%+v", f)
		}
	}
	if len(facts.Facts) == 0 || len(facts.Unknown) != 0 {
		t.Errorf("%+v", facts)
	}
	from.Entry = func(string) Entry { return Entry{NoEntry, VerifiedTLS, true} }
	if facts := Source(s, mustRelation(t, s, "app", "users"), from, nil); len(facts.Facts) != 0 {
		t.Errorf("who cannot get in reads: %+v", facts.Facts)
	}
}

func TestLineage(t *testing.T) {
	columns := func(change func(*Place, Lineage)) []string {
		facts, _ := verdictOn(t, "open", change)
		var list []string
		for _, f := range facts.Facts {
			if f.Subject == "analyst" {
				list = append(list, fmt.Sprintf("%s %d", f.Column, f.Masked))
			}
		}
		return sorted(list)
	}
	for _, c := range []struct {
		what   string
		change func(*Place, Lineage)
		want   []string
	}{
		{"as it is", nil, []string{"app.users.email 0", "app.users.id 0", "app.users.tenant_id 0"}},
		{"masked away", func(_ *Place, l Lineage) { l["email"][0].Masked = Gone }, []string{"app.users.id 0", "app.users.tenant_id 0"}},
		{"masked", func(_ *Place, l Lineage) { l["email"][0].Masked = 30 }, []string{"app.users.email 30", "app.users.id 0", "app.users.tenant_id 0"}},
		{"of two", func(_ *Place, l Lineage) { l["email"] = append(l["email"], Origin{Column: "x.y.z"}) }, []string{"app.users.email 0", "app.users.id 0", "app.users.tenant_id 0", "x.y.z 0"}},
		{"of nothing", func(_ *Place, l Lineage) { l["email"] = nil }, []string{"app.users.id 0", "app.users.tenant_id 0"}},
		{"not told", func(_ *Place, l Lineage) { delete(l, "email") }, []string{"app.users.id 0", "app.users.tenant_id 0"}},
		{"generated", func(_ *Place, l Lineage) { delete(l, "id"); l["email"][0].Masked = 30 }, []string{"app.users.email 30", "app.users.tenant_id 0"}},
	} {
		if got := columns(c.change); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// A copy of what somebody under row security saw holds no more than that.
func TestHolds(t *testing.T) {
	some := Scope{Extent: SomeRows, Any: []string{"h"}}
	facts, _ := verdictOn(t, "open", func(p *Place, _ Lineage) { p.Holds = &some })
	for _, f := range facts.Facts {
		if f.Scope.Extent == AllRows {
			t.Errorf("%+v", f)
		}
	}
}

func TestSameConditionsAndStandsFor(t *testing.T) {
	source := &Facts{Facts: []Fact{{Subject: "analyst", Column: "x", Scope: Scope{Extent: SomeRows, Any: []string{"s"}}, Authentication: 40, Transport: 10}}}
	destination := &Facts{Facts: []Fact{{Subject: "reader", Column: "x", Scope: Scope{Extent: SomeRows, Any: []string{"d"}}, Authentication: 40, Transport: 10}}}
	rules := Rules{StandsFor: map[string][]string{"reader": {"analyst"}}, SameConditions: [][2]string{{"d", "s"}}}
	if v := Compare(source, destination, rules); v.Outcome != AtLeast {
		t.Errorf("%s", v)
	}
	source.Facts[0].Scope.Every, destination.Facts[0].Scope.Every = []string{"s2"}, []string{"d2"}
	if v := Compare(source, destination, rules); v.Outcome != Weaker {
		t.Errorf("%s", v)
	}
	rules.SameConditions = append(rules.SameConditions, [2]string{"d2", "s2"})
	if v := Compare(source, destination, rules); v.Outcome != AtLeast {
		t.Errorf("%s", v)
	}
	for _, less := range []Rules{{StandsFor: rules.StandsFor}, {SameConditions: rules.SameConditions}, {StandsFor: rules.StandsFor, SameConditions: [][2]string{{"s", "d"}}}} {
		if v := Compare(source, destination, less); v.Outcome != Weaker {
			t.Errorf("%+v: %s", less, v)
		}
	}
}

func TestUnknownIsRefusedUnlessAccepted(t *testing.T) {
	d := &Facts{Unknown: []Unknown{{Code: UnknownTrigger, Object: "t on s.r"}}}
	for _, c := range []struct {
		accept []Unknown
		want   Outcome
	}{
		{nil, Untold},
		{[]Unknown{{Code: UnknownTrigger, Object: "other"}}, Untold},
		{[]Unknown{{Code: UnknownRule, Object: "*"}}, Untold},
		{[]Unknown{{Code: UnknownTrigger, Object: "t on s.r"}}, AtLeast},
		{[]Unknown{{Code: UnknownTrigger, Object: "*"}}, AtLeast},
	} {
		if v := Compare(&Facts{}, d, Rules{Accept: c.accept}); v.Outcome != c.want {
			t.Errorf("%v: %s", c.accept, v.Outcome)
		}
	}
	if (Verdict{}).Outcome != Untold {
		t.Error("the zero verdict lets something through")
	}
}

// Without names, conditions that look at other rows are the same nowhere, not
// even if the words are; and without subjects nobody is known.
func TestPlacesWithoutNames(t *testing.T) {
	s := recorded(t, "destination")
	plan := Plan{Schema: "q", Name: "n", Owner: "copy_owner", Columns: []string{"a"}, Grants: []Grant{{Role: "ana"}}, WithoutDefaults: true,
		RowSecurity: true, ForceRow: true, Policies: []PlannedPolicy{{Permissive: true, Using: "(a IN ( SELECT x.a FROM x))", Elsewhere: true}}}
	outcome := func(plan Plan, name string) Outcome {
		r, err := s.Planned(plan)
		if err != nil {
			t.Fatal(err)
		}
		_, place := places(t)
		place.Name, place.Harmless = name, func(string) bool { return true }
		return Compare(Source(s, r, place, nil), Destination(s, r, place, nil), Rules{Trusted: []string{"operator"}}).Outcome
	}
	if got := outcome(plan, "one"); got != AtLeast {
		t.Errorf("with a name: %s", got)
	}
	if got := outcome(plan, ""); got != Weaker {
		t.Errorf("without: %s", got)
	}
	plan.Policies[0] = PlannedPolicy{Permissive: true, Using: "(a = 1)"}
	if got := outcome(plan, ""); got != AtLeast {
		t.Errorf("without, and the words are all there is: %s", got)
	}
	r, err := s.Planned(plan)
	if err != nil {
		t.Fatal(err)
	}
	if here, there := Source(s, r, Place{}, nil), Destination(s, r, Place{}, nil); len(here.Facts) != 0 || len(there.Facts) == 0 {
		t.Errorf("without subjects: %+v and %+v", here.Facts, there.Facts)
	}
}

// What a plan names must be there.
func TestPlansThatCannotBe(t *testing.T) {
	s := recorded(t, "destination")
	for _, p := range []Plan{
		{Owner: "gone"},
		{Owner: "copy_owner", Grants: []Grant{{Role: "gone"}}},
		{Owner: "copy_owner", Columns: []string{"a"}, Grants: []Grant{{Role: "ana", Columns: []string{"b"}}}},
		{Owner: "copy_owner", Policies: []PlannedPolicy{{Roles: []string{"gone"}, Using: "true"}}},
	} {
		if r, err := s.Planned(p); err == nil {
			t.Errorf("%+v is planned as %v", p, r)
		}
	}
}

// Verdicts about any number of readers are of a bounded length.
func TestVerdictIsBounded(t *testing.T) {
	d := &Facts{}
	for i := range 3000 {
		d.Facts = append(d.Facts, Fact{Subject: fmt.Sprintf("s%d", i), Column: strings.Repeat("c", 60) + fmt.Sprint(i%100), Scope: everything})
		d.Unknown = append(d.Unknown, Unknown{Code: UnknownEntry, Object: fmt.Sprint(i)})
	}
	v := Compare(&Facts{}, d, Rules{})
	if text := v.String(); len(v.Deficits) != mostDeficits || v.More != 3000-mostDeficits || len(text) > 64<<10 {
		t.Errorf("%d deficits, %d more, %d bytes", len(v.Deficits), v.More, len(text))
	}
}
