package lifecycle

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// psql is a psql that reads what a person types.
type psql struct {
	stdin          io.WriteCloser
	ended          chan error
	harness.Buffer // what it has printed, on both ways out
}

func startPsql(t *testing.T, target harness.Target) *psql {
	t.Helper()
	p := &psql{ended: make(chan error, 1)}
	cmd := exec.Command("psql", "-XqAt", "-v", "VERBOSITY=verbose")
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + t.TempDir()}, target.Env()...)
	cmd.Stdout, cmd.Stderr = p, p
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		p.stdin.Close()
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
		}
		secrets.Show(t.Name(), p.String())
	})
	return p
}

// types sends a line.
func (p *psql) types(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		t.Fatalf("%q: %v\n%s", line, err, p.String())
	}
}

// sees waits until psql has printed a text.
func (p *psql) sees(t *testing.T, text string) {
	t.Helper()
	p.until(t, text, func() {})
}

// until does something again and again until psql has printed a text.
func (p *psql) until(t *testing.T, text string, again func()) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(p.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("psql does not show %q but\n%s", text, p.String())
		}
		again()
	}
}

// open starts a psql that has run something.
func open(t *testing.T, target harness.Target, lines ...string) *psql {
	t.Helper()
	p := startPsql(t, target)
	for _, line := range append(lines, `\echo here`) {
		p.types(t, line)
	}
	p.sees(t, "here")
	return p
}

const (
	notice   = "NOTICE:  00000: sluice: the proxy is about to stop"
	stopping = "57P01: sluice: the proxy is stopping"
)

// A drain, step by step. The delay is long enough for what is done in it, and
// the drain ends by itself long before its limit.
func testDrain(t *testing.T, s stage) {
	s.world.Exec(t, "shop", "CREATE TABLE drained (x int); ALTER TABLE drained OWNER TO shop_app")
	config, url := adminAt(t, "")
	g := s.gate(t, harness.Setup{Config: config, Limits: "drain: 60s, drain_delay: 8s"})
	idle := open(t, g.Target(), "SELECT 1;")
	busy := open(t, g.Target(), "BEGIN;", "INSERT INTO drained VALUES (1);")
	export := open(t, g.Target())
	export.types(t, "COPY (SELECT i, pg_sleep(0.1) FROM generate_series(1, 150) AS i) TO STDOUT;")
	export.sees(t, "1\t")

	// First: not ready, and everything goes on. Who is connected learns of it.
	began := time.Now()
	g.Signal(t, syscall.SIGTERM)
	await(t, "not ready", func() bool {
		code, body := get(t, url+"/readyz")
		return code == 503 && strings.HasPrefix(body, "serving: the proxy is stopping\n")
	})
	if code, _ := get(t, url+"/livez"); code != 200 {
		t.Errorf("/livez: %d", code)
	}
	late := open(t, g.Target(), "SELECT 2;", "SELECT 3;")
	busy.types(t, "SELECT 'still';")
	busy.sees(t, "still")
	busy.types(t, "SELECT 'told';")
	busy.sees(t, "told")
	if took := time.Since(began); took > 8*time.Second {
		t.Logf("this machine is slow, the delay was over after %s", took)
	} else if strings.Contains(late.String(), stopping) {
		t.Errorf("a client within the delay: %s", late.String())
	}
	for name, p := range map[string]*psql{"busy": busy, "late": late} {
		if n := strings.Count(p.String(), notice); n != 1 {
			t.Errorf("%s was told %d times\n%s", name, n, p.String())
		}
	}

	// Then: new clients are told, and idle ones end.
	newAreRefused(t, g)
	for _, p := range []*psql{idle, late} {
		// A closed pipe is psql that has gone after its last words.
		p.until(t, stopping, func() { _, _ = io.WriteString(p.stdin, "SELECT 4;\n") })
	}

	// Transactions and a COPY go to their end.
	busy.types(t, "INSERT INTO drained VALUES (2); COMMIT;")
	busy.types(t, `\echo committed`)
	busy.sees(t, "committed")
	export.sees(t, "150\t")
	awaitEnd(t, g)
	if rows := s.world.Query(t, "shop", "SELECT count(*) FROM drained"); rows[0][0] != "2" {
		t.Errorf("%s rows of the finished transaction", rows[0][0])
	}
	if n := strings.Count(export.String(), "\t\n"); n != 150 {
		t.Errorf("the COPY gave %d rows of 150\n%s", n, export.String())
	}
	g.Stop(t)
}

// newAreRefused waits until new clients are told to come back, with a hint.
func newAreRefused(t *testing.T, g *harness.Gate) {
	t.Helper()
	var refused harness.Result
	await(t, "a new client is refused", func() bool {
		refused = harness.Run(t, g.Target(), harness.Command{Program: "psql", Args: []string{"-Xc", "SELECT 1"}, Dir: t.TempDir()})
		return refused.Exit != 0
	})
	if !strings.Contains(refused.Stderr, "sluice: the proxy is stopping\nHINT:  Connect again in a moment.") {
		t.Errorf("a new client reads\n%s", refused)
	}
}

// A second signal cuts what is open, in the delay as well as in the drain.
func testSecondSignal(t *testing.T, s stage) {
	s.world.Exec(t, "shop", "CREATE TABLE cut (x int); ALTER TABLE cut OWNER TO shop_app")
	for name, limits := range map[string]string{"delay": "drain: 1h, drain_delay: 1h", "drain": "drain: 1h"} {
		t.Run(name, func(t *testing.T) {
			g := s.gate(t, harness.Setup{Limits: limits})
			busy := open(t, g.Target(), "BEGIN;", "INSERT INTO cut VALUES (1);")
			g.Signal(t, syscall.SIGTERM)
			await(t, "the first signal is heard", func() bool { return strings.Contains(g.Log(), "msg=stopping") })
			select {
			case <-g.Exited():
				t.Fatal("the first signal cut a transaction")
			case <-time.After(200 * time.Millisecond):
			}
			g.Signal(t, syscall.SIGTERM)
			awaitEnd(t, g)
			busy.types(t, "COMMIT;")
			busy.sees(t, stopping)
			g.Stop(t)
		})
	}
	if rows := s.world.Query(t, "shop", "SELECT count(*) FROM cut"); rows[0][0] != "0" {
		t.Errorf("%s rows of transactions that were cut", rows[0][0])
	}
}
