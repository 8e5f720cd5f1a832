package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

// openedPort is a listening socket that this test keeps open, as systemd does.
func openedPort(t *testing.T) (*os.File, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, l.Addr().(*net.TCPAddr).Port
}

// loop is clients that connect, run a statement and leave, again and again.
type loop struct {
	done, failed atomic.Int64
	mu           sync.Mutex
	errs         []error
	end          func()
}

// visitors is how many of them there are.
const visitors = 3

func startLoop(t *testing.T, target harness.Target) *loop {
	t.Helper()
	l := new(loop)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range visitors {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := visit(target); err != nil {
					l.failed.Add(1)
					l.mu.Lock()
					l.errs = append(l.errs, err)
					l.mu.Unlock()
					continue
				}
				l.done.Add(1)
			}
		})
	}
	l.end = sync.OnceFunc(func() { stop(); all.Wait() })
	t.Cleanup(l.end)
	return l
}

// visit is one of a loop's connections. It waits for as long as a restart may
// take.
func visit(target harness.Target) error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	c, err := pgconn.Connect(ctx, target.URL()+"&connect_timeout=30")
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SELECT 1").ReadAll()
	return errors.Join(err, c.Close(ctx))
}

// more waits until the loop has been served again.
func (l *loop) more(t *testing.T, times int64) {
	t.Helper()
	want := l.done.Load() + times
	await(t, fmt.Sprintf("%d more clients were served, %d failed", times, l.failed.Load()), func() bool { return l.done.Load() >= want })
}

// Over restarts with a socket that stays open, no client is refused and none
// loses its statement.
func testPassedSocket(t *testing.T, s stage) {
	file, port := openedPort(t)
	g := s.gate(t, harness.Setup{Port: port, Sockets: []*os.File{file}})
	l := startLoop(t, g.Target())
	for range 3 {
		l.more(t, 5)
		g.Signal(t, syscall.SIGTERM)
		awaitEnd(t, g)
		g.Stop(t)
		before := l.done.Load()
		g.Start(t)
		await(t, "the next process serves", func() bool { return l.done.Load() > before })
	}
	l.more(t, 5)
	l.end()
	t.Logf("%d clients over 3 restarts, %d failed", l.done.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d clients failed: %v", l.failed.Load(), l.failed.Load()+l.done.Load(), l.errs)
	}
}

// A socket that nobody answers at would be a trap for clients.
func testStraySocket(t *testing.T, s stage) {
	g := s.gate(t, harness.Setup{})
	g.Stop(t)
	file, port := openedPort(t)
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=stray exec "$@"`, "sh", s.binary, "serve", "--config", "sluice.yaml")
	cmd.Dir, cmd.ExtraFiles = g.Dir(), []*os.File{file}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if want := fmt.Sprintf("stray at 127.0.0.1:%d", port); !errors.As(err, &exit) || exit.ExitCode() != 5 || !strings.Contains(string(out), want) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Two processes share a port, each with its own trail and instance. When one
// of them leaves, the other serves everybody.
func testSharedPort(t *testing.T, s stage) {
	const shared = "reuse_port: true"
	old := s.gate(t, harness.Setup{Listen: shared, Config: "instance: old\n"})
	l := startLoop(t, old.Target())
	l.more(t, 5)
	next := harness.StartGateWith(t, s.world, s.binary, harness.Setup{
		Policy: harness.AllowAll, Port: old.Target().Port, Listen: shared, Config: "instance: next\n",
	})
	await(t, "the next process listens", func() bool { return strings.Contains(next.Log(), "listening on") })
	l.more(t, 5)
	old.Signal(t, syscall.SIGTERM)
	awaitEnd(t, old)
	l.more(t, 10)
	l.end()
	t.Logf("%d clients, %d failed", l.done.Load(), l.failed.Load())
	// The system resets what arrives at a socket in the instant between its
	// last look and its end.
	for _, err := range l.errs {
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a client was refused by more than a reset: %v", err)
		}
	}
	if n := l.failed.Load(); n > visitors {
		t.Errorf("%d clients failed", n)
	}
}

// What a service manager hears over a whole life.
func testServiceManager(t *testing.T, s stage) {
	address := t.TempDir() + "/notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hears := func(prefix string) {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("%s is not said: %v", prefix, err)
			}
			switch said := string(buf[:n]); {
			case strings.HasPrefix(said, prefix):
				return
			case said != "WATCHDOG=1":
				t.Fatalf("%q is said instead of %q", said, prefix)
			}
		}
	}
	g := s.gate(t, harness.Setup{Limits: "drain: 5s, drain_delay: 1s", Env: []string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=400000"}})
	hears("READY=1\nSTATUS=listening on 127.0.0.1:")
	hears("WATCHDOG=1")
	hears("WATCHDOG=1")
	g.Signal(t, syscall.SIGHUP)
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1\nSTATUS=policy ")
	g.Signal(t, syscall.SIGTERM)
	hears("STOPPING=1\nEXTEND_TIMEOUT_USEC=66000000\nSTATUS=stopping, 0 sessions are open")
	hears("WATCHDOG=1")
	awaitEnd(t, g)
	g.Stop(t)
}
