package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// pgbouncer prepares the way through PgBouncer in session mode. Each server
// session belongs to one client for as long as that stays, as with Sluice;
// afterwards PgBouncer resets it and gives it to the next. Clients log in with
// SCRAM; with the verifier that the server has, PgBouncer can log in there too.
func (s *stage) pgbouncer(ctx context.Context) (*way, error) {
	program, err := findProgram("pgbouncer")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, wayPgBouncer)
	if err := s.pgbouncerFiles(ctx, dir, port); err != nil {
		return nil, fmt.Errorf("files of PgBouncer: %w", err)
	}
	launch := func(ctx context.Context) (*process, error) {
		cmd := exec.Command(program, "-q", filepath.Join(dir, "pgbouncer.ini"))
		cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", []string{"LC_ALL=C"}, s.owner.attributes()
		return startProcess(ctx, cmd, port, filepath.Join(s.dir, "pgbouncer.log"))
	}
	return &way{name: wayPgBouncer, port: port, launch: launch, version: programVersion(ctx, program, "--version")}, nil
}

const pgbouncerConfig = `[databases]
%[1]s = host=127.0.0.1 port=%[2]d dbname=%[1]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[3]d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %[4]s/users.txt
pool_mode = session
default_pool_size = %[5]d
server_lifetime = 0
max_client_conn = %[5]d
server_tls_sslmode = disable
client_tls_sslmode = allow
client_tls_cert_file = %[4]s/server.pem
client_tls_key_file = %[4]s/server.key
log_connections = 0
log_disconnections = 0
`

func (s *stage) pgbouncerFiles(ctx context.Context, dir string, port int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	rows, err := s.server.Query(ctx, database, "SELECT rolpassword FROM pg_authid WHERE rolname = '"+person+"'")
	if err != nil {
		return err
	}
	certFile, keyFile, err := s.server.Issue(wayPgBouncer, "localhost", "localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	config := fmt.Sprintf(pgbouncerConfig, database, s.server.Port(), port, dir, s.options.sizes.idle+100)
	files := map[string][]byte{
		"users.txt":     []byte(strconv.Quote(person) + " " + strconv.Quote(rows[0][0]) + "\n"),
		"pgbouncer.ini": []byte(config),
		"server.pem":    cert,
		"server.key":    key,
	}
	for name, content := range files {
		if err := s.owner.write(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// findProgram looks in the folders for system programs too, which are not on
// everybody's path.
func findProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: run ./integration/install, or: apt-get install %s", err, name)
	}
	return path, nil
}
