package ledger_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
)

// wide is the beginning of a copy of many relations, and the largest receipt that
// it can have.
func wide(t *testing.T, relations, columns int, name func(int) string) (*ledger.Begun, *ledger.Published) {
	t.Helper()
	events, _ := readScript(t, "01 09:00:00 begun a")
	b := events[0].body.(*ledger.Begun)
	b.Origin.Relations, b.Targets = nil, nil
	p := &ledger.Published{Copy: b.Copy}
	var rest []string
	for i := range columns {
		rest = append(rest, fmt.Sprintf("column_%d", i))
	}
	sum := "sha256:" + strings.Repeat("f", 73)
	for i := range relations {
		b.Origin.Relations = append(b.Origin.Relations, ledger.OriginRelation{Schema: "public", Name: name(i), OID: 1<<32 - 1})
		b.Targets = append(b.Targets, ledger.Target{Schema: "public", Name: name(i), From: []int{i}, Mode: ledger.ModeNew, Rest: rest})
		p.Relations = append(p.Relations, ledger.Receipt{
			Bytes: 1<<53 - 1, Rows: 1<<53 - 1, Held: sum, Read: sum, Schema: "public", Name: name(i), OID: 1<<32 - 1,
		})
	}
	for range ledger.MaxList {
		p.Warnings = append(p.Warnings, strings.Repeat("\x01", 300))
	}
	return b, p
}

// A copy that may begin can be published: beginning and receipt fit into the
// trail. One that could not is refused before it begins.
func TestReceiptFits(t *testing.T) {
	key, err := audit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := audit.Open(filepath.Join(t.TempDir(), "trail"), audit.Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	plain := func(i int) string { return fmt.Sprintf("relation_%d", i) }
	odd := func(i int) string { return fmt.Sprintf("%04d", i) + strings.Repeat("\x01", 59) }
	for _, c := range []struct {
		relations, columns int
		name               func(int) string
		refused            string
	}{
		{ledger.MaxRelations, 20, plain, ""},
		{1000, 25, plain, ""},
		{1500, 30, plain, ""},
		{500, 10, odd, ""},
		{ledger.MaxRelations + 1, 1, plain, "relations are 2001, more than 2000"},
		{ledger.MaxRelations, 30, plain, "60000 columns, more than 50000"},
		{ledger.MaxRelations, 1, odd, "several sets"},
	} {
		begun, receipt := wide(t, c.relations, c.columns, c.name)
		first, err := ledger.Event(at, "r", "", begun)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%d relations of %d columns: %v", c.relations, c.columns, err)
			}
			continue
		}
		if err == nil {
			_, err = tr.Append(t.Context(), first)
		}
		if err != nil {
			t.Fatalf("%d relations of %d columns: %v", c.relations, c.columns, err)
		}
		last, err := ledger.Event(at, "r", "", receipt)
		if err == nil {
			_, err = tr.Append(t.Context(), last)
		}
		if err != nil {
			t.Errorf("%d relations of %d columns: the receipt does not fit: %v", c.relations, c.columns, err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

// Facts that are too long for the event are refused: they belong into the store.
func TestLongFacts(t *testing.T) {
	events, _ := readScript(t, "01 09:00:00 begun a")
	b := events[0].body.(*ledger.Begun)
	for length, want := range map[int]bool{ledger.MaxFactsBytes: true, ledger.MaxFactsBytes + 1: false} {
		b.Origin.Facts.Inline = []byte(`["` + strings.Repeat("x", length-4) + `"]`)
		if err := b.Check(); (err == nil) != want {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// A ledger forgets events in the middle of a long timeline, and counts them.
func TestLongTimeline(t *testing.T) {
	l := ledger.New(20)
	var lines strings.Builder
	lines.WriteString("01 09:00:00 begun a\n01 09:00:01 published a\n")
	for i := range 600 {
		fmt.Fprintf(&lines, "02 %02d:%02d:00 drifted a\n02 %02d:%02d:01 frozen a\n", i/60, i%60, i/60, i%60)
	}
	events, _ := readScript(t, lines.String())
	for _, ev := range events {
		l.Add(ev.raw)
	}
	c := l.Copy(id("a"))
	if len(c.Timeline) != 20 || c.LeftOut != len(events)-20 || c.Timeline[0].Type != "copy.begun" || c.Timeline[7].Index != 7 || c.Timeline[19].Index != int64(len(events)-1) {
		t.Errorf("%d events, %d left out: %+v", len(c.Timeline), c.LeftOut, c.Timeline)
	}
	if len(c.Exposures) != 256 {
		t.Errorf("%d exposures", len(c.Exposures))
	}
	// What was forgotten counts as open in between: never too little.
	if open := l.Exposed(id("a"), time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC)); open.Least < 600*time.Second || open.Now {
		t.Errorf("open for %v", open)
	}
}

// The beginning of an id finds the only copy that begins with it.
func TestFind(t *testing.T) {
	events, _ := readScript(t, "01 09:00:00 begun a\n01 09:00:00 begun b")
	l := fold(events, time.Time{})
	other := *events[0].body.(*ledger.Begun)
	other.Copy = "a" + strings.Repeat("b", 25)
	made, err := ledger.Event(events[0].at, "r", "", &other)
	if err == nil {
		err = l.Apply(7, made)
	}
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]string{
		"b": id("b"), id("b"): id("b"), "ab": other.Copy, "aa": id("a"),
		"a": "2 copies begin with a: " + id("a") + ", " + other.Copy,
		"c": "no copy c",
		"":  "not the beginning", "B": "not the beginning", id("b") + "b": "not the beginning",
	} {
		c, err := l.Find(prefix)
		if c != nil && c.ID != want || c == nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", prefix, c, err)
		}
	}
}

// Facts about an origin are kept while a copy that has them is there, once.
func TestOriginFacts(t *testing.T) {
	events, _ := readScript(t, "01 09:00:00 begun a\n01 09:00:01 published a\n01 09:00:02 begun b to=sandbox:public.b\n01 09:00:03 removed a")
	l := fold(events, time.Time{})
	gone, known := l.OriginFacts(id("a"))
	if !known || gone.Inline != nil || gone.Sum != sums {
		t.Errorf("of a copy that is gone: %+v, %v", gone, known)
	}
	if there, known := l.OriginFacts(id("b")); !known || string(there.Inline) != `[{"subject":"shop"}]` {
		t.Errorf("of a copy that is there: %+v, %v", there, known)
	}
	if _, known := l.OriginFacts(id("z")); known {
		t.Error("of no copy")
	}
}
