package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/quote"
)

// carrier is one running copy.
type carrier struct {
	job     *Job
	source  *link // holds the snapshot
	keeper  *link // the destination connection that prepares and publishes
	roots   []*relation
	byOID   map[string]*relation
	settler *settler
	builder *builder
	stages  []string
	staged  bool // the schemas may be there
	key     [16]byte
	receipt *Receipt
	// snapshot is what pg_export_snapshot said.
	snapshot string
	// sent are the rows of each table, policyNames the policies that were made.
	sent        map[*relation]uint64
	policyNames map[*relation][]string

	mu       sync.Mutex
	warnings map[string]bool
	watch    *watch
}

// Run makes a copy. It returns a receipt once the copy is published, else an
// error, after which the destination has nothing of it; where that could not be
// done, Error.Left says so. With an error that wraps ErrAfterPublish it returns the
// receipt too.
func Run(ctx context.Context, job Job) (*Receipt, error) {
	if err := job.check(); err != nil {
		return nil, err
	}
	c := &carrier{job: &job, key: newKey(), warnings: map[string]bool{}, sent: map[*relation]uint64{}, policyNames: map[*relation][]string{}, receipt: &Receipt{Copy: job.Copy, Began: job.Now(), LeaseUntil: job.LeaseUntil}}
	c.watch = newWatch(&job)
	defer c.watch.stop()
	published, err := c.run(ctx)
	if c.source != nil {
		c.source.close()
	}
	if !published {
		left := ""
		if !errors.Is(err, ErrUnknownOutcome) {
			left = c.discard()
		}
		if c.keeper != nil {
			c.keeper.close()
		}
		return nil, c.explain(ctx, err, left)
	}
	if err == nil && job.AfterPublish != nil {
		if err = job.AfterPublish(ctx, c.keeper, c.published()); err != nil {
			err = fmt.Errorf("%w: %w", ErrAfterPublish, err)
		}
	}
	c.keeper.close()
	return c.receipt, err
}

// explain says what was left behind.
func (c *carrier) explain(ctx context.Context, err error, left string) error {
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	if left == "" {
		return err
	}
	var e *Error
	if errors.As(err, &e) {
		e.Left = left
		return err
	}
	return &Error{Step: "copy", Err: err, Left: left}
}

// run does all up to the COMMIT, and says whether that was.
func (c *carrier) run(ctx context.Context) (published bool, err error) {
	if err := c.connect(ctx); err != nil {
		return false, err
	}
	if err := c.define(ctx); err != nil {
		return false, err
	}
	if c.job.BeforeCopy != nil {
		if err := c.job.BeforeCopy(ctx); err != nil {
			return false, failed(atSource, "check before copying", err)
		}
	}
	if err := c.place(ctx); err != nil {
		return false, err
	}
	if err := c.freeNames(ctx); err != nil {
		return false, err
	}
	if err := c.settle(ctx); err != nil {
		return false, err
	}
	if err := c.prepareStage(ctx); err != nil {
		return false, err
	}
	c.watch.phase(Copying)
	if err := c.work(ctx); err != nil {
		return false, err
	}
	c.watch.phase(Publishing)
	return c.publish(ctx)
}

// maxStreams is how many pairs of connections a copy may have.
const maxStreams = 16

func (job *Job) check() error {
	switch {
	case !validCopy(job.Copy):
		return fmt.Errorf("%q is no id of a copy: 26 letters a-z and digits", printable(job.Copy))
	case job.Source == nil || job.Destination == nil || len(job.Items) == 0:
		return errors.New("a copy needs a source, a destination and something to copy")
	case !nameable(job.Owner):
		return errors.New("a copy needs a role that owns it")
	case job.Streams < 0 || job.Streams > maxStreams:
		return fmt.Errorf("a copy can have 1 to %d streams, not %d", maxStreams, job.Streams)
	case len(job.Items) > maxTables:
		return fmt.Errorf("a copy can have at most %d tables", maxTables)
	}
	if job.Streams == 0 {
		job.Streams = 2
	}
	if job.PartSize == 0 {
		job.PartSize = partSize
	}
	if job.Now == nil {
		job.Now = time.Now
	}
	if job.LockTimeout == 0 {
		job.LockTimeout = 30 * time.Second
	}
	for i := range job.Items {
		if err := job.Items[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (it *Item) check() error {
	switch {
	case it.Query != "":
		if it.Schema != "" || it.Name != "" || it.Where != "" || len(it.Columns) > 0 {
			return errors.New("an item is a relation or a query, not both")
		}
		if !nameable(it.TargetSchema) || !nameable(it.TargetName) {
			return errors.New("the result of a query needs a schema and a name at the destination")
		}
	case !nameable(it.Schema) || !nameable(it.Name):
		return errors.New("a relation needs a schema and a name")
	case it.TargetSchema != "" && !nameable(it.TargetSchema) || it.TargetName != "" && !nameable(it.TargetName):
		return errors.New("a name at the destination is empty or too long")
	}
	if it.Existing > Append {
		return fmt.Errorf("there is no way %d to deal with an existing table", it.Existing)
	}
	for _, g := range it.Grants {
		if err := g.check(); err != nil {
			return err
		}
	}
	return nil
}

// connect opens the two connections that last as long as the copy.
func (c *carrier) connect(ctx context.Context) error {
	var err error
	if c.source, err = c.openSource(ctx); err != nil {
		return err
	}
	if c.keeper, err = c.openDestination(ctx); err != nil {
		return err
	}
	free, err := c.keeper.value(ctx, "SELECT pg_catalog.pg_try_advisory_lock("+aliveKey(c.job.Copy)+")")
	if err == nil && free != "t" {
		err = errors.New("a copy with this id is running")
	}
	if err != nil {
		return failed(atDestination, "begin", err)
	}
	there, err := leaseThere(ctx, c.keeper, c.job.Copy)
	if err == nil && there {
		err = failed(atDestination, "begin", ErrPublished)
	}
	return err
}

func (c *carrier) openSource(ctx context.Context) (*link, error) {
	l, err := dial(ctx, c.job.Source, atSource)
	if err != nil {
		return nil, err
	}
	if err := prepareSource(ctx, l, c.job.LockTimeout.Milliseconds()); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (c *carrier) openDestination(ctx context.Context) (*link, error) {
	l, err := dial(ctx, c.job.Destination, atDestination)
	if err != nil {
		return nil, err
	}
	loud, err := prepareDestination(ctx, l, c.job.Owner, c.job.LockTimeout.Milliseconds())
	if err != nil {
		l.close()
		return nil, err
	}
	if loud {
		c.warn("the destination's log may show values of rows that it refuses: its DBA can let the loading role set log_min_error_statement and its like (GRANT SET ON PARAMETER)")
	}
	return l, nil
}

// maxWarnings bounds what a receipt says.
const maxWarnings = 1000

// warn notes once what of the source will not be in the copy.
func (c *carrier) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.warnings[text] && len(c.warnings) < maxWarnings {
		c.warnings[text] = true
		c.receipt.Warnings = append(c.receipt.Warnings, text)
	}
}

// define reads all definitions at the source, in the snapshot of the rows.
func (c *carrier) define(ctx context.Context) error {
	if err := hold(ctx, c.source, c.job.Items); err != nil {
		return err
	}
	rows, err := c.source.rows(ctx, "SELECT pg_export_snapshot(), txid_current_snapshot(), has_function_privilege('pg_control_system()', 'EXECUTE')", 3)
	if err != nil || len(rows) != 1 {
		return failed(atSource, "take a snapshot", err)
	}
	c.snapshot, c.receipt.Snapshot = rows[0][0], rows[0][1]
	if rows[0][2] == "t" {
		if c.receipt.System, err = c.source.value(ctx, "SELECT system_identifier FROM pg_control_system()"); err != nil {
			return failed(atSource, "read the system identifier", err)
		}
	}
	rd := &reader{l: c.source, columns: map[*column]uint32{}, byOID: map[string]*relation{}, warn: c.warn}
	c.byOID = rd.byOID
	if rd.extensions, err = readExtensions(ctx, c.source); err != nil {
		return err
	}
	for i := range c.job.Items {
		r, err := rd.item(ctx, i, &c.job.Items[i])
		if err != nil {
			return err
		}
		if len(r.stored()) == 0 {
			return &Refusal{r.title(), "it has no columns to copy", "name others"}
		}
		if err := setMasks(r, c.job.Items[i].Masks); err != nil {
			return err
		}
		c.roots = append(c.roots, r)
	}
	if err := rd.settleTypes(ctx); err != nil {
		return err
	}
	rd.trim(c.roots, c.job.Items)
	if found := checkMasks(c.roots, c.byOID); len(found) > 0 {
		return &Refusal{"the copy", "masked values could not be stored: " + printable(found[0]), "change the masks, or leave the constraint out"}
	}
	if c.settler, err = newSettler(ctx, c.keeper, rd.source); err != nil {
		return err
	}
	return c.findExtensions(ctx, rd.extensions)
}

// findExtensions has definitions find those of the source's extensions that the
// destination has too, in its schemas.
func (c *carrier) findExtensions(ctx context.Context, source map[string]string) error {
	there, err := readExtensions(ctx, c.keeper)
	if err != nil {
		return err
	}
	maps.DeleteFunc(there, func(name, _ string) bool { return source[name] == "" })
	for _, root := range c.roots {
		for _, r := range root.all() {
			r.path = schemasOf(there)
		}
	}
	return nil
}

// settle decides how each table is made and how its rows travel.
func (c *carrier) settle(ctx context.Context) error {
	lz4, err := c.keeper.value(ctx, "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
	if err != nil {
		return failed(atDestination, "read settings", err)
	}
	c.builder = &builder{version: c.keeper.version, lz4: lz4 == "t", warn: c.warn}
	for _, root := range c.roots {
		for _, r := range root.all() {
			r.binary = true
			for _, x := range r.columns {
				if err := c.settler.column(r, x, r.stage); err != nil {
					return err
				}
				r.binary = r.binary && (x.generated != "" || c.settler.inBinary(x.typ))
			}
			if err := c.constants(ctx, r); err != nil {
				return err
			}
			if _, err := r.newMasks(c.longest()); err != nil {
				return &Refusal{r.title(), err.Error(), "choose another mask"}
			}
		}
	}
	return nil
}

// constants has the server write constants as it will write them when they are
// stored, so that both ends can be compared. The source reads them: types of the
// copy's own are not at the destination yet.
func (c *carrier) constants(ctx context.Context, r *relation) error {
	for _, x := range r.columns {
		if x.mask.Kind != mask.Constant || !x.typ.def.own() {
			continue
		}
		rows, err := c.source.rows(ctx, "SELECT "+quote.Literal(x.mask.Value)+"::"+x.typ.name, 1)
		if err != nil || len(rows) != 1 {
			return failed(atSource, "read the constant for column "+printable(x.name)+" of "+r.title(), err)
		}
		x.mask.Value = rows[0][0]
	}
	return nil
}

// newMasks are the masks of one stream, for rows of so many bytes; nil if no column
// has one.
func (r *relation) newMasks(limit int) (*mask.Copy, error) {
	if !r.masked() {
		return nil, nil
	}
	options := mask.DefaultOptions(mask.Text)
	if r.binary {
		options = mask.DefaultOptions(mask.Binary)
	}
	options.MaxRow = limit
	var columns []mask.Column
	for _, c := range r.stored() {
		columns = append(columns, maskColumn(c))
	}
	return mask.NewCopy(columns, options)
}

// format is that of COPY.
func (r *relation) format() string {
	if r.binary {
		return "binary"
	}
	return "text"
}

// discard removes what was staged. It returns what it could not remove.
func (c *carrier) discard() (left string) {
	if !c.staged {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	if c.keeper.status != 0 && c.discardOver(ctx, c.keeper) == nil {
		return ""
	}
	c.keeper.cancel()
	c.keeper.close()
	l, err := c.openDestination(ctx)
	if err == nil {
		defer l.close()
		// A backend that has not noticed that nobody is there would keep its locks.
		_ = l.exec(ctx, "RESET ROLE; "+endUsers(c.stages)+"; SET ROLE "+quote.Identifier(c.job.Owner))
		err = dropStages(ctx, l, c.stages)
	}
	if err != nil {
		return "schema " + c.stages[0]
	}
	return ""
}

// discardOver removes it over a connection that waits for a statement: no other may
// be had, where a server that was trusted lets people in as it should not.
func (c *carrier) discardOver(ctx context.Context, l *link) error {
	if err := l.exec(ctx, "ROLLBACK"); err != nil {
		return err
	}
	return dropStages(ctx, l, c.stages)
}

// cleanupTime bounds the removal of what was staged.
const cleanupTime = 30 * time.Second

// endUsers ends sessions of the role that logged in which have locks on what is
// staged: they are the copy's own.
func endUsers(stages []string) string {
	return "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a WHERE a.usename = session_user AND a.pid <> pg_catalog.pg_backend_pid() AND EXISTS (SELECT FROM pg_catalog.pg_locks l" +
		" JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = a.pid AND n.nspname IN (" + quote.Literals(stages) + "))"
}

// dropStages drops schemas with all that is in them.
func dropStages(ctx context.Context, l *link, stages []string) error {
	for _, s := range stages {
		if err := l.exec(ctx, "DROP SCHEMA IF EXISTS "+quote.Identifier(s)+" CASCADE"); err != nil {
			return err
		}
	}
	return nil
}
