package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sluice-pg/sluice/audit/record"
)

const (
	checkpointsName = "checkpoints"
	latestName      = "latest"
	storeName       = "store"
)

// ErrBad is the error for a trail that is not as it should be. The report
// says where.
var ErrBad = errors.New("the trail is not good")

// Options say what is known from elsewhere.
type Options struct {
	// Origin is the trail's name; empty means the key's name.
	Origin string
	// Expect is a number of records that the trail is known to have had
	// signed; fewer are a problem.
	Expect int64
	// Checkpoint is a signed checkpoint kept elsewhere. The trail must hold
	// the same records.
	Checkpoint []byte
}

// Dir checks the trail in a directory. A trail that is not good gives the
// report and an error that is ErrBad; any other error means that it could not
// be checked.
func Dir(dir string, key note.Verifier, o Options) (Report, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return Report{}, fmt.Errorf("verify: %w", err)
	}
	if !info.IsDir() {
		return Report{}, fmt.Errorf("verify: %s is not a directory", dir)
	}
	return FS(os.DirFS(dir), key, o)
}

// FS checks the trail in the root of a file system, as Dir does.
func FS(fsys fs.FS, key note.Verifier, o Options) (Report, error) {
	if o.Origin == "" {
		o.Origin = key.Name()
	}
	c := &checker{fsys: fsys, key: key, origin: o.Origin, blobs: make(map[string]bool)}
	c.report.Origin = o.Origin
	c.report.Key = fmt.Sprintf("%s+%08x", key.Name(), key.KeyHash())
	err := c.check(o)
	var p *Problem
	switch {
	case err == nil:
		c.report.OK = true
		return c.report, nil
	case errors.As(err, &p):
		c.report.Problem = p
		c.report.Unsigned = 0
		return c.report, fmt.Errorf("verify: %w: %w", ErrBad, p)
	}
	return c.report, fmt.Errorf("verify: %w", err)
}

// Error makes a problem an error, so that it can end a check from within.
func (p *Problem) Error() string { return p.String() }

// checker is one run.
type checker struct {
	fsys   fs.FS
	key    note.Verifier
	origin string
	report Report

	// latest is the file with the latest checkpoint, nil once it has been
	// met in the list.
	latest []byte
	// signed reads the list of checkpoints; next is the first that has not
	// been compared, nil after the last.
	signed *record.Checkpoints
	next   *record.Checkpoint
	at     int64 // where next stands
	end    int64 // of the list as it was when the check began

	// outside is the checkpoint kept elsewhere, nil once it has been met.
	outside *record.Checkpoint

	tree     tree
	lastTime time.Time
	backward int64 // records earlier than the one before
	stepBack time.Duration
	blobs    map[string]bool
}

// check does everything in one pass. The order of reading matters for a
// trail that is being written: a checkpoint is written after its records, so
// it is read before them.
func (c *checker) check(o Options) error {
	if o.Checkpoint != nil {
		outside, err := record.OpenCheckpoint(o.Checkpoint, c.key)
		if err != nil {
			return fmt.Errorf("the checkpoint kept elsewhere: %w", err)
		}
		if outside.Origin != c.origin {
			return fmt.Errorf("the checkpoint kept elsewhere is of %s, not of %s", outside.Origin, c.origin)
		}
		c.outside = &outside
	}
	closeList, err := c.openCheckpoints()
	if err != nil {
		return err
	}
	defer closeList()
	segments, err := c.list()
	if err != nil {
		return err
	}
	if err := c.advance(); err != nil {
		return err
	}
	if err := c.compare(segmentAt(segments, 0), 0); err != nil {
		return err
	}
	for i, first := range segments {
		if err := c.segment(first, i == len(segments)-1); err != nil {
			return err
		}
	}
	return c.conclude(o)
}

func segmentAt(segments []int64, i int) string {
	if i < len(segments) {
		return record.SegmentName(segments[i])
	}
	return ""
}

// openCheckpoints opens the list of checkpoints up to its present end.
func (c *checker) openCheckpoints() (closeList func(), err error) {
	c.latest, err = fs.ReadFile(c.fsys, latestName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := c.fsys.Open(checkpointsName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Problem{checkpointsName, -1, 0, "the file is missing, so nothing is signed"}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	c.end = info.Size()
	c.signed = record.NewCheckpoints(io.LimitReader(f, c.end), 0, c.key)
	return func() { f.Close() }, nil
}

// list returns the segments in order and notes what does not belong.
func (c *checker) list() ([]int64, error) {
	entries, err := fs.ReadDir(c.fsys, ".")
	if err != nil {
		return nil, err
	}
	known := []string{checkpointsName, latestName, storeName, "lock", "trail.key", "trail.pub"}
	var segments []int64
	for _, e := range entries {
		if first, ok := record.ParseSegmentName(e.Name()); ok {
			segments = append(segments, first)
			continue
		}
		if !slices.Contains(known, e.Name()) && !strings.HasSuffix(e.Name(), ".tmp") {
			c.note("%q is no part of the trail and was not looked at", e.Name())
		}
	}
	slices.Sort(segments)
	if len(segments) == 0 {
		return nil, &Problem{"", -1, 0, "there is no segment in this directory"}
	}
	return segments, nil
}

func (c *checker) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

// advance reads the next checkpoint of the list.
func (c *checker) advance() error {
	previous := c.next
	c.at = c.signed.Offset()
	next, err := c.signed.Next()
	var bad *record.FrameError
	switch {
	case err == io.EOF:
		c.next = nil
		return nil
	case errors.As(err, &bad) && errors.Is(err, record.ErrUnfinished):
		c.next = nil
		c.note("%s ends at byte %d in an unfinished checkpoint of %d bytes, as in the middle of writing or after a crash", checkpointsName, bad.Offset, bad.Bytes)
		return nil
	case errors.As(err, &bad):
		return &Problem{checkpointsName, bad.Offset, c.report.Good, fmt.Sprintf("this checkpoint is not good: %v", bad.Err)}
	case err != nil:
		return err
	case next.Origin != c.origin:
		return &Problem{checkpointsName, c.at, c.report.Good, fmt.Sprintf("this checkpoint is of the trail %q, expected %q", next.Origin, c.origin)}
	case previous != nil && next.Size <= previous.Size:
		return &Problem{checkpointsName, c.at, c.report.Good, fmt.Sprintf("this checkpoint signs %d records after one that signs %d", next.Size, previous.Size)}
	}
	c.next = &next
	if bytes.Equal(c.latest, c.signed.Raw()) {
		c.latest = nil
	}
	return nil
}

// compare holds the tree as it is now against the checkpoints of its size.
func (c *checker) compare(file string, offset int64) error {
	if c.outside != nil && c.outside.Size == c.tree.size {
		if c.outside.Root != c.tree.root() {
			return &Problem{file, -1, -1, fmt.Sprintf("the first %d records are not those that the checkpoint kept elsewhere signs: this is another history", c.tree.size)}
		}
		c.outside = nil
	}
	if c.next == nil || c.next.Size != c.tree.size {
		return nil
	}
	if c.next.Root != c.tree.root() {
		return &Problem{file, -1, c.report.Good, fmt.Sprintf("records %d to %d are not those that the checkpoint at byte %d of %s signs", c.report.Good, c.tree.size-1, c.at, checkpointsName)}
	}
	c.report.Good = c.tree.size
	c.report.Unsigned = 0
	c.report.Checkpoints++
	if c.tree.size > 0 {
		c.report.GoodTime = formatTime(c.lastTime)
	}
	return c.advance()
}

// segment checks one file.
func (c *checker) segment(first int64, last bool) error {
	name := record.SegmentName(first)
	if first != c.tree.size {
		return &Problem{name, -1, c.tree.size, fmt.Sprintf("the segment begins with record %d, and %d is the next: records or segments are missing, or there twice", first, c.tree.size)}
	}
	f, err := c.fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := record.NewScanner(f, 0)
	if err := c.header(in, name, first); err != nil {
		return err
	}
	c.report.Segments++
	for {
		frame, err := in.Next()
		var bad *record.FrameError
		switch {
		case err == io.EOF:
			if !last && c.tree.size == first {
				return &Problem{name, 0, first, "the segment holds no record and is not the last"}
			}
			return nil
		case errors.As(err, &bad) && errors.Is(err, record.ErrUnfinished) && last && c.next == nil:
			c.note("%s ends at byte %d in an unfinished record of %d bytes, as in the middle of writing or after a crash", name, bad.Offset, bad.Bytes)
			return nil
		case errors.As(err, &bad):
			return &Problem{name, bad.Offset, c.tree.size, bad.Err.Error()}
		case err != nil:
			return err
		}
		if err := c.record(frame, name); err != nil {
			return err
		}
	}
}

// header checks a segment's first frame: there is only one it can be.
func (c *checker) header(in *record.Scanner, name string, first int64) error {
	problem := func(what string) error { return &Problem{name, 0, first, what} }
	frame, err := in.Next()
	var bad *record.FrameError
	switch {
	case err == io.EOF:
		return problem("the segment is empty")
	case errors.As(err, &bad):
		return problem("its header: " + bad.Err.Error())
	case err != nil:
		return err
	}
	h, err := record.ParseHeader(frame.Payload)
	switch {
	case err != nil:
		return problem("its header: " + err.Error())
	case h.Origin != c.origin:
		return problem(fmt.Sprintf("the segment belongs to the trail %q, expected %q", h.Origin, c.origin))
	case h.First != first:
		return problem(fmt.Sprintf("its header says that it begins with record %d", h.First))
	case h.Root != c.tree.root() || !slices.Equal(h.Edge, c.tree.edge()):
		return problem("its header does not fit the records before it")
	}
	return nil
}

// record checks one record and adds it to the tree.
func (c *checker) record(frame record.Frame, name string) error {
	problem := func(format string, args ...any) error {
		return &Problem{name, frame.Offset, c.tree.size, fmt.Sprintf(format, args...)}
	}
	r, err := record.Parse(frame.Payload)
	if err != nil {
		return problem("%v", err)
	}
	if r.Index != c.tree.size {
		return problem("record %d stands where %d belongs", r.Index, c.tree.size)
	}
	digests, err := record.Digests(r.Body)
	if err != nil {
		return problem("its body: %v", err)
	}
	for _, d := range digests {
		if what, err := c.blob(d); err != nil {
			return err
		} else if what != "" {
			return problem("it refers to the blob %s, which %s", d, what)
		}
	}
	if back := c.lastTime.Sub(r.Time); back > 0 && c.tree.size > 0 {
		c.backward++
		c.stepBack = max(c.stepBack, back)
	}
	c.lastTime = r.Time
	c.tree.add(tlog.RecordHash(r.Raw))
	c.report.Unsigned++
	return c.compare(name, frame.Offset)
}

// conclude holds the end of the records against what was promised.
func (c *checker) conclude(o Options) error {
	if c.backward > 0 {
		what := fmt.Sprintf("%d records are earlier than those before them", c.backward)
		if c.backward == 1 {
			what = "1 record is earlier than the one before it"
		}
		c.note("%s, by %v at most", what, c.stepBack)
	}
	if len(c.blobs) > 0 {
		c.report.Blobs = len(c.blobs)
	}
	switch {
	case c.next != nil:
		return &Problem{checkpointsName, c.at, c.tree.size, fmt.Sprintf("this checkpoint signs %d records, and only %d are here: the trail was cut", c.next.Size, c.tree.size)}
	case c.outside != nil:
		return &Problem{"", -1, c.tree.size, fmt.Sprintf("the checkpoint kept elsewhere signs %d records, and only %d are here: this copy is older, or was cut", c.outside.Size, c.tree.size)}
	case c.latest != nil:
		return &Problem{latestName, 0, -1, "this checkpoint is not one of the list in " + checkpointsName}
	case c.report.Good < o.Expect:
		return &Problem{"", -1, c.report.Good, fmt.Sprintf("%d records were expected to be signed, and only %d are: this copy is older, or was cut", o.Expect, c.report.Good)}
	}
	return nil
}
