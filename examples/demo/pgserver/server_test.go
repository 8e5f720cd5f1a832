package pgserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(orphanVariable) != "" {
		startAndWaitForDeath()
	}
	goleak.VerifyTestMain(m)
}

// start gives a test a server that ends with it.
func start(t *testing.T, o pgserver.Options) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func login(t *testing.T, dsn string) (*pgconn.PgConn, error) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err == nil {
		t.Cleanup(func() { conn.Close(context.Background()) })
	}
	return conn, err
}

func TestServerWithTLS(t *testing.T) {
	s := start(t, pgserver.Options{
		TLS: true, Database: "sh\"op",
		Config:  map[string]string{"application_name": "it's a server"},
		InitSQL: []string{"CREATE TABLE t(x int); INSERT INTO t VALUES (1), (2)", "CREATE ROLE ann LOGIN PASSWORD 'pw'"},
	})
	rows, err := s.Query(t.Context(), "sh\"op", "SELECT 0; SELECT x, current_setting('application_name') FROM t ORDER BY x")
	if err != nil || len(rows) != 2 || rows[1][0] != "2" || rows[1][1] != "it's a server" {
		t.Errorf("rows %v, error %v", rows, err)
	}
	conn, err := login(t, s.DSN("ann", "pw", "sh\"op"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := conn.Exec(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").ReadAll()
	if err != nil || string(got[0].Rows[0][0]) != "t" {
		t.Errorf("session is not encrypted: %v %v", got, err)
	}
	var refusal *pgconn.PgError
	if _, err := login(t, s.DSN("ann", "wrong", "sh\"op")); !errors.As(err, &refusal) || refusal.Code != "28P01" {
		t.Errorf("wrong password: %v, want SQLSTATE 28P01", err)
	}
}

func TestServerIsNotRootAndClosesItsFolders(t *testing.T) {
	s := start(t, pgserver.Options{})
	for name, mode := range map[string]os.FileMode{"data": 0o700, "run": 0o700, "": 0o711} {
		info, err := os.Stat(filepath.Join(s.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("folder %q has mode %v, want %v", name, info.Mode().Perm(), mode)
		}
		if info.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("folder %q belongs to root", name)
		}
	}
}

func TestStopLeavesNothing(t *testing.T) {
	s, err := pgserver.Start(t.Context(), pgserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pid := s.PID()
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder is still there: %v", err)
	}
	if err := syscall.Kill(pid, 0); err == nil || s.PID() != 0 {
		t.Errorf("process %d is still there (PID says %d)", pid, s.PID())
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a stopped server started again")
	}
}

func TestRestartAndKillKeepDataAndPort(t *testing.T) {
	s := start(t, pgserver.Options{InitSQL: []string{"CREATE TABLE t(x int)"}})
	addr := s.Addr()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "postgres", "SELECT 1"); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "postgres", "TABLE t"); err != nil || s.Addr() != addr {
		t.Errorf("after the restart: %v, address %s, was %s", err, s.Addr(), addr)
	}
	if log, err := s.Log(); err != nil || !strings.Contains(log, "automatic recovery") {
		t.Errorf("the log does not tell of the kill: %v", err)
	}
}

func TestSetHBA(t *testing.T) {
	s := start(t, pgserver.Options{InitSQL: []string{"CREATE ROLE ann LOGIN"}})
	if _, err := login(t, s.DSN("ann", "", "postgres")); err == nil {
		t.Fatal("login without a password")
	}
	if err := s.SetHBA(t.Context(), []string{"host all all 127.0.0.1/32 trust"}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := login(t, s.DSN("ann", "", "postgres"))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new lines are not in force: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cases := map[string]struct {
		options pgserver.Options
		want    string
	}{
		"unknown setting": {pgserver.Options{Config: map[string]string{"no_such_setting": "1"}}, "no_such_setting"},
		"bad statement":   {pgserver.Options{InitSQL: []string{"SELECT 1", "SELEC 1"}}, "statement 2 of InitSQL"},
		"port in use":     {pgserver.Options{Port: taken.Addr().(*net.TCPAddr).Port}, "Address already in use"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.options.Dir = openFolder(t)
			_, err := pgserver.Start(t.Context(), c.options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if left, _ := os.ReadDir(c.options.Dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnsuitableFolder(t *testing.T) {
	long := filepath.Join(openFolder(t), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := pgserver.Start(t.Context(), pgserver.Options{Dir: long}); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v, want one about the long path", err)
	}
	if left, _ := os.ReadDir(long); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if os.Geteuid() == 0 {
		closed := filepath.Join(openFolder(t), "closed")
		if err := os.Mkdir(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := pgserver.Start(t.Context(), pgserver.Options{Dir: closed}); err == nil || !strings.Contains(err.Error(), "cannot enter "+closed) {
			t.Errorf("error %v, want one that names the closed folder", err)
		}
	}
}

func TestMissingVersionSaysWhatToDo(t *testing.T) {
	t.Setenv("SLUICE_TEST_CACHE", t.TempDir())
	_, err := pgserver.FindBinaries(99)
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql-99") || !strings.Contains(err.Error(), "./integration/test") {
		t.Errorf("error %v does not help", err)
	}
}

func TestFindBinariesInCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("SLUICE_TEST_CACHE", cache)
	bin := filepath.Join(pgserver.ServerDir(cache, 99), "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"initdb": 0o755, "postgres": 0o644} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pgserver.FindBinaries(99); err == nil {
		t.Error("a server that cannot be executed was accepted")
	}
	if err := os.Chmod(filepath.Join(bin, "postgres"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := pgserver.FindBinaries(99); err != nil || got != bin {
		t.Errorf("found %q, %v; want %q", got, err, bin)
	}
}

// openFolder is a folder that the user postgres can enter.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
