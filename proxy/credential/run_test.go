package credential

import "testing"

// TestSweepLeavesTheSameRun: two databases on one server have an issuer each,
// and one that comes late takes nothing of the other's for a leftover.
func TestSweepLeavesTheSameRun(t *testing.T) {
	p := newPlace(t)
	before := p.config()
	before.Run = "before"
	left := issue(t, newIssuer(t, before), "left")

	config := p.config()
	config.Run = "now"
	first, late := newIssuer(t, config), newIssuer(t, config)
	works := issue(t, first, "works")
	if n, err := late.Sweep(testContext(t)); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	p.gone(t, left)
	p.work(t, works)
	if n, err := first.Sweep(testContext(t)); n != 0 || err != nil {
		t.Errorf("second sweep: %d, %v", n, err)
	}
	p.work(t, works)
}
