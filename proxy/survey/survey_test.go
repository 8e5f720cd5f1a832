package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/classify"
	"github.com/sluice-pg/sluice/policy/inventory"
	"github.com/sluice-pg/sluice/proxy"
)

// TestReader shows which of Vault's roles is asked for.
func TestReader(t *testing.T) {
	parse := func(text string) *policy.Policy {
		p, err := policy.Parse("p", []byte("version: 1\nleases:\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const move = "  - {id: m, purposes: [migrate], role: m, group: owner}\n"
	both := parse(move + "  - {id: o, databases: [other], purposes: [read], role: o, group: o}\n  - {id: r, purposes: [copy-out, read], role: r, group: readers}\n")
	moves := parse(move)
	catalog := proxy.Database{Name: "shop", Credential: proxy.Credential{Vault: &proxy.VaultCredential{CatalogRole: "c", CatalogGroup: "cg"}}}
	none := proxy.Database{Name: "shop", Credential: proxy.Credential{Vault: &proxy.VaultCredential{}}}
	for _, one := range []struct {
		d    proxy.Database
		p    *policy.Policy
		want string
	}{
		{catalog, both, "r readers <nil>"},
		{catalog, moves, "c cg <nil>"},
		{none, both, "r readers <nil>"},
		{none, moves, "no rule under leases"},
		{none, nil, "no rule under leases"},
	} {
		role, group, err := reader(one.d, one.p)
		if got := fmt.Sprint(role, " ", group, " ", err); !strings.Contains(got, one.want) {
			t.Errorf("got %s, want %s", got, one.want)
		}
	}
}

// TestWhy shows that the server's own words are never passed on.
func TestWhy(t *testing.T) {
	for code, want := range map[string]string{
		"57014": "it took too long", "55P03": "it took too long", "42501": "the server refused it", "22P02": "the server answered with error 22P02",
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: `invalid input "a value"`, Detail: "a value"})
		if got := why(err); got != want {
			t.Errorf("%s is %q", code, got)
		}
	}
	if got := why(errors.Join(context.DeadlineExceeded)); got != "the server did not answer" {
		t.Errorf("a time-out is %q", got)
	}
}

// TestSelect pins the question for a sample: names are quoted, values are
// short.
func TestSelect(t *testing.T) {
	column := func(name, kind string) *inventory.Column {
		return &inventory.Column{Column: classify.Column{Name: name, Type: kind}}
	}
	r := &relation{schema: `S"1`, name: "t; DROP TABLE u"}
	const want = `SELECT left("a""b"::text, 4000), encode(substring("c" FROM 1 FOR 4000), 'escape') FROM "S""1"."t; DROP TABLE u" LIMIT 7`
	if got := selectFrom(r, []*inventory.Column{column(`a"b`, "text"), column("c", "bytea")}, "", 7); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestArrange shows that columns are put to their relations, and that what the
// catalog should never say is an error.
func TestArrange(t *testing.T) {
	row := func(schema, name, column, rows, labels string) []string {
		return []string{schema, name, "r", rows, column, "text", "a comment", labels, "t"}
	}
	rows := [][]string{row("a", "t", "x", "-1", "[]"), row("a", "t", "y", "-1", `["class:none"]`), row("b", "t", "x", "1e+06", "[]")}
	columns := make([]inventory.Column, len(rows))
	relations, err := arrange(rows, columns)
	if err != nil || len(relations) != 2 || len(relations[0].columns) != 2 || relations[1].rows != 1e6 || relations[0].columns[1] != &columns[1] {
		t.Errorf("got %+v, %v", relations, err)
	}
	if got := columns[1].Marks; got.Comment != "a comment" || len(got.Labels) != 1 {
		t.Errorf("got %+v", got)
	}
	for _, bad := range [][]string{row("a", "t", "x", "many", "[]"), row("a", "t", "x", "1", "none")} {
		if _, err := arrange([][]string{bad}, make([]inventory.Column, 1)); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
