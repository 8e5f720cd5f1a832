package watch

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/masked/keys"
	"github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/proxy/watch"
)

// The tests wait more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "3"); err != nil {
		panic(err)
	}
	harness.RunTests(m)
}

// schema is what the source has beyond harness.CRM.
//
//go:embed schema.sql
var schema string

//go:embed policy.yaml.tmpl
var policyTemplate string

// says is what the policy says of the place.
type says struct {
	After, Lease, Remind            string
	Latent, Object, Server, Unknown string
}

// usual are the defaults of the policy.
var usual = says{After: "240h", Lease: "5m", Remind: "72h, 24h", Latent: "alert", Object: "freeze", Server: "freeze", Unknown: "block"}

// onlyAlerts has everything noticed and nothing done.
var onlyAlerts = says{After: "240h", Lease: "5m", Remind: "72h, 24h", Latent: "alert", Object: "alert", Server: "alert", Unknown: "alert"}

// stage is Sluice between a source and a place.
type stage struct {
	world *harness.World
	there *pgserver.Server
	gate  *harness.Gate
	admin int
	hook  *hook
	// binary is the program.
	binary string
}

// newStage starts a source and a place, and Sluice between them.
func newStage(t *testing.T, version int, s says) *stage {
	t.Helper()
	st := &stage{world: harness.NewWorld(t, 15), admin: harness.FreePort(t), hook: newHook(t), binary: harness.BuildSluice(t)}
	st.world.Exec(t, "shop", harness.CRM+schema)
	st.there = newPlace(t, version)
	st.gate = harness.StartGateWith(t, st.world, st.binary, harness.Setup{Policy: st.policy(t, s), Config: st.config(t)})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", lastOf(st.gate.Log(), 4000))
		}
	})
	return st
}

// newPlace starts a server that protects what it is given.
func newPlace(t *testing.T, version int) *pgserver.Server {
	t.Helper()
	setup, err := destination.SetupSQL(destination.SetupOptions{Database: "copies", QuietLogs: true})
	if err != nil {
		t.Fatal(err)
	}
	server, err := pgserver.Start(t.Context(), pgserver.Options{
		Version: version, TLS: true, Database: "copies",
		Config: map[string]string{"log_connections": "on", "log_min_error_statement": "panic", "wal_level": "logical", "track_functions": "none"},
		HBA:    safeHBA,
		InitSQL: []string{
			"CREATE ROLE an_g NOLOGIN; CREATE ROLE anna LOGIN PASSWORD '" + annas + "' IN ROLE an_g",
			"CREATE SCHEMA crm; GRANT USAGE ON SCHEMA crm TO an_g",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		harness.LearnFrom(server)
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := server.Exec(t.Context(), "copies", setup+"GRANT USAGE, CREATE ON SCHEMA crm TO sluice_owner"); err != nil {
		t.Fatal(err)
	}
	return server
}

const annas = "anna in the integration suite"

var safeHBA = []string{"hostssl all all 127.0.0.1/32 scram-sha-256", "hostssl all all ::1/128 scram-sha-256"}

func (s *stage) policy(t *testing.T, what says) string {
	t.Helper()
	var b strings.Builder
	err := template.Must(template.New("policy").Parse(policyTemplate)).Execute(&b, struct {
		says
		Port int
		CA   string
	}{what, s.there.Port(), s.there.CAFile})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (s *stage) config(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	passfile, header := filepath.Join(dir, "place.pgpass"), filepath.Join(dir, "header")
	for name, text := range map[string]string{
		passfile: fmt.Sprintf("*:*:*:%s:%s\n", s.there.Superuser(), s.there.Password()), header: "X-Watch-Secret: " + hookSecret + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	admin := fmt.Sprintf("host=localhost port=%d user=%s dbname=copies sslmode=verify-full sslrootcert=%s passfile=%s",
		s.there.Port(), s.there.Superuser(), s.there.CAFile, passfile)
	return fmt.Sprintf(`mask_keys: [{name: default, file: %s}]
admin: {address: "127.0.0.1:%d"}
alerts: {url: %q, header_file: %q}
destinations:
  - name: analytics
    server: {host: localhost, port: %d, database: copies, tls: {mode: verify-full, ca: %q}}
    credential:
      builtin: {admin: %q, ttl: 1h}
`, keys.File(t), s.admin, s.hook.server.URL, header, s.there.Port(), s.there.CAFile, admin)
}

const hookSecret = "the secret of the webhook in the integration suite"

// hook takes alerts.
type hook struct {
	server *httptest.Server
	mu     sync.Mutex
	got    []watch.Alert
	// refuse has so many more tries fail.
	refuse int
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		var one watch.Alert
		if err := json.NewDecoder(r.Body).Decode(&one); err != nil || r.Header.Get("X-Watch-Secret") != hookSecret {
			t.Errorf("alert: %v, secret %q", err, r.Header.Get("X-Watch-Secret"))
		}
		if h.refuse > 0 {
			h.refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.got = append(h.got, one)
	}))
	t.Cleanup(h.server.Close)
	return h
}

// alerts are those that came, by their events.
func (h *hook) alerts(event string) (out []watch.Alert) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.got {
		if a.Event == event {
			out = append(out, a)
		}
	}
	return out
}

// psql runs statements through Sluice, each by itself.
func (s *stage) psql(t *testing.T, statements ...string) harness.Result {
	t.Helper()
	args := []string{"-X", "-v", "ON_ERROR_STOP=1"}
	for _, one := range statements {
		args = append(args, "-c", one)
	}
	return harness.Run(t, s.gate.Target(), harness.Command{Program: "psql", Dir: t.TempDir(), Args: args})
}

// carry copies crm.guests to tables of the place, one copy for each, and returns the
// ids of the copies by the names of the tables.
func (s *stage) carry(t *testing.T, tables ...string) map[string]string {
	t.Helper()
	var statements []string
	for _, table := range tables {
		statements = append(statements, "COPY crm.guests TO 'sluice://analytics/crm."+table+"'")
	}
	if r := s.psql(t, statements...); r.Exit != 0 {
		t.Fatalf("not carried:\n%s\n%s", r.Stdout, r.Stderr)
	}
	ids := map[string]string{}
	for _, c := range s.ledger(t).Copies(ledger.Query{}) { // a later one of a name goes before
		if c.Receipt != nil {
			ids[c.Receipt.Relations[0].Name] = c.ID
		}
	}
	return ids
}

func (s *stage) trail() string { return filepath.Join(s.gate.Dir(), "trail") }

func (s *stage) ledger(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Read(t.Context(), s.trail(), ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// event is one of a copy or a place.
type event struct {
	at   time.Time
	kind string
	body ledger.Body
}

// events are those of copies and places, in order.
func (s *stage) events(t *testing.T) (out []event) {
	t.Helper()
	err := read.Types(context.WithoutCancel(t.Context()), s.trail(), ledger.Types, func(r record.Record) error {
		body, err := ledger.Decode(r.Type, r.Body)
		if err != nil {
			t.Errorf("record %d: %v", r.Index, err)
		}
		if body != nil {
			out = append(out, event{r.Time, r.Type, body})
		}
		return nil
	}, func(d read.Damage) error {
		t.Errorf("the trail: %s", d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// first is the first event after a time that is meant, waiting for it.
func (s *stage) first(t *testing.T, after time.Time, within time.Duration, what string, meant func(event) bool) event {
	t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(200 * time.Millisecond) {
		all := s.events(t)
		if at := slices.IndexFunc(all, func(e event) bool { return e.at.After(after) && meant(e) }); at >= 0 {
			return all[at]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %s", what, within)
		}
	}
}

// ofCopy means events of a type about a copy.
func ofCopy(kind, id string) func(event) bool {
	return func(e event) bool { return e.kind == kind && ledger.CopyOf(e.body) == id }
}

// status asks the admin port how the watch is.
func (s *stage) status(t *testing.T) watch.PlaceStatus {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/copies/watch", s.admin))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var status watch.Status
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil || len(status.Places) != 1 {
		t.Fatalf("%v %+v", err, status)
	}
	return status.Places[0]
}

// well waits until all is well with every copy that is watched.
func (s *stage) well(t *testing.T) {
	t.Helper()
	began := time.Now()
	for deadline := began.Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		st := s.status(t)
		ready := st.Watched && st.Severity == "" && st.WellAt.After(began.Add(-time.Second)) || st.Watched && st.Severity == "" && !st.WellAt.IsZero() && st.Verdicts > 0
		for _, c := range st.Copies {
			ready = ready && !c.Readable.IsZero()
		}
		if ready && len(st.Copies) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not well: %+v", st)
		}
	}
}

// sql runs statements at the place as a superuser.
func (s *stage) sql(t *testing.T, statements string) {
	t.Helper()
	if err := s.there.Exec(context.WithoutCancel(t.Context()), "copies", statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

func (s *stage) ask(t *testing.T, question string) string {
	t.Helper()
	rows, err := s.there.Query(context.WithoutCancel(t.Context()), "copies", question)
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	if len(rows) == 0 {
		return ""
	}
	return rows[0][0]
}

// lastOf is the end of a text.
func lastOf(text string, most int) string {
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}
