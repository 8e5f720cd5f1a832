package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// planted is a password with everything in it that some form writes otherwise.
const planted = `it's "gr<een" \o/ & 100%: grün?`

// keepHere keeps things in a folder of the test's own.
func keepHere(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	t.Setenv(FolderVariable, folder)
	return folder
}

// found looks, and returns what was met.
func found(t *testing.T, folder string) []finding {
	t.Helper()
	r, err := look(folder)
	if err != nil {
		t.Fatal(err)
	}
	return r.findings
}

// base64At is the base64 of a text with a secret in it, behind so many bytes.
func base64At(e *base64.Encoding, before int) string {
	return e.EncodeToString([]byte("0123456789"[:before] + planted + "and more"))
}

// inJSONTwice is a line of a log that quotes a line of a log.
func inJSONTwice(t *testing.T) string {
	t.Helper()
	inner, err := json.Marshal(map[string]string{"password": planted})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := json.Marshal(map[string]string{"msg": string(inner)})
	if err != nil {
		t.Fatal(err)
	}
	return string(outer)
}

// A secret is found in every form, with its place and kind, and is not in what
// is said about it. The forms are made here in another way than they are looked
// for.
func TestPlantedSecretsAreFound(t *testing.T) {
	plants := map[string]string{
		"plain":                   "password=" + planted,
		"hex":                     `\x` + hex.EncodeToString([]byte(planted)),
		"hex in capitals":         strings.ToUpper(hex.EncodeToString([]byte(planted))),
		"a query":                 url.Values{"p": {planted}}.Encode(),
		"a path":                  "/" + url.PathEscape(planted),
		"a connection string":     (&url.URL{Scheme: "postgres", User: url.UserPassword("anna", planted), Host: "db"}).String(),
		"every byte in percent":   "%69%74%27%73%20%22%67%72%3c%65%65%6e%22%20%5c%6f%2f%20%26%20%31%30%30%25%3a%20%67%72%c3%bc%6e%3f",
		"JSON":                    `{"p":"it's \"gr<een\" \\o/ & 100%: grün?"}`,
		"JSON as Go writes it":    `{"p":"it's \"gr\u003ceen\" \\o/ \u0026 100%: grün?"}`,
		"JSON in ASCII":           `{"p":"it's \"gr<een\" \\o/ & 100%: gr\u00fcn?"}`,
		"JSON in JSON":            inJSONTwice(t),
		"Go":                      fmt.Sprintf("%+v", []string{strconv.Quote(planted)}),
		"SQL":                     `PASSWORD 'it''s "gr<een" \o/ & 100%: grün?'`,
		"key and value":           `password='it\'s "gr<een" \\o/ & 100%: grün?'`,
		"a passfile":              `*:*:*:anna:it's "gr<een" \\o/ & 100%\: grün?`,
		"bytes":                   fmt.Sprint([]byte(planted)),
		"bytes as Go writes them": fmt.Sprintf("%#v", struct{ p []byte }{[]byte(planted)}),
	}
	for before := range 6 {
		for name, e := range map[string]*base64.Encoding{"std": base64.StdEncoding, "url": base64.URLEncoding, "raw": base64.RawStdEncoding} {
			plants[fmt.Sprintf("base64 %s %d", name, before)] = base64At(e, before)
		}
	}
	for name, plant := range plants {
		t.Run(name, func(t *testing.T) {
			folder := keepHere(t)
			Keep(Logs, "planted", []byte("a line\nanother, and now "+plant+" with something behind\n"))
			Keep(Logs, "clean", []byte("a line of which nobody has to think anything\n"))
			if got := found(t, folder); got != nil {
				t.Fatalf("found before there was a secret: %v", got)
			}
			Learn(Password, planted)
			got := found(t, folder)
			if len(got) == 0 || got[0].line != 2 || got[0].kind != Password || !strings.Contains(got[0].file, "planted") {
				t.Fatalf("found %v in %s", got, plant)
			}
			if said := fmt.Sprint(got); strings.Contains(said, "gr") && strings.Contains(said, "een") {
				t.Errorf("the secret is in what is said of it: %s", said)
			}
		})
	}
}

// What only resembles a secret is none.
func TestWhatIsNoSecret(t *testing.T) {
	folder := keepHere(t)
	Learn(Password, planted)
	Keep(Logs, "clean", []byte(planted[:len(planted)-1]+"\n"+strings.ToUpper(planted)+"\n"+base64.StdEncoding.EncodeToString([]byte(planted[1:]))))
	if got := found(t, folder); got != nil {
		t.Errorf("found %v", got)
	}
}

// A secret is found wherever parts of a large file meet.
func TestLargeFiles(t *testing.T) {
	for _, at := range []int{0, part - 200, part - 5, part, part + 100, 2*part - 7, 3 * part} {
		folder := keepHere(t)
		text := []byte(strings.Repeat("0123456\n", (3*part+1000)/8))
		copy(text[at:], planted)
		Keep(Trails, "large", text)
		Learn(Password, planted)
		got := found(t, folder)
		if len(got) != 1 || got[0].line != at/8+1 {
			t.Errorf("planted at byte %d, line %d: found %v", at, at/8+1, got)
		}
	}
}

// Of a private key every part is one, in whatever form.
func TestPlantedKeys(t *testing.T) {
	keys := t.TempDir()
	authority, err := pgserver.NewAuthority(keys, "an authority")
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile, err := authority.Issue("server", "localhost", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	cert, key := readText(t, certFile), readText(t, keyFile)
	const trail = "PRIVATE+KEY+sluice-trail/x+5a8f1f37+"
	seed := []byte("\x01the seed of a key that signs a t.")
	if err := os.WriteFile(filepath.Join(keys, "trail.key"), []byte(trail+base64.StdEncoding.EncodeToString(seed)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for plant, want := range map[string]bool{
		key: true, strings.Split(key, "\n")[1]: true, strings.Split(key, "\n")[2]: true, strconv.Quote(key): true,
		strings.ReplaceAll(key, "\n", ""): true, base64.StdEncoding.EncodeToString(seed[1:]): true, hex.EncodeToString(seed): true,
		cert: false, trail: false,
	} {
		folder := keepHere(t)
		LearnKeys(keys)
		Keep(Logs, "log", []byte(plant))
		if got := found(t, folder); (len(got) > 0) != want || want && got[0].kind != PrivateKey {
			t.Errorf("%q: found %v", plant, got)
		}
	}
}

// Secrets that come in messages and files are learned from them.
func TestLearning(t *testing.T) {
	folder := keepHere(t)
	const verifiers = `alice:SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=`
	users := filepath.Join(t.TempDir(), "users.scram")
	if err := os.WriteFile(users, []byte(strings.Repeat("#", 1<<20-60)+verifiers), 0o600); err != nil {
		t.Fatal(err)
	}
	LearnVerifiersOf(users)
	LearnWords([]byte(`{"auth": {"client_token": "hvs.abcdefghijkl", "accessor": "no secret at all"}, "data": {"password": "a-0123456789", "username": "v-someone",
		"keys": ["database/creds/read/0123456789"]}, "keys_base64": ["bm8ga2V5IGF0IGFsbCwgb25seSAzMiBieXRlcyBvZiB0"]}`))
	LearnJWT("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl")
	LearnGiven("short")
	LearnGiven("long enough")
	all, err := registry(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		got = append(got, s.Kind+": "+string(s.Value))
	}
	want := []string{
		SCRAMSecret + ": 01234567890123456789012345678901", SCRAMSecret + ": abcdefghijklmnopqrstuvwxyzabcdef",
		VaultToken + ": hvs.abcdefghijkl", Password + ": a-0123456789", UnsealKey + ": bm8ga2V5IGF0IGFsbCwgb25seSAzMiBieXRlcyBvZiB0",
		IdentityJWT + ": eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl", IdentityJWT + ": eyJpc3MiOiJ4In0", IdentityJWT + ": c2lnbmF0dXJl",
		Password + ": long enough",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("learned\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
