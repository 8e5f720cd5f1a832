package catalog

import (
	"context"
	"errors"
)

// Fingerprint tells one state of a database's catalog from another: counts of
// rows of the system's tables with sums of the transactions that wrote them.
// Temporary relations do not count, and neither do tables' statistics. Its
// zero value is that of no database.
type Fingerprint string

// ReadFingerprint asks for the fingerprint of the state that the open
// transaction, or else the moment, shows. The server goes through its system
// tables for it: about a second for 50,000 relations, some milliseconds for a
// few hundred.
func ReadFingerprint(ctx context.Context, q Querier) (Fingerprint, error) {
	if err := q.Query(ctx, askNoCompiler, func([][]byte) error { return nil }); err != nil {
		return "", err
	}
	f, err := readWord(ctx, q, askFingerprint)
	return Fingerprint(f), err
}

// Hint is a number that moves when something was written to the system's
// tables, also by transactions that were undone and for temporary relations.
// The server counts behind the event: it can take ten seconds to show.
type Hint string

// ReadHint asks for the hint, which costs next to nothing. As long as it stays
// the same a fingerprint need not be read that often.
func ReadHint(ctx context.Context, q Querier) (Hint, error) {
	h, err := readWord(ctx, q, askHint)
	return Hint(h), err
}

// Changed reports whether the database's catalog is not what the snapshot
// shows any more, so that there should be a new one. It is true as well for a
// snapshot that is Incomplete, and on error.
func (s *Snapshot) Changed(ctx context.Context, q Querier) (bool, error) {
	f, err := ReadFingerprint(ctx, q)
	return err != nil || s == nil || s.Incomplete || f != s.Fingerprint, err
}

// readWord reads the one value of an answer.
func readWord(ctx context.Context, q Querier, sql string) (word string, err error) {
	err = q.Query(ctx, sql, func(values [][]byte) error {
		if len(values) == 1 {
			word = string(values[0])
		}
		return nil
	})
	if err == nil && word == "" {
		err = errors.New("catalog: the server's answer about its catalog is empty")
	}
	return word, err
}
