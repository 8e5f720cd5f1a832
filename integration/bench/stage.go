package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

const (
	// serverVersion is Debian's.
	serverVersion = 15
	database      = "bench"
	// group owns the rights; person logs in, at the server and at every
	// proxy, with the same password.
	group    = "bench_people"
	person   = "bench_user"
	password = "only for the bench, on loopback"
)

// stage is the server with its data and the ways to it.
type stage struct {
	options  *options
	progress io.Writer
	// load is what the machine was doing before.
	load string
	// dir holds everything temporary.
	dir    string
	owner  owner
	server *pgserver.Server
	ways   []*way
}

// newStage starts the server, fills it with what the cases need and prepares
// the ways. No proxy runs yet.
func newStage(ctx context.Context, o *options, cases []benchCase, progress io.Writer) (_ *stage, err error) {
	load, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	s := &stage{options: o, progress: progress, load: load}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := raiseFileLimit(); err != nil {
		return nil, err
	}
	if s.owner, err = serverOwner(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp(o.dir, "sluice-bench-"); err != nil {
		return nil, fmt.Errorf("temporary folder: %w", err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return nil, fmt.Errorf("temporary folder: %w", err)
	}
	if err := s.buildSluice(ctx); err != nil {
		return nil, err
	}
	s.say("starting PostgreSQL %d", serverVersion)
	if s.server, err = pgserver.Start(ctx, s.serverOptions()); err != nil {
		return nil, err
	}
	if err := s.fill(ctx, cases); err != nil {
		return nil, err
	}
	return s, s.addWays(ctx, cases)
}

func (s *stage) say(format string, args ...any) {
	fmt.Fprintf(s.progress, "bench: "+format+"\n", args...)
}

// serverOptions give every case what it needs from one server: room for the
// idle sessions, and no background work in the middle of a round.
func (s *stage) serverOptions() pgserver.Options {
	return pgserver.Options{
		Version: serverVersion, Dir: s.dir, TLS: true, Database: database, StartTimeout: 5 * time.Minute,
		Config: map[string]string{
			"max_connections":    strconv.Itoa(s.options.sizes.idle + 200),
			"shared_buffers":     "1GB",
			"synchronous_commit": "on",
			"autovacuum":         "off",
			"checkpoint_timeout": "1d",
			"max_wal_size":       "20GB",
			"wal_level":          "minimal",
			"max_wal_senders":    "0",
		},
		InitSQL: []string{
			"CREATE ROLE " + group,
			"CREATE ROLE " + person + " LOGIN PASSWORD '" + password + "' IN ROLE " + group,
		},
	}
}

// buildSluice builds this source's program unless builds were named.
func (s *stage) buildSluice(ctx context.Context) error {
	if len(s.options.sluices) > 0 {
		return nil
	}
	s.say("building Sluice")
	path := filepath.Join(s.dir, "sluice")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/sluice-pg/sluice/cmd/sluice")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build sluice: %w\n%s", err, out)
	}
	s.options.sluices = builds{{"sluice", path}}
	return nil
}

// addWays prepares the ways that the options ask for.
func (s *stage) addWays(ctx context.Context, cases []benchCase) error {
	all := []*way{{name: wayDirect, port: s.server.Port()}}
	pgbouncer, err := s.pgbouncer(ctx)
	if err != nil {
		return err
	}
	haproxy, err := s.haproxy()
	if err != nil {
		return err
	}
	all = append(all, pgbouncer, haproxy)
	for _, b := range s.options.sluices {
		for _, policy := range neededPolicies(cases) {
			w, err := s.sluice(b, policy)
			if err != nil {
				return err
			}
			all = append(all, w)
		}
	}
	for _, w := range all {
		if s.options.ways.MatchString(w.name) {
			s.ways = append(s.ways, w)
		}
	}
	if len(s.ways) == 0 {
		return fmt.Errorf("no way matches %s", s.options.ways)
	}
	return nil
}

// neededPolicies are the usual policy and those that cases name.
func neededPolicies(cases []benchCase) []string {
	needed := []string{""}
	for _, policy := range policies {
		if slices.ContainsFunc(cases, func(c benchCase) bool { return slices.Contains(c.policies, policy) }) {
			needed = append(needed, policy)
		}
	}
	return needed
}

// waysOf are the ways that take turns in a case.
func (s *stage) waysOf(c *benchCase) []*way {
	var out []*way
	for _, w := range s.ways {
		if w.policy == "" && (len(c.policies) == 0 || w.sluice || w.launch == nil) || slices.Contains(c.policies, w.policy) {
			out = append(out, w)
		}
	}
	return out
}

// close stops what runs and removes the temporary folder.
func (s *stage) close() error {
	var problems []error
	for _, w := range slices.Backward(s.ways) {
		problems = append(problems, w.stop())
	}
	if s.server != nil {
		problems = append(problems, s.server.Stop())
	}
	if s.dir != "" {
		problems = append(problems, os.RemoveAll(s.dir))
	}
	return errors.Join(problems...)
}

// admin runs SQL as superuser, directly.
func (s *stage) admin(ctx context.Context, sql ...string) error {
	for _, text := range sql {
		if err := s.server.Exec(ctx, database, text); err != nil {
			return fmt.Errorf("as superuser: %w", err)
		}
	}
	return nil
}

// pause waits, unless the run is ended.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// raiseFileLimit gives this process, and those it starts, all the open files
// that the system lets it have: a proxy needs two for each session.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}

// programVersion is the first line that a program prints about itself.
func programVersion(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "unknown: " + err.Error()
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(first)
}
