package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// One examination that hangs does not stop the others, and is unknown.
func TestExamineAll(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	checks := examineAll(t.Context(), []examination{
		{"deaf", "a", func(context.Context, *findings) { <-stuck }},
		{"quick", "b", func(_ context.Context, f *findings) { f.ok("quick", "fine") }},
		{"slow", "c", func(ctx context.Context, f *findings) {
			<-ctx.Done()
			f.unknown("slow", "wait", "%v", ctx.Err())
		}},
	}, 10*time.Millisecond, 50*time.Millisecond)
	got := map[string]State{}
	for _, c := range checks {
		got[c.Name+" "+c.Subject] = c.State
		if (c.State == OK) != (c.Fix == "") {
			t.Errorf("%s: %s with the fix %q", c.Name, c.State, c.Fix)
		}
	}
	if len(got) != 3 || got["deaf a"] != Unknown || got["quick b"] != OK || got["slow c"] != Unknown {
		t.Errorf("%v", checks)
	}
}

func sample() *Report {
	r := &Report{SchemaVersion: SchemaVersion, Time: time.Unix(1_800_000_000, 0).UTC(), Checks: []Check{
		{"policy", "", OK, "policy.yaml is in order, 3 rules", ""},
		{"users", "", OK, strings.Repeat("a long word, and ", 12), ""},
		{"public.functions", "shop", Warning, "19 functions", "As a superuser:\nREVOKE EXECUTE ON FUNCTION " + strings.Repeat("query_to_xml(text), ", 8) + "x() FROM PUBLIC;"},
		{"hba", "shop", Unknown, "may not see", "GRANT it"},
		{"upstream.tls", "shop\x1b[2J", Problem, "first line\nsecond \x1b]0;line\x07", "do"},
		{"trail.key", "", Problem, strings.Repeat("x", 120), "chmod"},
	}}
	r.sort()
	return r
}

func TestText(t *testing.T) {
	var plain, colored, quiet bytes.Buffer
	for out, o := range map[*bytes.Buffer]TextOptions{&plain: {}, &colored: {Color: true}, &quiet: {Quiet: true}} {
		if err := sample().Text(out, o); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(plain.String()) {
		line = strings.TrimRight(line, "\n")
		if utf8.RuneCountInString(line) > width && strings.Contains(strings.TrimSpace(line), " ") || line != strings.TrimRight(line, " ") {
			t.Errorf("too long, or with spaces at its end: %q", line)
		}
	}
	if strings.ContainsAny(plain.String(), "\x1b\x07") {
		t.Errorf("a terminal would act on it:\n%q", plain.String())
	}
	if !strings.HasSuffix(plain.String(), "\n2 problems, 1 unknown, 1 warning, 2 ok\n") {
		t.Errorf("the last line does not count: %s", plain.String())
	}
	words := strings.Fields(plain.String())
	if words[0] != "problem" || words[1] != "trail.key" {
		t.Errorf("the worst is not first: %v", words[:2])
	}
	if n := strings.Count(colored.String(), "\x1b["); n != 12 {
		t.Errorf("%d colour changes, want 12", n)
	}
	if strings.Contains(quiet.String(), "policy.yaml") || !strings.Contains(quiet.String(), "may not see") {
		t.Errorf("quiet:\n%s", quiet.String())
	}
	joined := strings.Join(words, " ")
	if sql := "REVOKE EXECUTE ON FUNCTION " + strings.Repeat("query_to_xml(text), ", 8) + "x() FROM PUBLIC;"; !strings.Contains(joined, sql) {
		t.Error("wrapping changed the words of a fix")
	}
}

func TestJSON(t *testing.T) {
	data, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Count(Problem) != 2 || back.Count(OK) != 2 || !strings.HasPrefix(string(data), `{"schema_version":1,"time":"2027-01-15T08:00:00Z","checks":[{"name":"trail.key","state":"problem"`) {
		t.Errorf("%s", data)
	}
	if err := json.Unmarshal([]byte(`"fine"`), new(State)); err == nil {
		t.Error("a state that is none is taken")
	}
}
