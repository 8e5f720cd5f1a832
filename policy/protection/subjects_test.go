package protection

import (
	"strings"
	"testing"
)

func TestSubjects(t *testing.T) {
	s := parseSubjects(t, map[string][]string{
		"analyst":  {"ana", "an_*", "+analysts"},
		"service":  {"svc_*", "*_bot", "an_extra"},
		"operator": {"+analysts_lead", "svc_dba"},
	})
	for _, c := range []struct {
		role, groups, want string
	}{
		{"ana", "", "analyst"},
		{"Ana", "", ""},
		{"an_", "", "analyst"},
		{"an_extra", "", "service"},           // a name before a star
		{"an_bot", "", ""},                    // two stars of two subjects
		{"svc_dba", "analysts", "operator"},   // a name before groups
		{"svc_x", "analysts_lead", "service"}, // a star before groups
		{"joe", "others analysts", "analyst"},
		{"joe", "analysts analysts_lead", ""}, // two groups of two subjects
		{"analysts", "", "analyst"},
		{"joe", "", ""},
		{"xsvc_", "", ""},
	} {
		if got, ok := s.Of(c.role, strings.Fields(c.groups)); got != c.want || ok != (c.want != "") {
			t.Errorf("%s in %q is %q, %v; want %q", c.role, c.groups, got, ok, c.want)
		}
	}
	for role, want := range map[string]string{"analysts": "analyst", "an_x": "", "ana": "", "analysts_lead": "operator"} {
		if got, _ := s.Group(role); got != want {
			t.Errorf("the group %s stands for %q, want %q", role, got, want)
		}
	}
}

func TestPatternsThatMeanSomethingElse(t *testing.T) {
	for _, c := range []struct{ subject, pattern, says string }{
		{"x", "", "names no role"},
		{"x", "+", "names no role"},
		{"x", "svc_.*", "regular expression"},
		{"x", "^svc", "regular expression"},
		{"x", "+an*", "in full"},
		{"x", strings.Repeat("a", 64), "63 bytes"},
		{"", "a", "name of readers"},
		{AnyoneName, "a", "name of readers"},
		{SubscribersName, "a", "name of readers"},
		{"UNMAPPED:a", "a", "name of readers"},
		{"UNMAPPED", "a", "name of readers"},
	} {
		if _, err := ParseSubjects(map[string][]string{c.subject: {c.pattern}}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q: %v", c.subject, c.pattern, err)
		}
	}
}
