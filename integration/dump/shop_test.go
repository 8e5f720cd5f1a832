package dump

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/integration/harness"
)

// shopOfDemo makes shop the demo's, without its extension.
func shopOfDemo(t *testing.T, world *harness.World) {
	t.Helper()
	schema := file(t, "../../examples/demo/schema.sql")
	for _, cut := range []string{"CREATE ROLE shop_app NOLOGIN;\n", "CREATE EXTENSION dblink SCHEMA public;\n"} {
		if !strings.Contains(schema, cut) {
			t.Fatalf("the demo's schema has no %q", cut)
		}
		schema = strings.Replace(schema, cut, "", 1)
	}
	world.Exec(t, "postgres", "DROP DATABASE shop WITH (FORCE)")
	world.Exec(t, "postgres", "CREATE DATABASE shop TEMPLATE template0")
	world.Exec(t, "shop", schema+file(t, "../../examples/demo/data.sql"))
}

func file(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// hidden are the columns of the shop whose values can be told from others, and
// that the example's policy masks.
const hidden = `
SELECT email FROM users UNION SELECT display_name FROM users UNION SELECT wifi_ssid FROM devices UNION SELECT nickname FROM devices
UNION SELECT token FROM api_tokens UNION SELECT access_token FROM alexa_integrations UNION SELECT refresh_token FROM alexa_integrations`

// shopFacts are queries of a restored shop, each with what it has to say.
var shopFacts = [][2]string{
	{"SELECT count(DISTINCT email) FROM users WHERE email ~ '^[a-z2-7]{16}@m[.]invalid$'", "2000"},
	{"SELECT count(*) FROM users WHERE display_name !~ '^[A-Z][*]+$'", "0"},
	{"SELECT count(*) FROM api_tokens WHERE token <> 'gone'", "0"},
	{"SELECT count(*) FROM alexa_integrations WHERE access_token <> 'gone' OR refresh_token <> 'gone'", "0"},
	{"SELECT count(*) FROM health_profiles WHERE birth_year % 10 <> 0 OR height_cm % 5 <> 0 OR weight_kg % 5 <> 0 OR bone_mass_kg % 5 <> 0 OR protein_g_day % 5 <> 0", "0"},
}

// shopSame are queries that shop and what was restored have to answer alike.
var shopSame = []string{
	"SELECT md5(string_agg(o::text, ';' ORDER BY id)) FROM orders o",
	"SELECT md5(string_agg(p::text, ';' ORDER BY id)) FROM products p",
	"SELECT md5(string_agg((id, country, created_at)::text, ';' ORDER BY id)) FROM users",
	"SELECT md5(string_agg((d.id, d.model, u.country)::text, ';' ORDER BY d.id)) FROM devices d JOIN users u ON u.id = d.user_id",
	"SELECT md5(string_agg((user_id, birth_year - birth_year % 10)::text, ';' ORDER BY user_id)) FROM health_profiles",
}

// TestExampleDump: examples/policies/dump-masked.yaml makes of the demo's shop
// a dump that is restored with every row and key, and with nobody in it.
func TestExampleDump(t *testing.T) {
	world := harness.NewWorld(t, 15)
	shopOfDemo(t, world)
	gate := maskingGate(t, world, harness.BuildSluice(t), file(t, "../../examples/policies/dump-masked.yaml"))
	values := map[string]bool{}
	for _, row := range world.Query(t, "shop", hidden) {
		values[row[0]] = true
	}
	if len(values) < 6000 {
		t.Fatalf("the shop has only %d values to look for", len(values))
	}
	for _, w := range ways {
		if w.name != "plain" && w.name != "directory" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			dir := t.TempDir()
			if r := w.dump(t, gate.Target(), dir); r.Exit != 0 {
				t.Fatalf("not dumped:\n%s", r)
			}
			for path, content := range written(t, world.Direct(), dir) {
				for field := range bytes.FieldsFuncSeq(content, func(r rune) bool { return strings.ContainsRune("\t\n',()", r) }) {
					if values[string(field)] {
						t.Fatalf("%q is in %s", field, path)
					}
				}
			}
			makeEmpty(t, world)
			world.Exec(t, "restored", "GRANT CREATE ON SCHEMA public TO shop_owner") // who restores is no superuser
			w.fill(t, world, dir)
			if diff := cmp.Diff(contents(t, world, "shop"), contents(t, world, "restored")); diff != "" {
				t.Errorf("restored is something else (-shop +restored):\n%s", diff)
			}
			for _, query := range shopSame {
				if want, got := world.Query(t, "shop", query)[0][0], world.Query(t, "restored", query)[0][0]; got != want {
					t.Errorf("%s: %s, and in shop %s", query, got, want)
				}
			}
			for _, fact := range shopFacts {
				if got := world.Query(t, "restored", fact[0])[0][0]; got != fact[1] {
					t.Errorf("%s: %s, want %s", fact[0], got, fact[1])
				}
			}
		})
	}
}
