package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/policy"
)

// sideRole finds the role of the connection that measures functions.
const sideRole = "rolname LIKE 'sluice\\_sluice\\_functions%'"

const sideBackend = "FROM pg_stat_activity WHERE application_name = 'sluice/functions'"

// The connection that measures functions is opened when it is needed, opened
// anew when it broke or its lease has ended, and gone when the proxy is.
func TestSideConnection(t *testing.T) {
	const name = "known_side"
	newFunction(t, name)
	// Other tests kill proxies, whose roles stay.
	const roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sluice\\_%'"
	before := onServer(t, roles)
	p := startPlace(t, setup{policy: knowing(name), ttl: 4 * time.Second})
	call := "SELECT public." + name + "('A')"
	c := p.connect(t, "")
	mustRun(t, c, "SELECT 1")
	if n := onServer(t, "SELECT count(*) "+sideBackend); n != 0 {
		t.Errorf("%d connections before one was needed", n)
	}
	mustRun(t, c, call)
	first := onServer(t, "SELECT min(pid) "+sideBackend)
	mustRun(t, c, call)
	if again := onServer(t, "SELECT min(pid) "+sideBackend); again != first {
		t.Errorf("a connection of its own for every question: %d, %d", first, again)
	}
	onServer(t, fmt.Sprintf("SELECT count(pg_terminate_backend(%d))", first))
	mustRun(t, c, call)
	if n := onServer(t, "SELECT count(*) FROM pg_roles WHERE "+sideRole); n != 1 {
		t.Errorf("%d roles after the connection broke", n)
	}
	// Nobody asks, and the lease ends all the same.
	for range 100 {
		if n := onServer(t, "SELECT count(*) FROM pg_roles WHERE "+sideRole); n == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if n := onServer(t, "SELECT count(*) "+sideBackend); n != 0 {
		t.Errorf("%d connections outlive their lease", n)
	}
	c = p.connect(t, "")
	mustRun(t, c, call)
	c.Close(t.Context())
	p.end(t)()
	if n := onServer(t, roles); n != before {
		t.Errorf("%d roles, %d before", n, before)
	}
	issued, revoked := sideLeases(t, p)
	if len(issued) != 3 || !slices.Equal(issued, revoked) {
		t.Errorf("leases on record: issued %v, revoked %v", issued, revoked)
	}
}

// sideLeases lists the leases that measured functions, as the trail has them.
func sideLeases(t *testing.T, p *place) (issued, revoked []string) {
	t.Helper()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(p.dir, "trail"), read.Filter{}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		r, err := record.Parse([]byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Lease, Purpose string }
		if err := json.Unmarshal(r.Body, &body); err != nil || body.Purpose == "" {
			continue
		}
		switch r.Type {
		case "credential.issued":
			issued = append(issued, body.Lease)
		case "credential.revoked":
			revoked = append(revoked, body.Lease)
		}
	}
	slices.Sort(issued)
	slices.Sort(revoked)
	return issued, revoked
}

// Where the database lets nobody look, nothing is known, and the client reads
// why.
func TestSideLoginRefused(t *testing.T) {
	const name = "known_refused"
	newFunction(t, name)
	p := startPlace(t, setup{policy: knowing(name)})
	call := "SELECT public." + name + "('A')"
	c := p.connect(t, "")
	letIn := "GRANT CONNECT ON DATABASE " + database + " TO PUBLIC, " + group
	t.Cleanup(func() {
		if err := shared.Exec(context.Background(), database, letIn); err != nil {
			t.Error(err)
		}
	})
	onServerExec(t, "REVOKE CONNECT ON DATABASE "+database+" FROM PUBLIC, "+group)
	refusedFor(t, "login refused", run(t, c, call), "the database refused the login that looks: permission denied for database")
	mustRun(t, c, "SELECT 1")
	onServerExec(t, letIn)
	mustRun(t, c, call)
	// A catalog that does not answer in time is not waited for.
	locked := make(chan error, 1)
	go func() {
		locked <- shared.Exec(t.Context(), database, "BEGIN; LOCK TABLE pg_catalog.pg_proc IN ACCESS EXCLUSIVE MODE; SELECT pg_catalog.pg_sleep(4); COMMIT")
	}()
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	refusedFor(t, "no answer", run(t, c, call), "was not measured here")
	if took := time.Since(began); took > 3500*time.Millisecond {
		t.Errorf("the answer took %s", took)
	}
	if err := <-locked; err != nil {
		t.Fatal(err)
	}
	mustRun(t, c, call)
}

// Behind one address there may be several servers. What another one says than
// that on which the session's login works is no fact.
func TestSideOnTheSameServer(t *testing.T) {
	const name = "known_same"
	newFunction(t, name)
	p := startPlace(t, setup{policy: knowing(name)})
	call := "SELECT public." + name + "('A')"
	c := p.connect(t, "")
	mustRun(t, c, call)
	result := c.ExecParams(t.Context(), "SELECT session_user", nil, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	role := string(result.Rows[0][0])
	onServerExec(t, "ALTER ROLE "+role+" RENAME TO elsewhere")
	refusedFor(t, "login not there", run(t, c, call), "did not reach the server where this session works")
	onServerExec(t, "ALTER ROLE elsewhere RENAME TO "+role)
	mustRun(t, c, call)
}

// Many sessions ask at once; each gets its answer.
func TestSideInTurns(t *testing.T) {
	const name = "known_turns"
	newFunction(t, name)
	p := startPlace(t, setup{policy: knowing(name)})
	answers := make(chan error, 8)
	for range cap(answers) {
		c := p.connect(t, "")
		go func() {
			var err error
			for range 10 {
				err = errors.Join(err, execOn(c, "SELECT public."+name+"('A')"))
			}
			answers <- err
		}()
	}
	for range cap(answers) {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if n := onServer(t, "SELECT count(*) "+sideBackend); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// The facts are on record, and a decision taken again from them is the same.
func TestDecisionsByFactsCanBeTakenAgain(t *testing.T) {
	const name = "known_replayed"
	newFunction(t, name)
	p := startPlace(t, setup{policy: knowing(name)})
	c := p.connect(t, "")
	mustRun(t, c, "SELECT public."+name+"('A')")
	onServerExec(t, "ALTER FUNCTION public."+name+"(text) SECURITY DEFINER")
	refusedFor(t, "changed", run(t, c, "SELECT public."+name+"('A')"), "SECURITY DEFINER")
	c.Close(t.Context())
	again, err := policy.Parse("policy.yaml", []byte(knowing(name)))
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []policy.Verdict
	for _, r := range records(t, filepath.Join(p.dir, "trail")) {
		if r.Type != "decision" {
			continue
		}
		var body struct {
			Request  policy.Request  `json:"request"`
			Decision policy.Decision `json:"decision"`
		}
		if err := json.Unmarshal(r.Body, &body); err != nil {
			t.Fatal(err)
		}
		if len(body.Request.Facts.Functions) != 1 {
			t.Errorf("facts on record: %+v", body.Request.Facts)
		}
		d := again.Decide(&body.Request)
		d.Volatile, d.ChangesCode = false, false // what may be kept is not recorded
		if diff := cmp.Diff(body.Decision, d); diff != "" {
			t.Errorf("record %d is decided differently now:\n%s", r.Index, diff)
		}
		body.Request.Facts = policy.Facts{}
		if d := again.Decide(&body.Request); d.Verdict != policy.Deny {
			t.Errorf("without its facts it is %s", d.Verdict)
		}
		verdicts = append(verdicts, d.Verdict)
	}
	if !slices.Equal(verdicts, []policy.Verdict{policy.Allow, policy.Deny}) {
		t.Errorf("decisions on record: %v", verdicts)
	}
}
