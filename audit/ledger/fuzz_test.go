package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
)

// seeds are the bodies of the data file, as types and texts.
func seeds(t testing.TB) (list [][2]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/bodies.txt")
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(string(text), "====\n") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		if i := slices.Index(lines, "----"); i >= 2 {
			list = append(list, [2]string{lines[i-2], lines[i-1]})
		}
	}
	if len(list) < 50 {
		t.Fatalf("%d seeds", len(list))
	}
	return list
}

// FuzzDecode reads any text as the body of any event: what is good has one form,
// which is read as the same again and fits into a record.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s[0], []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, eventType string, text []byte) {
		body, err := ledger.Decode(eventType, text)
		if body == nil {
			if err != nil && !errors.Is(err, ledger.ErrBody) {
				t.Fatal(err)
			}
			return
		}
		if err != nil && !errors.Is(err, ledger.ErrForeign) {
			t.Fatalf("%v, and a body", err)
		}
		own, bad := audit.Canonical(body)
		if bad != nil {
			t.Fatal(bad)
		}
		if err == nil && !bytes.Equal(own, text) {
			t.Fatalf("%s is taken for %s", text, own)
		}
		again, bad := ledger.Decode(eventType, own)
		if bad != nil {
			t.Fatalf("%s: %v", own, bad)
		}
		if twice, bad := audit.Canonical(again); bad != nil || !bytes.Equal(own, twice) {
			t.Fatalf("%s becomes %s, %v", own, twice, bad)
		}
		if body.EventType() != eventType {
			t.Fatalf("%s is read as %s", eventType, body.EventType())
		}
	})
}

// FuzzFold takes lines "TYPE BODY" for a trail: whatever they say, every copy that
// a good beginning or a bad event names is shown, and all can be told.
func FuzzFold(f *testing.F) {
	// Short ones: the fuzzer spends its time on making long ones shorter.
	var all []string
	for _, s := range seeds(f) {
		all = append(all, s[0]+" "+s[1])
	}
	for group := range slices.Chunk(all, 4) {
		f.Add([]byte(strings.Join(group, "\n")))
	}
	for _, story := range []string{
		"01 09:00:00 begun a\n01 09:00:00 published a\n01 09:00:00 drifted a\n01 09:00:00 frozen a\n01 09:00:00 removed a",
		"01 09:00:00 begun a\n01 09:00:00 raw trail.open {}\n01 09:00:00 failed a left=staging\n01 09:00:00 purged a",
		"01 09:00:00 measured p deficits=x\n01 09:00:00 measured p\n01 09:00:00 lost a\n01 09:00:00 begun b from=shop:public.x to=shop:public.x",
	} {
		events, _ := readScript(f, story)
		var lines []string
		for _, ev := range events {
			lines = append(lines, ev.raw.Type+" "+string(ev.raw.Body))
		}
		f.Add([]byte(strings.Join(lines, "\n")))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := ledger.New(16)
		at := time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC)
		begun := map[string]bool{}
		for i, row := range bytes.Split(text, []byte("\n")) {
			eventType, body, _ := bytes.Cut(row, []byte(" "))
			l.Add(record.Record{Index: int64(i), Time: at.Add(time.Duration(i) * time.Second), Type: string(eventType), Body: body})
			if b, err := ledger.Decode(string(eventType), body); err == nil {
				if b, ok := b.(*ledger.Begun); ok {
					begun[b.Copy] = true
				}
			}
		}
		all := l.Copies(ledger.Query{All: true})
		for _, c := range all {
			delete(begun, c.ID)
			if len(c.Timeline) == 0 || len(c.Timeline) > 16 {
				t.Fatalf("%s has %d events", c.ID, len(c.Timeline))
			}
			if found, err := l.Find(c.ID); err != nil || found != c {
				t.Fatalf("%s is not found: %v", c.ID, err)
			}
			if e := l.Exposed(c.ID, at); e.Least < 0 || e.Most < e.Least {
				t.Fatalf("%s was open for %v to %v", c.ID, e.Least, e.Most)
			}
			var out strings.Builder
			if err := l.Tell(c.ID, at, ledger.Proof{}).Text(&out, ledger.TextOptions{}); err != nil || !printable(out.String()) {
				t.Fatalf("%v\n%q", err, out.String())
			}
		}
		if len(begun) > 0 {
			t.Fatalf("not shown: %v", begun)
		}
		var out strings.Builder
		if err := l.List(ledger.Query{All: true}, at, ledger.Proof{}).Text(&out, ledger.TextOptions{}); err != nil || !printable(out.String()) {
			t.Fatalf("%v\n%q", err, out.String())
		}
		if live := l.Copies(ledger.Query{}); len(live) > len(all) {
			t.Fatal("more copies are there than there are")
		}
		told(t, l)
	})
}

// printable tells whether a text has nothing that a terminal obeys.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e })
}
