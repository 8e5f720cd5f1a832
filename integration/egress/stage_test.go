package egress

import (
	_ "embed"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/policy/egress"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

var (
	//go:embed schema.sql
	schema string
	//go:embed elsewhere.sql
	elsewhere string
)

// courierPassword is that of the login at the other server, which the roles know
// too; lanePassword that of people who connect directly.
const (
	courierPassword = "courier-of-the-matrix"
	lanePassword    = "direct-in-the-matrix"
)

// shape is a role, and the SQL that gives it its rights.
type shape struct{ name, rights string }

// shapes are the three roles, with what each may do beside being there.
var shapes = []shape{
	{"analyst", `GRANT SELECT ON ALL TABLES IN SCHEMA public, shelf TO {group}; GRANT USAGE ON SCHEMA shelf TO {group}`},
	{"app", `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {group}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {group};
GRANT SELECT ON ALL TABLES IN SCHEMA shelf TO {group}; GRANT USAGE ON SCHEMA shelf TO {group};
GRANT ALL ON SCHEMA scratch TO {group}; GRANT USAGE ON FOREIGN SERVER afar TO {group}`},
	{"owner", `REASSIGN OWNED BY shop_owner TO {group}; GRANT ALL ON SCHEMA public TO {group}; GRANT USAGE ON FOREIGN SERVER afar TO {group}`},
}

// way is how a lane reaches the server: through Sluice with a policy, or directly
// without one.
type way struct{ name, title, policy string }

var ways = []way{
	{"direct", "directly", ""},
	{"sluice", "through Sluice", "testdata/careful.yaml"},
	{"masked", "through Sluice with masks", "testdata/masking.yaml"},
}

// lane is one role's way to a database of its own.
type lane struct {
	world *harness.World
	shape string
	way   way
	// gate is Sluice; nil on a direct way.
	gate *harness.Gate
	// database is its name, at the server and in Sluice's configuration.
	database string
	// target is where the client connects.
	target harness.Target
	names  egress.Names
}

// group is the role that sessions of a lane work as.
func group(database string) string { return "g_" + database }

// newWorld starts a server with a database for every lane, and the other server's
// databases beside them.
func newWorld(t *testing.T, version int) *harness.World {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true,
		Config: map[string]string{"wal_level": "logical", "max_connections": "60", "log_statement": "all"},
		HBA:    []string{"local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256", "host all all ::1/128 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"},
		InitSQL: []string{
			"CREATE ROLE shop_owner",
			"CREATE ROLE courier LOGIN PASSWORD '" + courierPassword + "'",
			"CREATE DATABASE matrix",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets.Learn(secrets.Password, lanePassword)
	secrets.Learn(secrets.Password, courierPassword)
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := &harness.World{Server: server, Version: version}
	w.Exec(t, "matrix", strings.ReplaceAll(schema, "{canary}", canary))
	if version < 17 {
		w.Exec(t, "matrix", "CREATE EXTENSION adminpack")
	}
	w.Exec(t, "postgres", "COPY (SELECT '"+canary+"') TO '"+folder(t, w)+"/planted'")
	return w
}

// folder is one that the server can write.
func folder(t *testing.T, w *harness.World) string {
	t.Helper()
	return w.Query(t, "postgres", "SHOW data_directory")[0][0]
}

// lanes makes the databases, and starts Sluice in front of those that are
// reached through it, once for each policy.
func lanes(t *testing.T, w *harness.World, binary string, shapes []shape) []*lane {
	t.Helper()
	var all []*lane
	for _, way := range ways {
		for _, shape := range shapes {
			l := &lane{world: w, shape: shape.name, way: way, database: way.name + "_" + shape.name}
			l.build(t, shape.rights)
			l.target = w.Direct()
			l.target.User, l.target.Password, l.target.Database = "l_"+l.database, lanePassword, l.database
			all = append(all, l)
		}
	}
	// No role may come while a gate runs but its own.
	for i, way := range ways {
		if way.policy != "" {
			startGate(t, binary, all[i*len(shapes):(i+1)*len(shapes)])
		}
	}
	return all
}

// startGate starts Sluice in front of lanes, with the policy of their way.
func startGate(t *testing.T, binary string, of []*lane) {
	t.Helper()
	policy, err := os.ReadFile(of[0].way.policy)
	if err != nil {
		t.Fatal(err)
	}
	databases := map[string]string{}
	for _, l := range of {
		databases[l.database] = group(l.database)
	}
	gate := harness.StartGateWith(t, of[0].world, binary, harness.Setup{Policy: string(policy), Databases: databases})
	for _, l := range of {
		l.gate, l.target = gate, gate.Target().In(l.database)
	}
}

// build makes a lane's database, the one it could send to, and its roles.
func (l *lane) build(t *testing.T, rights string) {
	t.Helper()
	w, g := l.world, group(l.database)
	for _, sql := range []string{
		"CREATE ROLE " + g, "CREATE ROLE m_" + l.database + " ROLE " + g,
		fmt.Sprintf("CREATE ROLE l_%s LOGIN PASSWORD '%s' IN ROLE %s", l.database, lanePassword, g),
		fmt.Sprintf("ALTER ROLE l_%s SET role = '%s'", l.database, g),
		"CREATE DATABASE " + l.database + " TEMPLATE matrix",
		"CREATE DATABASE afar_" + l.database,
	} {
		w.Exec(t, "postgres", sql)
	}
	w.Exec(t, "afar_"+l.database, "CREATE TABLE public.inbox (id int, body text); GRANT ALL ON public.inbox TO courier")
	dir := folder(t, w)
	l.names = egress.Names{
		"table": "public.people", "column": "email", "prefix": canary[:6], "canary": canary,
		"sink": "public.staging", "scratch": "scratch", "other": "shelf", "elsewhere": "shelf.products",
		"partition": "public.events_2024", "child": "public.events_2023", "matview": "public.people_m", "stale": "public.people_stale",
		"view": "public.people_v", "outer": "public.people_vv", "coded": "public.coded", "watched": "public.watched", "harmless": "public.harmless",
		"secured": "public.notes", "tenants": "public.tenants", "unique": "public.uniq", "checked": "public.checked", "counter": "public.counter",
		"triggered": "public.orders", "copied": "public.order_log", "defaulted": "public.defaulted", "ruled": "public.ruled", "audit": "public.audit_log",
		"teller": "public.tell()", "blob": "4242", "server": "afar", "foreign": "public.inbox_f", "parent": "public.parts", "foreignview": "public.inbox_v",
		"database": l.database, "remote": "afar_" + l.database, "me": g, "group": "m_" + l.database, "login": "l_" + l.database,
		"loginsecret": lanePassword, "secret": courierPassword, "port": fmt.Sprint(w.Server.Port()), "superuser": w.Server.Superuser(),
		"dir": dir, "many": strings.Repeat("SELECT 1; ", 500),
	}
	w.Exec(t, l.database, l.fill(t, strings.NewReplacer("{group}", g).Replace(elsewhere)))
	w.Exec(t, l.database, strings.NewReplacer("{group}", g).Replace(rights))
	l.names["telloid"] = w.Query(t, l.database, "SELECT 'public.tell()'::regprocedure::oid")[0][0]
}

// fill puts the lane's names into a text.
func (l *lane) fill(t *testing.T, text string) string {
	t.Helper()
	filled, err := l.names.Fill(text)
	if err != nil {
		t.Fatal(err)
	}
	return filled
}
