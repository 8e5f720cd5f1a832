package telemetry

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// Words that are in what the client sends and nowhere else. No one of them may
// be in a metric; in spans and logs some may be, see privacy_test.go.
const (
	table   = "wallets_of_xylia"
	literal = "4111-qwvx-8888"
	madeUp  = "QZX77" // an SQLSTATE that PostgreSQL does not have
	person  = "alice"
	nobody  = "mallory_ztk"
	nowhere = "nodb_ztk"
	label   = "alias_ztk"
	parent  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

const policyText = `version: 1
rules:
  - {id: no-programs, effect: deny, kinds: [export_to_program]}
  - {id: code, effect: allow, kinds: [opaque_code]}
  - {id: copies, effect: allow, kinds: [export_to_client], limits: {rows: 3}}
`

// stage is a gate with a collector and an admin port.
type stage struct {
	*harness.Gate
	collector *collector
	admin     string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	world := harness.NewWorld(t, 17)
	world.Reset(t)
	s := &stage{collector: newCollector(t), admin: freeAddress(t)}
	s.Gate = harness.StartGateWith(t, world, harness.BuildSluice(t), harness.Setup{
		Policy: policyText,
		Config: fmt.Sprintf("admin: {address: %q}\ntelemetry: {sqlcommenter: true}\nlog: {level: debug, format: json}\n", s.admin),
		Env: []string{
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + s.collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
			"OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100", "OTEL_METRIC_EXPORT_INTERVAL=300",
		},
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// connect opens a session.
func (s *stage) connect(t *testing.T) *pgconn.PgConn {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), s.Target().URL())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// play sends one of everything, and ends the session.
func (s *stage) play(t *testing.T) {
	t.Helper()
	c := s.connect(t)
	for _, step := range []struct{ sql, state string }{
		{"CREATE TABLE " + table + " (id int PRIMARY KEY, card text)", ""},
		{"INSERT INTO " + table + " VALUES (1, '" + literal + "')", ""},
		{"INSERT INTO " + table + " VALUES (1, '" + literal + "')", "23505"},
		{"SELECT card AS " + label + " FROM public." + table + " WHERE card = '" + literal + "' /*traceparent='" + parent + "'*/", ""},
		{"SELECT '" + literal + "'::int", "22P02"},
		{"SELEC '" + literal + "'", "42601"},
		{"COPY " + table + " TO PROGRAM 'cat > " + literal + "'", "42501"},
		{"COPY (SELECT * FROM generate_series(1, 10)) TO STDOUT", "42501"},
		{"DO $$ BEGIN RAISE '" + literal + "' USING ERRCODE = '" + madeUp + "'; END $$", madeUp},
		{"SET application_name = '" + label + "'", ""},
	} {
		state := ""
		if _, err := c.Exec(t.Context(), step.sql).ReadAll(); err != nil {
			secrets.Show(t.Name(), err)
			state = stateOf(err)
		}
		if state != step.state {
			t.Errorf("%s: %q, want %q", step.sql, state, step.state)
		}
	}
	prepared := c.ExecParams(t.Context(), "SELECT 1 FROM "+table+" WHERE card = $1", [][]byte{[]byte(literal)}, nil, nil, nil).Read()
	if prepared.Err != nil {
		t.Error(prepared.Err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	s.failToLogIn(t)
}

// failToLogIn tries as nobody, with a wrong password, and to nowhere.
func (s *stage) failToLogIn(t *testing.T) {
	t.Helper()
	unknown, wrong := s.Target(), s.Target()
	unknown.User, wrong.Password = nobody, literal
	for _, target := range []harness.Target{unknown, wrong, s.Target().In(nowhere)} {
		if c, err := pgconn.Connect(t.Context(), target.URL()); err == nil {
			c.Close(t.Context())
			t.Errorf("%s got in", target.User)
		} else {
			secrets.Show(t.Name(), err)
		}
	}
}

func stateOf(err error) string {
	if pg, ok := err.(*pgconn.PgError); ok { //nolint:errorlint // as pgconn returns it
		return pg.Code
	}
	return err.Error()
}

// scrape returns /metrics.
func (s *stage) scrape(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("/metrics: %s: %v\n%s", response.Status, err, body)
	}
	secrets.Keep(secrets.Telemetry, "scrape", body)
	return string(body)
}

// records returns how many records of a type are in the trail, after the end.
func (s *stage) records(t *testing.T, typ string) int {
	t.Helper()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(s.Dir(), "trail"), read.Filter{Type: typ}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	return strings.Count(text.String(), "\n")
}
