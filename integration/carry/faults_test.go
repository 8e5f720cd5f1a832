package carry

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/integration/faults"
	"github.com/sluice-pg/sluice/integration/harness"
)

// fault is something that goes wrong while a copy is carried.
type fault struct {
	name string
	// do brings it about, mend ends it once the client knows or a while has
	// passed; nil if it ends by itself.
	do, mend func(t *testing.T, s *broken, c *client)
	// says are words of which the client is told one if the copy fails.
	says []string
	// forgets is true if the process that knows of the copy ends by it.
	forgets bool
	// usual are the moments at which it happens unless versions are asked for: one
	// or two for what differs most.
	usual []int
	// until is the moment from which on it can no longer happen; 0 if it always can.
	until int
}

// allRead is the first moment at which the copy has all rows, and no connection to
// the source any more.
const allRead = 5

func startAgain(t *testing.T, s *broken, _ *client) { s.gate.Restart(t) }

const notMade = "was not made"

var badThings = []fault{
	{
		name: "the proxy is killed", usual: []int{3, 9}, forgets: true,
		do: func(t *testing.T, s *broken, _ *client) { s.gate.Kill(t) }, mend: startAgain,
		says: []string{"connection", "SSL SYSCALL"},
	},
	{
		name: "a server process of the source is killed", usual: []int{4}, until: allRead,
		do:   func(t *testing.T, s *broken, _ *client) { killBackend(t, s.world.Server, "DESC") },
		says: []string{notMade, "connection"},
	},
	{
		name: "a server process of the destination is killed", usual: []int{3},
		do:   func(t *testing.T, s *broken, _ *client) { killBackend(t, s.there, "DESC") },
		says: []string{notMade},
	},
	{
		name: "the server process that publishes is killed", usual: []int{8, 9},
		do:   func(t *testing.T, s *broken, _ *client) { killBackend(t, s.there, "ASC") },
		says: []string{notMade},
	},
	{
		name: "the network to the source is cut", usual: []int{2},
		do: cut(func(s *broken) *faults.Relay { return s.source }), mend: mendNetwork,
		says: []string{notMade, "connection"},
	},
	{
		name: "the network to the destination is cut", usual: []int{9},
		do: cut(func(s *broken) *faults.Relay { return s.place }), mend: mendNetwork,
		says: []string{notMade},
	},
	{
		name: "the client hangs up", usual: []int{8},
		do: func(t *testing.T, _ *broken, c *client) { signal(t, c, syscall.SIGKILL) },
	},
	{
		name: "Ctrl-C", usual: []int{5},
		do:   func(t *testing.T, _ *broken, c *client) { signal(t, c, syscall.SIGINT) },
		says: []string{"was canceled"},
	},
	{
		name: "the proxy is asked to end", usual: []int{3}, forgets: true,
		do: func(t *testing.T, s *broken, _ *client) { s.gate.Signal(t, syscall.SIGTERM) }, mend: startAgain,
		says: []string{notMade, "connection", "terminating"},
	},
	{
		name: "the proxy is asked to end, and the copy takes longer than it waits",
		do: func(t *testing.T, s *broken, _ *client) {
			s.gate.Signal(t, syscall.SIGTERM)
			<-s.gate.Exited()
		},
		mend: startAgain,
		says: []string{notMade, "connection", "terminating"},
	},
	{
		name: "the policy is loaded again, and is the same",
		do:   func(t *testing.T, s *broken, _ *client) { s.reload(t, s.policy(t)+"# the same\n") },
	},
	{
		name: "the policy is loaded again, and has no such destination", usual: []int{7},
		do: func(t *testing.T, s *broken, _ *client) { s.reload(t, "version: 1\n") }, mend: policyBack,
		says: []string{"names no such destination any more"},
	},
	{
		name: "the policy is loaded again, and asks more of the destination",
		do: func(t *testing.T, s *broken, _ *client) {
			// What is there already would be frozen for it, and the place be given nothing more.
			s.react = "{latent: alert, object: alert, server: alert, unknown: alert}"
			s.reload(t, strings.Replace(s.policy(t), "authentication: scram", "authentication: certificate", 1))
			s.react = ""
		},
		mend: policyBack,
		says: []string{"says something else of the destination"},
	},
	{
		name: "the destination is restarted", usual: []int{6},
		do:   func(t *testing.T, s *broken, _ *client) { must(t, s.there.Restart(t.Context())) },
		says: []string{notMade},
	},
	{
		name: "the source is restarted",
		do:   func(t *testing.T, s *broken, _ *client) { must(t, s.world.Server.Restart(t.Context())) },
		says: []string{notMade, "connection", "terminat"},
	},
	{
		name: "the trail cannot be written", usual: []int{8}, forgets: true,
		do: func(t *testing.T, s *broken, _ *client) { s.limitFiles(t, 1) },
		mend: func(t *testing.T, s *broken, _ *client) {
			s.limitFiles(t, unix.RLIM_INFINITY)
			s.gate.Signal(t, syscall.SIGTERM)
			s.gate.Restart(t)
		},
		says: []string{notMade, "recorded", "trail", "record"},
	},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func signal(t *testing.T, c *client, sig syscall.Signal) {
	t.Helper()
	must(t, c.cmd.Process.Signal(sig))
	time.Sleep(300 * time.Millisecond) // it has to arrive before the copy goes on
}

func cut(which func(*broken) *faults.Relay) func(*testing.T, *broken, *client) {
	return func(t *testing.T, s *broken, _ *client) {
		if err := which(s).Cut(); err != nil {
			t.Fatal(err)
		}
	}
}

// mendNetwork gives the proxy time to find out, which it does within
// limits.unreachable, and the network back.
func mendNetwork(t *testing.T, s *broken, c *client) {
	for range 60 {
		if c.hasEnded() {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	must(t, s.source.Mend())
	must(t, s.place.Mend())
}

// policyBack gives the program the policy that the stage has, once the client knows.
func policyBack(t *testing.T, s *broken, c *client) {
	c.end(t)
	s.reload(t, s.policy(t))
}

// reload gives the program another policy and waits until it has it.
func (s *stage) reload(t *testing.T, policy string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(s.gate.Dir(), "policy.yaml"), []byte(policy), 0o600))
	before := strings.Count(s.gate.Log(), reloaded)
	s.gate.Signal(t, syscall.SIGHUP)
	await(t, "the policy to be loaded", func() bool { return strings.Count(s.gate.Log(), reloaded) > before })
}

// reloaded is what the program says then.
const reloaded = "policy reloaded"

// limitFiles has the program fail to write beyond so many bytes of a file.
func (s *stage) limitFiles(t *testing.T, bytes uint64) {
	t.Helper()
	var now unix.Rlimit
	must(t, unix.Prlimit(s.gate.PID(), unix.RLIMIT_FSIZE, nil, &now))
	now.Cur = min(bytes, now.Max)
	must(t, unix.Prlimit(s.gate.PID(), unix.RLIMIT_FSIZE, &now, nil))
}

// TestFaults breaks something at moments of a carried copy. Whatever it was, the
// destination shows the whole set or nothing of it, the ledger says so, nobody can
// read what was not published, the client was not told anything that is not so, and
// the next try succeeds.
func TestFaults(t *testing.T) {
	all := os.Getenv("SLUICE_TEST_VERSIONS") != ""
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newBroken(t, version, version)
			for i := range badThings {
				f := &badThings[i]
				for at := range moments {
					if m := &moments[at]; f.happensAt(at, all) {
						t.Run(f.name+" when "+m.name, func(t *testing.T) { s.breakIt(t, f, m, (i+at)%2 == 0) })
					}
				}
			}
			s.anotherServer(t, version)
			s.ends(t)
		})
	}
}

// happensAt tells whether it is brought about at a moment: at all at which it can
// happen, or at the usual ones.
func (f *fault) happensAt(at int, all bool) bool {
	return (f.until == 0 || at < f.until) && (all || slices.Contains(f.usual, at))
}

func (s *broken) breakIt(t *testing.T, f *fault, m *moment, fresh bool) {
	began := time.Now()
	if fresh {
		s.at(t, "DROP TABLE IF EXISTS crm.orders, crm.people")
	}
	before, known := s.published(t), len(s.copies(t))
	c := &client{stage: s.stage, text: theSet}
	m.reach(t, s, c, func() {
		s.closed(t)
		f.do(t, s, c)
	})
	if f.mend != nil {
		f.mend(t, s, c)
	}
	c.end(t)
	told := time.Since(began)
	s.awaitServers(t)
	s.settled(t, known)
	s.closed(t)
	s.truth(t, f, c, known, before)
	s.again(t)
	t.Logf("%.1f s, the client knew after %.1f s: %s", time.Since(began).Seconds(), told.Seconds(), c.said())
}

// settled waits until the proxy has done what it does after a copy.
func (s *broken) settled(t *testing.T, known int) {
	t.Helper()
	await(t, "the ledger to say what became of the copy", func() bool {
		copies := s.copies(t)
		return len(copies) == known || copies[len(copies)-1].Life != ledger.LifeCopying
	})
	await(t, "logins to be taken back", func() bool {
		return loginsLeft(t, s.world.Server) == "[]" && loginsLeft(t, s.there) == "[]"
	})
}

// truth compares what is there with what the client was told and the ledger says.
func (s *broken) truth(t *testing.T, f *fault, c *client, known int, before string) {
	t.Helper()
	after := s.published(t)
	if after != "" {
		s.whole(t)
	}
	copies := s.copies(t)[known:]
	if len(copies) > 1 {
		t.Fatalf("%d copies were begun by one text", len(copies))
	}
	var one *ledger.Copy
	made := false
	if len(copies) == 1 {
		one = copies[0]
		made = after == one.ID
	}
	if !made && after != before {
		t.Errorf("before there was copy %q, now there is %q", before, after)
	}
	s.toldTruth(t, f, c, made)
	if one == nil {
		if staged := s.staged(t); staged != "" {
			t.Errorf("nothing was begun, and %s is staged", staged)
		}
		return
	}
	s.ledgerTruth(t, f, one, made)
}

func (s *broken) toldTruth(t *testing.T, f *fault, c *client, made bool) {
	t.Helper()
	text := c.said()
	success := c.exit() == 0 && strings.Contains(text, "COPY 2000") && strings.Contains(text, "COPY 5000")
	switch {
	case success && !made, made && strings.Contains(text, notMade):
		t.Errorf("the copy was made: %v, and the client was told\n%s\n%s", made, text, s.gate.Log())
	case c.exit() == 0 && !success:
		t.Errorf("it ended well without a word of success\n%s", text)
	case !made && len(f.says) > 0 && !slices.ContainsFunc(f.says, func(words string) bool { return strings.Contains(text, words) }):
		t.Errorf("the client was not told why it failed\n%s", text)
	}
}

func (s *broken) ledgerTruth(t *testing.T, f *fault, one *ledger.Copy, made bool) {
	t.Helper()
	staged := strings.Contains(s.staged(t), one.ID)
	switch one.Life {
	case ledger.LifeLive:
		if !made || staged {
			t.Errorf("the ledger says that copy %s lives; published: %v, staged: %v", one.ID, made, staged)
		}
	case ledger.LifeFailed:
		switch left := one.Failure.Left; {
		case left == ledger.LeftNothing && (made || staged), left == ledger.LeftStaging && made:
			t.Errorf("the ledger says that copy %s failed and left %s; published: %v, staged: %v", one.ID, left, made, staged)
		}
	case ledger.LifeUnknown:
		// Whoever looks at the place then says what there is of it.
		if !f.forgets {
			t.Errorf("copy %s has no end in the trail although the proxy went on\n%s", one.ID, s.gate.Log())
		}
	case ledger.LifeRemoved:
		// The watch has removed what a failed one had left.
		if made || staged {
			t.Errorf("the ledger says that copy %s is removed; published: %v, staged: %v", one.ID, made, staged)
		}
	default:
		t.Errorf("the ledger says that copy %s is %s", one.ID, one.Life)
	}
}

// again makes the copy with nothing broken. What was broken can have made the posture
// unknown: then the place is given no new copy until it was measured once more.
func (s *broken) again(t *testing.T) {
	t.Helper()
	known := len(s.copies(t))
	r := s.psql(t, theSet)
	for deadline := time.Now().Add(patience); r.Exit != 0 && strings.Contains(r.Stderr, "is given no new copy") && time.Now().Before(deadline); r = s.psql(t, theSet) {
		time.Sleep(200 * time.Millisecond)
	}
	s.mustBe(t, r, 0, "COPY 2000", "COPY 5000")
	s.whole(t)
	copies := s.copies(t)
	if len(copies) != known+1 || copies[known].ID != s.published(t) || copies[known].Life != ledger.LifeLive {
		t.Errorf("the second try is not on record as it is there: %v", copies[known:])
	}
}

// ends ends the program and makes sure that no login is left of it anywhere.
func (s *broken) ends(t *testing.T) {
	t.Helper()
	s.gate.Stop(t)
	rows, err := s.there.Query(t.Context(), "postgres", `SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluice%' AND rolcanlogin`)
	if err != nil || len(rows) > 0 {
		t.Errorf("logins are left at the destination: %v %v", rows, err)
	}
}
