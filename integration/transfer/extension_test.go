package transfer

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/mask"
)

// extensions are used where both ends have them, in whatever schema the destination
// has them; their code is no obstacle, and their operators and operator classes
// are found.
func extensions(t *testing.T, p pair) {
	p.newSource(t, `CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION btree_gist SCHEMA public; CREATE EXTENSION lo SCHEMA public;
		CREATE TABLE extended (id integer PRIMARY KEY, mail citext UNIQUE, mails citext[], kv hstore DEFAULT 'a=>1', n integer, EXCLUDE USING gist (n WITH =), CHECK (mail <> 'x'));
		INSERT INTO extended SELECT i, 'A' || i || '@Example.com', ARRAY['X'::citext], hstore('k', i::text), i FROM generate_series(1, 500) i; CREATE INDEX ON extended USING gin (kv);
		CREATE TABLE large (id integer, content lo)`)
	fails(t, p.job("large"), "refers to large objects")
	fails(t, p.job("extended"), "its type public.citext belongs to the extension citext, which the destination does not have", `CREATE EXTENSION "citext"`)
	p.to.Exec(t, "restored", "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public; CREATE EXTENSION btree_gist SCHEMA public")
	r := run(t, p.job("extended"))
	if r.Relations[0].Binary {
		t.Error("an array of a type with another OID went in binary")
	}
	p.same(t, "extended")
	if was, is := definitions(t, p.from, "source"), definitions(t, p.to, "restored"); !containsAll(was, is) {
		t.Errorf("it was\n%sand is\n%s", was, is)
	}

	p.newDestination(t)
	p.to.Exec(t, "restored", "CREATE SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC; CREATE EXTENSION citext SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext")
	key, err := mask.NewKey([]byte(strings.Repeat("a key of this suite ", 2)))
	if err != nil {
		t.Fatal(err)
	}
	j := p.job("extended")
	j.Items[0].Columns, j.Items[0].Without = []string{"id", "mail", "kv"}, []string{"extended_mail_check"} // which looks at masked values
	j.Items[0].Masks = map[string]mask.Mask{"mail": {Kind: mask.Pseudonym, Domain: "mail", Key: key, As: mask.AsEmail}}
	r = run(t, j)
	if !r.Relations[0].Binary {
		t.Error("types of extensions did not go in binary")
	}
	p.sees(t, "SELECT count(*) FROM pg_index WHERE indrelid = 'shop.extended'::regclass AND indisvalid", "3")
	p.sees(t, "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'shop.extended'::regclass", `'"a"=>"1"'::ext.hstore`)
	p.sees(t, "SELECT count(DISTINCT mail) FROM shop.extended WHERE mail::text LIKE '%@m.invalid'", "500")
}
