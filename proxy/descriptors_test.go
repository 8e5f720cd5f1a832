package proxy

import "testing"

func TestDescriptorsAreShared(t *testing.T) {
	for _, c := range []struct {
		limit               uint64
		databases           int
		sessions, turnedOut int // the sessions that fit, who may be told
	}{
		{80, 2, 16, 4},
		{1024, 1, 431, 123},
		{20000, 3, 9725, 500},
		{10, 1, 1, 2},
		{0, 1, 1 << 40, 500},
		{1 << 40, 1, 1 << 40, 500},
	} {
		d := shareDescriptors(c.limit, c.databases)
		sessions := d.forSessions / descriptorsPerSession
		if sessions != c.sessions && sessions < 1<<40 || d.forTurned != c.turnedOut {
			t.Errorf("%d descriptors, %d databases: %d sessions, %d told", c.limit, c.databases, sessions, d.forTurned)
		}
		if c.limit > 60 && c.limit < 1<<30 && d.forSessions+d.forTurned+descriptorsBeside > int(c.limit) {
			t.Errorf("%d descriptors: more are given away", c.limit)
		}
	}
}
