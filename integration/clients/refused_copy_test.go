package clients

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

// vaultIsClosed allows everything but writing to one table.
const vaultIsClosed = `version: 1
rules:
  - {id: vault-is-closed, effect: deny, kinds: [ordinary_write], relations: [public.vault]}
  - {id: everything, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`

// dataLines are rows of a COPY FROM that would do harm if a client or the
// proxy took them for statements. Each has the mark.
const (
	mark      = "line_of_data"
	dataLines = "INSERT INTO canary VALUES ('" + mark + "');\nDROP TABLE users; -- " + mark + "\nSELECT '" + mark + "';\n"
)

// inline is how psql scripts carry data.
const inline = dataLines + "\\.\n"

// loader is one way to load data into the closed table. It returns what the
// client printed.
type loader struct {
	name string
	run  func(t *testing.T, target harness.Target, dir string) string
}

// TestRefusedCopyFromRunsNoData loads data into a table that the policy closes,
// with every client. The refusal must arrive as an error of the COPY, the
// session must go on, and the server must not have seen a line of the data:
// psql, told no in the wrong way, runs what follows as SQL.
func TestRefusedCopyFromRunsNoData(t *testing.T) {
	world := harness.NewWorld(t, 15)
	world.Exec(t, "shop_template", "SET ROLE shop_app; CREATE TABLE vault (line text); CREATE TABLE canary (line text)")
	gate := harness.StartGate(t, world, harness.BuildSluice(t), vaultIsClosed)
	for _, l := range loaders(t) {
		t.Run(l.name, func(t *testing.T) {
			world.Reset(t)
			seen := serverLog(t, world)
			out := l.run(t, gate.Target(), t.TempDir())
			expect(t, gate.Target(), out, "vault-is-closed", "still here")
			if news := strings.TrimPrefix(serverLog(t, world), seen); strings.Contains(news, mark) {
				t.Errorf("the server saw the data:\n%s", excerpt(news))
			}
			rows := world.Query(t, "shop", "SELECT (SELECT count(*) FROM vault), (SELECT count(*) FROM canary), to_regclass('users') IS NOT NULL")
			if got := strings.Join(rows[0], " "); got != "0 0 t" {
				t.Errorf("vault, canary, users: %s, want 0 0 t\n%s", got, excerpt(out))
			}
		})
	}
}

func loaders(t *testing.T) []loader {
	scripts := []struct{ name, text string }{
		{"psql copy", "COPY vault FROM STDIN;\n" + inline},
		{"psql copy csv", "COPY vault FROM STDIN WITH (FORMAT csv);\n" + inline},
		{"psql backslash copy", "\\copy vault FROM STDIN\n" + inline},
		{"psql copy file", "\\copy vault FROM 'data.txt'\n"},
		{"psql after another", "SELECT 1 \\; COPY vault FROM STDIN;\n" + inline},
		{"psql before another", "COPY vault FROM STDIN \\; SELECT 2;\n" + inline},
		{"psql allowed first", "CREATE TEMP TABLE open (line text);\nCOPY open FROM STDIN \\; COPY vault FROM STDIN;\n" + inline + inline},
		{"psql in a transaction", "BEGIN;\nCOPY vault FROM STDIN;\n" + inline + "ROLLBACK;\n"},
		{"psql after a savepoint", "BEGIN;\nSAVEPOINT a;\nCOPY vault FROM STDIN;\n" + inline + "ROLLBACK TO a;\nCOMMIT;\n"},
		{"psql in a failed block", "BEGIN;\nCOPY vault FROM STDIN;\n" + inline + "COPY vault FROM STDIN;\n" + inline + "ROLLBACK;\n"},
		{"psql named in full", "COPY public.vault (line) FROM STDIN;\n" + inline},
	}
	var out []loader
	for _, s := range scripts {
		out = append(out, loader{s.name, func(t *testing.T, target harness.Target, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "data.txt"), []byte(dataLines), 0o600); err != nil {
				t.Fatal(err)
			}
			return harness.MustRun(t, target, harness.Command{
				Program: "/usr/bin/psql", Args: []string{"-X"}, Stdin: s.text + "SELECT 'still here';\n", Dir: dir,
			}).String()
		}})
	}
	for _, name := range []string{"psycopg2", "psycopg3"} {
		out = append(out, loader{name, func(t *testing.T, target harness.Target, dir string) string {
			return scriptCase(t, target, harness.Command{
				Program: "/usr/bin/python3", Args: []string{testdataFile(t, name+"_refused_copy.py")}, Stdin: dataLines, Dir: dir,
			})
		}})
	}
	out = append(out, loader{"postgres.js", func(t *testing.T, target harness.Target, dir string) string {
		return scriptCase(t, target, harness.Command{
			Program: "node", Args: []string{testdataFile(t, "postgres.js_refused_copy.cjs")}, Stdin: dataLines, Dir: dir,
			Env: []string{"NODE_PATH=" + nodeModules(t)},
		})
	}})
	classPath := harness.CompileJava(t, "RefusedCopy.java")
	out = append(out, loader{"jdbc", func(t *testing.T, target harness.Target, dir string) string {
		return scriptCase(t, target, harness.Command{
			Program: "java", Args: []string{"-cp", classPath, "RefusedCopy"}, Stdin: dataLines, Dir: dir,
		})
	}})
	return append(out, loader{"pgx", pgxRefusedCopy})
}

// pgxRefusedCopy sends its data without waiting for CopyInResponse, both ways
// that pgx has.
func pgxRefusedCopy(t *testing.T, target harness.Target, _ string) string {
	return withPgx(t, target, pgx.QueryExecModeCacheStatement, func(ctx context.Context, conn *pgx.Conn, n *notebook) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		var rows [][]any
		for line := range strings.Lines(dataLines) {
			rows = append(rows, []any{line})
		}
		_, err := conn.CopyFrom(ctx, pgx.Identifier{"vault"}, []string{"line"}, pgx.CopyFromRows(rows))
		if err := wantRefusal(err); err != nil {
			return err
		}
		n.failure(err)
		_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader(strings.Repeat(dataLines, 20000)), "COPY vault FROM STDIN")
		if err := wantRefusal(err); err != nil {
			return err
		}
		n.failure(err)
		var text string
		err = conn.QueryRow(ctx, "SELECT 'still here'").Scan(&text)
		n.note("%s", text)
		return err
	})
}

func wantRefusal(err error) error {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || refusal.Code != "42501" {
		return errors.Join(errors.New("no refusal with SQLSTATE 42501"), err)
	}
	return nil
}

func serverLog(t *testing.T, world *harness.World) string {
	t.Helper()
	text, err := world.Server.Log()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
