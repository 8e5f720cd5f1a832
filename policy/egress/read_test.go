package egress

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	got, err := Read(`# a note
section 1 One

road a-1 first of all
leaves elsewhere
server 15
server <17
needs select {table}
needs temp
startup options="-c a=b"
stage SELECT 1
sql "SELECT\n{column}"
send Sync
see elsewhere TABLE x
undo SELECT 2
passes as it should

road b the second
leaves client
sql SELECT '{1}'
see notified
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Road{{
		ID: "a-1", What: "first of all", Section: "1 One", Leaves: Elsewhere, From: 15, Below: 17,
		Needs: []Need{{Select, "{table}"}, {Temp, ""}}, Passes: "as it should", Startup: []string{`options="-c a=b"`},
		Steps: []Step{{true, "SELECT\n{column}"}, {false, "Sync"}},
		Suite: Suite{Stage: []string{"SELECT 1"}, Undo: []string{"SELECT 2"}, See: "TABLE x", SeeElsewhere: true},
	}, {
		ID: "b", What: "the second", Section: "1 One", Leaves: ToClient,
		Steps: []Step{{true, "SELECT '{1}'"}}, Suite: Suite{Notified: true},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if names := got[0].Names(); !slices.Equal(names, []string{"table", "column"}) {
		t.Errorf("names are %v", names)
	}
	for version, on := range map[int]bool{14: false, 15: true, 16: true, 17: false} {
		if got[0].On(version) != on {
			t.Errorf("a server of version %d has it: %t", version, !on)
		}
	}
}

func TestWrongRoads(t *testing.T) {
	const good = "section 1\n\nroad a b\nleaves client\nsql SELECT 1\n"
	if _, err := Read(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"road a b\nleaves client\nsql SELECT 1\n", // no section
		"section 1\nsql SELECT 1\n",               // no road
		strings.Replace(good, "road a b", "road A b", 1),
		strings.Replace(good, "road a b", "road a", 1),
		strings.Replace(good, "leaves client\n", "", 1),
		strings.Replace(good, "client", "home", 1),
		strings.Replace(good, "sql SELECT 1\n", "", 1),
		good + "sql\n",
		good + "sql \"SELECT\n",
		good + "needs selct x\n",
		good + "needs select\n",
		good + "needs temp x\n",
		good + "server old\n",
		good + "see TABLE a\nsee TABLE b\n",
		good + "sends x\n",
	} {
		if roads, err := Read(bad); err == nil {
			t.Errorf("%q reads as %v", bad, roads)
		}
	}
}

func TestFill(t *testing.T) {
	names := Names{"table": "public.people", "column": "email"}
	got, err := names.Fill("SELECT {column}, '{1}', '{a,b}' FROM {table} -- {")
	if err != nil || got != "SELECT email, '{1}', '{a,b}' FROM public.people -- {" {
		t.Errorf("filled as %q, %v", got, err)
	}
	if got, err := names.Fill("{table} {tabel}"); err == nil || !strings.Contains(err.Error(), "{tabel}") {
		t.Errorf("filled as %q, %v", got, err)
	}
}

// TestRoads reads those of the program: there must be some for every section of
// ways out that is about what a client sends.
func TestRoads(t *testing.T) {
	roads, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]int{}
	for _, r := range roads {
		number, _, _ := strings.Cut(r.Section, " ")
		sections[number]++
	}
	for _, number := range strings.Fields("2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10 2.11 2.12 2.13 2.14 2.15 2.16 2.17 2.18") {
		if sections[number] < 3 {
			t.Errorf("section %s has %d roads", number, sections[number])
		}
	}
	if len(roads) < 280 {
		t.Errorf("there are only %d roads", len(roads))
	}
}

func FuzzRead(f *testing.F) {
	f.Add("section 1 One\n\nroad a b\nleaves client\nneeds select {table}\nsql \"SELECT\\n1\"\nserver <17\n")
	f.Add("road")
	f.Add("section 1\nroad a {\nleaves protection\nsend {{a}{b}\ngone x\n")
	f.Fuzz(func(t *testing.T, text string) {
		roads, err := Read(text)
		if err != nil {
			return
		}
		for _, r := range roads {
			if r.ID == "" || r.What == "" || r.Section == "" || r.Leaves == "" || len(r.Steps) == 0 {
				t.Errorf("%q reads as %+v", text, r)
			}
			names := Names{}
			for _, name := range r.Names() {
				names[name] = "x"
			}
			for _, s := range r.Steps {
				if _, err := names.Fill(s.Text); err != nil {
					t.Errorf("%q: %v", s.Text, err)
				}
			}
		}
	})
}
