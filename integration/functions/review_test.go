package functions

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy"
)

var rewrite = flag.Bool("rewrite", false, "write what sluice functions review says into testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rights let people call some functions.
const rights = `
GRANT CONNECT ON DATABASE lab TO people; GRANT USAGE ON SCHEMA lab TO people;
REVOKE EXECUTE ON FUNCTION lab.missing() FROM PUBLIC;
CREATE FUNCTION lab.audits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'INSERT INTO lab.log (what) VALUES ($1)' USING TG_TABLE_NAME || 'x'; EXECUTE format('NOTIFY %I', TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER audits AFTER INSERT ON lab.people FOR EACH ROW EXECUTE FUNCTION lab.audits();`

// stage is a server with the database lab, and a configuration.
type stage struct{ *harness.Configured }

func newStage(t *testing.T, version int) *stage {
	t.Helper()
	databases := map[string]string{"lab": harness.ReadFile(t, "../catalog/testdata/lab.sql") + ";" + rights}
	return &stage{harness.Configure(t, harness.NewWorld(t, version), harness.BuildSluice(t), databases)}
}

// run is what sluice functions review does.
func (s *stage) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return s.Sluice(t, append([]string{"functions", "review", "--config", s.Path("sluice.yaml")}, args...)...)
}

func TestReview(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newStage(t, version)
			testReports(t, s)
			testAcceptance(t, s)
			testUsage(t, s)
		})
	}
}

// testReports compares what is said.
func testReports(t *testing.T, s *stage) {
	for file, args := range map[string][]string{"opaque.txt": {"lab"}, "fragment.txt": {"--write", "-", "lab"}} {
		code, got, errs := s.run(t, args...)
		if code != 0 || errs != "" {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
		path := filepath.Join("testdata", file)
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(harness.ReadFile(t, path), got); diff != "" {
			t.Errorf("%s (-rewrite writes it):\n%s", path, diff)
		}
	}
	code, out, _ := s.run(t, "--format", "json", "lab")
	var review struct {
		Functions []struct {
			Signature, State string
			Reads            []string
		}
	}
	if err := json.Unmarshal([]byte(out), &review); code != 0 || err != nil || len(review.Functions) < 60 {
		t.Fatalf("exit %d, %v, %d functions", code, err, len(review.Functions))
	}
	for _, f := range review.Functions {
		if f.Signature == "lab.nested(integer)" && (f.State != "understood" || len(f.Reads) == 0) {
			t.Errorf("%+v", f)
		}
	}
}

// testAcceptance goes the way of somebody who accepts functions: the fragment
// is no policy until somebody has written why.
func testAcceptance(t *testing.T, s *stage) {
	if code, _, errs := s.run(t, "--check", "lab"); code != 3 || !strings.Contains(errs, "cannot be seen through") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := s.run(t, "--write", "fragment.yaml", "lab"); code != 0 || !strings.Contains(errs, "is written") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := s.run(t, "--write", "fragment.yaml", "lab"); code != 1 || !strings.Contains(errs, "file exists") {
		t.Errorf("written over: exit %d, %s", code, errs)
	}
	document := "version: 1\n" + harness.ReadFile(t, s.Path("fragment.yaml"))
	if _, err := policy.Parse("p.yaml", []byte(document)); err == nil || !strings.Contains(err.Error(), "needs a why") {
		t.Errorf("what nobody has completed is a policy: %v", err)
	}
	s.Write(t, "accepted.yaml", strings.ReplaceAll(document, `why: ""`, "why: read by us"))
	code, out, errs := s.run(t, "--policy", "accepted.yaml", "--all", "lab")
	if code != 0 || !strings.Contains(out, "lab.dynamic(text): known") || !strings.Contains(out, "lab.audits(): known") {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
	s.World.Exec(t, "lab", "CREATE OR REPLACE FUNCTION lab.dynamic(t text) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN EXECUTE t; RETURN 1; END $$")
	if code, out, _ := s.run(t, "--policy", "accepted.yaml", "lab"); code != 0 || !strings.Contains(out, "lab.dynamic(text): opaque") {
		t.Errorf("another body is known: exit %d, %s", code, out)
	}
}

func testUsage(t *testing.T, s *stage) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{nil, 2, "takes one DATABASE"},
		{[]string{"nowhere"}, 2, `no database "nowhere"; it has lab`},
		{[]string{"--format", "yaml", "lab"}, 2, "not text or json"},
		{[]string{"--format", "json", "--write", "-", "lab"}, 2, "name a file"},
	} {
		if code, _, errs := s.run(t, c.args...); code != c.code || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d, %s", c.args, code, errs)
		}
	}
}
