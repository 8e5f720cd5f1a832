package gate

import (
	"strings"
	"testing"
)

// What the proxy puts in place of its own SHOWs is constants, whatever the
// client writes into a name and around it.
func TestVirtualShowsCannotSmuggle(t *testing.T) {
	p := startPlace(t, setup{policy: emptyPolicy})
	w := speak(t, p.connect(t, ""))
	for _, c := range []struct{ send, want string }{
		{`SHOW sluice."why_'); CREATE TABLE smuggled_1 (); --"`, "of yours is on record"},
		{`SHOW sluice."why_\'; CREATE TABLE smuggled_2 (); --"`, "of yours is on record"},
		{"SHOW sluice.\"why_\u2019; CREATE TABLE smuggled_3 (); --\"", "of yours is on record"},
		{"SELECT 'ä€𝄞'; SHOW sluice.policy; SELECT 'ö'; SHOW sluice.help -- ä", "ä€𝄞"},
		{"/* ; SHOW sluice.help */ SHOW/**/sluice.policy/**/; /* SHOW sluice.help; */ SELECT $$SHOW sluice.help$$", "SHOW sluice.help"},
		{`SHOW "sluice"."help"`, "goes through Sluice"},
		{`SHOW "sluice.help"`, "goes through Sluice"},
	} {
		w.send(query(c.send))
		if got := w.until(1); !strings.Contains(got, c.want) || !strings.HasSuffix(got, "ZI") || strings.Contains(got, "E42") {
			t.Errorf("%s: got %s", c.send, got)
		}
	}
	for _, name := range []string{"smuggled_1", "smuggled_2", "smuggled_3"} {
		if tableExists(t, name) {
			t.Errorf("%s was made", name)
		}
	}
}
