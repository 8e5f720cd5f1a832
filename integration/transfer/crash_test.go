package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// childOf is the variable that makes this program a process that copies.
const childOf = "SLUICE_TRANSFER_CHILD"

// errand is what such a process copies.
type errand struct {
	ID, Source, Destination string
	// Slow adds a table that takes long, Masked a mask.
	Slow, Masked bool
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childOf); text != "" {
		os.Exit(beChild(text))
	}
	harness.RunTests(m)
}

// beChild copies and says where it is, a line each.
func beChild(text string) int {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		fmt.Println(err)
		return 2
	}
	open := func(dsn string) transfer.Opener {
		return func(ctx context.Context) (*pgconn.PgConn, error) { return pgconn.Connect(ctx, dsn) }
	}
	j := pair{}.jobOf("customer", "order")
	j.Copy, j.Source, j.Destination = e.ID, open(e.Source), open(e.Destination)
	j.Progress = func(p transfer.Progress) { fmt.Println(p.Phase) }
	j.BeforePublish = hookThat(func() error { fmt.Println("hook"); time.Sleep(200 * time.Millisecond); return nil })
	if e.Slow {
		j = withSlow(j)
	}
	if e.Masked {
		j.Items[1].Masks = map[string]mask.Mask{"id": {Kind: mask.Band, Width: "10"}}
	}
	_, err := transfer.Run(context.Background(), j)
	fmt.Println("ended", err)
	return 0
}

// crashes kills the process that copies, at several moments; what it left is swept,
// and nobody else's.
func crashes(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, moment := range []string{string(transfer.Reading), string(transfer.Copying), string(transfer.Finishing), string(transfer.Publishing), "hook"} {
		t.Run(moment, func(t *testing.T) {
			e := errand{newID(), p.from.Server.DSN(readerRole, "reads it", "source"), p.to.Server.DSN(carrierRole, "carries it", "restored"), moment == string(transfer.Copying), false}
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childOf+"="+string(text))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && lines.Text() != moment {
				if strings.HasPrefix(lines.Text(), "ended") {
					t.Error(lines.Text())
				}
			}
			if moment == string(transfer.Copying) {
				p.loading(t)
				// Somebody else's sweep leaves a copy that is alive alone.
				if swept, err := transfer.Sweep(t.Context(), p.destination(), ownerRole); err != nil || len(swept) > 0 {
					t.Errorf("swept %v, %v", swept, err)
				}
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			p.sweeps(t)
			published, err := transfer.Outcome(t.Context(), p.destination(), ownerRole, e.ID)
			if err != nil || published {
				t.Errorf("the outcome is %v, %v", published, err)
			}
			j := p.job("customer", "order")
			j.Copy = e.ID
			p.again(t, j)
		})
	}
}
