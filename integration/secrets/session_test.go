package secrets_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/integration/secrets"
)

// What the suites have kept holds none of the secrets that they have learned.
// Without a folder of theirs, one session is played here, and its traces are
// looked at.
func TestNoSecretIsAnywhere(t *testing.T) {
	kinds, classes := secrets.Kinds, secrets.Classes
	if !secrets.Keeping() {
		t.Log("This looks at one session. ./integration/test looks at what all suites leave; so does\n" +
			"  export " + secrets.FolderVariable + "=$(mktemp -d); go test -count=1 -p 1 SUITES; go test -count=1 -v ./integration/secrets")
		t.Setenv(secrets.FolderVariable, t.TempDir())
		t.Run("a session", playSession)
		kinds = []string{secrets.Password, secrets.PrivateKey, secrets.SCRAMSecret}
		classes = []string{secrets.Logs, secrets.Trails, secrets.Outputs, secrets.Processes}
	}
	count, problems, err := secrets.Look(os.Getenv(secrets.FolderVariable), kinds, classes)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(count) // also without -v: how much this means
	for _, problem := range problems {
		t.Error(problem)
	}
}

// playSession is a life of Sluice with what could make it talk: mistakes, refused
// statements, wrong passwords, everything in the log, a crash and its end.
func playSession(t *testing.T) {
	world := harness.NewWorld(t, 15)
	world.Reset(t, "shop", "restored")
	gate := harness.StartGateWith(t, world, harness.BuildSluice(t), harness.Setup{
		Policy: "version: 1\n", Env: []string{"SLUICE_LOG_LEVEL=debug"},
	})
	wrong := gate.Target()
	wrong.Password = "no password of alice's"
	psql := harness.Command{Program: "psql", Args: []string{"-X", "-v", "VERBOSITY=verbose"}, Dir: t.TempDir(), Stdin: strings.Join([]string{
		"SELECT count(*) FROM users;", "SELEC;", "COPY users TO STDOUT;", "SHOW sluice.session;", "CREATE ROLE other PASSWORD 'typed';", `\d users`,
	}, "\n")}
	harness.MustRun(t, gate.Target(), psql)
	if r := harness.Run(t, wrong, psql); r.Exit == 0 {
		t.Error("a wrong password was taken")
	}
	worker(t, gate)
	if goroutines := gate.Goroutines(t); !strings.Contains(goroutines, "goroutine 1 ") {
		t.Error("no stacks were printed")
	}
	gate.Start(t)
	worker(t, gate)
	gate.Stop(t)
}

// worker sends a statement so long that it is parsed in a child of Sluice.
func worker(t *testing.T, gate *harness.Gate) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var session *pgconn.PgConn
	for {
		var err error
		if session, err = pgconn.Connect(ctx, gate.Target().URL()); err == nil {
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	defer session.Close(ctx)
	if _, err := session.Exec(ctx, "SELECT '"+strings.Repeat("x", 70<<10)+"'").ReadAll(); err != nil {
		t.Error(err)
	}
	time.Sleep(300 * time.Millisecond)
}
