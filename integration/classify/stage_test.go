package classify

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sluice-pg/sluice/integration/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a server with the databases demo and odd, and a configuration.
type stage struct{ *harness.Configured }

func newStage(t *testing.T, version int) *stage {
	t.Helper()
	databases := map[string]string{"demo": demo(t), "odd": harness.ReadFile(t, "testdata/odd.sql")}
	return &stage{harness.Configure(t, harness.NewWorld(t, version), harness.BuildSluice(t), databases)}
}

// demo is the demo's shop without what has nothing to do with classes: its
// extension, and the rights of its application.
func demo(t *testing.T) string {
	t.Helper()
	schema := harness.ReadFile(t, "../../examples/demo/schema.sql")
	for _, cut := range [][2]string{
		{"CREATE ROLE shop_app NOLOGIN;\n", ""}, {"DATABASE shop ", "DATABASE demo "}, {"CREATE EXTENSION dblink SCHEMA public;\n", ""},
	} {
		if !strings.Contains(schema, cut[0]) {
			t.Fatalf("the demo's schema has no %q", cut[0])
		}
		schema = strings.ReplaceAll(schema, cut[0], cut[1])
	}
	return schema + harness.ReadFile(t, "../../examples/demo/data.sql") + `
GRANT CONNECT ON DATABASE demo TO people; GRANT USAGE ON SCHEMA public TO people; GRANT SELECT ON ALL TABLES IN SCHEMA public TO people;`
}

// run is what sluice classify does.
func (s *stage) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return s.Sluice(t, append([]string{"classify", "--config", s.Path("sluice.yaml")}, args...)...)
}
