package catalog

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/catalog"
)

// namesAsked are names as a text may have them, with those that only some
// paths find, and those that shadow each other.
var namesAsked = []string{
	`users`, `app.users`, `USERS`, `"Users"`, `"users"`, `app."users"`, `APP.Users`, `App."Users"`,
	`pg_class`, `pg_catalog.pg_class`, `pg_temp.pg_class`, `public.pg_class`, `tables`, `information_schema.tables`, `information_schema.users`,
	`"Odd Schema"."Odd Table"`, `"Odd Table"`, `"odd table"`, `"Odd Schema".users`, `"quo""te"`, `"do.t"`, `app."do.t"`,
	`pg_temp.users`, `pg_temp.only_temporary`, `only_temporary`, `mails`, `app.mails`, `orders_2_1`, `users_pkey`, `app.users_pkey`, `shadowing_index`,
	`numbers`, `pair`, `counts`, `log`, `nothing`, `app.nothing`, `nowhere.users`,
	`a_name_of_exactly_sixty_three_bytes_which_is_what_a_server_keeps`,
	`a_name_of_exactly_sixty_three_bytes_which_is_what_a_server_keeps_and_more`,
	`"äöü_a_name_whose_sixty_third_byte_is_the_middle_of_a_letter_äöü_and_more"`,
	`"the_sixty_third_byte_of_this_name_is_the_middle_of_a_letter__éé_and_more"`,
	`"äö"`, `pg_toast.nothing`,
}

var paths = []string{
	`"$user", public`, `app`, `app, public`, `public, app`, `app, pg_catalog`, `pg_temp, app`, `app, pg_temp`, `pg_catalog, pg_temp, app`,
	`"Odd Schema", app`, `nowhere, app`, `''`, `pg_temp`, `information_schema, app`, `public, app, pg_temp, pg_catalog`,
}

// More of the shop: names that are found in several schemas, and of odd length.
const moreNames = `
CREATE TABLE public.users (id int);
CREATE TABLE "Odd Schema".users (id int);
CREATE TABLE app."Users" (id int);
CREATE TABLE app."do.t" (id int);
CREATE TABLE public."quo""te" (id int);
CREATE TABLE public.pg_class (id int);
CREATE TABLE app.tables (id int);
CREATE TABLE public.shadowed (id int);
CREATE INDEX shadowing_index ON app.tables (id);
CREATE TABLE public.shadowing_index (id int);
CREATE TABLE app.a_name_of_exactly_sixty_three_bytes_which_is_what_a_server_keeps (id int);
CREATE TABLE app."äöü_a_name_whose_sixty_third_byte_is_the_middle_of_a_letter_äöü_and_more" (id int);
CREATE TABLE app."the_sixty_third_byte_of_this_name_is_the_middle_of_a_letter__éé_and_more" (id int);
CREATE TABLE app.U&"\00e4\00f6" (id int);`

// A name means what the server says, whatever the path, with temporary
// relations and without.
func TestNamesMeanWhatTheServerSays(t *testing.T) {
	t.Parallel()
	for _, version := range harness.VersionsOr(t, 15, 18) {
		server := newServer(t, version)
		session := connect(t, server.SuperuserDSN(database))
		session.must(t, moreNames)
		s := load(t, look(t, server))
		asked := 0
		for _, path := range paths {
			session.must(t, "DISCARD ALL")
			session.must(t, "SET search_path = "+path)
			asked += compareNames(t, session, s)
		}
		// From now on the session has a schema for temporary relations.
		const temporary = "CREATE TEMP TABLE users (mine int); CREATE TEMP VIEW only_temporary AS SELECT 1 AS x; CREATE TEMP TABLE pg_class (x int)"
		for _, path := range paths {
			session.must(t, "DISCARD ALL")
			session.must(t, "SET search_path = "+path)
			sight := session.sight(t, s)
			for _, st := range analyze(t, temporary).Statements {
				sight = sight.Note(&st, false)
			}
			session.must(t, temporary)
			asked += compareWith(t, session, sight, false)
			sight.Path = session.path(t)
			asked += compareWith(t, session, sight, true)
		}
		t.Logf("PostgreSQL %d: %d names compared", version, asked)
	}
}

func compareNames(t *testing.T, session connection, s *catalog.Snapshot) int {
	t.Helper()
	return compareWith(t, session, session.sight(t, s), true)
}

// compareWith asks the server for every name and compares. sure says that no
// name may be unknown.
func compareWith(t *testing.T, session connection, sight catalog.Sight, sure bool) int {
	t.Helper()
	for _, name := range namesAsked {
		schema, bare := written(t, name)
		r, found := sight.Find(schema, bare)
		oid := session.meaning(t, name)
		switch {
		case found == catalog.Unknown && !sure:
		case found == catalog.Missing && oid == 0:
		case found == catalog.Known && oid != 0 && r.Made != nil && r.OID != oid:
			// The server's OID is not known; that it is this one, its schema
			// and its columns say.
			if got := session.one(t, "SELECT relpersistence FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) "+fmt.Sprint(oid)); got != "t" {
				t.Errorf("in %v %s is the temporary relation, but the server's is %d", sight.Path, name, oid)
			}
		case found == catalog.Known && r.OID == oid && r.Made == nil:
		default:
			t.Errorf("in %v %s is %v %+v, but the server's is %d", sight.Path, name, found, r, oid)
		}
	}
	return len(namesAsked)
}

// written splits a name as the analysis of a statement does.
func written(t *testing.T, name string) (schema, bare string) {
	t.Helper()
	relations := analyze(t, "TABLE "+name).Statements[0].Relations
	return relations[0].Schema, relations[0].Name
}

// meaning is the OID of what the server finds by a name, 0 for nothing.
func (c connection) meaning(t *testing.T, name string) catalog.OID {
	t.Helper()
	text := c.one(t, "SELECT pg_catalog.to_regclass("+quoted(name)+")::pg_catalog.oid")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.OID(n)
}
