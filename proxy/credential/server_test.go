package credential

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"
)

const adminPassword = "admin password of the test server"

// server is the PostgreSQL all tests of this package share. Each test works
// with roles and databases of its own.
var server *testServer

func TestMain(m *testing.M) {
	var err error
	if server, err = startServer(); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a PostgreSQL server (apt-get install postgresql):", err)
		os.Exit(1)
	}
	code := m.Run()
	server.stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// testServer is a PostgreSQL in a folder of its own, on a free port of the
// loopback, with SCRAM for everybody.
type testServer struct {
	folder string
	port   int
	cmd    *exec.Cmd
	exited chan struct{}
}

func startServer() (s *testServer, err error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "sluice-credential-")
	if err != nil {
		return nil, err
	}
	s = &testServer{folder: folder, exited: make(chan struct{})}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(folder)
		}
	}()
	as, err := unprivileged(folder)
	if err != nil {
		return nil, err
	}
	data, passwordFile := filepath.Join(folder, "data"), filepath.Join(folder, "password")
	if err := os.WriteFile(passwordFile, []byte(adminPassword), 0o644); err != nil {
		return nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256",
		"--pwfile", passwordFile, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = as, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "log_statement=all", "-c", "max_connections=150", "-c", "max_prepared_transactions=10")
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = as, folder, log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.await(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// findBinaries takes the newest server on this machine.
func findBinaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		path, err := exec.LookPath("initdb")
		return filepath.Dir(path), err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	sort.Slice(found, func(i, j int) bool { return version(found[i]) < version(found[j]) })
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged gives the folder to the user postgres when we are root, whom
// PostgreSQL refuses to serve.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(folder, uid, gid)
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *testServer) await() error {
	var err error
	for range 300 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		var conn *pgconn.PgConn
		if conn, err = pgconn.ConnectConfig(ctx, s.config("postgres", adminPassword, "postgres")); err == nil {
			err = conn.Close(ctx)
			cancel()
			return err
		}
		cancel()
		select {
		case <-s.exited:
			log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
			return fmt.Errorf("the server ended:\n%s", log)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return err
}

func (s *testServer) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.exited:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	_ = os.RemoveAll(s.folder)
}

func (s *testServer) config(user, password, database string) *pgconn.Config {
	config, err := pgconn.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d sslmode=disable", s.port))
	if err != nil {
		panic(err)
	}
	config.User, config.Password, config.Database = user, password, database
	return config
}

// login connects and hangs up at the end of the test.
func login(t *testing.T, user, password, database string) *pgconn.PgConn {
	t.Helper()
	conn, err := tryLogin(t, user, password, database)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func tryLogin(t *testing.T, user, password, database string) (*pgconn.PgConn, error) {
	t.Helper()
	conn, err := pgconn.ConnectConfig(testContext(t), server.config(user, password, database))
	if err == nil {
		t.Cleanup(func() { hangUp(conn) })
	}
	return conn, err
}

func superuser(t *testing.T, database string) *pgconn.PgConn {
	t.Helper()
	return login(t, "postgres", adminPassword, database)
}

// must runs SQL that has to succeed and returns its last rows.
func must(t *testing.T, conn *pgconn.PgConn, sql string) [][]string {
	t.Helper()
	results, err := conn.Exec(testContext(t), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var rows [][]string
	if len(results) > 0 {
		for _, row := range results[len(results)-1].Rows {
			var texts []string
			for _, value := range row {
				texts = append(texts, string(value))
			}
			rows = append(rows, texts)
		}
	}
	return rows
}

// one runs SQL that gives one value.
func one(t *testing.T, conn *pgconn.PgConn, sql string) string {
	t.Helper()
	rows := must(t, conn, sql)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: %d rows", sql, len(rows))
	}
	return rows[0][0]
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}
