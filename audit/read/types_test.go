package read_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit/read"
	"github.com/sluice-pg/sluice/audit/record"
)

// found are the indexes of the records of some types, and the damage.
func found(t *testing.T, dir string, types ...string) (indexes []int64, damage []string) {
	t.Helper()
	err := read.Types(t.Context(), dir, types, func(r record.Record) error {
		indexes = append(indexes, r.Index)
		return nil
	}, func(d read.Damage) error {
		damage = append(damage, d.String())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return indexes, damage
}

func TestTypes(t *testing.T) {
	dir := story(t)
	for types, want := range map[string][]int64{
		"session": {1, 2, 6}, "session.open": {1, 2}, "sess": nil, "decision result": {3, 4, 5, 7}, "trail.open trail.close": {0, 8}, "": nil, "open": nil,
	} {
		if got, damage := found(t, dir, strings.Fields(types)...); !slices.Equal(got, want) || damage != nil {
			t.Errorf("%s: records %v, expected %v; %v", types, got, want, damage)
		}
	}
	if err := read.Types(t.Context(), t.TempDir(), nil, nil, nil); err == nil {
		t.Error("a folder without a trail is read")
	}
	stop := errors.New("stop")
	err := read.Types(t.Context(), dir, []string{"trail"}, func(record.Record) error { return stop }, nil)
	if !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := read.Types(ended, dir, nil, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// A type that stands in a body is no type, whatever the body looks like.
func TestTypesInBodies(t *testing.T) {
	tr, dir := begin(t)
	add(t, tr, "decision", "copy.begun", "", map[string]any{"type": "copy.begun", "text": `,"type":"copy.begun","v":1}`})
	add(t, tr, "decision", "A", `,"type":"copy.begun","v":1}`, nil)
	add(t, tr, strings.Repeat("x", 64), "B", "", nil)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if got, damage := found(t, dir, "copy", "copy.begun"); got != nil || damage != nil {
		t.Errorf("records %v, %v", got, damage)
	}
	if got, _ := found(t, dir, strings.Repeat("x", 64)); !slices.Equal(got, []int64{3}) {
		t.Errorf("the longest type: records %v", got)
	}
}

// Whatever is spoiled is told with its place, and hides nothing else.
func TestTypesOverDamage(t *testing.T) {
	dir := story(t)
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) < 3 {
		t.Fatalf("%q, %v", segments, err)
	}
	whole, _ := found(t, dir, "session", "decision", "result", "trail")
	for n, path := range segments {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range text {
			flips := []byte{1}
			if at%8 == 0 {
				flips = append(flips, text[at]^'\n')
			}
			for _, flip := range flips {
				if flip == 0 {
					continue
				}
				spoiled := slices.Clone(text)
				spoiled[at] ^= flip
				if err := os.WriteFile(path, spoiled, 0o600); err != nil {
					t.Fatal(err)
				}
				got, damage := found(t, dir, "session", "decision", "result", "trail")
				// The end of the trail may look unfinished.
				if len(damage) == 0 && (n < len(segments)-1 || at < len(text)-1) {
					t.Fatalf("%s, byte %d ^ %#x: nobody noticed", path, at, flip)
				}
				lost := 0
				for _, index := range whole {
					if !slices.Contains(got, index) {
						lost++
					}
				}
				// A newline that is gone joins two records.
				if lost > 1 && (lost > 2 || text[at] != '\n') || len(got)+lost != len(whole) {
					t.Fatalf("%s, byte %d ^ %#x: records %v, %v", path, at, flip, got, damage)
				}
			}
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A record that stands there twice, with a good checksum.
	text, err := os.ReadFile(segments[1])
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.SplitAfter(text, []byte("\n"))[1]
	if err := os.WriteFile(segments[1], slices.Concat(text, line), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, damage := found(t, dir, "session", "decision", "result", "trail"); len(damage) == 0 || !strings.Contains(damage[0], "stands where") {
		t.Errorf("a record that is there twice: %q", damage)
	}
	if err := os.Remove(segments[1]); err != nil {
		t.Fatal(err)
	}
	if got, damage := found(t, dir, "trail.close"); len(got) != 1 || len(damage) != 1 || !strings.Contains(damage[0], "records are missing") {
		t.Errorf("without a segment: %v, %q", got, damage)
	}
}
