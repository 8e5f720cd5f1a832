package inventory_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/policy/inventory"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into testdata")

func parse(t testing.TB, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const document = `version: 1
classes: {contact.email: {}, person.name: {}, finance.card: {}}
columns:
  - {columns: ["*.*.email"], class: contact.email}
  - {columns: [shop.users.name, shop.orders.note], class: person.name}
  - {columns: [shop.users.id, shop.users.backup_mail], class: none}
`

// tally counts values.
func tally(values ...string) *classify.Tally {
	t := new(classify.Tally)
	for _, v := range values {
		t.Add([]byte(v))
	}
	return t
}

// canary is in every value of these tests, and in nothing that is written.
const canary = "kanarie"

func mails(n int) *classify.Tally {
	var values []string
	for i := range n {
		values = append(values, fmt.Sprintf("%s%d@example.com", canary, i))
	}
	return tally(values...)
}

func column(relation, name, kind string) inventory.Column {
	return inventory.Column{Column: classify.Column{Schema: "shop", Relation: relation, Name: name, Type: kind}}
}

func with(c inventory.Column, change func(*inventory.Column)) inventory.Column {
	change(&c)
	return c
}

// shop is a database in which everything occurs.
func shop() []inventory.Column {
	return []inventory.Column{
		column("users", "id", "bigint"),
		with(column("users", "email", "text"), func(c *inventory.Column) { c.Tally = mails(100) }),
		with(column("users", "name", "text"), func(c *inventory.Column) { c.Tally = tally(canary) }),
		with(column("users", "backup_mail", "text"), func(c *inventory.Column) { c.Tally = mails(3) }),
		with(column("users", "phone", "text"), func(c *inventory.Column) { c.Marks.Comment = "class:contact.phone" }),
		with(column("users", "city", "text"), func(c *inventory.Column) { c.Marks.Comment = "class:place and class:contact.address" }),
		with(column("users", "height", "integer"), func(c *inventory.Column) { c.Note = "no right to read the values" }),
		with(column("users", "Odd \"Name\"", "text"), func(c *inventory.Column) { c.Tally = mails(1) }),
		with(column("orders", "note", "text"), func(c *inventory.Column) { c.Tally = mails(40) }),
		with(column("orders", "total", "numeric(10,2)"), func(c *inventory.Column) { c.Marks.Labels = []string{"class:none"} }),
		with(column("orders", "state", "text"), func(c *inventory.Column) { c.Tally = tally("paid", canary) }),
		with(column("orders", "token", "text"), func(c *inventory.Column) { c.Marks.Comment = "class:secret.token"; c.Tally = mails(4) }),
		column("orders", "kind\n# of", "pg_catalog.\"odd\ntype\""),
	}
}

// TestReport pins the report in all its forms.
func TestReport(t *testing.T) {
	r := inventory.Take(parse(t, document), "shop", shop())
	var b bytes.Buffer
	show := func(title string, write func() error) {
		fmt.Fprintf(&b, "==== %s\n", title)
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	show("text", func() error { return r.Text(&b, inventory.TextOptions{}) })
	show("all", func() error { return r.Text(&b, inventory.TextOptions{All: true}) })
	show("fragment", func() error { return r.Fragment(&b) })
	show("json", func() error {
		encoder := json.NewEncoder(&b)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	})
	if strings.Contains(b.String(), canary) {
		t.Error("a value is in what is written")
	}
	const path = "testdata/report.txt"
	if *rewrite {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-rewrite writes it):\n%s", path, diff)
	}
}

// TestColors shows that only what needs somebody is painted.
func TestColors(t *testing.T) {
	r := inventory.Take(parse(t, document), "shop", shop())
	var plain, painted bytes.Buffer
	if err := r.Text(&plain, inventory.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Text(&painted, inventory.TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	got := strings.NewReplacer("\x1b[31mno class\x1b[0m", "no class", "\x1b[31munsettled\x1b[0m", "unsettled", "\x1b[33mbut\x1b[0m", "but").Replace(painted.String())
	if got != plain.String() || got == painted.String() {
		t.Errorf("painted:\n%q", painted.String())
	}
}

// TestFragmentIsAPolicy shows that a fragment is read as a policy, whatever the
// columns are called, and that a document with it, and with its comments taken
// in, leaves nothing unclassified.
func TestFragmentIsAPolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(
			rapid.SampledFrom([]string{"email", "phone", "token", "id", "a b", "Ü", "x\ny", `"`, "'", "#", "a: b", "{}", "\u2028", "*", "none", "password_hash"}),
			rapid.StringN(1, 12, 40),
		).Filter(func(s string) bool {
			return !strings.ContainsRune(s, 0) && s != "" && !strings.ContainsRune(s, '\ufffd')
		})
		columns := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) inventory.Column {
			return inventory.Column{Column: classify.Column{
				Schema: name.Draw(t, "schema"), Relation: name.Draw(t, "relation"), Name: name.Draw(t, "name"),
				Type: rapid.SampledFrom([]string{"text", "bigint", "macaddr", "x.\"y\nz\""}).Draw(t, "type"),
			}}
		}), 0, 8, func(c inventory.Column) [3]string { return [3]string{c.Schema, c.Relation, c.Name} }).Draw(t, "columns")
		var b strings.Builder
		if err := inventory.Take(nil, "shop", columns).Fragment(&b); err != nil {
			t.Fatal(err)
		}
		accepted := strings.ReplaceAll("version: 1\n"+b.String(), "\n  # - {", "\n  - {")
		for _, text := range []string{"version: 1\n" + b.String(), accepted} {
			if _, err := policy.Parse("p", []byte(text)); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
		}
		p, err := policy.Parse("p", []byte(accepted))
		if err != nil {
			t.Fatal(err)
		}
		if left := inventory.Take(p, "shop", columns).Count(inventory.Unclassified); left != 0 {
			t.Errorf("%d are left unclassified by\n%s", left, accepted)
		}
	})
}

// TestFragmentDeclaresOnce shows that a class that the policy has is not
// declared again, and that columns with a class are left alone.
func TestFragmentDeclaresOnce(t *testing.T) {
	var b strings.Builder
	r := inventory.Take(parse(t, document), "shop", shop())
	if err := r.Fragment(&b); err != nil {
		t.Fatal(err)
	}
	declared, _, _ := strings.Cut(b.String(), "columns:")
	for _, class := range parse(t, document).Classes() {
		if strings.Contains(declared, class) {
			t.Errorf("%s is declared again", class)
		}
	}
	lines := slices.Collect(strings.Lines(b.String()))
	for _, name := range []string{"shop.users.email", "shop.users.id", "shop.orders.total"} {
		if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "["+name+"]") }) {
			t.Errorf("%s has a class already", name)
		}
	}
}
