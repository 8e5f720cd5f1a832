package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/policy/quote"
)

// Outcome tells whether a copy was published, for somebody who does not know
// because the answer to its COMMIT never came, or because the process ended. It
// waits until the session that publishes has ended: before that nobody can know.
func Outcome(ctx context.Context, open Opener, owner, copyID string) (published bool, err error) {
	if !validCopy(copyID) {
		return false, fmt.Errorf("%q is no id of a copy", printable(copyID))
	}
	l, err := dial(ctx, open, atDestination)
	if err != nil {
		return false, err
	}
	defer l.close()
	if _, err := prepareDestination(ctx, l, owner, outcomeTime.Milliseconds()); err != nil {
		return false, err
	}
	return outcome(ctx, l, copyID)
}

// endOf ends the session that published, if it is still there: it holds the lock of
// its copy, which no other process that has got its number since does.
func endOf(copyID string, pid uint32) string {
	key := uint64(aliveNumber(copyID))
	return fmt.Sprintf("SELECT pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.pid = %d AND l.classid = %d AND l.objid = %d AND l.objsubid = 1",
		pid, uint32(key>>32), uint32(key))
}

// outcome waits for the lock of the copy's process, then looks for its lease.
func outcome(ctx context.Context, l *link, copyID string) (bool, error) {
	if err := l.exec(ctx, "SELECT pg_catalog.pg_advisory_lock("+aliveKey(copyID)+")"); err != nil {
		return false, failed(atDestination, "wait for the end of the copy", err)
	}
	there, err := leaseThere(ctx, l, copyID)
	return there, errors.Join(err, l.exec(ctx, "SELECT pg_catalog.pg_advisory_unlock("+aliveKey(copyID)+")"))
}

func leaseThere(ctx context.Context, l *link, copyID string) (bool, error) {
	n, err := l.value(ctx, "SELECT count(*) FROM sluice.lease l WHERE l.copy OPERATOR(pg_catalog.=) "+quote.Literal(copyID)+"::pg_catalog.text")
	if hasCode(err, "42P01", "3F000") { // undefined_table, invalid_schema_name
		return false, &Refusal{"the copy", "the destination has no table sluice.lease", "have its DBA run the SQL that sluice destination setup prints"}
	}
	if err != nil {
		return false, failed(atDestination, "look for the lease", err)
	}
	return n != "0", nil
}

// ErrPublished is wrapped by the error of a copy whose id was published before.
var ErrPublished = errors.New("a copy with this id is published already")

// Sweep drops the staging schemas of copies that nobody works on any more: their
// process ended before it could. It returns the ids of those copies. A set of
// tables that was half loaded starts again: its snapshot is gone with the
// process, and tables of two snapshots make no set.
func Sweep(ctx context.Context, open Opener, owner string) ([]string, error) {
	l, err := dial(ctx, open, atDestination)
	if err != nil {
		return nil, err
	}
	defer l.close()
	if _, err := prepareDestination(ctx, l, owner, sweepLock.Milliseconds()); err != nil {
		return nil, err
	}
	rows, err := l.rows(ctx, "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, "+quote.Literal(stagePrefix)+") AND pg_has_role(nspowner, 'USAGE') ORDER BY 1", 1)
	if err != nil {
		return nil, failed(atDestination, "look for staging schemas", err)
	}
	schemas := map[string][]string{}
	var ids []string
	for _, v := range rows {
		id, ok := copyOf(v[0])
		if !ok {
			continue
		}
		if schemas[id] == nil {
			ids = append(ids, id)
		}
		schemas[id] = append(schemas[id], v[0])
	}
	var swept []string
	var problems []error
	for _, id := range ids {
		dropped, err := sweepOne(ctx, l, id, schemas[id])
		if err != nil {
			problems = append(problems, failed(atDestination, "remove what copy "+id+" left", err))
		} else if dropped {
			swept = append(swept, id)
		}
	}
	return swept, errors.Join(problems...)
}

// sweepLock bounds the wait for backends of a process that is gone.
const sweepLock = 10 * time.Second

// sweepOne drops the schemas of one copy if nobody holds its lock.
func sweepOne(ctx context.Context, l *link, id string, schemas []string) (bool, error) {
	free, err := l.value(ctx, "SELECT pg_catalog.pg_try_advisory_lock("+aliveKey(id)+")")
	if err != nil || free != "t" {
		return false, err
	}
	err = dropStages(ctx, l, schemas)
	return err == nil, errors.Join(err, l.exec(ctx, "SELECT pg_catalog.pg_advisory_unlock("+aliveKey(id)+")"))
}
