package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/sluice-pg/sluice/policy/catalog/answer"
)

// MostText bounds the strings of one snapshot, in bytes.
const MostText = 512 << 20

// Load reads the whole catalog of the database that q is connected to. It
// needs no right beyond that to connect: what it asks is open to every role.
//
// What it shows is one moment, seen by one transaction that reads only; only
// the texts of views, defaults, checks and bodies of SQL statements are read
// after it, in short transactions, since reading them locks what they name (in
// ACCESS SHARE mode). What changed in between has changed the fingerprint, too.
//
// Code that names something which somebody else has locked has no text in the
// snapshot, which is then Incomplete. Any other failure is an error, and there
// is no snapshot.
func Load(ctx context.Context, q Querier) (*Snapshot, error) {
	l := &loader{q: q, snapshot: newSnapshot(), kept: answer.NewStrings(MostText), schemas: map[OID]string{}, toast: map[OID]OID{}, digest: sha256.New()}
	if err := l.inTransaction(ctx, l.readAll); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := l.readCode(ctx); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	l.snapshot.Version = hex.EncodeToString(l.digest.Sum(nil))
	return l.snapshot, nil
}

// loader is what a Load has so far.
type loader struct {
	q        Querier
	snapshot *Snapshot
	kept     *answer.Strings
	schemas  map[OID]string
	// toast has the table of each TOAST table.
	toast map[OID]OID
	// withDefaults are relations with default values, some more than once.
	withDefaults []OID
	// locked counts objects whose code could not be read.
	locked int
	digest hash.Hash
}

// inTransaction reads within a transaction, which is left also on failure.
func (l *loader) inTransaction(ctx context.Context, read func(context.Context) error) error {
	if err := l.tell(ctx, askBegin); err != nil {
		return err
	}
	err := l.tell(ctx, askSettings)
	if err == nil {
		err = read(ctx)
	}
	if err == nil {
		return l.tell(ctx, askCommit)
	}
	if undo := l.tell(ctx, askUndo); undo != nil {
		return errors.Join(err, errLeft{undo})
	}
	return err
}

// errLeft is that a transaction could not be ended: the connection is of no
// more use.
type errLeft struct{ error }

func (e errLeft) Unwrap() error { return e.error }

// tell runs a statement whose rows do not matter.
func (l *loader) tell(ctx context.Context, sql string) error {
	return l.q.Query(ctx, sql, func([][]byte) error { return nil })
}

// ask runs a question and has each row of its answer read; the rows become
// part of the digest.
func (l *loader) ask(ctx context.Context, sql string, read func(*row)) error {
	var size [4]byte
	l.digest.Write([]byte{0})
	return l.each(ctx, sql, func(r *row) {
		for _, v := range r.Values {
			n := uint32(len(v)) + 1
			if v == nil {
				n = 0
			}
			binary.BigEndian.PutUint32(size[:], n)
			l.digest.Write(size[:])
			l.digest.Write(v)
		}
		read(r)
	})
}

// each runs a question and has each row of its answer read.
func (l *loader) each(ctx context.Context, sql string, read func(*row)) error {
	return l.q.Query(ctx, sql, func(values [][]byte) error {
		r := row{l.kept.Row(values)}
		read(&r)
		return r.Err()
	})
}

// step is a question with what becomes of its rows.
type step struct {
	sql  string
	read func(*row)
}

func (l *loader) steps(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := l.ask(ctx, s.sql, s.read); err != nil {
			return err
		}
	}
	return nil
}

// readAll reads everything but the texts of code.
func (l *loader) readAll(ctx context.Context) (err error) {
	if l.snapshot.Fingerprint, err = ReadFingerprint(ctx, l.q); err != nil {
		return err
	}
	err = l.steps(ctx, []step{
		{askVersion, func(r *row) { l.snapshot.Server = int(r.oid()) }},
		{askSchemas, func(r *row) { l.schemas[r.oid()] = r.Text() }},
	})
	if err != nil {
		return err
	}
	for _, read := range []func(context.Context) error{l.readRelations, l.readFunctions, l.readTypes, l.readRest, l.readDepends, l.readCoded} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// schema reads the name of a schema.
func (l *loader) schema(r *row) string {
	oid := r.oid()
	name, ok := l.schemas[oid]
	if !ok {
		r.Fail("schema %d is not there", oid)
	}
	return name
}
