package carry

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/faults"
	"github.com/sluice-pg/sluice/integration/harness"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/endpoints.txt anew")

var (
	//go:embed testdata/endpoints.sql
	endpointTables string
	//go:embed testdata/endpoints.yaml.tmpl
	endpointClients string
)

// Whatever a session declares, what it takes out itself ends where it sits. The
// matrix is that of the client endpoint: network, login method, road, class.

// networks are those of the clients of testdata/endpoints.yaml.tmpl, and another.
var networks = []string{"127.0.0.2", "127.0.0.3", "127.0.0.9"}

// person is somebody who logs in.
type person struct {
	name, method, password, settings string
	// jdbc is what settings are to JDBC: variables of testdata/Export.java.
	jdbc []string
}

// held are tables by the class of their only column.
var held = []struct{ class, table string }{
	{"contact.email", "crm.emails"}, {"secret.token", "crm.tokens"}, {"person.birth", "crm.births"}, {"order.amount", "crm.amounts"}, {"none", "crm.places"},
}

// original is what values look like that were not masked.
var original = regexp.MustCompile(`canary[0-9]+(@example\.net)?|1970-01-0[234]|10[123]\.5`)

func TestEndpoints(t *testing.T) {
	s := newEnds(t, 15, 15)
	s.world.Exec(t, "shop", endpointTables)
	oidc := startIssuer(t)
	cert, key, err := s.world.Server.Issue("carol", "carol")
	must(t, err)
	s.start(t, harness.Setup{
		Policy: s.endpointPolicy(t), ClientCA: s.world.Server.CAFile,
		Config: fmt.Sprintf("oidc:\n  - {name: company, issuer: %q, audiences: [sluice], ca: %q}\n", oidc.url, oidc.ca),
		Auth: []string{
			"- {databases: [all], users: [carol], addresses: [all], tls: required, method: cert}",
			"- {databases: [all], users: [dora, emil], addresses: [all], tls: required, method: jwt, oidc: company}",
		},
	})
	target := s.gate.Target()
	people := []person{
		{name: target.User, method: "scram", password: target.Password},
		{name: target.User, method: "scram, no TLS", password: target.Password, settings: "sslmode=disable", jdbc: []string{"PGSSLMODE=disable"}},
		{name: "carol", method: "cert", settings: "sslcert=" + cert + " sslkey=" + key, jdbc: []string{"EXPORT_CERT=" + cert, "EXPORT_KEY=" + inDER(t, key)}},
		{name: "dora", method: "jwt, two factors", password: oidc.token(t, "dora", "urn:company:two-factors")},
		{name: "emil", method: "jwt", password: oidc.token(t, "emil", "")},
	}
	classPath := harness.CompileJava(t, "Export.java")
	var out bytes.Buffer
	for n, network := range networks {
		relay := relayTo(t, target.Port)
		relay.From(net.ParseIP(network))
		for i, p := range people {
			v := &visitor{stage: s, person: p, target: target, relay: relay, turn: i - n, classPath: classPath}
			v.target.Port, v.target.User, v.target.Password = relay.Port(), p.name, p.password
			fmt.Fprintf(&out, "%s, %s\n", network, p.method)
			v.look(t, &out)
		}
	}
	const file = "testdata/endpoints.txt"
	if *rewrite {
		must(t, os.WriteFile(file, out.Bytes(), 0o600))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got := out.String(); got != string(want) {
		t.Errorf("%s is another now (-rewrite writes it anew)\n%s", file, differing(string(want), got))
	}
}

// differing are the lines of two texts that differ.
func differing(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	out := ""
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			out += "- " + a + "\n+ " + b + "\n"
		}
	}
	return out
}

// endpointPolicy lets everybody read everything by every road, as far as rules go.
func (s *stage) endpointPolicy(t *testing.T) string {
	t.Helper()
	head, rules, _ := strings.Cut(s.policy(t), "rules:\n")
	head, columns, _ := strings.Cut(head, "columns:\n")
	for _, h := range held {
		columns = "  - {columns: [" + h.table + ".v], class: " + h.class + "}\n" + columns
	}
	return head + "columns:\n" + columns + endpointClients + "rules:\n" + rules +
		"  - {id: everything, effect: allow, kinds: [\"*\"], limits: {rows: unlimited, bytes: unlimited}}\n"
}

// visitor is a person at a network.
type visitor struct {
	*stage
	person
	target harness.Target
	relay  *faults.Relay
	// classPath is where testdata/Export.java was compiled to.
	classPath string
	// turn chooses the way to declare that is tried unless all are; none if there is
	// no such.
	turn int
}

// look takes every class out by every road, and notes what came of it. The whole is
// done again with a destination declared, in each way that there is.
func (v *visitor) look(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	plain := v.byPsql(t, "", nil)
	for _, road := range roads {
		for _, h := range held {
			fmt.Fprintf(out, "  %-8s %-14s %s\n", road.name, h.class, plain[road.name+h.class])
		}
	}
	for i, d := range v.declarations(t) {
		if i != v.turn && os.Getenv("SLUICE_TEST_VERSIONS") == "" {
			continue
		}
		for key, said := range v.byPsql(t, d.before, d.env) {
			if said != plain[key] {
				t.Errorf("%s, declared by %s: %s is\n%s\nand was\n%s", v.method, d.name, key, said, plain[key])
			}
		}
	}
	v.byOthers(t, out)
}

// declaration is a way to say where one means to take data.
type declaration struct {
	name, before string
	env          []string
}

func (v *visitor) declarations(t *testing.T) []declaration {
	t.Helper()
	file := t.TempDir() + "/pg_service.conf"
	must(t, os.WriteFile(file, []byte("[analytics]\noptions=-c sluice.destination=analytics\n"), 0o600))
	return []declaration{
		{name: "PGOPTIONS", env: []string{"PGOPTIONS=-c sluice.destination=analytics"}},
		{name: "SET", before: "SET sluice.destination = 'analytics';\n"},
		{name: "a service file", env: []string{"PGSERVICEFILE=" + file, "PGSERVICE=analytics"}},
	}
}

// roads are the ways out that psql has; TABLE stands for one.
var roads = []struct{ name, text string }{
	{`\copy`, `\copy TABLE TO STDOUT`},
	{"COPY", "/* sluice: destination=analytics */ COPY TABLE TO STDOUT;"},
	{"SELECT", "SELECT * FROM TABLE;"},
	{"FETCH", "\\set FETCH_COUNT 2\nSELECT * FROM TABLE;\n\\unset FETCH_COUNT"},
}

// byPsql takes every road for every class in one session, and says what came of it.
func (v *visitor) byPsql(t *testing.T, before string, env []string) map[string]string {
	t.Helper()
	script := before
	for _, road := range roads {
		for _, h := range held {
			mark := "@@" + road.name + h.class
			if road.name == `\copy` {
				mark = `@@\\copy` + h.class
			}
			script += "\\echo '" + mark + "'\n\\warn '" + mark + "'\n" + strings.ReplaceAll(road.text, "TABLE", h.table) + "\n"
		}
	}
	r := harness.Run(t, v.target, harness.Command{
		Program: "psql", Dir: t.TempDir(), Args: []string{"-X", "-w", "-q", "-A", "-t", "-d", v.settings}, Stdin: script, Env: env,
	})
	rows, errors := atMarks(r.Stdout), atMarks(r.Stderr)
	out := map[string]string{}
	for _, road := range roads {
		for _, h := range held {
			key := road.name + h.class
			out[key] = outcome(rows[key], errors[key])
			if road.name != "SELECT" && road.name != "FETCH" {
				v.offered(t, h.table, rows[key], errors[key])
			}
		}
	}
	if r.Exit != 0 {
		t.Fatalf("%s: %s", v.method, r)
	}
	return out
}

// offered makes sure that the refusal of a COPY shows how the rows could be carried.
func (v *visitor) offered(t *testing.T, table, rows, refusal string) {
	t.Helper()
	if carry := "COPY " + table + " TO 'sluice://analytics/" + table + "'"; strings.TrimSpace(rows) == "" && !strings.Contains(refusal, carry) {
		t.Errorf("the refusal does not show %s\n%s", carry, refusal)
	}
}

// atMarks cuts a text at the lines that begin with @@.
func atMarks(text string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq("\n"+text, "\n@@") {
		mark, rest, _ := strings.Cut(part, "\n")
		out[mark] = rest
	}
	return out
}

// outcome is what came of a try, in short: the values, other values in their place,
// or why there are none.
func outcome(rows, refusal string) string {
	n := len(original.FindAllString(rows, -1))
	lines := len(strings.Fields(rows))
	switch {
	case strings.Contains(refusal, "ERROR:") && n == 0:
		return "refused: " + because(refusal)
	case n == 3:
		return "shown"
	case n == 0 && lines == 3:
		return "masked"
	}
	return fmt.Sprintf("%d values in %d lines, and %q", n, lines, refusal)
}

var detail = regexp.MustCompile(`DETAIL:  ([^\n]*)`)

// position is where something stands in the policy.
var position = regexp.MustCompile(` \(policy\.yaml:[0-9:]+\)`)

// because is the reason of a refusal.
func because(refusal string) string {
	found := detail.FindStringSubmatch(refusal)
	if found == nil {
		return refusal
	}
	return position.ReplaceAllString(found[1], "")
}

// byOthers takes the roads of other programs: pg_dump into another server, a program
// with windows, and one that reads by the extended protocol.
func (v *visitor) byOthers(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	v.dump(t, out, held[0].class, held[0].table)
	v.export(t, out)
	c, err := pgx.Connect(t.Context(), v.dsn())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, h := range held {
		fmt.Fprintf(out, "  %-8s %-14s %s\n", "extended", h.class, extended(t.Context(), c, h.table))
	}
}

// dump is pg_dump | psql.
func (v *visitor) dump(t *testing.T, out *bytes.Buffer, class, table string) {
	t.Helper()
	r := harness.Run(t, v.target, harness.Command{
		Program: "sh", Dir: t.TempDir(), Env: []string{"PGOPTIONS=-c sluice.destination=analytics", "SETTINGS=" + v.settings, "THERE=" + v.there.SuperuserDSN("copies"), "TABLE=" + table},
		Args: []string{"-c", `{ pg_dump -w --no-owner --no-acl -t "$TABLE" -d "$SETTINGS" || exit 1; } | psql -X -q -v ON_ERROR_STOP=1 "$THERE"`},
	})
	rows := ""
	if v.at(t, "SELECT to_regclass('"+table+"') IS NOT NULL") == "t" {
		rows = v.at(t, "SELECT v FROM "+table)
	}
	v.at(t, "DROP TABLE IF EXISTS "+table)
	fmt.Fprintf(out, "  %-8s %-14s %s\n", "pg_dump", class, outcome(rows, strings.ReplaceAll(r.Stderr, "error:", "ERROR:")))
}

// export writes the tables to files as programs with windows do.
func (v *visitor) export(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	args := []string{"-cp", v.classPath, "Export"}
	for _, h := range held {
		args = append(args, h.class+"="+h.table)
	}
	r := harness.Run(t, v.target, harness.Command{Program: "java", Args: args, Dir: t.TempDir(), Env: v.jdbc})
	if r.Exit != 0 {
		t.Fatalf("%s: %s", v.method, r)
	}
	rows, errors := atMarks(r.Stdout), atMarks(r.Stderr)
	for _, h := range held {
		fmt.Fprintf(out, "  %-8s %-14s %s\n", "JDBC", h.class, outcome(rows[h.class], errors[h.class]))
	}
}

// inDER is a private key as JDBC reads it, in PKCS #8 without PEM around it.
func inDER(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is not PEM", file)
	}
	out := t.TempDir() + "/key.pk8"
	must(t, os.WriteFile(out, block.Bytes, 0o600))
	return out
}

func (v *visitor) dsn() string {
	return fmt.Sprintf("host=localhost port=%d user=%s password='%s' dbname=shop sslrootcert=%s application_name=export options='-c sluice.destination=analytics' sslmode=verify-full %s",
		v.relay.Port(), v.target.User, v.target.Password, v.target.CAFile, v.settings)
}

// extended reads a table as programs do that show it.
func extended(ctx context.Context, c *pgx.Conn, table string) string {
	rows, err := c.Query(ctx, "SELECT * FROM "+table, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err == nil {
		text := ""
		for rows.Next() {
			text += string(rows.RawValues()[0]) + "\n"
		}
		if err = rows.Err(); err == nil {
			return outcome(text, "")
		}
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	first, _, _ := strings.Cut(pg.Detail, "\n")
	return "refused: " + position.ReplaceAllString(first, "")
}
