package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/secrets"
	"github.com/sluice-pg/sluice/proxy/identity"
)

// AllowAll is a policy that refuses nothing that a policy can allow.
const AllowAll = `version: 1
rules:
  - {id: everything, effect: allow, kinds: ["*"], limits: {rows: unlimited, bytes: unlimited}}
`

// AllowKnown is AllowAll with classes, so that what names mean is looked up in
// the catalog for every statement.
//
// The class is that of a table with which nobody provokes errors, whose words
// would be kept back.
const AllowKnown = AllowAll + `classes: {person.note: {}}
columns:
  - {columns: ['public."Odd Name"."select"'], class: person.note}
  - {columns: [public.users.email], class: none}
`

// ThroughSluice is the name of the way through a gate.
const ThroughSluice = "sluice"

// module is the folder of go.mod, seen from the folder of a suite's package.
const module = "../.."

// BuildSluice builds the program once for a test and returns its path. With
// SLUICE_TEST_RACE set it has the race detector in it.
func BuildSluice(t testing.TB) string {
	t.Helper()
	return build(t, os.Getenv("SLUICE_TEST_RACE") != "")
}

// BuildSwiftSluice is BuildSluice for suites of so many sessions that the race
// detector, which takes several times the processor, is for when versions are
// asked for.
func BuildSwiftSluice(t testing.TB) string {
	t.Helper()
	return build(t, os.Getenv("SLUICE_TEST_RACE") != "" && os.Getenv("SLUICE_TEST_VERSIONS") != "")
}

func build(t testing.TB, race bool) string {
	t.Helper()
	secrets.Watch(t)
	binary := filepath.Join(t.TempDir(), "sluice")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./cmd/sluice")...)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build sluice: %v\n%s", err, out)
	}
	return binary
}

// Gate is a running Sluice in front of a World.
type Gate struct {
	world  *World
	binary string
	setup  Setup
	ca     string
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	output Buffer
	stop   *sync.Once
	writes *secrets.Tree
}

// Setup is what is special about a gate. The zero value is an empty policy,
// a free port, and nothing else.
type Setup struct {
	// Policy is the policy document.
	Policy string
	// Port is where to listen on loopback; 0 takes a free one.
	Port int
	// Auth are login rules before the one that takes everybody by password, a
	// line each, as "- {...}".
	Auth []string
	// ClientCA is who signs certificates of clients; empty for nobody.
	ClientCA string
	// Listen are more keys of the listen entry, Limits those of limits, in
	// the form "a: 1, b: 2". Limits are drain: 5s if nothing is said.
	Listen, Limits string
	// Config is added to the end of the configuration.
	Config string
	// Credential takes the place of the built-in issuer, in YAML.
	Credential string
	// Databases take the place of shop and restored: names, with the role that
	// sessions there work as.
	Databases map[string]string
	// Env is added to the environment.
	Env []string
	// Sockets are passed to the program as a service manager passes them.
	Sockets []*os.File
	// Ways are ports at which databases are reached, by name, for those that
	// something stands in front of. Sluice goes there without TLS.
	Ways map[string]int
	// Before stands before the program on its command line, such as prlimit
	// with its arguments.
	Before []string
}

// StartGate starts Sluice in front of a world's databases with a policy, and
// stops it before the world ends. At its end the program has to exit well and
// to have left no role behind.
func StartGate(t testing.TB, world *World, binary, policy string) *Gate {
	t.Helper()
	return StartGateWith(t, world, binary, Setup{Policy: policy})
}

// StartGateWith is StartGate for a gate that is special.
func StartGateWith(t testing.TB, world *World, binary string, setup Setup) *Gate {
	t.Helper()
	g := &Gate{world: world, binary: binary, setup: setup, dir: t.TempDir(), ca: world.Server.CAFile}
	cert, key, err := world.Server.Issue("sluice", "localhost", "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if g.setup.Port == 0 {
		g.setup.Port = FreePort(t)
	}
	g.writeFiles(t, setup.Policy, gateConfig(g.setup, world, cert, key))
	g.writes, g.output.also = secrets.NewTree(t.Name(), g.dir), secrets.Log(t.Name())
	secrets.Watch(t)
	before := world.roles(t)
	g.Start(t)
	t.Cleanup(func() {
		g.Stop(t)
		g.writes.Keep()
		if left := newIn(world.roles(t), before); len(left) > 0 {
			t.Errorf("sluice left roles behind: %v\n%s", left, g.output.String())
		}
	})
	g.awaitListening(t)
	return g
}

// Start starts the program, again if it has ended.
func (g *Gate) Start(t testing.TB) {
	t.Helper()
	args := append(slices.Clone(g.setup.Before), g.binary, "serve", "--config", filepath.Join(g.dir, "sluice.yaml"))
	if n := len(g.setup.Sockets); n > 0 {
		// Who passes sockets has to know the number of the process.
		args = append([]string{"/bin/sh", "-c", fmt.Sprintf(`LISTEN_PID=$$ LISTEN_FDS=%d exec "$@"`, n), "sh"}, args...)
	}
	g.cmd = exec.Command(args[0], args[1:]...)
	g.cmd.Dir, g.cmd.ExtraFiles = g.dir, g.setup.Sockets
	g.cmd.Env = append(os.Environ(), g.setup.Env...)
	g.cmd.Stdout, g.cmd.Stderr = &g.output, &g.output
	cmd, exited := g.cmd, make(chan struct{})
	g.exited, g.stop = exited, new(sync.Once)
	if err := cmd.Start(); err != nil {
		close(exited)
		t.Fatalf("start sluice: %v", err)
	}
	go func() {
		_ = cmd.Wait() // the state is read from ProcessState
		g.writes.Keep()
		close(exited)
	}()
}

// Restart starts the program again once it has ended, and waits until it listens. Its port
// may have been given to somebody else's connection meanwhile: then it waits for that to
// end.
func (g *Gate) Restart(t testing.TB) {
	t.Helper()
	<-g.exited
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		before := len(g.output.String())
		g.Start(t)
		err := g.listening(t)
		if err == nil {
			return
		}
		if said := g.output.String()[before:]; !strings.Contains(said, "address already in use") || time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, said)
		}
	}
}

// Signal sends the program a signal.
func (g *Gate) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := g.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("signal sluice: %v", err)
	}
}

// Kill ends the program with SIGKILL, as a crash would; Start starts it again.
func (g *Gate) Kill(t testing.TB) {
	t.Helper()
	g.stop.Do(func() {
		if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("kill sluice: %v", err)
		}
		<-g.exited
	})
}

// Exited is closed when the program has ended.
func (g *Gate) Exited() <-chan struct{} { return g.exited }

// Target is the way through the gate.
func (g *Gate) Target() Target {
	return Target{
		Name: ThroughSluice, Host: "localhost", Port: g.setup.Port,
		User: user, Password: password, Database: "shop",
		CAFile: g.ca, SSLMode: "verify-full",
	}
}

// Log is what the program has printed so far.
func (g *Gate) Log() string { return g.output.String() }

// PID is the process number of the program.
func (g *Gate) PID() int { return g.cmd.Process.Pid }

// Dir is the folder of the configuration, the verifiers and the trail.
func (g *Gate) Dir() string { return g.dir }

// Stop ends the program with SIGTERM and fails the test if it does not end
// well and in time.
func (g *Gate) Stop(t testing.TB) {
	t.Helper()
	g.StopUnless(t, func() bool { return false })
}

// StopUnless is Stop, but the program may end with exit code 1 if excused, which is
// asked when it has ended, says so. It reports whether the program ended well.
func (g *Gate) StopUnless(t testing.TB, excused func() bool) (well bool) {
	t.Helper()
	g.stop.Do(func() {
		if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("stop sluice: %v", err)
		}
		select {
		case <-g.exited:
		case <-time.After(30 * time.Second):
			t.Errorf("sluice did not end within 30 s of SIGTERM\n%s", g.output.String())
			_ = g.cmd.Process.Kill()
			<-g.exited
		}
		code := g.cmd.ProcessState.ExitCode()
		if well = code == 0; !well && (code != 1 || !excused()) {
			t.Errorf("sluice ended with exit code %d\n%s", code, g.output.String())
		}
	})
	return well
}

// gateConfig is the configuration file: the databases of the world, TLS and
// plaintext on loopback, SCRAM for everybody.
func gateConfig(setup Setup, world *World, cert, key string) string {
	var b strings.Builder
	listen, limits := setup.Listen, setup.Limits
	if listen != "" {
		listen = ", " + listen
	}
	if limits == "" {
		limits = "drain: 5s"
	}
	clients := ""
	if setup.ClientCA != "" {
		clients = fmt.Sprintf(", client_ca: %q", setup.ClientCA)
	}
	auth := strings.Join(setup.Auth, "\n  ")
	if auth != "" {
		auth += "\n  "
	}
	fmt.Fprintf(&b, `listen:
  - {address: "127.0.0.1:%d", tls: {cert: %q, key: %q%s}, plaintext: loopback%s}
users: users.scram
auth:
  %s- {databases: [all], users: [all], addresses: [all], method: scram-sha-256}
policy: policy.yaml
trail: {dir: trail}
limits: {%s}
%s
databases:
`, setup.Port, cert, key, clients, listen, auth, limits, setup.Config)
	databases := setup.Databases
	if databases == nil {
		databases = map[string]string{"shop": "shop_app", "restored": "shop_app"}
	}
	for _, name := range slices.Sorted(maps.Keys(databases)) {
		port, tls := world.Server.Port(), fmt.Sprintf("{mode: verify-full, ca: %q}", world.Server.CAFile)
		admin := adminDSN(world, port, "verify-full")
		if way, ok := setup.Ways[name]; ok {
			port, tls, admin = way, "{mode: disable}", adminDSN(world, way, "disable")
		}
		credential := setup.Credential
		if credential == "" {
			credential = fmt.Sprintf("builtin: {admin: %q, group: %s, ttl: 1h}", admin, databases[name])
		}
		fmt.Fprintf(&b, `  - name: %s
    upstream: {host: localhost, port: %d, database: %s, tls: %s}
    credential:
      %s
`, name, port, name, tls, credential)
	}
	return b.String()
}

// adminDSN is how Sluice reaches the server to mint roles; the password is in
// the passfile that writeFiles makes.
func adminDSN(world *World, port int, sslmode string) string {
	return fmt.Sprintf("host=localhost port=%d user=%s dbname=postgres sslmode=%s sslrootcert=%s passfile=admin.pgpass",
		port, world.Server.Superuser(), sslmode, world.Server.CAFile)
}

func (g *Gate) writeFiles(t testing.TB, policy, config string) {
	t.Helper()
	passfile := fmt.Sprintf("*:*:*:%s:%s\n", g.world.Server.Superuser(), g.world.Server.Password())
	for name, text := range map[string]string{"policy.yaml": policy, "sluice.yaml": config, "admin.pgpass": passfile} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := identity.AddUser(filepath.Join(g.dir, "users.scram"), user, []byte(password), 0); err != nil {
		t.Fatal(err)
	}
}

// awaitListening waits until the port accepts connections.
func (g *Gate) awaitListening(t testing.TB) {
	t.Helper()
	if err := g.listening(t); err != nil {
		t.Fatalf("%v\n%s", err, g.output.String())
	}
}

func (g *Gate) listening(t testing.TB) error {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", g.setup.Port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-g.exited:
			return errors.New("sluice ended at once")
		case <-ctx.Done():
			return fmt.Errorf("sluice does not listen: %w", err)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// roles are the names of the server's roles.
func (w *World) roles(t testing.TB) []string {
	t.Helper()
	rows, err := w.Server.Query(context.WithoutCancel(t.Context()), "postgres", "SELECT rolname FROM pg_roles")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range rows {
		names = append(names, row[0])
	}
	return names
}

// newIn are the names that were not there before. Another gate may have made
// and dropped some meanwhile.
func newIn(after, before []string) []string {
	return slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) })
}

// FreePort is a port of the loopback that nobody listens at.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Goroutines ends the program with SIGQUIT and returns what it printed, the
// stacks of all its goroutines at the end.
func (g *Gate) Goroutines(t testing.TB) string {
	t.Helper()
	g.stop.Do(func() {
		if err := g.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
			t.Errorf("ask sluice for its goroutines: %v", err)
		}
		<-g.exited
	})
	return g.output.String()
}
