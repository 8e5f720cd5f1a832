package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
)

// Each thing that is done to a copy has to be noticed and closed before the next one.
func TestTimeline(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	event := func(second int, kind string) ledger.Entry { return ledger.Entry{Time: at(second), Type: kind} }
	deeds := []moment{{at(10), "first", true}, {at(20), "second", true}}
	for name, c := range map[string]struct {
		events     []ledger.Entry
		line, want string
	}{
		"as it should be": {
			[]ledger.Entry{
				event(1, "copy.begun"), event(2, "copy.published"), event(11, "copy.drifted"), event(12, "copy.frozen"),
				event(21, "copy.drifted"), event(22, "copy.drifted"), event(23, "copy.purged"),
			},
			"published|first|noticed|frozen: nobody can read it|second|noticed|purged: its rows are gone", "",
		},
		"not noticed": {
			[]ledger.Entry{event(11, "copy.drifted"), event(12, "copy.frozen"), event(23, "copy.purged")},
			"first|noticed|frozen: nobody can read it|second|purged: its rows are gone", "after this: second",
		},
		"too late": {
			[]ledger.Entry{event(21, "copy.drifted"), event(22, "copy.purged")},
			"first|second|noticed|purged: its rows are gone", "after this: first",
		},
		"much too late": {
			[]ledger.Entry{event(11, "copy.drifted"), event(12, "copy.frozen"), event(100, "copy.drifted"), event(101, "copy.purged")},
			"first|noticed|frozen: nobody can read it|second|noticed|purged: its rows are gone", "after this: second",
		},
		"nothing": {nil, "first|second", "after this: first"},
	} {
		line := merged(c.events, deeds)
		var words []string
		for _, m := range line {
			words = append(words, m.what)
		}
		if got := strings.Join(words, "|"); got != c.line {
			t.Errorf("%s: %s", name, got)
		}
		err := answered(line)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
