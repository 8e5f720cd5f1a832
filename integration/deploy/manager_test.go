package deploy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager does for one service what systemd does: it holds the socket, hands
// it over, and hears what the service says of itself. The service runs under
// strace, so that what it asks of the kernel is known.
type manager struct {
	*process
	heard chan string
	said  []string
	trace string
}

// startService passes descriptor 3 on, tells the service its own number, as
// sd_listen_fds(3) wants it, and notes that number.
const startService = `echo $$ >"$0" && LISTEN_PID=$$ exec "$@"`

func startManager(t *testing.T, s *stage, words []string) *manager {
	t.Helper()
	m := &manager{heard: make(chan string, 1000), trace: s.dir + "/calls"}
	socket, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(s.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	file, err := socket.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notify := filepath.Join(s.dir, "notify")
	m.listen(t, notify)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing; integration/install installs it")
	}
	pidFile := s.dir + "/pid"
	all := append([]string{strace, "-f", "-qq", "-e", "signal=none", "-s", "0", "-o", m.trace, "/bin/sh", "-c", startService, pidFile}, words...)
	m.process = s.start(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{file}
		cmd.Dir = s.dir + "/var/lib/sluice"
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES="+setting(t, "systemd/sluice.socket", "FileDescriptorName")[0],
			"NOTIFY_SOCKET="+notify, "WATCHDOG_USEC=2000000", "CREDENTIALS_DIRECTORY="+s.dir+"/run/credentials/sluice.service")
	}, all...)
	m.process.await(t, "it has started", func() bool {
		text, _ := os.ReadFile(pidFile)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil {
			m.pid = pid
		}
		return err == nil
	})
	return m
}

// listen collects what comes in at the notification socket, line by line.
func (m *manager) listen(t *testing.T, path string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(buf[:n])) {
				m.heard <- strings.TrimSpace(line)
			}
		}
	}()
}

// await waits until the service has said something.
func (m *manager) await(t *testing.T, what string) {
	t.Helper()
	if slices.Contains(m.said, what) {
		return
	}
	timeout := time.After(patience)
	for {
		select {
		case line := <-m.heard:
			m.said = append(m.said, line)
			if line == what {
				return
			}
		case <-timeout:
			t.Fatalf("the service did not say %s, but %q\n%s", what, m.said, m.output.String())
		}
	}
}

var (
	call       = regexp.MustCompile(`^\d+ +([a-z0-9_]+)\((.*)`)
	socketKind = regexp.MustCompile(`^AF_[A-Z0-9]+`)
)

// forbidden compares the system calls of a run with what the unit allows:
// which calls, which families of sockets, no memory that is written and run,
// no namespaces. It returns one line for each that the unit would stop, and
// how often every call was made.
func forbidden(t *testing.T, unit, trace string) (stopped []string, counts map[string]int) {
	t.Helper()
	allowed := allowedCalls(t, unit)
	families := strings.Fields(setting(t, unit, "RestrictAddressFamilies")[0])
	counts = map[string]int{}
	for line := range strings.Lines(trace) {
		m := call.FindStringSubmatch(line)
		if m == nil {
			continue // the end of a call that another thread interrupted
		}
		name, args := m[1], m[2]
		by := ""
		switch counts[name]++; {
		case !allowed[name]:
			by = "SystemCallFilter"
		case (name == "mmap" || name == "mprotect" || name == "pkey_mprotect") && strings.Contains(args, "PROT_WRITE|PROT_EXEC"):
			by = "MemoryDenyWriteExecute"
		case (name == "socket" || name == "socketpair") && !slices.Contains(families, socketKind.FindString(args)):
			by = "RestrictAddressFamilies"
		case strings.HasPrefix(name, "clone") && strings.Contains(args, "CLONE_NEW"):
			by = "RestrictNamespaces"
		}
		if by != "" {
			stopped = append(stopped, by+" stops "+name)
		}
	}
	return stopped, counts
}

// checkCalls wants a run that the unit stops nowhere.
func checkCalls(t *testing.T, unit, trace string) {
	t.Helper()
	stopped, counts := forbidden(t, unit, readFile(t, trace))
	slices.Sort(stopped)
	for _, what := range slices.Compact(stopped) {
		t.Error(what)
	}
	if counts["execve"] < 3 {
		t.Errorf("%d programs were started; the shell, Sluice and a worker of its own are three", counts["execve"])
	}
	// A trace without these is no trace of a session.
	for _, name := range []string{"accept4", "fsync", "prlimit64", "mmap", "socket"} {
		if counts[name] == 0 {
			t.Errorf("the trace of %d kinds of calls has no %s", len(counts), name)
		}
	}
}

func TestForbiddenCallsAreSeen(t *testing.T) {
	const trace = `100   execve(""..., 0x1 /* 3 vars */, 0x2 /* 5 vars */) = 0
100   mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f
101   mmap(NULL, 8192, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f
101   socket(AF_INET6, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3
101   socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3
102   <... futex resumed>)              = 0
102   clone(child_stack=0x1, flags=CLONE_VM|CLONE_NEWNS) = 4
102   mlock(0x1, 4096 <unfinished ...>
102   chroot(""...)                     = 0
`
	stopped, counts := forbidden(t, "systemd/sluice.service", trace)
	want := []string{
		"MemoryDenyWriteExecute stops mmap", "RestrictAddressFamilies stops socket", "RestrictNamespaces stops clone",
		"SystemCallFilter stops mlock", "SystemCallFilter stops chroot",
	}
	if !slices.Equal(stopped, want) || counts["mmap"] != 2 {
		t.Errorf("got %q, want %q", stopped, want)
	}
}

// allowedCalls resolves the unit's filter: a list of allowed groups, less
// those in a line that begins with ~.
func allowedCalls(t *testing.T, unit string) map[string]bool {
	t.Helper()
	groups := callGroups(t)
	allowed := map[string]bool{}
	for _, line := range setting(t, unit, "SystemCallFilter") {
		names, remove := strings.CutPrefix(line, "~")
		for name := range strings.FieldsSeq(names) {
			for _, c := range resolve(groups, name) {
				allowed[c] = !remove
			}
		}
	}
	// These are allowed by every filter: systemd itself needs them.
	for _, c := range resolve(groups, "@default") {
		allowed[c] = true
	}
	return allowed
}

func resolve(groups map[string][]string, name string) []string {
	if !strings.HasPrefix(name, "@") {
		return []string{name}
	}
	var all []string
	for _, member := range groups[name] {
		all = append(all, resolve(groups, member)...)
	}
	return all
}

// callGroups are systemd's own groups of system calls.
func callGroups(t *testing.T) map[string][]string {
	t.Helper()
	out, err := analyze(t, "syscall-filter", "--no-pager")
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter: %v\n%s", err, out)
	}
	groups := map[string][]string{}
	group := ""
	for line := range strings.Lines(out) {
		switch word := strings.TrimSpace(line); {
		case word == "" || strings.HasPrefix(word, "#"):
		case !strings.HasPrefix(line, " "):
			group = word
		default:
			groups[group] = append(groups[group], word)
		}
	}
	if len(groups["@system-service"]) < 10 {
		t.Fatalf("systemd-analyze syscall-filter was not understood: %d groups", len(groups))
	}
	return groups
}
