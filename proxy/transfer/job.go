package transfer

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/mask"
)

// Opener opens a connection. Run opens several, uses each for one session with
// settings of its own, and closes it.
type Opener func(ctx context.Context) (*pgconn.PgConn, error)

// Hook looks at the destination in the middle of a copy. The querier is the
// connection that publishes; the relations are the roots, under the names that
// they are to have.
type Hook func(ctx context.Context, q catalog.Querier, relations []Published) error

// Job is one copy: a set of relations that appears at the destination as a
// whole or not at all.
type Job struct {
	// Copy is the copy's id: 26 lower-case letters and digits.
	Copy string
	// Source opens connections that read. All rights used are those of its
	// role.
	Source Opener
	// Destination opens connections that load and publish. Their role must be a
	// member of Owner.
	Destination Opener
	// Items are what is copied, at least one.
	Items []Item
	// Streams is how many pairs of connections work at once; 2 if 0, at most 16.
	Streams int
	// PartSize is how large, in bytes on disk, a part of a table is at least that is
	// read by a stream of its own; 64 MiB if 0. Tables are split only where one is
	// much larger than the share of a stream.
	PartSize uint64
	// Owner is the role that will own everything; nobody logs in as it.
	Owner string
	// Roles maps a role of the source that a policy of row security names to
	// roles of the destination; none if it has no counterpart. nil maps none.
	Roles func(source string) []string
	// LeaseUntil is until when rows can be read unless the lease is renewed.
	// The zero time makes a copy without a lease.
	LeaseUntil time.Time
	// BeforeCopy runs when all definitions are read and what will be read is
	// locked, so that it stays what it is until all is loaded. Its error ends the
	// copy before the first row is read. nil has nobody look.
	BeforeCopy func(ctx context.Context) error
	// BeforePublish runs inside the publishing transaction, last before its
	// COMMIT. Its error rolls everything back. It may not end the transaction.
	BeforePublish Hook
	// AfterPublish runs right after the COMMIT, on the same connection.
	AfterPublish Hook
	// Progress is told how far the copy is, from one goroutine, about twice a
	// second and at every change of phase. nil tells nobody.
	Progress func(Progress)
	// MaxRows and MaxBytes are how many rows, and bytes as Progress counts them, the
	// copy may have; 0 is no limit. One that has more is refused.
	MaxRows, MaxBytes uint64
	// LockTimeout bounds each wait for a lock at the destination; 30 seconds if
	// 0.
	LockTimeout time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Item is one relation or the result of one query.
type Item struct {
	// Schema and Name are those of the relation at the source. Both are empty for
	// a query.
	Schema, Name string
	// Columns are those to copy; all if empty. Name them where masks were
	// decided for them: a column that was added since is then not copied.
	Columns []string
	// Generated adds generated columns that are computed from Columns alone: the
	// destination computes them from what is there.
	Generated bool
	// Where is a condition, as SQL, that rows must satisfy; none if empty.
	Where string
	// Query is a SELECT whose result becomes a table. As Where, it is sent to
	// the source as it is, and judged by nobody here but the source.
	Query string
	// Path is the search_path by which names in Where and Query without a schema
	// were judged; pg_catalog alone if empty.
	Path []string
	// TargetSchema and TargetName are where it is to be; those of the source if
	// empty.
	TargetSchema, TargetName string
	// Existing says what becomes of a table that has the name already.
	Existing Existing
	// Masks are those of columns that do not pass as they are.
	Masks map[string]mask.Mask
	// Keeps names CHECK constraints that somebody has held masked values against.
	// They are carried, and the destination has the last word.
	Keeps []string
	// Without names constraints and indexes that are not carried, such as one that
	// masked values would not satisfy.
	Without []string
	// Grants are all the rights that anybody but the owner will have.
	Grants []Grant
	// Comments win over those of the source, by column; "" is the table's own.
	Comments map[string]string
}

// Grant gives a role of the destination rights on a table.
type Grant struct {
	Role string
	// Privileges are words of GRANT, such as SELECT.
	Privileges []string
	// Columns limit it; none is the whole table.
	Columns []string
}

// Existing says what becomes of a table that has the target's name.
type Existing uint8

// The ways to deal with a table that is there.
const (
	// Refuse copies only where nothing is.
	Refuse Existing = iota
	// Swap drops the table and puts the copy in its place, in one transaction.
	Swap
	// Append adds the rows to those of the table, which keeps its indexes,
	// constraints and rights.
	Append
)

// Phase is what a copy is doing.
type Phase string

// The phases, in order. Copying and Finishing overlap.
const (
	Reading    Phase = "reading definitions"
	Copying    Phase = "copying"
	Finishing  Phase = "building indexes and comparing"
	Publishing Phase = "publishing"
)

// Progress is how far a copy is.
type Progress struct {
	Phase Phase
	// Rows and Bytes are what was sent to the destination.
	Rows, Bytes uint64
	// Expected is how many bytes the relations have on the source's disk: an
	// estimate to compare Bytes with; 0 if nothing is known.
	Expected uint64
	// Tables and Done are how many tables there are, partitions counted, and
	// how many are compared.
	Tables, Done int
	// Elapsed is the time since the copy began.
	Elapsed time.Duration
}

// Receipt says what was published.
type Receipt struct {
	Copy string
	// Snapshot is the source's snapshot that all rows are of, as
	// pg_current_snapshot prints it, and System the source's
	// system_identifier; empty if the role may not see it.
	Snapshot, System string
	// Began and Published are by the Job's clock.
	Began, Published time.Time
	// LeaseUntil is what was written into the lease; zero if there is none.
	LeaseUntil time.Time
	Relations  []Relation
	// Warnings say what of the definitions was left out, and why.
	Warnings []string
}

// Relation is what became of one item, its partitions included.
type Relation struct {
	Published
	// Rows and Bytes are what was sent, in the format of COPY.
	Rows, Bytes uint64
	// Sent is the digest of what was sent after masking, Held of what the
	// destination had when it was published. Run fails where they differ.
	Sent, Held Digest
	// Binary is true if the rows went in COPY's binary format.
	Binary bool
}

// Published is a relation at the destination.
type Published struct {
	// Item is its place in Job.Items.
	Item int
	// OID is pg_class.oid at the destination.
	OID          uint32
	Schema, Name string
	// Columns are those that were filled, in order.
	Columns []string
	// Partitions are those of all levels below.
	Partitions []Published
}
