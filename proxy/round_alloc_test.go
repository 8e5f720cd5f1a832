//go:build !race

package proxy

import "testing"

// TestRoundsAllocateNothingElse: an everyday statement costs the memory of its
// text and its request id, and in the extended protocol that of its names.
func TestRoundsAllocateNothingElse(t *testing.T) {
	most := map[string]float64{"simple": 2, "extended": 8, "prepared": 3}
	for _, r := range rounds() {
		if most[r.name] == 0 {
			continue
		}
		s, client, server := speakingSession(t)
		s.play(t, client, server, sent(t, &rounds()[1]))
		all := sent(t, &r)
		if n := testing.AllocsPerRun(5000, func() { s.play(t, client, server, all) }); n > most[r.name] {
			t.Errorf("%s: %v allocations, at most %v are needed", r.name, n, most[r.name])
		}
	}
}
