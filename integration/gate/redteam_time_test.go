package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What was prepared, bound or declared while a rule allowed it is decided
// again when it is used, also if nothing has changed but the time.
func TestTimeRunsOutForNames(t *testing.T) {
	end := time.Now().UTC().Add(3 * time.Second).Truncate(time.Second)
	p := startPlace(t, setup{policy: fmt.Sprintf(`version: 1
rules:
  - {id: window, effect: allow, kinds: [export_to_client, ordinary_read], when: 'now < timestamp("%[1]s")'}
  - {id: closed, effect: deny, kinds: [ordinary_read], relations: ['*.pg_roles'], when: 'now >= timestamp("%[1]s")'}
`, end.Format(time.RFC3339))})
	const copied, read = "COPY (SELECT 1) TO STDOUT", "SELECT 1 FROM pg_roles LIMIT 1"
	clients := map[string]*wireClient{}
	for _, sql := range []string{copied, read} {
		w := speak(t, p.connect(t, ""))
		clients[sql] = w
		if got := w.play([]step{{msgs(parse("a", sql), sync_), 1}, {msgs(query("BEGIN")), 1}, {msgs(parse("b", sql), bind("c", "b"), sync_), 1}}); strings.Contains(got, "E42501") {
			t.Fatalf("%s before its time was up: %s", sql, got)
		}
	}
	if got := clients[read].play([]step{{msgs(query("PREPARE s AS " + read)), 1}}); strings.Contains(got, "E42501") {
		t.Fatal(got)
	}
	if got := clients[read].play([]step{{msgs(run1("PREPARE x AS "+read), sync_), 1}}); strings.Contains(got, "E42501") {
		t.Fatal(got)
	}
	time.Sleep(time.Until(end.Add(time.Second)))
	for sql, w := range clients {
		if got := w.play([]step{{msgs(execute("c"), sync_), 1}, {msgs(query("ROLLBACK")), 1}}); !strings.Contains(got, "E42501") {
			t.Errorf("the portal of %s: %s", sql, got)
		}
		if got := w.play([]step{{msgs(bind("", "a"), execute(""), sync_), 1}}); !strings.Contains(got, "E42501") {
			t.Errorf("the statement %s: %s", sql, got)
		}
	}
	for _, name := range []string{"s", "x"} {
		if got := clients[read].play([]step{{msgs(bind("", name), execute(""), sync_), 1}}); !strings.Contains(got, "E42501") {
			t.Errorf("a statement of PREPARE %s: %s", name, got)
		}
	}
}
