package protection

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// roles is how many roles a random world has besides PostgreSQL's own.
const roles = 8

// world is a random set of roles, relations and rights, as SQL.
type world struct {
	*rand.Rand
	version int
	make    []string
	// columns are those of each relation that is read directly.
	columns map[string][]string
	// shows has, for what shows columns of w.t, the query and those columns.
	shows []shown
}

// shown is a query that reads columns of a relation by another way.
type shown struct {
	query, relation, column string
}

func newWorld(seed uint64, version int) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), version: version, columns: map[string][]string{}}
	w.makeRoles()
	w.makeTables()
	w.makeViews()
	w.makeFunctions()
	w.grantAll()
	return w
}

func (w *world) add(format string, args ...any) {
	w.make = append(w.make, fmt.Sprintf(format, args...))
}

// chance is true in so many cases of a hundred.
func (w *world) chance(percent int) bool { return w.IntN(100) < percent }

func (w *world) role() string { return fmt.Sprintf("r%d", w.IntN(roles)) }

// grantee is a role or PUBLIC.
func (w *world) grantee() string {
	switch n := w.IntN(100); {
	case n < 15:
		return "PUBLIC"
	case n < 22 && w.version >= 14:
		return "pg_database_owner"
	}
	return w.role()
}

func (w *world) makeRoles() {
	for i := range roles {
		attributes := []string{"LOGIN"}
		for at, percent := range []int{30, 10, 5, 10, 5} {
			if w.chance(percent) {
				attributes = append(attributes, []string{"NOINHERIT", "BYPASSRLS", "SUPERUSER", "CREATEROLE", "REPLICATION"}[at])
			}
		}
		w.add("CREATE ROLE r%d %s", i, strings.Join(attributes, " "))
	}
	for range w.IntN(9) {
		a, b := w.IntN(roles), w.IntN(roles)
		if a >= b {
			continue // no circles
		}
		w.add("GRANT r%d TO r%d%s", a, b, w.options())
	}
	if w.version >= 14 && w.chance(20) {
		w.add("GRANT pg_read_all_data TO %s%s", w.role(), w.options())
	}
	if w.chance(20) {
		w.add("ALTER DATABASE %s OWNER TO %s", database, w.role())
	}
}

// options are those of a membership.
func (w *world) options() string {
	if w.version < 16 {
		if w.chance(20) {
			return " WITH ADMIN OPTION"
		}
		return ""
	}
	return fmt.Sprintf(" WITH ADMIN %t, INHERIT %t, SET %t", w.chance(20), w.chance(60), w.chance(60))
}

func (w *world) makeTables() {
	w.add("CREATE SCHEMA w")
	w.add("CREATE TABLE w.t (a int, b int, c text, d text)")
	w.add("CREATE TABLE w.p (a int, b int, c text) PARTITION BY RANGE (a)")
	w.add("CREATE TABLE w.p1 PARTITION OF w.p FOR VALUES FROM (0) TO (4)")
	w.add("CREATE TABLE w.p2 PARTITION OF w.p FOR VALUES FROM (4) TO (100)")
	w.add("CREATE TABLE w.h (a int, b int)")
	w.add("CREATE TABLE w.hc (c text) INHERITS (w.h)")
	w.add("INSERT INTO w.t SELECT g, g %% 3, 'c' || g, 'd' FROM generate_series(1, 7) g")
	w.add("INSERT INTO w.p SELECT g, g %% 3, 'c' || g FROM generate_series(1, 7) g")
	w.add("INSERT INTO w.h SELECT g, g %% 3 FROM generate_series(1, 7) g")
	w.add("INSERT INTO w.hc SELECT g, g %% 3, 'c' FROM generate_series(1, 7) g")
	w.columns["w.t"] = []string{"a", "b", "c", "d"}
	for _, name := range []string{"w.p", "w.p1", "w.p2", "w.hc"} {
		w.columns[name] = []string{"a", "b", "c"}
	}
	w.columns["w.h"] = []string{"a", "b"}
	for _, name := range []string{"w.t", "w.p", "w.p1", "w.p2", "w.h", "w.hc"} {
		w.secure(name)
	}
	for _, c := range []string{"a", "b", "c"} {
		w.shows = append(w.shows, shown{"SELECT count(" + c + ") FROM w.p", "w.p1", c}, shown{"SELECT count(" + c + ") FROM w.p1", "w.p", c})
	}
	for _, c := range []string{"a", "b"} {
		w.shows = append(w.shows, shown{"SELECT count(" + c + ") FROM w.h", "w.hc", c}, shown{"SELECT count(" + c + ") FROM w.hc", "w.h", c})
	}
}

// secure gives a table row security and policies, or not.
func (w *world) secure(table string) {
	if w.chance(40) {
		return
	}
	w.add("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", table)
	if w.chance(40) {
		w.add("ALTER TABLE %s FORCE ROW LEVEL SECURITY", table)
	}
	for i := range w.IntN(4) {
		kind, to := "PERMISSIVE", "PUBLIC"
		if w.chance(25) {
			kind = "RESTRICTIVE"
		}
		if w.chance(60) {
			to = w.grantee()
		}
		command := []string{"ALL", "SELECT", "UPDATE"}[w.IntN(3)]
		using := []string{"", " USING (true)", " USING (false)", " USING (b = 1)", " USING (a > 2)", " USING ((a > 1) AND (b <> 2))", " USING (a = 5 OR b = 0)"}[w.IntN(7)]
		w.add("CREATE POLICY q%d ON %s AS %s FOR %s TO %s%s", i, table, kind, command, to, using)
	}
}

func (w *world) makeViews() {
	w.add("CREATE VIEW w.v AS SELECT a, c || '!' AS x FROM w.t")
	w.add("CREATE VIEW w.vv AS SELECT x FROM w.v")
	w.add("CREATE VIEW w.vp AS SELECT a, b FROM w.p1")
	w.add("CREATE VIEW w.vr AS SELECT a, pg_catalog.to_json(t) ->> 'd' AS d FROM w.t")
	w.add("CREATE MATERIALIZED VIEW w.m AS SELECT b, d FROM w.t")
	w.shows = append(w.shows,
		shown{"SELECT count(a) FROM w.v", "w.t", "a"}, shown{"SELECT count(x) FROM w.v", "w.t", "c"}, shown{"SELECT count(x) FROM w.vv", "w.t", "c"},
		shown{"SELECT count(a) FROM w.vp", "w.p", "a"}, shown{"SELECT count(b) FROM w.vp", "w.p1", "b"},
		shown{"SELECT count(d) FROM w.vr", "w.t", "d"}, shown{"SELECT count(b) FROM w.m", "w.t", "b"}, shown{"SELECT count(d) FROM w.m", "w.t", "d"})
	if w.version >= 15 {
		w.add("CREATE VIEW w.vi WITH (security_invoker = on) AS SELECT b FROM w.t")
		w.add("CREATE VIEW w.vvi AS SELECT b FROM w.vi")
		w.shows = append(w.shows, shown{"SELECT count(b) FROM w.vi", "w.t", "b"}, shown{"SELECT count(b) FROM w.vvi", "w.t", "b"})
	}
}

func (w *world) makeFunctions() {
	w.add("CREATE FUNCTION w.f() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(c) FROM w.t'")
	w.add("CREATE FUNCTION w.g() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT w' || '.f()' INTO n; RETURN n; END $$")
	w.add("CREATE FUNCTION w.i() RETURNS bigint LANGUAGE sql AS 'SELECT count(c) FROM w.t'")
	w.shows = append(w.shows, shown{"SELECT w.f()", "w.t", "c"}, shown{"SELECT w.g()", "w.t", "c"}, shown{"SELECT w.i()", "w.t", "c"})
	if w.version >= 14 {
		w.add("CREATE FUNCTION w.k() RETURNS bigint LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT count(d) FROM w.t; END")
		w.shows = append(w.shows, shown{"SELECT w.k()", "w.t", "d"})
	}
}

// grantAll gives everything owners and rights.
func (w *world) grantAll() {
	if w.chance(50) {
		w.add("GRANT USAGE ON SCHEMA w TO PUBLIC")
	}
	for range w.IntN(4) {
		w.add("GRANT USAGE ON SCHEMA w TO %s", w.grantee())
	}
	relations := []string{"w.t", "w.p", "w.p1", "w.p2", "w.h", "w.hc", "w.v", "w.vv", "w.vp", "w.vr", "w.m"}
	if w.version >= 15 {
		relations = append(relations, "w.vi", "w.vvi")
	}
	for _, name := range relations {
		owner := w.role()
		w.add("ALTER TABLE %s OWNER TO %s", name, owner)
		if w.chance(30) {
			w.add("REVOKE SELECT ON %s FROM %s", name, owner)
		}
		for range w.IntN(3) {
			w.add("GRANT %s ON %s TO %s", []string{"SELECT", "INSERT, UPDATE", "ALL"}[w.IntN(3)], name, w.grantee())
		}
		for _, c := range w.columns[name] {
			if w.chance(20) {
				w.add("GRANT SELECT (%s) ON %s TO %s", c, name, w.grantee())
			}
		}
	}
	functions := []string{"w.f()", "w.g()", "w.i()"}
	if w.version >= 14 {
		functions = append(functions, "w.k()")
	}
	for _, f := range functions {
		w.add("ALTER FUNCTION %s OWNER TO %s", f, w.role())
		if w.chance(60) {
			w.add("REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC", f)
			w.add("GRANT EXECUTE ON FUNCTION %s TO %s", f, w.role())
		}
	}
}

// unmake takes everything away again.
func (w *world) unmake() []string {
	all := make([]string, roles)
	for i := range all {
		all[i] = fmt.Sprintf("r%d", i)
	}
	list := strings.Join(all, ", ")
	return []string{"ALTER DATABASE " + database + " OWNER TO postgres", "DROP SCHEMA w CASCADE", "DROP OWNED BY " + list, "DROP ROLE " + list}
}
