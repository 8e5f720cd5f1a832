package read_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
)

// A trail of 2,000 seconds in small segments: what is asked for comes whole, in
// order, and not much more of it.
func TestSince(t *testing.T) {
	tr, dir := begin(t)
	for i := range 2000 {
		event := audit.Event{Type: "tick", ID: fmt.Sprintf("T%04d", i), Body: map[string]bool{"even": i%2 == 0}}
		err := tr.Enqueue(event)
		if i%20 == 19 { // on disk, and so a segment
			_, err = tr.Append(t.Context(), audit.Event{Type: "tock"})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 12, 4, 9, 20, 0, 0, time.UTC)
	var ids []string
	var first time.Time
	collect := func(r record.Record) error {
		if r.Type == "tick" {
			ids = append(ids, r.ID)
		}
		if first.IsZero() {
			first = r.Time
		}
		return nil
	}
	if err := read.Since(t.Context(), dir, since, nil, collect); err != nil {
		t.Fatal(err)
	}
	if n := len(ids); n == 0 || ids[n-1] != "T1999" || !slices.IsSorted(ids) || first.After(since) || first.Before(since.Add(-7*time.Minute)) {
		t.Errorf("%d records from %s on", n, first)
	}
	whole := len(ids)
	if ids = nil; read.Since(t.Context(), dir, since, [][]byte{[]byte(`"even":true`), []byte("none")}, collect) != nil || len(ids) < whole/2-1 || len(ids) > whole/2+1 {
		t.Errorf("%d of %d records have the needle", len(ids), whole)
	}
	if ids = nil; read.Since(t.Context(), dir, time.Time{}, nil, collect) != nil || len(ids) != 2000 {
		t.Errorf("%d of 2000 records", len(ids))
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := read.Since(ended, dir, since, nil, collect); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) < 10 {
		t.Fatal(segments, err)
	}
	damaged := segments[len(segments)-3]
	text, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-20] ^= 1
	if err := os.WriteFile(damaged, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read.Since(t.Context(), dir, since, nil, collect); err == nil {
		t.Error("a damaged segment is read over")
	}
}
