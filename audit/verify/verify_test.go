package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/verify"
)

func newTrail(t *testing.T, o audit.Options) (*audit.Trail, string, *audit.Key) {
	t.Helper()
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	o.Key = key
	dir := filepath.Join(t.TempDir(), "trail")
	tr, err := audit.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return tr, dir, key
}

// TestWhileWriting verifies a trail again and again while it is written,
// signed and rotated. It must be good every time, and never fall back.
func TestWhileWriting(t *testing.T) {
	tr, dir, key := newTrail(t, audit.Options{SegmentBytes: 2000, CheckpointEvery: time.Millisecond})
	ended := make(chan error, 1)
	go func() { ended <- write(tr, 120) }()
	var good int64
	for writing := true; writing; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		r, err := verify.Dir(dir, key.Verifier(), verify.Options{Expect: good})
		if err != nil {
			t.Fatalf("%v\n%s", err, r)
		}
		good = r.Good
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := verify.Dir(dir, key.Verifier(), verify.Options{Expect: good})
	if err != nil || r.Good != 122 || r.Unsigned != 0 || r.Segments < 5 || r.Blobs != 50 {
		t.Errorf("closed: %v\n%s", err, r)
	}
}

// write appends n records that refer to 50 blobs.
func write(tr *audit.Trail, n int) error {
	for i := range n {
		digest, err := tr.Put(context.Background(), fmt.Appendf(nil, "blob %d", i%50))
		if err != nil {
			return err
		}
		_, err = tr.Append(context.Background(), audit.Event{Type: "decision", Body: map[string]string{"request_digest": digest}})
		if err != nil {
			return err
		}
	}
	return nil
}

// TestUnsigned checks a trail with records behind the last checkpoint, and
// again once they are signed.
func TestUnsigned(t *testing.T) {
	tr, dir, key := newTrail(t, audit.Options{CheckpointEvery: time.Hour})
	for range 3 {
		if _, err := tr.Append(context.Background(), audit.Event{Type: "decision"}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := verify.Dir(dir, key.Verifier(), verify.Options{})
	if err != nil || r.Good != 0 || r.Unsigned != 4 || !strings.Contains(r.String(), "no record is proven\n4 further records are present but not yet signed (0 to 3)\n") {
		t.Errorf("unsigned: %v\n%s", err, r)
	}
	if _, err := verify.Dir(dir, key.Verifier(), verify.Options{Expect: 1}); !errors.Is(err, verify.ErrBad) {
		t.Errorf("unsigned records count as expected: %v", err)
	}
	if err := tr.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	r, err = verify.Dir(dir, key.Verifier(), verify.Options{Expect: 4})
	if err != nil || r.Good != 4 || r.Unsigned != 0 || r.Checkpoints != 1 {
		t.Errorf("signed: %v\n%s", err, r)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNotATrail gives the verifier what is none.
func TestNotATrail(t *testing.T) {
	tr, dir, key := newTrail(t, audit.Options{})
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := verify.Dir(t.TempDir(), key.Verifier(), verify.Options{}); !errors.Is(err, verify.ErrBad) {
		t.Errorf("an empty directory: %v", err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "latest")} {
		if _, err := verify.Dir(path, key.Verifier(), verify.Options{}); err == nil || errors.Is(err, verify.ErrBad) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestReport(t *testing.T) {
	r := verify.Report{
		Origin: "o", Key: "k+00000001", Good: 42, GoodTime: "2026-12-04T09:30:02.000001Z", Unsigned: 3,
		Checkpoints: 7, Segments: 2, Blobs: 5, Notes: []string{"n"},
		Problem: &verify.Problem{File: "f", Offset: 9, Record: 45, What: "w"},
	}
	want := `BAD: f, byte 9, record 45: w
good up to record 41 at 2026-12-04T09:30:02.000001Z
3 further records are present but not yet signed (42 to 44)
trail o, key k+00000001
checked: 2 segments, 7 checkpoints, 5 blobs
note: n
`
	if r.String() != want {
		t.Errorf("got\n%swant\n%s", r, want)
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const wantJSON = `{"ok":false,"origin":"o","key":"k+00000001","good":42,"good_time":"2026-12-04T09:30:02.000001Z","unsigned":3,"checkpoints":7,"segments":2,"blobs":5,"problem":{"file":"f","offset":9,"record":45,"what":"w"},"notes":["n"]}`
	if string(out) != wantJSON {
		t.Errorf("got\n%s\nwant\n%s", out, wantJSON)
	}
	for _, c := range []struct {
		p    verify.Problem
		want string
	}{
		{verify.Problem{Offset: -1, Record: -1, What: "w"}, "w"},
		{verify.Problem{Offset: -1, Record: 0, What: "w"}, "record 0: w"},
		{verify.Problem{File: "f", Offset: 0, Record: -1, What: "w"}, "f, byte 0: w"},
	} {
		if c.p.String() != c.want {
			t.Errorf("%+v: %s", c.p, c.p.String())
		}
	}
}

// A report counts one thing as one.
func TestReportWords(t *testing.T) {
	got := verify.Report{Good: 2, Unsigned: 1, Segments: 1, Checkpoints: 1, Blobs: 0, Origin: "o", Key: "k"}.String()
	want := "good up to record 1 at \n1 further record is present but not yet signed (2)\ntrail o, key k\nchecked: 1 segment, 1 checkpoint, 0 blobs\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
