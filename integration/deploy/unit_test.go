package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/layers"
)

type unitLine struct{ section, key, value string }

// unitLines reads a unit file: sections, and one setting a line.
func unitLines(t *testing.T, name string) []unitLine {
	t.Helper()
	var all []unitLine
	section := ""
	for line := range strings.Lines(example(t, name)) {
		line = strings.TrimSpace(line)
		switch key, value, found := strings.Cut(line, "="); {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case !found || strings.HasSuffix(line, `\`):
			t.Fatalf("%s: %q is of a form this test does not know", name, line)
		default:
			all = append(all, unitLine{section, key, value})
		}
	}
	return all
}

// setting returns all values of a setting, in order.
func setting(t *testing.T, name, key string) []string {
	t.Helper()
	var values []string
	for _, line := range unitLines(t, name) {
		if line.key == key {
			values = append(values, line.value)
		}
	}
	if len(values) == 0 {
		t.Fatalf("%s does not set %s", name, key)
	}
	return values
}

// analyze runs systemd-analyze.
func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze is missing; integration/install installs it")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

// systemd itself finds nothing wrong with the units, with the program in its
// place.
func TestUnitsVerify(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"sluice.service", "sluice.socket"} {
		path := filepath.Join(dir, name)
		text := strings.ReplaceAll(example(t, "systemd/"+name), "/usr/bin/sluice", sluice)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if out, err := analyze(t, append([]string{"verify", "--man=no"}, paths...)...); err != nil || strings.Contains(out, "sluice") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 100 is everything open; in tenths.
	const threshold = "15"
	if out, err := analyze(t, "security", "--offline=true", "--threshold="+threshold, paths[0]); err != nil {
		t.Errorf("the unit is more exposed than %s: %v\n%s", threshold, err, out)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(dir, "sluice.conf")
	if err := os.WriteFile(users, []byte(example(t, "systemd/sluice.conf")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-sysusers", "--root="+root, users).CombinedOutput(); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, out)
	}
	who := setting(t, "systemd/sluice.service", "User")[0]
	if passwd := readFile(t, filepath.Join(root, "etc/passwd")); !strings.Contains(passwd, who+":x:") {
		t.Errorf("the unit runs as %s, and systemd-sysusers made %q", who, passwd)
	}
}

// unitStage is the machine that the unit describes, up to the start of the
// service.
func unitStage(t *testing.T) *stage {
	t.Helper()
	s := newStage(t)
	issuer := s.preparedServer(t)
	cert, key := s.certificate(t)
	s.put(t, "/etc/sluice/sluice.yaml", example(t, "systemd/sluice.yaml"), 0o644)
	s.put(t, "/etc/sluice/policy.yaml", "version: 1\n", 0o644)
	s.put(t, "/etc/sluice/server.pem", cert, 0o644)
	s.put(t, "/etc/sluice/db-ca.pem", s.serverCA(t), 0o644)
	s.put(t, "/etc/sluice/secret/server.key", key, 0o600)
	s.put(t, "/etc/sluice/secret/issuer.pgpass", issuerFile(issuer), 0o600)
	s.addUser(t, "/etc/sluice/users.scram", "alice")
	for _, credential := range setting(t, "systemd/sluice.service", "LoadCredential") {
		name, path, _ := strings.Cut(credential, ":")
		s.put(t, "/run/credentials/sluice.service/"+name, readFile(t, s.dir+path), 0o400)
	}
	s.mkdir(t, "/var/lib/"+setting(t, "systemd/sluice.service", "StateDirectory")[0])
	return s
}

// The service starts as systemd starts it, with its socket, tells it that it
// is ready and alive, reloads by the unit's own commands, and ends well. All
// the while, what it asks of the kernel is within what the unit allows.
func TestUnitRuns(t *testing.T) {
	const unit = "systemd/sluice.service"
	s := unitStage(t)
	words := strings.Fields(s.move(setting(t, unit, "ExecStart")[0]))
	m := startManager(t, s, words)
	m.await(t, "READY=1")
	m.await(t, "WATCHDOG=1")
	env := []string{"PGPASSWORD=" + password}
	to := fmt.Sprintf("host=localhost port=%d dbname=shop user=alice sslmode=verify-full sslrootcert=%s/etc/sluice/db-ca.pem", s.port, s.dir)
	s.mustRun(t, env, "", "psql", "-X", to, "-c", "SELECT 1")
	// Long enough for a process of its own that parses it.
	s.mustRun(t, env, "SELECT "+strings.Repeat("'0123456789', ", 10000)+"1;\n", "psql", "-X", to, "-q", "-o", "/dev/null")

	reload := func() result {
		for _, command := range setting(t, unit, "ExecReload") {
			command = strings.ReplaceAll(s.move(command), "$MAINPID", strconv.Itoa(m.pid))
			if r := s.run(t, nil, "", strings.Fields(command)...); r.code != 0 {
				return r
			}
		}
		return result{}
	}
	s.put(t, "/etc/sluice/policy.yaml", "version: 2\n", 0o644)
	if r := reload(); r.code == 0 {
		t.Error("a reload with a policy that has a mistake succeeds")
	}
	s.put(t, "/etc/sluice/policy.yaml", "version: 1\nrules:\n  - {id: no-tables, effect: deny, kinds: [ddl]}\n", 0o644)
	if r := reload(); r.code != 0 {
		t.Errorf("reload: %+v", r)
	}
	m.process.await(t, "the reloaded policy is in force", func() bool {
		return strings.Contains(s.run(t, env, "", "psql", "-X", to, "-c", "CREATE TEMP TABLE x ()").stderr, "no-tables")
	})
	m.stop(t)
	m.await(t, "STOPPING=1")
	s.leavesNothing(t)
	checkCalls(t, unit, m.trace)
}

// What the unit gives the drain is longer than the drain, and the exit codes
// that it takes for final are those of a wrong start.
func TestUnitFitsConfiguration(t *testing.T) {
	const unit = "systemd/sluice.service"
	loaded, err := layers.Load(layers.Sources{File: filepath.Join(root, "examples/systemd/sluice.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.Config
	stop := strings.NewReplacer("min", "m").Replace(setting(t, unit, "TimeoutStopSec")[0])
	grace, err := time.ParseDuration(stop)
	if err != nil || grace < c.Limits.Drain+c.Limits.DrainDelay+closing {
		t.Errorf("TimeoutStopSec=%s, and the drain may take %s: %v", stop, c.Limits.Drain+c.Limits.DrainDelay, err)
	}
	listen := setting(t, "systemd/sluice.socket", "ListenStream")[0]
	if c.Listen[0].Address != listen {
		t.Errorf("the socket is %s, the configuration listens at %s", listen, c.Listen[0].Address)
	}
	s := newStage(t)
	final := strings.Fields(setting(t, unit, "RestartPreventExitStatus")[0])
	for _, args := range []string{"serve --bogus", "serve --config missing.yaml"} {
		code := strconv.Itoa(s.run(t, nil, "", append([]string{sluice}, strings.Fields(args)...)...).code)
		found := false
		for _, f := range final {
			found = found || f == code
		}
		if !found {
			t.Errorf("sluice %s ends with %s, and systemd would try again for ever", args, code)
		}
	}
}
