package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
	"github.com/sluice-pg/sluice/audit/verify"
)

// storyLines is a trail of three copies and a place.
const storyLines = `
01 09:00:00 begun a request=r1 session=s1
01 09:00:01 begun b to=sandbox:public.users request=r2
01 09:00:05 published a
01 09:00:06 published b
02 09:00:00 begun c from=analytics:public.users#20001 to=sandbox:public.more
02 09:00:05 published c relations=public.more#3
03 09:00:00 drifted a
03 09:00:01 frozen a
04 09:00:00 measured analytics deficits=trust
04 09:00:05 measured analytics
05 09:00:00 removed b
06 09:00:00 begun d to=sandbox:public.last
`

// writeTrail appends the story to a trail of small segments, and applies it to a
// ledger as the proxy does. Between the events are other records.
func writeTrail(t testing.TB, dir string) (*audit.Trail, *ledger.Ledger, *audit.Key) {
	t.Helper()
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)
	tr, err := audit.Open(dir, audit.Options{Key: key, SegmentBytes: 4000, CheckpointEvery: time.Hour, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	own := ledger.New(0)
	events, _ := readScript(t, storyLines)
	for i, ev := range events {
		made, err := ledger.Event(ev.at, cmpOr(ev.raw.ID, fmt.Sprint("r", i)), ev.raw.Session, ev.body)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Enqueue(audit.Event{Time: ev.at, Type: "decision", Body: map[string]string{"text": `","type":"copy.removed","v":1}`, "type": "copy.begun"}}); err != nil {
			t.Fatal(err)
		}
		index, err := tr.Append(context.Background(), made)
		if err == nil {
			err = own.Apply(index, made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return tr, own, key
}

// A ledger that followed the proxy is the one that is read from the trail, also
// while the trail is open; a run that ended is seen in it.
func TestReadTrail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	tr, own, key := writeTrail(t, dir)
	open, err := ledger.Read(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(told(t, own), told(t, open)); diff != "" {
		t.Error(diff)
	}
	if c := open.Copy(id("d")); c == nil || c.State() != ledger.State(ledger.LifeCopying) || open.Incomplete() {
		t.Errorf("the unfinished copy is %+v", c)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	closed, err := ledger.Read(t.Context(), dir, ledger.Options{})
	if err != nil || closed.Copy(id("d")).State() != ledger.State(ledger.LifeUnknown) || len(closed.Sweep()) != 1 {
		t.Errorf("after the end: %v, %+v", err, closed.Copy(id("d")))
	}
	past, err := ledger.Read(t.Context(), dir, ledger.Options{Until: time.Date(2026, 12, 1, 9, 0, 5, 0, time.UTC)})
	if err != nil || past.Copy(id("c")) != nil || past.Copy(id("a")).Life != ledger.LifeLive || past.Copy(id("b")).Life != ledger.LifeCopying {
		t.Errorf("in the past: %v", err)
	}
	report, err := verify.Dir(dir, key.Verifier(), verify.Options{})
	if err != nil || !ledger.ProofOf(report).OK {
		t.Errorf("%v, %+v", err, report)
	}
	if _, err := ledger.Read(t.Context(), t.TempDir(), ledger.Options{}); err == nil {
		t.Error("a folder without a trail is read")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ledger.Read(ended, dir, ledger.Options{}); err == nil {
		t.Error("read after the end")
	}
}

// What the proxy records as events of the ledger is what the ledger takes.
func TestEventAndApply(t *testing.T) {
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	good := &ledger.Expired{Copy: id("a"), Expires: ledger.At(at)}
	if _, err := ledger.Event(at, "", "", &ledger.Expired{Copy: "no"}); err == nil {
		t.Error("a body that is not good becomes an event")
	}
	events, _ := readScript(t, "01 09:00:00 begun a")
	if _, err := ledger.Event(at, "", "", events[0].body); err == nil || !strings.Contains(err.Error(), "request") {
		t.Errorf("a copy that nobody asked for: %v", err)
	}
	l := ledger.New(0)
	for what, ev := range map[string]audit.Event{
		"no time":      {Type: "copy.expired", Body: good},
		"another type": {Time: at, Type: "copy.removed", Body: good},
		"another body": {Time: at, Type: "copy.expired", Body: map[string]string{}},
		"no body":      {Time: at, Type: "copy.expired"},
	} {
		if l.Apply(1, ev) == nil {
			t.Errorf("%s: applied", what)
		}
	}
	if l.Events() != 0 {
		t.Error("something was taken")
	}
}

// frames are the lines of a segment, without the header.
func frames(t *testing.T, path string) (frames []record.Frame) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := record.NewScanner(f, 0)
	for {
		frame, err := in.Next()
		if err == io.EOF {
			return frames[1:]
		}
		if err != nil {
			t.Fatal(err)
		}
		frame.Payload = bytes.Clone(frame.Payload)
		frames = append(frames, frame)
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(list) < 3 {
		t.Fatalf("%q, %v", list, err)
	}
	slices.Sort(list)
	return list
}

// Each event of a closed trail is spoiled in turn: nobody shows less than without
// that event and calls it whole, and the verifier does not let it pass.
func TestSpoiledEvents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	tr, _, key := writeTrail(t, dir)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := ledger.Read(t.Context(), dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range segments(t, dir) {
		original, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range frames(t, path) {
			n++
			data := bytes.Clone(original)
			data[frame.Offset+frame.Size/2] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := ledger.Read(t.Context(), dir, ledger.Options{})
			if err != nil {
				t.Fatal(err)
			}
			problems, _ := l.Problems()
			if !l.Incomplete() || len(problems) == 0 || !strings.Contains(problems[0].What, filepath.Base(path)) {
				t.Errorf("%s, byte %d: nobody noticed: %v", path, frame.Offset, problems)
			}
			if lost := whole.Events() - l.Events(); lost > 1 {
				t.Errorf("%s, byte %d: %d events are lost", path, frame.Offset, lost)
			}
			report, err := verify.Dir(dir, key.Verifier(), verify.Options{})
			if proof := ledger.ProofOf(report); err == nil || proof.OK || !strings.HasPrefix(proof.String(), "NOT GENUINE") {
				t.Errorf("%s, byte %d: %s", path, frame.Offset, proof)
			}
		}
		if err := os.WriteFile(path, original, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n < 25 {
		t.Errorf("%d records were spoiled", n)
	}
}

// An end that somebody writes into the trail with a good checksum is believed by
// the ledger, and not by the verifier. A segment that is missing is noticed by
// both.
func TestForgedTrail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trail")
	tr, _, key := writeTrail(t, dir)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	all := segments(t, dir)
	forged := false
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range frames(t, path) {
			if !bytes.Contains(frame.Payload, []byte(`"owner":"bob"`)) {
				continue
			}
			line := text[frame.Offset : frame.Offset+frame.Size]
			owner := bytes.Index(line, []byte(`"owner":"bob"`))
			copy(line[owner:], `"owner":"eve"`)
			copy(line, fmt.Sprintf("%08x", crc(line[8:len(line)-1])))
			forged = true
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Read(t.Context(), dir, ledger.Options{})
	if err != nil || !forged || l.Incomplete() || len(l.Copies(ledger.Query{Owner: "eve", All: true})) != 4 {
		t.Fatalf("%v, %v", err, forged)
	}
	if report, err := verify.Dir(dir, key.Verifier(), verify.Options{}); err == nil || ledger.ProofOf(report).OK {
		t.Error("the forged trail is called genuine")
	}
	if err := os.Remove(all[1]); err != nil {
		t.Fatal(err)
	}
	if l, err = ledger.Read(t.Context(), dir, ledger.Options{}); err != nil || !l.Incomplete() {
		t.Errorf("a missing segment is not noticed: %v", err)
	}
}
