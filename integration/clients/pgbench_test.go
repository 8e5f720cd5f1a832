package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

const pgbench = "/usr/bin/pgbench"

// pipelineScript sends several statements before it reads an answer.
const pipelineScript = `\set a random(1, 100)
\startpipeline
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :a;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 1;
END;
\endpipeline
\startpipeline
SELECT count(*) FROM pgbench_branches;
SELECT 1;
\endpipeline
`

// pgbenchCases run every query mode with two clients at once. Speeds differ,
// so a case tells the counts that pgbench reports and what the tables hold.
func pgbenchCases() []client {
	var out []client
	for _, args := range []string{
		"-M simple",
		"-M extended",
		"-M prepared",
		"-M simple -C",
		"-M prepared -S",
		"-M extended -f pipeline.sql",
		"-M prepared -f pipeline.sql",
	} {
		out = append(out, client{name: "pgbench/" + args, run: func(t *testing.T, target harness.Target, dir string) string {
			return runPgbench(t, target, dir, strings.Fields(args))
		}})
	}
	return out
}

func runPgbench(t *testing.T, target harness.Target, dir string, args []string) string {
	if err := os.WriteFile(filepath.Join(dir, "pipeline.sql"), []byte(pipelineScript), 0o600); err != nil {
		t.Fatal(err)
	}
	harness.MustRun(t, target, harness.Command{Program: pgbench, Args: []string{"-i", "-s", "1", "-I", "dtgvpf", "-q"}, Dir: dir})
	run := harness.MustRun(t, target, harness.Command{
		Program: pgbench, Args: append([]string{"-n", "-c", "2", "-j", "2", "-t", "40", "--random-seed=7"}, args...), Dir: dir,
	})
	counts := regexp.MustCompile(`(?m)^(query mode|number of transactions actually processed|number of failed transactions).*$`).
		FindAllString(run.Stdout, -1)
	expect(t, target, strings.Join(counts, "\n"), "processed: 80/80")
	state := harness.MustRun(t, target, harness.Command{Program: "/usr/bin/psql", Dir: dir, Args: []string{
		"-XAt",
		"-c", "SELECT count(*) FROM pgbench_accounts",
		"-c", "SELECT abalance FROM pgbench_accounts WHERE aid = 1",
		"-c", "SELECT count(*) FROM pgbench_history",
	}})
	return strings.Join(counts, "\n") + "\n" + state.String()
}
