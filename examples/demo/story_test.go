package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// nobodyBetween stands in for Sluice where there is none: it gives alice a
// login at the server itself.
func nobodyBetween(ctx context.Context, setup ProxySetup) (string, func(context.Context) error, error) {
	users, err := os.ReadFile(setup.Users) // verifiers are written as PostgreSQL writes them
	if err != nil {
		return "", nil, err
	}
	_, verifier, _ := strings.Cut(strings.TrimSpace(string(users)), "alice:")
	conn, err := pgconn.Connect(ctx, setup.AdminDSN)
	if err != nil {
		return "", nil, err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf("CREATE ROLE alice LOGIN PASSWORD '%s' IN ROLE shop_app", verifier)).ReadAll()
	if err != nil {
		return "", nil, err
	}
	return net.JoinHostPort(setup.Host, fmt.Sprint(setup.Port)), func(context.Context) error { return nil }, nil
}

// workplaceFor makes and furnishes a workplace.
func workplaceFor(t *testing.T, s *Servers) *workplace {
	t.Helper()
	w, err := makeWorkplace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(w.dir) })
	if err := errors.Join(w.furnish(s), w.openPlaces(t.Context(), s), w.issueItself(s)); err != nil {
		t.Fatal(err)
	}
	return w
}

// What the story refuses is what PostgreSQL itself would let happen, but for
// three steps that it stops for its own reasons, and for what only Sluice can carry;
// and the looking up behind Sluice's back notices whatever does happen.
func TestWithoutSluice(t *testing.T) {
	s := start(t)
	w := workplaceFor(t, s)
	address, _, err := nobodyBetween(t.Context(), w.setup)
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := w.psqlTo(address)
	if err != nil {
		t.Fatal(err)
	}
	psql, err := startPsql(t.Context(), s.Shop.Binaries, dsn, w)
	if err != nil {
		t.Fatal(err)
	}
	defer psql.quit()
	p := &player{out: t.Output(), servers: s, work: w}
	var log strings.Builder
	for _, chapter := range story(w.scene(s)) {
		for _, step := range chapter.steps {
			if strings.Contains(step.types, lastID) || step.runs != nil || step.who != alice {
				continue // nobody refused, recorded or carried anything
			}
			got, err := psql.types(t.Context(), step.types)
			if err != nil {
				t.Fatal(err)
			}
			input := strings.ReplaceAll(step.types, w.outside, "OUTSIDE")
			input = strings.ReplaceAll(input, fmt.Sprint(s.Sandbox.Port()), "PORT")
			fmt.Fprintf(&log, "%s\n  %s", got.state, input)
			if err := step.judge(got); (err != nil) != step.refused && !strings.Contains(step.types, "sluice") &&
				!strings.HasPrefix(step.types, "COMMIT") {
				t.Errorf("%s: %v", step.types, err)
			}
			for _, truth := range step.truths {
				if err := p.lookUp(t.Context(), truth); err != nil {
					fmt.Fprintf(&log, "\n  not so: %s", truth.say)
				}
			}
			fmt.Fprintln(&log)
		}
	}
	compare(t, "testdata/without-sluice.txt", log.String())
}

// A story that goes wrong is an error, and nothing is left behind.
func TestStoryThatGoesWrong(t *testing.T) {
	for want, start := range map[string]func(context.Context, ProxySetup) (string, func(context.Context) error, error){
		"no proxy today": func(context.Context, ProxySetup) (string, func(context.Context) error, error) {
			return "", nil, errors.New("no proxy today")
		},
		`"\\copy users TO '`: nobodyBetween, // the first thing that Sluice is missed at
	} {
		t.Run(want, func(t *testing.T) {
			temp := temporary(t)
			t.Setenv("TMPDIR", temp)
			err := Run(t.Context(), Options{Script: true, Stdout: t.Output(), Stderr: t.Output(), StartProxy: start})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			awaitNothing(t, temp)
		})
	}
}

// temporary makes a folder for temporary files that the servers' user can
// pass through, and short enough for the path of a Unix socket.
func temporary(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestJudge(t *testing.T) {
	refusal := "ERROR:  sluice: COPY of users refused by rule default-deny [req 7k2mq9xwab]; SHOW sluice.why\n"
	for _, c := range []struct {
		step step
		got  answer
		want string // empty: as it should be
	}{
		{step{refused: true}, answer{err: refusal, state: "42501"}, ""},
		{step{refused: true}, answer{err: refusal, state: "42601"}, "came back with 42601"},
		{step{refused: true}, answer{out: "COPY 2000\n", state: "00000"}, "came back with 00000"},
		{step{refused: true}, answer{err: "ERROR:  permission denied\n", state: "42501"}, "not in Sluice's words"},
		{step{refused: true}, answer{err: "ERROR:  sluice: no\n", state: "42501"}, "no request id"},
		{step{refused: true}, answer{out: "a@example.com\n", err: refusal, state: "42501"}, "rows came out"},
		{step{refused: true, shows: []string{"sandbox"}}, answer{err: refusal, state: "42501"}, `does not show "sandbox"`},
		{step{refused: true, shows: []string{"req", "two words"}}, answer{err: refusal + "DETAIL:  two\n  words\n", state: "42501"}, ""},
		{step{}, answer{out: "x\n", state: "00000"}, ""},
		{step{}, answer{out: "x\n", state: "none"}, ""},
		{step{}, answer{err: refusal, state: "42501"}, "was to work"},
		{step{}, answer{err: "ERROR: x\n", state: "none"}, "was to work"},
		{step{denied: true}, answer{err: "ERROR:  permission denied for table users\n", state: "42501"}, ""},
		{step{denied: true}, answer{out: "1\n", state: "00000"}, "was to deny it"},
		{step{denied: true}, answer{err: refusal, state: "42501"}, "was to deny it"},
		{step{carried: true}, answer{out: "COPY 2\n", err: "NOTICE:  sluice: copy x is at y\n", state: "00000"}, ""},
		{step{carried: true}, answer{out: "COPY 2\n", state: "00000"}, "does not say"},
		{step{carried: true}, answer{err: refusal, state: "42501"}, "does not say"},
		{step{lines: 2}, answer{out: "a\nb\n", state: "00000"}, ""},
		{step{lines: 2}, answer{out: "a\n", state: "00000"}, "1 lines came back where 2"},
	} {
		err := c.step.judge(c.got)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.got, err, c.want)
		}
	}
}

// The story has every step that the demo promises.
func TestStoryIsComplete(t *testing.T) {
	var refused []string
	quoted := 0
	for _, chapter := range story(scene{"host=127.0.0.1", "/outside", "/trail", "/hba"}) {
		for _, step := range chapter.steps {
			if step.refused {
				refused = append(refused, strings.Fields(step.types)[0]+" "+strings.Fields(step.types)[1])
			}
			if slices.Contains(step.shows, measured) {
				quoted++
			}
		}
	}
	want := []string{
		`\copy users`, "TABLE users", "COPY users", "COPY users", "SELECT dblink_exec('host=127.0.0.1',", "CREATE SUBSCRIPTION",
		"COPY users", "GRANT SELECT", "COPY users", "COPY users",
	}
	if !slices.Equal(refused, want) || quoted != 4 {
		t.Errorf("refused: %q, quoting a measurement: %d", refused, quoted)
	}
}

func TestFlipOneByte(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"small": 10, "big": 1001} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, offset, err := flipOneByte(dir)
	if err != nil || filepath.Base(file) != "big" || offset != 500 {
		t.Fatal(file, offset, err)
	}
	data, err := os.ReadFile(file)
	if err != nil || len(data) != 1001 || bytes.Count(data, []byte{0}) != 1000 || data[500] != 1 {
		t.Error("not exactly one bit was flipped", err)
	}
	if _, _, err := flipOneByte(t.TempDir()); err == nil {
		t.Error("an empty trail was accepted")
	}
}
