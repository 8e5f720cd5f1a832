package faults

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fault is something that goes wrong around one session, the victim's.
type fault struct {
	name string
	// hitsAll says that the server itself falls, so that nobody is spared.
	hitsAll bool
	// raced says that the credential may be revoked before the fault is
	// noticed or after.
	raced bool
	// client says that the victim comes through the relay for clients.
	client bool
	// do brings the fault about in a session with this application name, and
	// returns the error that its client got.
	do func(t *testing.T, s *stage, application string) error
	// after takes back what Relay.Mend does not.
	after func(t *testing.T, s *stage)
}

// faults are done one after the other.
var faults = []fault{
	{name: "server stops (fast) under a query, comes back later", hitsAll: true, do: stops(syscall.SIGINT), after: startServer},
	{name: "server stops at once under a query, comes back later", hitsAll: true, do: stops(syscall.SIGQUIT), after: startServer},
	{name: "postmaster is killed under a query, server comes back later", hitsAll: true, do: stops(syscall.SIGKILL), after: startServer},
	{name: "server process of the session is killed, all restart", hitsAll: true, raced: true, do: killBackend},
	{name: "administrator ends the server session", do: under(sleep, func(t *testing.T, s *stage, application string) {
		s.world.Exec(t, "postgres", terminate(application))
	})},
	{name: "login while the server is down", hitsAll: true, do: loginWhileDown, after: startServer},
	{name: "login while the server's machine is silent", do: func(t *testing.T, s *stage, application string) error {
		s.server.Set(Back, Fault{Hold: true})
		return login(t, s, application)
	}},
	{name: "connection to the server reset while it makes the session's role", do: func(t *testing.T, s *stage, application string) error {
		s.server.Set(Back, Fault{ResetAfter: intoCreateRole})
		return login(t, s, application)
	}, after: func(t *testing.T, s *stage) {
		await(t, "the role that was made for nobody to be ended", func() bool {
			return strings.Contains(s.gate.Log(), "issued for nobody")
		})
	}},
	{name: "login while the server takes no more connections", do: func(t *testing.T, s *stage, application string) error {
		s.world.Exec(t, "postgres", "ALTER DATABASE shop CONNECTION LIMIT 0")
		return login(t, s, application)
	}, after: func(t *testing.T, s *stage) { s.world.Exec(t, "postgres", "ALTER DATABASE shop CONNECTION LIMIT -1") }},
	{name: "network to the server cut under a query", do: under(sleep, cutServer)},
	{name: "network to the server cut under COPY FROM STDIN", do: func(t *testing.T, s *stage, application string) error {
		return copyIn(t, s, s.direct("shop", application), func() { cutServer(t, s, application) })
	}},
	{name: "network to the server cut while the session is idle", do: func(t *testing.T, s *stage, application string) error {
		c := mustConnect(t, s.direct("shop", application))
		cutServer(t, s, application)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return c.WaitForNotification(ctx)
	}},
	{name: "connection to the server reset in the middle of a message", do: func(t *testing.T, s *stage, application string) error {
		return inMessage(t, s, s.direct("shop", application), func() { s.server.Set(Back, Fault{ResetAfter: 300_000}) })
	}},
	{name: "server hangs up in the middle of a message", do: func(t *testing.T, s *stage, application string) error {
		return inMessage(t, s, s.direct("shop", application), func() { s.server.Set(Back, Fault{EndAfter: 300_000}) })
	}},
	{name: "network to the server is slow (100 ms each way)", do: func(t *testing.T, s *stage, application string) error {
		c := mustConnect(t, s.direct("shop", application))
		defer c.Close(t.Context())
		s.server.Set(Towards, Fault{Delay: 100 * time.Millisecond})
		s.server.Set(Back, Fault{Delay: 100 * time.Millisecond})
		return query(t.Context(), c, "SELECT 1")
	}},
	{name: "client's network cut under COPY TO STDOUT", client: true, do: func(t *testing.T, s *stage, application string) error {
		return copyOut(t, s, application, func() { cutClient(t, s) })
	}},
	{name: "client's network cut while it is idle in a transaction", client: true, do: idleClientCut},
	{name: "client reset in the middle of a message", client: true, do: func(t *testing.T, s *stage, application string) error {
		return copyIn(t, s, s.relayed(application), func() { s.client.Set(Towards, Fault{ResetAfter: 100_000}) })
	}},
	{name: "client reads nothing for a while", client: true, do: readsNothing},
	{name: "client drips its statement", client: true, do: func(t *testing.T, s *stage, application string) error {
		s.client.Set(Towards, Fault{Drip: 60})
		return oneQuery(t, s.relayed(application), "SELECT 1 /* "+strings.Repeat("x", 3000)+" */")
	}},
	{name: "client connects and says nothing", client: true, do: func(t *testing.T, s *stage, application string) error {
		s.client.Set(Towards, Fault{Hold: true})
		return oneQuery(t, s.relayed(application), "SELECT 1")
	}},
	{name: "client falls silent in its login", do: silentLogin},
	{name: "client sends a statement of 64 MiB", do: sendsTooMuch},
}

// intoCreateRole is how many bytes the server answers up to the middle of its
// answer to CREATE ROLE: 11 to a ping, 63 to the question about the group.
const intoCreateRole = 80

const sleep = "SELECT pg_sleep(120)"

// login tries to log in.
func login(t *testing.T, s *stage, application string) error {
	t.Helper()
	return oneQuery(t, s.direct("shop", application), "SELECT 1")
}

// oneQuery is a whole session.
func oneQuery(t *testing.T, dsn, sql string) error {
	t.Helper()
	c, err := connect(t.Context(), dsn)
	if err != nil {
		return err
	}
	defer c.Close(t.Context())
	return query(t.Context(), c, sql)
}

// under has a statement run and something happen once the server works on it.
func under(sql string, happens func(t *testing.T, s *stage, application string)) func(*testing.T, *stage, string) error {
	return func(t *testing.T, s *stage, application string) error {
		t.Helper()
		c := mustConnect(t, s.direct("shop", application))
		defer c.Close(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- query(t.Context(), c, sql) }()
		await(t, "the server to work on it", func() bool {
			return s.world.Query(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = '"+application+"'")[0][0] == "1"
		})
		happens(t, s, application)
		return <-answer
	}
}

func terminate(application string) string {
	return "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" + application + "'"
}

// stops ends the server under a query and waits until the proxy has noted that
// it could not revoke the credential.
func stops(signal syscall.Signal) func(*testing.T, *stage, string) error {
	return func(t *testing.T, s *stage, application string) error {
		err := under(sleep, func(t *testing.T, s *stage, _ string) { stopServer(t, s, signal) })(t, s, application)
		await(t, "the proxy to say that the credential is not revoked", func() bool {
			found := s.look(t, application)
			return found != nil && found.has("credential.not_revoked")
		})
		return err
	}
}

func stopServer(t *testing.T, s *stage, signal syscall.Signal) {
	t.Helper()
	pid := s.world.Server.PID()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
	await(t, "the server to end", func() bool { return syscall.Kill(pid, 0) != nil })
}

// startServer tries until the processes of the run before are gone.
func startServer(t *testing.T, s *stage) {
	t.Helper()
	var err error
	await(t, "the server to start", func() bool {
		err = s.world.Server.Restart(t.Context())
		return err == nil
	})
}

func loginWhileDown(t *testing.T, s *stage, application string) error {
	stopServer(t, s, syscall.SIGINT)
	return login(t, s, application)
}

// killBackend kills the one server process that works for the session, as the
// kernel does for want of memory.
func killBackend(t *testing.T, s *stage, application string) error {
	return under(sleep, func(t *testing.T, s *stage, application string) {
		rows := s.world.Query(t, "postgres", "SELECT pid FROM pg_stat_activity WHERE application_name = '"+application+"'")
		var pid int
		if _, err := fmt.Sscan(rows[0][0], &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})(t, s, application)
}

func cutServer(t *testing.T, s *stage, _ string) {
	t.Helper()
	if err := s.server.Cut(); err != nil {
		t.Error(err)
	}
}

func cutClient(t *testing.T, s *stage) {
	t.Helper()
	if err := s.client.Cut(); err != nil {
		t.Error(err)
	}
}

// endless is what a client sends without end; begin is called when some of it
// has been sent.
type endless struct {
	sent  int
	begin func()
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, strings.Repeat("a line of a table\n", 400))
	if e.sent += n; e.sent > 1<<20 && e.begin != nil {
		e.begin()
		e.begin = nil
	}
	return n, nil
}

func copyIn(t *testing.T, s *stage, dsn string, begin func()) error {
	t.Helper()
	c := mustConnect(t, dsn)
	defer c.Close(t.Context())
	if err := query(t.Context(), c, "CREATE TEMPORARY TABLE lines (line text)"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.CopyFrom(ctx, &endless{begin: begin}, "COPY lines FROM STDIN")
	return err
}

// inMessage has a long answer broken off.
func inMessage(t *testing.T, s *stage, dsn string, begin func()) error {
	t.Helper()
	c := mustConnect(t, dsn)
	defer c.Close(t.Context())
	begin()
	return query(t.Context(), c, "TABLE big")
}

// onFirst calls begin at the first bytes.
type onFirst struct{ begin func() }

func (o *onFirst) Write(p []byte) (int, error) {
	if o.begin != nil {
		o.begin()
		o.begin = nil
	}
	return len(p), nil
}

// copyOut begins a long COPY; the client gives up once the proxy has ended the
// session.
func copyOut(t *testing.T, s *stage, application string, begin func()) error {
	t.Helper()
	c := mustConnect(t, s.relayed(application))
	ctx, cancel := context.WithTimeout(t.Context(), 2*unreachable)
	defer cancel()
	_, err := c.CopyTo(ctx, &onFirst{begin}, "COPY big TO STDOUT")
	s.awaitClosed(t, application)
	return err
}

func idleClientCut(t *testing.T, s *stage, application string) error {
	c := mustConnect(t, s.relayed(application))
	if err := query(t.Context(), c, "BEGIN; LOCK TABLE big"); err != nil {
		return err
	}
	cutClient(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 2*unreachable)
	defer cancel()
	err := c.WaitForNotification(ctx)
	s.awaitClosed(t, application)
	return err
}

func (s *stage) awaitClosed(t *testing.T, application string) {
	t.Helper()
	await(t, "session "+application+" to end", func() bool {
		found := s.look(t, application)
		return found != nil && found.closed != ""
	})
}

// readsNothing holds an answer of 40 MB back for longer than a machine may be
// silent: one that is alive may read when it likes, and costs no memory.
func readsNothing(t *testing.T, s *stage, application string) error {
	c := mustConnect(t, s.relayed(application))
	defer c.Close(t.Context())
	before := measure(t, s.gate.PID())
	s.client.Set(Back, Fault{Hold: true})
	answer := make(chan error, 1)
	go func() { answer <- query(t.Context(), c, "TABLE big") }()
	time.Sleep(2 * unreachable)
	if grown := measure(t, s.gate.PID()).memory - before.memory; grown > 16<<10 && !raceDetector() {
		t.Errorf("an answer that nobody reads takes %d MiB", grown>>10)
	}
	s.client.Set(Back, Fault{})
	return <-answer
}

// silentLogin says who it is and does not go on.
func silentLogin(t *testing.T, s *stage, application string) error {
	c := s.raw(t, application)
	defer c.Close()
	return firstError(c)
}

// sendsTooMuch sends a statement that is far longer than any may be. It costs
// no memory, and the session goes on.
func sendsTooMuch(t *testing.T, s *stage, application string) error {
	c := mustConnect(t, s.direct("shop", application))
	defer c.Close(t.Context())
	before := measure(t, s.gate.PID())
	refused := query(t.Context(), c, "SELECT '"+strings.Repeat("x", 64<<20)+"'")
	if grown := measure(t, s.gate.PID()).memory - before.memory; grown > 16<<10 && !raceDetector() {
		t.Errorf("a statement of 64 MiB takes %d MiB", grown>>10)
	}
	if err := query(t.Context(), c, "SELECT 1"); err != nil {
		t.Errorf("after it: %v", err)
	}
	return refused
}
