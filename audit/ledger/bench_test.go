package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/audit/record"
)

// BenchmarkRead reads trails of a million records, of which so many in a thousand
// are about copies.
func BenchmarkRead(b *testing.B) {
	const records = 1_000_000
	for _, perThousand := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("of_copies=%d‰", perThousand), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "trail")
			bigTrail(b, dir, records, perThousand)
			size := dirSize(b, dir)
			b.SetBytes(size)
			for b.Loop() {
				l, err := ledger.Read(b.Context(), dir, ledger.Options{})
				if err != nil || l.Incomplete() || l.Events() != int64(records/1000*perThousand) {
					b.Fatalf("%v, %d events", err, l.Events())
				}
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// bigTrail writes a trail as a busy proxy does.
func bigTrail(b *testing.B, dir string, records, perThousand int) {
	b.Helper()
	key, err := audit.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	tr, err := audit.Open(dir, audit.Options{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	decision := map[string]any{
		"user": "alice", "road": "query", "kind": "ordinary_read", "shape": "select id, name, price from public.products where id = $1",
		"policy": "production.yaml@0123456789ab", "decision": map[string]any{"verdict": "allow", "rule": "read-products", "reasons": []string{"rule read-products"}},
	}
	events := copyEvents(b, records/1000*perThousand)
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for i := range records {
		ev := audit.Event{Time: at, Type: "decision", ID: "k7q2m4xa", Session: "td4rqe3bnc33fmkne2pq", Body: decision}
		if i%1000 < perThousand {
			ev = events[0]
			events = events[1:]
		}
		if err := tr.Enqueue(ev); err != nil {
			b.Fatal(err)
		}
	}
	if err := tr.Close(); err != nil {
		b.Fatal(err)
	}
}

// copyEvents are n events of copies, ten of each.
func copyEvents(t testing.TB, n int) []audit.Event {
	t.Helper()
	const story = `
01 09:00:00 begun a columns=email:contact.email:pseudonym,ssid:network.ssid,name:person.name
01 09:00:01 published a
01 09:00:02 drifted a
01 09:00:03 frozen a
01 09:00:04 thawed a
01 09:00:05 renewed a was=31T00:00:00 until=30T00:00:00
01 09:00:06 reminded a until=30T00:00:00
01 09:00:07 drifted a severity=latent
01 09:00:08 recovered a
01 09:00:09 expired a until=30T00:00:00
`
	lines, _ := readScript(t, story)
	var events []audit.Event
	for i := 0; len(events) < n; i++ {
		for _, ev := range lines {
			body := withID(ev.body, numbered(i))
			made, err := ledger.Event(ev.at, "r", "", body)
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, made)
		}
	}
	return events[:n]
}

// numbered is the id of the n-th copy.
func numbered(n int) string {
	out := []byte("aaaaaaaaaaaaaaaaaaaaaaaaaa")
	for i := len(out) - 1; n > 0; i, n = i-1, n/26 {
		out[i] = byte('a' + n%26)
	}
	return string(out)
}

// withID is a body for another copy.
func withID(body ledger.Body, copyID string) ledger.Body {
	switch b := body.(type) {
	case *ledger.Begun:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Published:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Drifted:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Frozen:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Thawed:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Renewed:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Reminded:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Recovered:
		n := *b
		n.Copy = copyID
		return &n
	case *ledger.Expired:
		n := *b
		n.Copy = copyID
		return &n
	}
	panic(body.EventType())
}

func dirSize(t testing.TB, dir string) (size int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// BenchmarkFold folds a million events of copies and tells how much memory each
// of the hundred thousand copies takes.
func BenchmarkFold(b *testing.B) {
	const n = 100_000
	events := copyEvents(b, n)
	records := make([]record.Record, n)
	for i, ev := range events {
		text, err := audit.Canonical(ev.Body)
		if err != nil {
			b.Fatal(err)
		}
		records[i] = record.Record{Index: int64(i), Time: ev.Time, Type: ev.Type, ID: ev.ID, Body: text}
	}
	events = nil
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		l := ledger.New(0)
		for _, r := range records {
			l.Add(r)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if found := l.Copies(ledger.Query{Class: "contact.email"}); len(found) != n/10 {
			b.Fatal(len(found))
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(n/10), "B/copy")
}
