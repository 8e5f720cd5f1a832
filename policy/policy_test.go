package policy_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/strictyaml"
)

var rewrite = flag.Bool("rewrite", false, "write what is found into the testdata files")

// each runs a function on every file of a testdata folder and compares, or
// writes, what the function makes of it.
func each(t *testing.T, folder string, render func(t *testing.T, text string) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/%s: %v", folder, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, string(data))
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(data) {
				t.Error(cmp.Diff(string(data), got))
			}
		})
	}
}

// cases runs a function on every "input, ----, expected, ====" of a text.
func cases(t *testing.T, text string, render func(input string) string) string {
	t.Helper()
	var out strings.Builder
	for part := range strings.SplitAfterSeq(text, "====\n") {
		if part == "" {
			continue
		}
		input, _, found := strings.Cut(part, "\n----\n")
		if !found {
			t.Fatalf("a case without ----: %q", part)
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n====\n", input, render(input))
	}
	return out.String()
}

func TestDocuments(t *testing.T) {
	each(t, "documents", func(t *testing.T, text string) string {
		return cases(t, text, func(input string) string {
			p, err := policy.Parse("p.yaml", []byte(input))
			if err == nil {
				var places []string
				for _, one := range p.Places() {
					places = append(places, placeWords(one))
				}
				return "ok, places " + strings.Join(places, "; ")
			}
			var located *strictyaml.Error
			if !errors.As(err, &located) || p != nil {
				t.Errorf("not a located error, or a policy beside it: %v", err)
			}
			return err.Error()
		})
	})
}

func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/policies/*.yaml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("found %d examples: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Parse(filepath.Base(path), data); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func example(t testing.TB, name string) *policy.Policy {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "examples", "policies", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(data))
}

func parse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlaces(t *testing.T) {
	p := parse(t, "version: 1\ndestinations:\n"+
		"  six: {host: '2001:DB8::1', database: d, ca: ca.pem}\n  name: {host: Db.Example, port: 6000}\n  mapped: {host: 10.0.0.1}\n")
	for _, c := range []struct {
		host string
		port int
		want string
	}{
		{"2001:db8:0::1", 0, "six"},
		{"2001:db8::1", 5432, "six"},
		{"db.example", 6000, "name"},
		{"db.example", 0, ""},
		{"::ffff:10.0.0.1", 5432, "mapped"},
		{"10.0.0.2", 5432, ""},
		{"", 0, ""},
		{"10.0.0.1,10.0.0.2", 5432, ""},
	} {
		got, ok := p.Place(c.host, c.port)
		if got.Name != c.want || ok != (c.want != "") {
			t.Errorf("Place(%q, %d) = %v, %v; want %q", c.host, c.port, got, ok, c.want)
		}
	}
	got := p.Places()[2]
	if want := [...]string{"six", "2001:DB8::1", "d", "ca.pem"}; [...]string{got.Name, got.Host, got.Database, got.CA} != want || got.Port != 5432 {
		t.Errorf("Places()[2] = %+v, want %v", got, want)
	}
	p.Places()[2].Name = "changed"
	if p.Places()[2].Name != "six" {
		t.Error("a caller can change the policy's places")
	}
}

func TestNameAndDigest(t *testing.T) {
	p := parse(t, "version: 1\n")
	const wantSum = "09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847"
	if p.Name() != "p.yaml" || p.Digest() != wantSum {
		t.Errorf("got %q, %q", p.Name(), p.Digest())
	}
	var none *policy.Policy
	if _, found := none.Place("h", 1); found || none.Name()+none.Digest() != "" || none.Places() != nil {
		t.Error("a nil policy has a name, a digest or places")
	}
}

func TestSizes(t *testing.T) {
	var many strings.Builder
	many.WriteString("version: 1\nrules:\n")
	for i := 0; many.Len() < 10<<20; i++ {
		fmt.Fprintf(&many, "  - {id: r%d, effect: deny, users: [u%d]}\n", i, i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"ten megabytes":  {many.String(), "at most 1048576"},
		"too many rules": {cut(many.String(), 1<<18), "more than 2000 rules"},
		"most rules":     {cut(many.String(), 1<<16), ""},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := policy.Parse("p.yaml", []byte(c.text))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if spent := time.Since(start); spent > 20*time.Second {
				t.Errorf("took %v", spent)
			}
		})
	}
}

// cut shortens a text to whole lines.
func cut(text string, most int) string {
	return text[:strings.LastIndexByte(text[:most], '\n')+1]
}

// placeWords writes a destination, and of what is said about copies what is not
// said everywhere.
func placeWords(d policy.PlaceDef) string {
	out := fmt.Sprintf("%s at %s port %d database %s ca %s", d.Name, d.Host, d.Port, d.Database, d.CA)
	plain := policy.PlaceDef{
		PlaceFloor: policy.PlaceFloor{TLS: "verified", Authentication: "scram", Replication: "closed", Version: 13, Logs: "quiet", Onward: "open", RowFilters: "hard", AtRest: "any"},
		Roles:      policy.PlaceRoles{Owner: "sluice_owner", Probe: "sluice_probe", Carrier: "sluice_carrier", Reactor: "sluice_reactor"},
		Watch:      policy.PlaceWatch{Relations: 2 * time.Second, Roles: 5 * time.Second, Wire: 30 * time.Second},
		React:      policy.PlaceReactions{Latent: "alert", Object: "freeze", Server: "freeze", Unknown: "block"},
		Expires:    policy.PlaceExpiry{After: 720 * time.Hour, AtMost: 720 * time.Hour, Remind: []time.Duration{72 * time.Hour, 24 * time.Hour}, Lease: 5 * time.Minute},
		Name:       d.Name, Host: d.Host, Port: d.Port, Database: d.Database, CA: d.CA, Position: d.Position,
	}
	got, want := reflect.ValueOf(d), reflect.ValueOf(plain)
	for i := range got.NumField() {
		if !reflect.DeepEqual(got.Field(i).Interface(), want.Field(i).Interface()) {
			out += fmt.Sprintf("\n  %s %v", got.Type().Field(i).Name, got.Field(i).Interface())
		}
	}
	return out
}
