package doctor

import (
	"net/netip"
	"testing"
)

// FuzzHBARule: what a server says of its rules is judged without a panic, and
// a rule that lets everybody in without a password is never in order.
func FuzzHBARule(f *testing.F) {
	f.Add("hostssl", "10.0.0.0", "255.0.0.0", "scram-sha-256", "10.1.2.3")
	f.Add("host", "all", "", "trust", "")
	f.Add("host", "::", "::", "md5", "::1")
	f.Add("local", "", "", "peer", "x")
	f.Add("host", "10.0.0.1", "::", "cert", "10.0.0.1")
	f.Fuzz(func(t *testing.T, kind, address, mask, method, proxy string) {
		at, _ := netip.ParseAddr(proxy)
		got := &findings{}
		judgeHBA(got, []hbaRule{{line: "1", kind: kind, address: address, netmask: mask, method: method}}, at)
		if len(got.checks) != 1 {
			t.Fatalf("%v", got.checks)
		}
		if method == "trust" && got.checks[0].State == OK {
			t.Fatalf("trust is %v", got.checks[0])
		}
	})
}
