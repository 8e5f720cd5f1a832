package clients

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// endMark is the last line that every script of a driver prints.
const endMark = "end of the case"

// scriptCase runs a program whose printed lines are the result.
func scriptCase(t *testing.T, target harness.Target, c harness.Command) string {
	t.Helper()
	out := harness.MustRun(t, target, c).String()
	expect(t, target, out, endMark)
	return out
}

// testdataFile is the absolute path of a file in testdata.
func testdataFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// pythonCases are Debian's psycopg2 and psycopg, run by Debian's Python.
func pythonCases() []client {
	var out []client
	for _, name := range []string{"psycopg2", "psycopg3"} {
		out = append(out, client{name: name, run: func(t *testing.T, target harness.Target, dir string) string {
			return scriptCase(t, target, harness.Command{
				Program: "/usr/bin/python3", Args: []string{testdataFile(t, name+"_case.py")}, Dir: dir,
			})
		}})
	}
	return out
}

// nodeCases are node-postgres and postgres.js from the pinned npm packages.
func nodeCases() []client {
	var out []client
	for _, name := range []string{"node-postgres", "postgres.js"} {
		out = append(out, client{name: name, run: func(t *testing.T, target harness.Target, dir string) string {
			return scriptCase(t, target, harness.Command{
				Program: "node", Args: []string{"--no-deprecation", testdataFile(t, name+"_case.cjs")}, Dir: dir,
				Env: []string{"NODE_PATH=" + nodeModules(t)},
			})
		}})
	}
	return out
}

func nodeModules(t *testing.T) string {
	t.Helper()
	cache, err := pgserver.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "node_modules")
	if _, err := os.Stat(filepath.Join(dir, "pg")); err != nil {
		t.Fatalf("the drivers for node are missing, run ./integration/test: %v", err)
	}
	return dir
}

// javaCases run a compiled program with Debian's JDBC driver, in the modes
// that make the driver speak differently.
func javaCases(t *testing.T) []client {
	classPath := harness.CompileJava(t, "Matrix.java")
	var out []client
	for _, mode := range []string{"extended", "simple", "extendedForPrepared", "extendedCacheEverything"} {
		out = append(out, client{name: "jdbc/" + mode, run: func(t *testing.T, target harness.Target, dir string) string {
			return scriptCase(t, target, harness.Command{
				Program: "java", Args: []string{"-cp", classPath, "Matrix", mode}, Dir: dir,
			})
		}})
	}
	return out
}

// libpq18Cases run Debian's psql with the libpq of PostgreSQL 18. Servers
// before 17 know no direct TLS and those before 18 no protocol 3.2, so these
// compare with newer servers only.
func libpq18Cases(t *testing.T) []client {
	lib := libpq18(t)
	var out []client
	for _, c := range []struct {
		name string
		from int
		env  []string
	}{
		{"protocol latest", 0, []string{"PGMAXPROTOCOLVERSION=latest"}},
		{"channel binding", 0, []string{"PGCHANNELBINDING=require"}},
		{"plaintext", 0, []string{"PGSSLMODE=disable"}},
		{"require scram", 0, []string{"PGREQUIREAUTH=scram-sha-256"}},
		{"direct TLS", 17, []string{"PGSSLNEGOTIATION=direct"}},
		{"protocol 3.2", 18, []string{"PGMINPROTOCOLVERSION=3.2", "PGMAXPROTOCOLVERSION=3.2"}},
		{"direct TLS and protocol 3.2", 18, []string{"PGSSLNEGOTIATION=direct", "PGMINPROTOCOLVERSION=3.2", "PGMAXPROTOCOLVERSION=3.2"}},
	} {
		env := append([]string{"LD_LIBRARY_PATH=" + lib}, c.env...)
		out = append(out, client{name: "libpq 18/" + c.name, from: c.from, run: func(t *testing.T, target harness.Target, dir string) string {
			return libpq18Session(t, target, dir, env)
		}})
	}
	return out
}

func libpq18(t *testing.T) string {
	t.Helper()
	bin, err := pgserver.FindBinaries(18)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(filepath.Dir(bin), "lib")
}

func libpq18Session(t *testing.T, target harness.Target, dir string, env []string) string {
	out := harness.MustRun(t, target, harness.Command{
		Program: "/usr/bin/psql", Env: env, Dir: dir,
		Args: []string{"-X", "-v", "ON_ERROR_STOP=1"},
		Stdin: "SELECT count(*) FROM users;\nCOPY users TO STDOUT;\nSELECT 1 AS a \\gdesc\n" +
			"SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND false;\n",
	}).String()
	expect(t, target, out, "200", "user7@example.com", "integer")
	return out
}

// TestNewTransportInFrontOfAnOldServer uses what only new servers know, direct
// TLS and protocol 3.2, towards Sluice in front of the oldest server.
func TestNewTransportInFrontOfAnOldServer(t *testing.T) {
	world := harness.NewWorld(t, harness.Versions(t)[0])
	gate := harness.StartGate(t, world, harness.BuildSluice(t), harness.AllowKnown)
	direct := libpq18Session(t, world.Direct(), t.TempDir(), nil)
	for _, c := range libpq18Cases(t) {
		if c.from == 0 {
			continue // compared by TestMatrix
		}
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(lines(direct), lines(c.run(t, gate.Target(), t.TempDir()))); diff != "" {
				t.Errorf("differs from the server's own answer (-direct +sluice):\n%s", diff)
			}
		})
	}
}
