package systemd

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// heir is the argument with which the test's program is the child that gets
// sockets.
const heir = "heir-of-sockets"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == heir {
		if err := inheritAndAnswer(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// manager is a service manager's socket.
type manager struct{ *net.UnixConn }

func newManager(t *testing.T, name string) manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return manager{conn}
}

// hear returns the next datagram.
func (m manager) hear(t *testing.T) string {
	t.Helper()
	if err := m.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := m.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestWhatTheManagerHears(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), "@sluice-test-" + strconv.Itoa(os.Getpid())} {
		m := newManager(t, address)
		t.Setenv("NOTIFY_SOCKET", address)
		s, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		if v := os.Getenv("NOTIFY_SOCKET"); v != "" {
			t.Errorf("children would find NOTIFY_SOCKET=%s", v)
		}
		for _, c := range []struct {
			say  error
			want string
		}{
			{s.Ready("listening"), `^READY=1\nSTATUS=listening$`},
			{s.Reloading(), `^RELOADING=1\nMONOTONIC_USEC=\d{6,}$`},
			{s.Stopping(90*time.Second, "3 sessions"), `^STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\nSTATUS=3 sessions$`},
		} {
			if c.say != nil {
				t.Fatal(c.say)
			}
			if got := m.hear(t); !regexp.MustCompile(c.want).MatchString(got) {
				t.Errorf("got %q, want %s", got, c.want)
			}
		}
	}
}

// Signs of life come at half the time, as long as there is life.
func TestLive(t *testing.T) {
	m := newManager(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("NOTIFY_SOCKET", m.LocalAddr().String())
	t.Setenv("WATCHDOG_USEC", "40000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	var dead atomic.Bool
	asked := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Live(ctx, func() bool {
			if dead.Load() {
				asked <- struct{}{}
				return false
			}
			return true
		})
	}()
	for range 3 {
		if got := m.hear(t); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	dead.Store(true)
	for range 3 {
		<-asked
	}
	// What was sent before it died is there; nothing comes after that.
	if err := m.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	signs := 0
	for buf := make([]byte, 64); ; signs++ {
		if _, err := m.Read(buf); err != nil {
			break
		}
	}
	<-asked
	if err := m.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := m.Read(make([]byte, 64)); err == nil {
		t.Errorf("%d bytes as a sign of life of something dead", n)
	}
	cancel()
	go func() {
		for range asked {
		}
	}()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(asked)
}

// Without a manager, or with one that speaks with another process, nothing is
// said and nothing waits.
func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	t.Setenv("WATCHDOG_PID", "1")
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "1")
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if s.watchdog != 0 || len(s.Sockets.Left()) != 0 {
		t.Errorf("another process's things were taken: %v, %v", s.watchdog, s.Sockets.Left())
	}
	for _, err := range []error{s.Ready(""), s.Reloading(), s.Stopping(0, ""), s.Live(t.Context(), nil), new(Service).Ready("")} {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestNonsense(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"WATCHDOG_USEC", "soon", "no time in microseconds"},
		{"WATCHDOG_USEC", "0", "no time in microseconds"},
		{"WATCHDOG_USEC", "9223372036854775807", "no time in microseconds"},
		{"LISTEN_FDS", "many", "no number"},
		{"LISTEN_FDS", "100000", "no number"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
			t.Setenv(c.name, c.value)
			if _, err := Open(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
	for address, want := range map[string]string{"vsock:2:1": "no socket of this machine", "/nowhere/at/all": "connect"} {
		if err := (&Service{address: address}).Ready(""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", address, err, want)
		}
	}
}

// inheritAndAnswer is the child: it takes the socket at an address and
// answers one connection with the names of what is left.
func inheritAndAnswer(address string) error {
	// Only the child knows its number.
	os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	s, err := Open()
	if err != nil {
		return err
	}
	l := s.Sockets.Take(address)
	if l == nil {
		return fmt.Errorf("no socket at %s, only %v", address, s.Sockets.Left())
	}
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, strings.Join(s.Sockets.Left(), ",")); err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	return s.Sockets.Close()
}

// A child gets two sockets, takes one by its address, and ends; connections
// made meanwhile wait, and the next child has them.
func TestSocketsOutliveTheirProcess(t *testing.T) {
	var files []*os.File
	var addresses []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files, addresses = append(files, f), append(addresses, l.Addr().String())
	}
	for range 2 {
		conn, err := net.Dial("tcp", addresses[1])
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], heir, addresses[1])
		cmd.ExtraFiles = files
		cmd.Env = append(os.Environ(), "LISTEN_FDS=2", "LISTEN_FDNAMES=first:second")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		answer, err := io.ReadAll(conn)
		if want := "first at " + addresses[0]; err != nil || string(answer) != want {
			t.Errorf("got %q, %v, want %q", answer, err, want)
		}
		conn.Close()
	}
}

func TestSameAddress(t *testing.T) {
	at := func(text string) *net.TCPAddr {
		a, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		want, have string
		same       bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{"127.0.0.1:1", "0.0.0.0:1", false},
		{"0.0.0.0:1", "[::]:1", true},
		{":1", "[::]:1", true},
		{":1", "127.0.0.1:1", false},
		{"[::1]:1", "[::1]:1", true},
	} {
		if got := sameAddress(at(c.want), at(c.have)); got != c.same {
			t.Errorf("%s and %s: %v", c.want, c.have, got)
		}
	}
}
