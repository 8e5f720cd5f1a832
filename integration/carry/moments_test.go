package carry

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/faults"
)

// moment is a point in the life of a copy at which it can be made to wait. reach
// starts the copy, has it wait there, and does something meanwhile.
type moment struct {
	name  string
	reach func(t *testing.T, s *broken, c *client, do func())
}

// moments are in the order of a copy. It is held up by locks on what it needs
// next, by a relay that passes so many bytes, or by a COMMIT that waits for a
// standby that does not exist.
var moments = []moment{
	{"the source is asked for definitions", func(t *testing.T, s *broken, c *client, do func()) {
		s.behindLock(t, s.world.Server, "shop", "crm.orders IN ACCESS EXCLUSIVE MODE", c, do)
	}},
	{"the staging schema is made", atLock("pg_catalog.pg_namespace IN SHARE MODE")},
	{"the first rows are on their way", atRows(10)},
	{"half of the rows have come", atRows(50)},
	{"nearly all rows have come", atRows(90)},
	{"indexes are built", func(t *testing.T, s *broken, c *client, do func()) { s.atIndexes(t, c, do) }},
	{"foreign keys are added", atLock("pg_catalog.pg_trigger IN SHARE MODE")},
	{"it is being published", atLock(leaseTable)},
	{"the place is measured once more", func(t *testing.T, s *broken, c *client, do func()) {
		s.behindLock(t, s.there, "copies", leaseTable, c, func() {})
		// behindLock has released the lock by now, and what dials next measures.
		s.atKnock(t, c, do)
	}},
	{"COMMIT was sent and not answered", func(t *testing.T, s *broken, c *client, do func()) { s.atCommit(t, c, do) }},
}

// leaseTable is locked against writers, so that whoever publishes waits before it
// writes the copy's lease.
const leaseTable = "sluice.lease IN SHARE MODE"

func atLock(lock string) func(*testing.T, *broken, *client, func()) {
	return func(t *testing.T, s *broken, c *client, do func()) { s.behindLock(t, s.there, "copies", lock, c, do) }
}

// behindLock locks something, starts the client if it has not begun, waits until
// the copy waits for the lock, and does something before it is released.
func (s *stage) behindLock(t *testing.T, server *pgserver.Server, database, lock string, c *client, do func()) {
	t.Helper()
	defer locked(t, server, database, lock)()
	c.begin(t)
	c.awaitLock(t, server, lock)
	do()
}

// locked locks something until it is released.
func locked(t *testing.T, server *pgserver.Server, database, lock string) (release func()) {
	t.Helper()
	ctx := t.Context()
	holder, err := pgconn.Connect(ctx, server.SuperuserDSN(database))
	if err != nil {
		t.Fatal(err)
	}
	release = func() { holder.Close(context.WithoutCancel(ctx)) } // the server may be gone by then
	if _, err := holder.Exec(ctx, "BEGIN; LOCK TABLE "+lock).ReadAll(); err != nil {
		release()
		t.Fatal(err)
	}
	return release
}

func (c *client) awaitLock(t *testing.T, server *pgserver.Server, lock string) {
	t.Helper()
	c.await(t, "the copy to wait for "+lock, func() bool {
		return ask(t.Context(), server, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sluice/copy%' AND wait_event_type = 'Lock'") != "0"
	})
}

// atIndexes holds a copy up before an index. Tables have some too, of their long values,
// so that the lock comes when nearly all rows are there.
func (s *broken) atIndexes(t *testing.T, c *client, do func()) {
	const lock = "pg_catalog.pg_index IN SHARE MODE"
	var release func()
	atRows(90)(t, s, c, func() { release = locked(t, s.there, "copies", lock) })
	defer release()
	c.awaitLock(t, s.there, lock)
	do()
}

// atRows holds a copy up when so many of a hundred bytes that it needs of the
// source have come.
func atRows(percent int64) func(*testing.T, *broken, *client, func()) {
	return func(t *testing.T, s *broken, c *client, do func()) {
		reached, goOn := make(chan struct{}), make(chan struct{})
		defer close(goOn)
		s.behindLock(t, s.there, "copies", "pg_catalog.pg_namespace IN SHARE MODE", c, func() {
			s.source.At(faults.Back, s.size*percent/100, func() { close(reached); <-goOn })
		})
		c.awaitChannel(t, "rows to come", reached)
		do()
	}
}

// atKnock holds up whoever connects to the destination next.
func (s *broken) atKnock(t *testing.T, c *client, do func()) {
	reached, goOn := make(chan struct{}), make(chan struct{})
	defer close(goOn)
	s.place.AtNext(func() { close(reached); <-goOn })
	c.awaitChannel(t, "the place to be measured", reached)
	do()
}

// atCommit has the destination do a COMMIT and not say so.
func (s *broken) atCommit(t *testing.T, c *client, do func()) {
	ctx := context.WithoutCancel(t.Context())
	set := func(change string) {
		for _, sql := range []string{"ALTER SYSTEM " + change + " synchronous_standby_names", "SELECT pg_reload_conf()"} {
			if strings.HasPrefix(change, "SET") && strings.HasPrefix(sql, "ALTER") {
				sql += " = 'nobody'"
			}
			// A server that was killed may not know it yet: it is asked until it does.
			await(t, "the destination to take "+sql, func() bool { return s.there.Exec(ctx, "postgres", sql) == nil })
		}
	}
	s.behindLock(t, s.there, "copies", leaseTable, c, func() { set("SET") })
	defer func() {
		s.awaitServers(t)
		set("RESET")
	}()
	c.await(t, "the COMMIT to wait", func() bool {
		return ask(ctx, s.there, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sluice/copy%' AND wait_event = 'SyncRep'") != "0"
	})
	do()
}

// ask asks a server for one value, as its superuser; what cannot be asked is empty.
func ask(ctx context.Context, server *pgserver.Server, sql string) string {
	rows, err := server.Query(ctx, "postgres", sql)
	if err != nil || len(rows) == 0 {
		return ""
	}
	return rows[0][0]
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

// patience is how long anything may take that is to happen.
const patience = time.Minute

// await waits until something is so, and fails if the client has ended before.
func (c *client) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	await(t, what, func() bool {
		if !so() && c.hasEnded() {
			t.Fatalf("the client has ended before %s\n%s", what, c.said())
		}
		return so()
	})
}

func (c *client) awaitChannel(t *testing.T, what string, reached <-chan struct{}) {
	t.Helper()
	c.await(t, what, func() bool {
		select {
		case <-reached:
			return true
		default:
			return false
		}
	})
}

func (c *client) said() string { return fmt.Sprintf("exit %d\n%s", c.exit(), c.output.String()) }
