package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy"
)

// TestClasses shows which classes columns have. A case is a policy, a line
// with ++++, and then one column a line, as schema relation column, followed by
// what the database says of it in JSON where it says anything.
func TestClasses(t *testing.T) {
	each(t, "classes", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			document, lines, _ := strings.Cut(input, "\n++++\n")
			p := parse(t, document)
			var out []string
			for line := range strings.SplitSeq(lines, "\n") {
				out = append(out, classesOf(t, p, line)...)
			}
			return strings.Join(out, "\n")
		})
	})
}

func classesOf(t *testing.T, p *policy.Policy, line string) []string {
	t.Helper()
	name, said, _ := strings.Cut(line, " {")
	parts := strings.Fields(name)
	for len(parts) < 3 {
		parts = append([]string{""}, parts...)
	}
	var marks policy.Marks
	if said != "" {
		if err := json.Unmarshal([]byte("{"+said), &marks); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
	}
	classes, looked, odd := p.ClassesWith(parts[0], parts[1], parts[2], marks)
	out := []string{"> " + line, "nobody looked"}
	if looked {
		out[1] = "looked"
	}
	for _, c := range classes {
		out = append(out, strings.TrimRight("  "+c.Class+" by "+c.Source+" "+c.Text+" "+c.Position, " "))
	}
	for _, word := range odd {
		out = append(out, "  odd "+word)
	}
	return out
}

// TestClassesOfNoPolicy shows that without a policy nothing was looked at,
// but what the database says counts.
func TestClassesOfNoPolicy(t *testing.T) {
	var none *policy.Policy
	if classes, looked := none.ClassesOf("a", "b", "c"); classes != nil || looked {
		t.Errorf("got %v, %v", classes, looked)
	}
	if none.Classes() != nil {
		t.Error("no policy declares classes")
	}
	classes, looked, _ := none.ClassesWith("a", "b", "c", policy.Marks{Comment: "class:secret.token"})
	if len(classes) != 1 || !looked {
		t.Errorf("the comment gave %v, %v", classes, looked)
	}
}

// TestColumnText shows that what is written is read as the same column.
func TestColumnText(t *testing.T) {
	for _, name := range [][3]string{{"public", "users", "email"}, {"Public", "a b", `q"x`}, {"public", "t", "1st"}, {"public", "t", "naïve"}, {"s", "t", "line\nbreak"}} {
		text := policy.ColumnText(name[0], name[1], name[2])
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, "version: 1\nclasses: {a.b: {}}\ncolumns: [{columns: ["+string(quoted)+"], class: a.b}]\n")
		classes, looked := p.ClassesOf(name[0], name[1], name[2])
		if len(classes) != 1 || !looked || classes[0].Text != text {
			t.Errorf("%s gives %v", text, classes)
		}
		if got := p.Classes(); len(got) != 1 || got[0] != "a.b" {
			t.Errorf("declared are %v", got)
		}
	}
}
