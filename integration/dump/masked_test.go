package dump

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

//go:embed testdata/masked.yaml
var masked string

// onlyPeople leaves what masked.yaml has classes for, and adds a key between
// columns that are masked.
const onlyPeople = `
DROP SCHEMA sales CASCADE;
DROP TABLE users, notes, "Odd Name" CASCADE;
SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
SET ROLE shop_app;
CREATE TABLE letters (id integer PRIMARY KEY, sent_to varchar(60) REFERENCES people (email));
INSERT INTO letters SELECT i, CASE WHEN i % 7 > 0 THEN format('canary-email-%s@example.com', 1 + i % 120) END FROM generate_series(1, 300) AS i;`

// facts are queries of a restored database, each with what it has to say.
var facts = [][2]string{
	{"SELECT count(*) FROM ONLY people WHERE token IS NOT NULL", "0"},
	{"SELECT count(*) FROM staff WHERE token IS NOT NULL", "0"},
	{"SELECT count(DISTINCT email) FROM people WHERE email ~ '^[a-z2-7]{16}@m[.]invalid$'", "127"},
	{"SELECT count(*) FROM letters JOIN ONLY people ON email = sent_to", "258"},
	{"SELECT count(*) FROM letters WHERE sent_to IS NULL", "42"},
	{"SELECT count(*) FROM ONLY people WHERE name ~ '^c[*]+$'", "80"},
	{"SELECT count(*) FROM ONLY people WHERE name IS NULL", "40"},
	{"SELECT count(*) FROM ONLY people WHERE born = date_trunc('year', born)", "120"},
	{"SELECT count(*) FROM ONLY people WHERE seen = date_trunc('month', seen AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'", "120"},
	{"SELECT count(*) FROM ONLY people WHERE income % 1000 = 0", "120"},
	{`SELECT count(*) FROM logins WHERE "Address ""4""" = '-'`, "500"},
}

// untouched are queries of what is not masked, or not any more recognisable:
// shop and what was restored have to say the same.
var untouched = []string{
	"SELECT md5(string_agg((id, steps, plan, initial)::text, ';' ORDER BY id)) FROM ONLY people",
	"SELECT md5(string_agg((id, steps, plan, initial, desk)::text, ';' ORDER BY id)) FROM staff",
	"SELECT md5(string_agg(person::text, ';' ORDER BY person)) FROM logins",
	"SELECT md5(string_agg((id, income - income % 1000, date_trunc('year', born))::text, ';' ORDER BY id)) FROM ONLY people",
	"SELECT md5(string_agg((l.id, p.id)::text, ';' ORDER BY l.id)) FROM letters l JOIN ONLY people p ON p.email = l.sent_to",
}

// TestMaskedDump: whatever the format, a dump under a policy that masks is
// restored with every row and key, has no value in it that the policy hides,
// and everything else as it was.
func TestMaskedDump(t *testing.T) {
	t.Parallel()
	binary := harness.BuildSluice(t)
	eachVersion(t, func(t *testing.T, world *harness.World) {
		world.Exec(t, "shop", onlyPeople)
		gate := maskingGate(t, world, binary, masked)
		want, asked := contents(t, world, "shop"), answers(t, world, "shop")
		pseudonyms := ""
		for _, w := range ways {
			if w.name == "rows-per-insert" && world.Version < 14 {
				continue // that server takes no DEFAULT for a generated column in several rows
			}
			t.Run(w.name, func(t *testing.T) {
				dir := t.TempDir()
				if r := w.dump(t, gate.Target(), dir); r.Exit != 0 {
					t.Fatalf("not dumped:\n%s", r)
				}
				if found := leaks(written(t, world.Direct(), dir), canary); len(found) > 0 {
					t.Errorf("in the dump: %.2000q", found)
				}
				restoreBeside(t, world, w, dir)
				if diff := cmp.Diff(want, contents(t, world, "restored")); diff != "" {
					t.Errorf("restored is something else (-shop +restored):\n%s", diff)
				}
				if diff := cmp.Diff(asked, answers(t, world, "restored")); diff != "" {
					t.Errorf("what is not masked differs (-shop +restored):\n%s", diff)
				}
				for _, fact := range facts {
					if got := world.Query(t, "restored", fact[0])[0][0]; got != fact[1] {
						t.Errorf("%s: %s, want %s", fact[0], got, fact[1])
					}
				}
				got := world.Query(t, "restored", "SELECT string_agg(email, ' ' ORDER BY id) FROM people")[0][0]
				if pseudonyms != "" && got != pseudonyms {
					t.Error("another format has other pseudonyms")
				}
				pseudonyms = got
			})
		}
	})
}

// maskingGate is Sluice with a key for pseudonyms.
func maskingGate(t *testing.T, world *harness.World, binary, policy string) *harness.Gate {
	t.Helper()
	sum := sha256.Sum256([]byte(t.Name()))
	digits := hex.EncodeToString(sum[:])
	secrets.Learn(secrets.PrivateKey, digits)
	key := filepath.Join(t.TempDir(), "mask.key")
	if err := os.WriteFile(key, []byte(digits+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return harness.StartGateWith(t, world, binary, harness.Setup{
		Policy: policy, Config: fmt.Sprintf("mask_keys: [{name: default, file: %q}]", key),
	})
}

// restoreBeside restores without making shop new, from which the test still
// dumps.
func restoreBeside(t *testing.T, world *harness.World, w way, dir string) {
	t.Helper()
	makeEmpty(t, world)
	w.fill(t, world, dir)
}

// makeEmpty makes the database restored anew, and leaves shop as it is.
func makeEmpty(t *testing.T, world *harness.World) {
	t.Helper()
	world.Exec(t, "postgres", "DROP DATABASE IF EXISTS restored WITH (FORCE)")
	world.Exec(t, "postgres", "CREATE DATABASE restored OWNER shop_app TEMPLATE template0")
}

func answers(t *testing.T, world *harness.World, database string) (out []string) {
	t.Helper()
	for _, query := range untouched {
		out = append(out, world.Query(t, database, query)[0][0])
	}
	return out
}

// TestMaskThatBreaksAKey: a dump that could not be restored is refused before
// its first row, with the column and what to do. One made of INSERTs reads by
// SELECT, of which nobody knows that it is for restoring.
func TestMaskThatBreaksAKey(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	// Nothing is unique in staff, so its rows may come from beside the refusal.
	world.Exec(t, "shop", onlyPeople+"; DROP TABLE staff")
	breaks := strings.Replace(masked, "mask: pseudonym, domain: email", `mask: constant, value: "x@m.invalid"`, 1)
	gate := maskingGate(t, world, harness.BuildSluice(t), breaks)
	for _, w := range ways {
		if strings.Contains(w.name, "insert") {
			continue
		}
		dir := t.TempDir()
		r := w.dump(t, gate.Target(), dir)
		if r.Exit == 0 || !strings.Contains(r.Stderr, "email") || !strings.Contains(r.Stderr, "unique") {
			t.Errorf("%s: exit %d\n%s", w.name, r.Exit, r.Stderr)
		}
		if found := leaks(written(t, world.Direct(), dir), "@m.invalid"); len(found) > 0 {
			t.Errorf("%s: rows came before the refusal: %q", w.name, found)
		}
	}
}
