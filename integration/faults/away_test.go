package faults

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

// TestStartsWhileADatabaseIsAway: one database that does not answer keeps nobody
// from the others, and takes sessions when it is back. Both are on one server, so
// what is ended there at last must not be what works already.
func TestStartsWhileADatabaseIsAway(t *testing.T) {
	world := harness.NewWorld(t, 15)
	world.Reset(t, "shop", "restored")
	s := &stage{world: world, server: startRelay(t, world.Server.Port())}
	s.server.Set(Towards, Fault{ResetAfter: 1})
	s.gate = harness.StartGateWith(t, world, harness.BuildSluice(t), harness.Setup{
		Policy: "version: 1\n", Limits: limits, Ways: map[string]int{"shop": s.server.Port()},
	})
	away := func() bool { return strings.Contains(s.gate.Log(), "a database is away") }
	for deadline := time.Now().Add(10 * time.Second); !away() && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond) // it listens before its log has been read here
	}
	if !away() {
		t.Error("the log does not say that a database is away")
	}
	works := mustConnect(t, s.direct("restored", "works"))
	defer works.Close(t.Context())
	var refused *pgconn.PgError
	if _, err := connect(t.Context(), s.direct("shop", "early")); !errors.As(err, &refused) || refused.Code != "08006" {
		t.Errorf("a login while the database is away: %v, want SQLSTATE 08006", err)
	}

	s.server.Set(Towards, Fault{})
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		c, err := connect(t.Context(), s.direct("shop", "late"))
		if err == nil {
			err = query(t.Context(), c, "SELECT 1")
			c.Close(t.Context())
		}
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the database is back, and yet: %v", err)
		}
	}
	if err := query(t.Context(), works, "SELECT 1"); err != nil {
		t.Errorf("a session on another database, begun while one was away: %v", err)
	}
}
