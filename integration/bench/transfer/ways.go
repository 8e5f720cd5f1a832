package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// way is one way to copy the tables.
type way struct {
	name string
	// copy does it, into the empty database copy of the destination. It returns
	// the highest resident memory of the process that carries, in bytes; 0 if
	// that is not measured.
	copy func(ctx context.Context) (int64, error)
}

// stage is the two servers and a folder.
type stage struct {
	from, to *pgserver.Server
	dir      string
	streams  int
}

func (s *stage) source() string      { return s.from.DSN("postgres", s.from.Password(), "shop") }
func (s *stage) destination() string { return s.to.DSN("postgres", s.to.Password(), "copy") }

// ways are those that are installed.
func (s *stage) ways() []way {
	out := []way{
		{"sluice", s.sluice},
		{"pg_dump | psql", func(ctx context.Context) (int64, error) {
			return 0, shell(ctx, `pg_dump -d "$FROM" | psql -q -v ON_ERROR_STOP=1 -d "$TO" >"$DIR/out"`, s)
		}},
		{"dump directory", func(ctx context.Context) (int64, error) {
			return 0, shell(ctx, `rm -rf "$DIR/dump"; pg_dump -Fd -j2 -f "$DIR/dump" -d "$FROM"; pg_restore -j2 -d "$TO" "$DIR/dump"`, s)
		}},
		{"COPY | COPY", s.copyCopy},
	}
	if _, err := exec.LookPath("pgcopydb"); err == nil {
		out = append(out, way{"pgcopydb", func(ctx context.Context) (int64, error) {
			return 0, shell(ctx, `rm -rf "$DIR/pgcopydb"; pgcopydb clone --dir "$DIR/pgcopydb" --source "$FROM" --target "$TO" --table-jobs 2 --index-jobs 2 --no-acl --no-owner`, s)
		}})
	}
	return out
}

func (s *stage) copyCopy(ctx context.Context) (int64, error) {
	script := `pg_dump -d "$FROM" --section=pre-data | psql -q -v ON_ERROR_STOP=1 -d "$TO" >"$DIR/out"` + "\n"
	for _, t := range tables {
		script += fmt.Sprintf(`psql -X -d "$FROM" -c "COPY %[1]s TO STDOUT" | psql -X -q -v ON_ERROR_STOP=1 -d "$TO" -c "COPY %[1]s FROM STDIN"`+"\n", t)
	}
	return 0, shell(ctx, script+`pg_dump -d "$FROM" --section=post-data | psql -q -v ON_ERROR_STOP=1 -d "$TO" >"$DIR/out"`, s)
}

// shell runs a script whose every command has to succeed.
func shell(ctx context.Context, script string, s *stage) error {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+script)
	cmd.Env = append(os.Environ(), "FROM="+s.source(), "TO="+s.destination(), "DIR="+s.dir)
	// What the shell has begun ends with it, when it is told to.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		text := said.String()
		return fmt.Errorf("%w: %s", err, text[max(0, len(text)-2000):])
	}
	return nil
}

// sluice runs the engine in a process of its own: this program once more.
func (s *stage) sluice(ctx context.Context) (int64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	cmd := exec.CommandContext(ctx, self, "-engine", fmt.Sprint(s.streams))
	cmd.Env = append(os.Environ(), "FROM="+s.source(), "TO="+s.to.DSN("carries", "carries it", "copy"),
		"COPY="+strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)))
	if profile := os.Getenv("BENCH_PROFILE"); profile != "" {
		cmd.Env = append(cmd.Env, "PROFILE="+filepath.Clean(profile))
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, fmt.Errorf("no resource usage of the engine's process")
	}
	return usage.Maxrss << 10, nil
}
