package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
)

// copiesTrail is a trail of two copies, the second of which is gone, that is still
// being written, and its key beside it.
func copiesTrail(t *testing.T) (dir string, closeTrail func()) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "trail")
	key, err := audit.LoadOrCreateKey(dir + ".key")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := audit.Open(dir, audit.Options{Key: key, CheckpointEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("0", 64)
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	for _, id := range []string{"abcd", "abzz"} {
		id += strings.Repeat("a", 22)
		for i, body := range []ledger.Body{
			&ledger.Begun{
				Copy: id, Owner: "bob", Person: "alice", Role: "ro", Expires: ledger.At(at.AddDate(100, 0, 0)),
				Destination: ledger.Destination{Address: "h:5432", CertificateKey: sum, Database: "d", Place: "analytics", System: "7"},
				Origin: ledger.Origin{
					Database: "shop", Place: "shop", System: "8", Facts: ledger.Facts{Inline: json.RawMessage("[]"), Sum: sum},
					Relations: []ledger.OriginRelation{{Schema: "public", Name: "users"}},
				},
				Targets: []ledger.Target{{
					Schema: "public", Name: "users", Mode: ledger.ModeNew, From: []int{0},
					Columns: []ledger.Column{{Name: "email", Classes: []string{"contact.email"}}},
				}},
			},
			&ledger.Published{Copy: id, Relations: []ledger.Receipt{{Schema: "public", Name: "users", OID: 9, Rows: 5, Bytes: 50, Read: "sha256:a", Held: "sha256:a"}}},
			&ledger.Removed{Copy: id, Why: "a test", Verified: []ledger.Evidence{{At: ledger.At(at), How: ledger.HowCatalog, What: "no such relation"}}},
		} {
			if id[2] == 'c' && i == 2 {
				continue
			}
			ev, err := ledger.Event(at.Add(time.Duration(i)*time.Hour), "req"+id[2:4], "", body)
			if err == nil {
				_, err = tr.Append(t.Context(), ev)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tr.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir, func() {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
}

// run runs the program, and returns what it printed and its exit code.
func run(t *testing.T, args ...string) (stdout string, code int, err error) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = before }()
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(read)
		text <- string(all)
	}()
	err = newApp().RunContext(t.Context(), append([]string{"sluice"}, args...))
	write.Close()
	stdout = <-text
	var coded cli.ExitCoder
	switch {
	case errors.As(err, &coded):
		code = coded.ExitCode()
	case err != nil:
		code = exitRuntime
	}
	return stdout, code, err
}

// The commands, with what they must print, or say is wrong.
func TestCopies(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	dir, closeTrail := copiesTrail(t)
	defer closeTrail()
	live, gone := "abcd"+strings.Repeat("a", 22), "abzz"+strings.Repeat("a", 22)
	for _, c := range []struct {
		args string
		code int
		want []string
		not  string
	}{
		{"copies --trail DIR", 0, []string{live, "shop public.users", "analytics", "contact.email", "bob", "1 copy at", "1 copy that is gone", "proven up to"}, gone},
		{"copies list --trail DIR --all", 0, []string{live, gone, "removed", "2 copies"}, "NOT"},
		{"copies --trail DIR --class contact.* --place analytics --owner bob --state live", 0, []string{live, "1 copy at"}, gone},
		{"copies --trail DIR --origin shop:public.users", 0, []string{live}, gone},
		{"copies --trail DIR --origin other:public.users", 0, []string{"0 copies at"}, live},
		{"copies --trail DIR --origin users", 2, []string{`"users" is not a relation`}, ""},
		{"copies --trail DIR --class health.body", 0, []string{"0 copies at"}, live},
		{"copies --trail DIR --at 2026-12-01T09:30:00Z", 0, []string{live, "copying", "2 copies at 2026-12-01 09:30Z"}, "live"},
		{"copies --trail DIR --at 2026-12-01T08:00:00Z", 0, []string{"0 copies at 2026-12-01 08:00Z"}, live},
		{"copies --trail DIR --state live --state removed -q", 0, []string{live, gone}, "proven"},
		{"copies --trail DIR --unhealthy", 0, []string{"0 copies"}, live},
		{"copies --trail DIR --expires-before 2027-01-01T00:00:00Z", 0, []string{"0 copies"}, live},
		{"copies show --trail DIR abc", 0, []string{"copy      " + live, "request reqcd", "copy.published: published: 5 rows"}, gone},
		{"copies show --trail DIR --at 2026-12-01T10:30:00Z abz", 0, []string{"copy      " + gone, "live"}, "removed"},
		{"copies show --trail DIR ab", 1, []string{"2 copies begin with ab"}, ""},
		{"copies show --trail DIR zz", 1, []string{"there is no copy zz"}, ""},
		{"copies show --trail DIR", 2, []string{"takes --trail DIR and then one ID"}, ""},
		{"copies --trail DIR shew", 2, []string{`there is no command "shew"`}, ""},
		{"copies", 2, []string{"takes --trail DIR"}, ""},
		{"copies --trail DIR --class email", 2, []string{`"email" is not a class`}, ""},
		{"copies --trail DIR --state odd", 2, []string{`"odd" is not a state; there are copying, unknown`}, ""},
		{"copies --trail DIR --at yesterday", 2, []string{`--at: "yesterday" is not a time`}, ""},
		{"copies --trail DIR -o xml", 2, []string{`format "xml" is not text or json`}, ""},
		{"copies --class x.y list --trail DIR", 2, []string{"flags stand behind the word list"}, ""},
		{"copies --trail DIR show ab", 2, []string{"flags stand behind the word show"}, ""},
		{"copies --trail DIR/nowhere", 1, []string{"no such file"}, ""},
		{"copies --trail DIR --key DIR/nowhere", 1, []string{"public key"}, ""},
	} {
		out, code, err := run(t, strings.Fields(strings.ReplaceAll(c.args, "DIR", dir))...)
		if err != nil {
			out += err.Error()
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", c.args, want, out)
			}
		}
		if code != c.code || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%s: exit code %d, expected %d; %q should not be in\n%s", c.args, code, c.code, c.not, out)
		}
	}
}

func TestCopiesJSON(t *testing.T) {
	dir, closeTrail := copiesTrail(t)
	defer closeTrail()
	out, code, err := run(t, "copies", "--trail", dir, "--json")
	var listing ledger.Listing
	if bad := json.Unmarshal([]byte(out), &listing); bad != nil || code != 0 || listing.SchemaVersion != 1 || len(listing.Copies) != 1 || !listing.Proof.OK ||
		listing.Copies[0].Owner != "bob" || listing.Copies[0].Rows != 5 || !listing.Copies[0].Healthy {
		t.Errorf("%v, %v, %d\n%s", bad, err, code, out)
	}
	out, code, err = run(t, "copies", "show", "--trail", dir, "-o", "json", "abcd")
	var story ledger.Story
	if bad := json.Unmarshal([]byte(out), &story); bad != nil || code != 0 || story.Begun.Person != "alice" || len(story.Timeline) != 2 || story.Timeline[0].ID != "reqcd" {
		t.Errorf("%v, %v, %d\n%s", bad, err, code, out)
	}
}

// A trail that is not proven, or was changed, is listed all the same, and that is
// said; the exit code tells programs.
func TestCopiesOfATrailThatIsNotGenuine(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	dir, closeTrail := copiesTrail(t)
	closeTrail()
	segment := filepath.Join(dir, "0000000000000000.seg")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := []byte(strings.Replace(string(text), `"copy.removed"`, `"copy.remoVed"`, 1))
	if err := os.WriteFile(segment, spoiled, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"copies", "--trail", dir}, {"copies", "show", "--trail", dir, "abzz"}, {"copies", "show", "--trail", dir, "abxx"}} {
		out, code, err := run(t, args...)
		if code != exitUnverified {
			t.Errorf("%v: exit code %d, %v", args, code, err)
		}
		if args[len(args)-1] != "abxx" && (!strings.Contains(out, "NOT GENUINE") || !strings.Contains(out, "INCOMPLETE") || !strings.Contains(out, "checksum")) {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	// Without a key nobody can tell, and the part that cannot be read is told.
	if err := os.Remove(dir + ".pub"); err != nil {
		t.Fatal(err)
	}
	out, code, err := run(t, "copies", "--trail", dir)
	if code != exitRuntime || !strings.Contains(out, "not proven: public key") || !strings.Contains(out, "INCOMPLETE") {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
	if err := os.WriteFile(segment, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code, err := run(t, "copies", "--trail", dir); code != 0 || !strings.Contains(out, "not proven: public key") {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}
