package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/integration/harness"
)

// wide is a SELECT from so many relations that are not there.
func wide(relations int) string {
	var b strings.Builder
	b.WriteString("SELECT 1 FROM r")
	for i := range relations - 1 {
		fmt.Fprintf(&b, ",r%d", i)
	}
	return b.String()
}

// A text that uses a name over and over costs no more than it is long.
func TestNameUsedOverAndOver(t *testing.T) {
	p := startPlace(t, setup{policy: emptyPolicy})
	c := p.connect(t, "")
	text := "PREPARE a AS " + wide(9000) + strings.Repeat("; EXECUTE a", 5000)
	var err error
	grown, _ := harness.HeapOf(func() { err = run(t, c, text) })
	if code(err) == "" {
		t.Errorf("got %v, want an SQLSTATE", err)
	}
	if grown > 300<<20 {
		t.Errorf("one text of %d KiB took %d MiB", len(text)>>10, grown>>20)
	}
	mustRun(t, c, "SELECT 1")
}

// A client that sends and never reads holds what the sockets hold, no more.
func TestSendsAndNeverReads(t *testing.T) {
	p := startPlace(t, setup{policy: emptyPolicy})
	w := speak(t, p.connect(t, ""))
	closing, err := (&pgproto3.Close{ObjectType: 'S', Name: "x"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	flood := []byte(strings.Repeat(string(closing), 20000))
	sent := 0
	grown, _ := harness.HeapOf(func() {
		deadline := time.Now().Add(5 * time.Second)
		for time.Now().Before(deadline) {
			w.conn.SetWriteDeadline(time.Now().Add(time.Second))
			n, err := w.conn.Write(flood)
			sent += n
			if err != nil {
				return
			}
		}
	})
	if grown > 64<<20 {
		t.Errorf("%d unread answers took %d MiB", sent/len(closing), grown>>20)
	}
}
