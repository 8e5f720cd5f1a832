package gate

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/audit/read"
)

// A statement that ran well and could not be committed at the Sync is on
// record with the error.
func TestFailedCommitIsOnRecord(t *testing.T) {
	p := startPlace(t, setup{})
	onServerExec(t, "DROP TABLE IF EXISTS late; CREATE TABLE late (x int UNIQUE DEFERRABLE INITIALLY DEFERRED); ALTER TABLE late OWNER TO "+group)
	w := speak(t, p.connect(t, ""))
	w.send(msgs(run1("INSERT INTO late VALUES (1), (1)"), sync_)...)
	if got, want := w.until(1), "ParseComplete BindComplete C(INSERT 0 2) E23505 ZI"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	w.conn.Close()
	p.end(t)()
	var text strings.Builder
	if err := read.Show(&text, filepath.Join(p.dir, "trail"), read.Filter{Type: "result"}, read.NDJSON); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), `"sqlstate":"23505"`) {
		t.Errorf("the failed commit is not among the results:\n%s", text.String())
	}
}
