package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

const (
	// settings of the gate; short, so that the suite is.
	unreachable = 2 * time.Second
	limits      = "drain: 5s, startup: 8s, unreachable: 2s, connections: 100"
	// patience is how long anything may take that is to happen.
	patience = 60 * time.Second
	// calmTime is how long descriptors may stay open after their session.
	calmTime = 30 * time.Second
)

// stage is a server with Sluice in front of it. The database shop is reached
// through a relay, restored is not; a client can come through a relay or not.
type stage struct {
	world  *harness.World
	gate   *harness.Gate
	server *Relay // between Sluice and the database shop
	client *Relay // between clients and Sluice
	others *bystander
	calm   resources
}

func setStage(t *testing.T, world *harness.World, binary string, o harness.Setup) *stage {
	t.Helper()
	s := &stage{world: world}
	s.server = startRelay(t, s.world.Server.Port())
	o.Ways = map[string]int{"shop": s.server.Port()}
	s.gate = harness.StartGateWith(t, s.world, binary, o)
	s.client = startRelay(t, s.gate.Target().Port)
	s.others = startBystander(t, s.direct("restored", "bystander"))
	s.settle(t)
	return s
}

func startRelay(t *testing.T, port int) *Relay {
	t.Helper()
	r, err := StartRelay(t.Context(), loopback(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// settle has everything done once, so that what stays open is open, and notes
// what the program uses then.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	for _, way := range []string{s.direct("shop", "settling"), s.relayed("settling")} {
		c, err := connect(t.Context(), way)
		if err != nil {
			t.Fatal(err)
		}
		if err := query(t.Context(), c, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		c.Close(t.Context())
	}
	s.awaitNoRoles(t)
	s.calm = measure(t, s.gate.PID())
}

// direct is how to connect to Sluice, relayed the same through the relay for
// clients.
func (s *stage) direct(database, application string) string {
	return dsn(s.gate.Target(), s.gate.Target().Port, database, application)
}

func (s *stage) relayed(application string) string {
	return dsn(s.gate.Target(), s.client.Port(), "shop", application)
}

func dsn(target harness.Target, port int, database, application string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password='%s' dbname=%s sslmode=disable application_name=%s",
		port, target.User, target.Password, database, application)
}

func connect(ctx context.Context, dsn string) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := pgconn.Connect(ctx, dsn)
	secrets.Show("faults", err)
	return c, err
}

// mustConnect is connect where nothing is broken yet. A busy machine may need
// more time than the proxy gives a login here.
func mustConnect(t *testing.T, dsn string) *pgconn.PgConn {
	t.Helper()
	var err error
	for range 3 {
		var c *pgconn.PgConn
		if c, err = connect(t.Context(), dsn); err == nil {
			return c
		}
	}
	t.Fatalf("nothing is broken, and yet: %v", err)
	return nil
}

func query(ctx context.Context, c *pgconn.PgConn, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.Exec(ctx, sql).ReadAll()
	return err
}

// requestID is what a message says about one request only.
var requestID = regexp.MustCompile(` \[req .*`)

// words are what a client has seen, in short.
func words(err error) string {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &pg):
		return pg.Severity + " " + pg.Code + " " + requestID.ReplaceAllString(pg.Message, "")
	case errors.Is(err, context.DeadlineExceeded):
		return "nothing at all"
	}
	return "the end of the connection, without words"
}

// session is what the trail says of one session.
type session struct {
	closed string // the reason in session.close
	events []string
}

// onTrail returns what the trail says of the session with an application name
// when it has ended; that no session began, if there was none. With raced it
// leaves out whether the credential was revoked at the first try.
func (s *stage) onTrail(t *testing.T, application string, raced bool) string {
	t.Helper()
	if s.look(t, application) == nil {
		return "no session"
	}
	var found *session
	await(t, "the end of session "+application+" in the trail", func() bool {
		found = s.look(t, application)
		return found.closed != "" && (found.has("credential.revoked") || !found.has("credential.issued"))
	})
	said := "session.close: " + found.closed
	switch {
	case found.has("credential.not_revoked") && !raced:
		said += "; credential.not_revoked, then credential.revoked"
	case found.has("credential.revoked"):
		said += "; credential.revoked"
	}
	return said
}

func (s *session) has(event string) bool {
	return slices.Contains(s.events, event)
}

// look returns the newest session with an application name, nil if there is
// none.
func (s *stage) look(t *testing.T, application string) *session {
	t.Helper()
	if all := s.lookAll(t, application); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (s *stage) lookAll(t *testing.T, application string) []*session {
	t.Helper()
	var out bytes.Buffer
	if err := read.Show(&out, filepath.Join(s.gate.Dir(), "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	var all []*session
	byID := map[string]*session{}
	for line := range bytes.Lines(out.Bytes()) {
		var r struct {
			Type, Session string
			Body          struct{ Application, Reason string }
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Type == "session.open" && r.Body.Application == application {
			byID[r.Session] = new(session)
			all = append(all, byID[r.Session])
		}
		if found := byID[r.Session]; found != nil {
			found.events = append(found.events, r.Type)
			if r.Type == "session.close" {
				found.closed = r.Body.Reason
			}
		}
	}
	return all
}

// reasons are why the sessions with an application name ended, as the trail
// says, once all have.
func (s *stage) reasons(t *testing.T, application string) string {
	t.Helper()
	reasons := map[string]bool{}
	await(t, "every session to end", func() bool {
		clear(reasons)
		for _, found := range s.lookAll(t, application) {
			reasons["session.close: "+found.closed] = true
		}
		return !reasons["session.close: "]
	})
	return strings.Join(slices.Sorted(maps.Keys(reasons)), "; or ")
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(30 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// awaitNoRoles waits until only the bystander's role is left.
func (s *stage) awaitNoRoles(t *testing.T) {
	t.Helper()
	await(t, "the server to have no role left over", func() bool {
		rows, err := s.world.Server.Query(t.Context(), "postgres", `SELECT count(*) FROM pg_roles r WHERE rolname LIKE 'sluice%'
AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.usesysid = r.oid AND a.application_name = 'bystander')`)
		return err == nil && rows[0][0] == "0"
	})
}

// resources are what the program uses.
type resources struct {
	descriptors int
	threads     int
	memory      int // resident, KiB
}

func measure(t *testing.T, pid int) resources {
	t.Helper()
	r, err := resourcesOf(pid)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resourcesOf(pid int) (resources, error) {
	var r resources
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return r, err
	}
	r.descriptors = len(open)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return r, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		switch name {
		case "Threads":
			r.threads, err = strconv.Atoi(number)
		case "VmRSS":
			r.memory, err = strconv.Atoi(number)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", line, err)
		}
	}
	return r, nil
}

// raceDetector says that the program was built with it, which makes memory
// something else.
func raceDetector() bool { return os.Getenv("SLUICE_TEST_RACE") != "" }

// openIn lists what the descriptors of a process are.
func openIn(pid int) string {
	var all []string
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	open, _ := os.ReadDir(dir)
	for _, d := range open {
		to, _ := os.Readlink(filepath.Join(dir, d.Name()))
		all = append(all, to)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// awaitCalm waits until the program has no more open than before.
func (s *stage) awaitCalm(t *testing.T) {
	t.Helper()
	var now resources
	for deadline := time.Now().Add(calmTime); ; time.Sleep(30 * time.Millisecond) {
		if now = measure(t, s.gate.PID()); now.descriptors <= s.calm.descriptors {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors were open, now these %d are: %s", s.calm.descriptors, now.descriptors, openIn(s.gate.PID()))
		}
	}
	// The garbage collector begins late on purpose: see ballast in proxy.
	if grown := now.memory - s.calm.memory; grown > 96<<10 && !raceDetector() {
		t.Errorf("memory grew by %d MiB", grown>>10)
	}
}
