package dump

import (
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
)

// TestPasswordHashesStay: pg_dumpall reads them, also for those who may. With
// --no-role-passwords it reads none, and has the roles.
func TestPasswordHashesStay(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	world.Exec(t, "postgres", "CREATE ROLE keeper PASSWORD 'canary of the roles'")
	world.Exec(t, "shop", "GRANT SELECT ON pg_authid TO shop_app")
	gate := harness.StartGate(t, world, harness.BuildSluice(t), mayDump)
	globals := func(target harness.Target, more ...string) harness.Result {
		args := append([]string{"--globals-only", "--database=shop"}, more...)
		return harness.Run(t, target, harness.Command{Program: pgDumpAll, Args: args, Dir: t.TempDir()})
	}
	const hash = "SCRAM-SHA-256$"
	if r := globals(world.Direct()); r.Exit != 0 || !strings.Contains(r.Stdout, hash) {
		t.Fatalf("without Sluice no hash leaves:\n%s", r)
	}
	r := globals(gate.Target())
	if r.Exit == 0 || !strings.Contains(r.Stderr, "password hashes in pg_authid") || !strings.Contains(r.Stderr, "default-deny") {
		t.Errorf("exit %d\n%s", r.Exit, r.Stderr)
	}
	if strings.Contains(r.Stdout, hash) {
		t.Error("hashes have left")
	}
	r = globals(gate.Target(), "--no-role-passwords")
	if r.Exit != 0 || !strings.Contains(r.Stdout, "CREATE ROLE keeper") || strings.Contains(r.Stdout, hash) {
		t.Errorf("without passwords:\n%s", r)
	}
}

// TestStatisticsStay: ANALYZE has put values where everybody who may read the
// table finds them.
func TestStatisticsStay(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 15)
	world.Exec(t, "shop", `
		GRANT SELECT ON pg_statistic, pg_statistic_ext_data TO shop_app;
		SET ROLE shop_app;
		CREATE STATISTICS people_token (mcv) ON token, plan FROM people;
		CREATE STATISTICS people_half ON (right(token, 30)), (lower(token)) FROM people;
		UPDATE people SET token = 'canary-token-often' WHERE id > 40;
		ANALYZE people`)
	gate := harness.StartGate(t, world, harness.BuildSluice(t), mayNotTake)
	for _, query := range []string{
		"SELECT most_common_vals FROM pg_stats WHERE tablename = 'people'",
		"SELECT histogram_bounds::text FROM pg_catalog.pg_stats WHERE tablename = 'people' AND attname = 'token'",
		"TABLE pg_stats",
		"SELECT s FROM pg_stats s",
		"SELECT to_jsonb(s) FROM pg_stats s",
		"SELECT json_agg(s.most_common_vals) FROM (SELECT * FROM pg_stats) s",
		"SELECT stavalues1, stavalues2 FROM pg_statistic",
		"SELECT * FROM pg_stats_ext",
		"SELECT most_common_vals FROM pg_stats_ext_exprs",
		"SELECT m.* FROM pg_statistic_ext_data, pg_mcv_list_items(stxdmcv) m",
		"COPY (SELECT * FROM pg_stats) TO STDOUT",
		"PREPARE p AS SELECT * FROM pg_stats; EXECUTE p",
		"BEGIN; DECLARE c CURSOR FOR SELECT * FROM pg_stats; FETCH ALL FROM c",
	} {
		run := func(target harness.Target) harness.Result {
			return harness.Run(t, target, harness.Command{Program: psql, Args: []string{"-X", "-A", "-c", query}, Dir: t.TempDir()})
		}
		if r := run(world.Direct()); !strings.Contains(r.Stdout, canary+"-token") {
			t.Errorf("%s: without Sluice nothing leaves:\n%s", query, r)
			continue
		}
		r := run(gate.Target())
		if r.Exit == 0 || !strings.Contains(r.Stderr, "rule secret-class") {
			t.Errorf("%s: exit %d\n%.600s", query, r.Exit, r.Stderr)
		}
		if strings.Contains(r.Stdout+r.Stderr, canary) {
			t.Errorf("%s: values have left", query)
		}
	}
	// What only counts is everyday.
	harmless := "SELECT attname, null_frac, n_distinct, most_common_freqs FROM pg_stats WHERE tablename = 'people'"
	harness.MustRun(t, gate.Target(), harness.Command{Program: psql, Args: []string{"-X", "-c", harmless}, Dir: t.TempDir()})
}
