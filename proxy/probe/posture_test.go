package probe

import "testing"

// What is true of several addresses: that one has no TLS is clear whatever the other
// said, and that one was not understood is not the same.
func TestMergedTLS(t *testing.T) {
	offered, refused, unclear := TLS{Offered: true}, TLS{}, TLS{unclear: true}
	for _, c := range []struct {
		name             string
		first, second    TLS
		offered, unclear bool
	}{
		{"both", offered, offered, true, false},
		{"one has none", offered, refused, false, false},
		{"one is unclear", offered, unclear, false, true},
		{"both are unclear", unclear, unclear, false, true},
		{"none, and unclear", refused, unclear, false, false},
	} {
		for _, order := range [][2]TLS{{c.first, c.second}, {c.second, c.first}} {
			p := &Posture{}
			p.mergeTLS(order[0])
			p.Reachable = true
			p.mergeTLS(order[1])
			if p.TLS.Offered != c.offered || p.TLS.unclear != c.unclear {
				t.Errorf("%s: offered %v, unclear %v", c.name, p.TLS.Offered, p.TLS.unclear)
			}
		}
	}
}
