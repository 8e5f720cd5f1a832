package gate

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit/read"
)

// suspected are those of the trail of a place that has ended, as "column class",
// in their order.
func suspected(t *testing.T, p *place) []string {
	t.Helper()
	p.end(t)()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(p.dir, "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(text.String()) {
		var event struct {
			Type string
			ID   string
			Body struct {
				Columns []struct{ Class, Column, Evidence string }
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if event.Type != "class.suspected" {
			continue
		}
		if event.ID == "" {
			t.Error("a suspicion is about no decision")
		}
		for _, c := range event.Body.Columns {
			if c.Evidence == "" {
				t.Errorf("%s is %s without evidence", c.Column, c.Class)
			}
			found = append(found, c.Column+" "+c.Class)
		}
	}
	for _, value := range []string{"mail.example", "eyJ"} {
		if strings.Contains(text.String(), value) {
			t.Errorf("%s is on record", value)
		}
	}
	return found
}

// What leaves in columns that nobody has given a class is looked at in passing, and
// what they seem to hold is on record, once for a session and without a value.
func TestSuspectedClasses(t *testing.T) {
	jwt := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	onServerExec(t, "DROP TABLE IF EXISTS suspects; CREATE TABLE suspects (id int, known text, note text, remark text, cleared text);"+
		"INSERT INTO suspects SELECT i, 'a' || i || '@mail.example', 'write to b' || i || '@mail.example', CASE WHEN i % 10 = 3 THEN '"+jwt+"' ELSE 'nothing' END,"+
		" 'c' || i || '@mail.example' FROM generate_series(1, 3000) i; ALTER TABLE suspects OWNER TO "+group)
	policy := func(effect string) string {
		return fmt.Sprintf(`version: 1
classes: {contact.email: {}}
columns:
  - {columns: [public.suspects.known], class: contact.email}
  - {columns: [public.suspects.cleared], class: none}
masks:
  - {classes: [contact.email], mask: null}
rules:
  - {id: all, effect: %s, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`, effect)
	}
	both := []string{"public.suspects.note contact.email", "public.suspects.remark secret.token"}
	for name, c := range map[string]struct {
		effect string
		sql    []string
		want   []string
	}{
		"COPY":          {"allow", []string{"COPY public.suspects TO STDOUT"}, both},
		"CSV":           {"allow", []string{"COPY suspects TO STDOUT (FORMAT csv)"}, both},
		"binary":        {"allow", []string{"COPY public.suspects TO STDOUT (FORMAT binary)"}, both},
		"query":         {"allow", []string{"COPY (SELECT note, id FROM public.suspects) TO STDOUT"}, both[:1]},
		"SELECT":        {"allow", []string{"SELECT * FROM public.suspects"}, both},
		"twice":         {"allow", []string{"SELECT * FROM public.suspects", "COPY public.suspects TO STDOUT"}, both},
		"masked":        {"mask, unclassified: pass", []string{"COPY public.suspects TO STDOUT"}, both},
		"masked SELECT": {"mask, unclassified: pass", []string{"SELECT known, remark FROM public.suspects"}, both[1:]},
		"view":          {"allow", []string{"SELECT n FROM (SELECT note AS n FROM public.suspects) x"}, both[:1]},
		"few rows":      {"allow", []string{"SELECT * FROM public.suspects LIMIT 20"}, nil},
		"known":         {"allow", []string{"SELECT id, known FROM public.suspects"}, nil},
		"cleared":       {"allow", []string{"SELECT id, cleared FROM public.suspects"}, nil},
		"computed":      {"allow", []string{"SELECT upper(note) FROM public.suspects"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPlace(t, setup{policy: policy(c.effect)})
			session := p.connect(t, "")
			for _, sql := range c.sql {
				mustRun(t, session, sql)
			}
			got := suspected(t, p)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("suspected %q, want %q", got, c.want)
			}
		})
	}
}
