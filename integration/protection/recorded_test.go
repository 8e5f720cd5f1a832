package protection

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/protection"
)

// recordedVersion is the server whose answers the tests of policy/protection
// use, where there are no servers.
const recordedVersion = 15

// recorder keeps what a load is answered.
type recorder struct {
	connection
	answers []answer
}

// answer is a question, cut, and its rows.
type answer struct {
	Ask  string      `json:"ask"`
	Rows [][]*string `json:"rows"`
}

func (r *recorder) Query(ctx context.Context, sql string, row func([][]byte) error) error {
	ask, _, _ := strings.Cut(sql, "\n")
	one := answer{Ask: ask, Rows: [][]*string{}}
	err := r.connection.Query(ctx, sql, func(values [][]byte) error {
		kept := make([]*string, len(values))
		for i, v := range values {
			if v != nil {
				text := string(v)
				kept[i] = &text
			}
		}
		one.Rows = append(one.Rows, kept)
		return row(values)
	})
	r.answers = append(r.answers, one)
	return err
}

// A load is a bounded number of questions, all answered for a role that may
// only connect. With -rewrite their answers go to the tests of policy/protection.
func TestRecordAnswers(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{"source": sourceSchema, "destination": destinationSchema + copies} {
		server := newServer(t, recordedVersion)
		root(t, server, database).must(t, schema)
		r := &recorder{connection: look(t, server, database)}
		s, err := protection.Load(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.answers) > 20 || len(s.Relations()) == 0 {
			t.Errorf("%d questions, %d relations", len(r.answers), len(s.Relations()))
		}
		if *rewrite {
			writeAnswers(t, "../../policy/protection/testdata/"+name+".json", r.answers)
		}
	}
}

// copies are relations at the destination, each with a way to read it.
const copies = `
SET ROLE copy_owner;
CREATE TABLE q.good (id bigint, tenant_id int, email text);
ALTER TABLE q.good ENABLE ROW LEVEL SECURITY;
ALTER TABLE q.good FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON q.good USING (tenant_id = current_setting('app.tenant', true)::int);
GRANT SELECT (id, tenant_id) ON q.good TO an_g;
CREATE TABLE q.open (id bigint, tenant_id int, email text);
GRANT SELECT ON q.open TO PUBLIC;
GRANT SELECT ON q.open TO svc_g WITH GRANT OPTION;
CREATE VIEW q.shown AS SELECT email FROM q.good;
GRANT SELECT ON q.shown TO svc_g;
CREATE FUNCTION q.mail(bigint) RETURNS text LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT email FROM q.good WHERE id = $1; END;
REVOKE EXECUTE ON FUNCTION q.mail(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION q.mail(bigint) TO intern;
CREATE TABLE q.parts (id bigint) PARTITION BY RANGE (id);
CREATE TABLE q.part1 PARTITION OF q.parts DEFAULT;
GRANT SELECT ON q.part1 TO intern;
GRANT TRIGGER ON q.parts TO intern;
RESET ROLE;
CREATE PUBLICATION chosen FOR TABLE q.open (id);
ALTER DEFAULT PRIVILEGES FOR ROLE copy_owner IN SCHEMA q GRANT SELECT ON TABLES TO intern;
`

func writeAnswers(t *testing.T, file string, answers []answer) {
	t.Helper()
	var b strings.Builder
	for _, a := range answers {
		line, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
