package policy_test

import (
	"testing"
	"time"

	"github.com/sluice-pg/sluice/policy"
)

func TestLimitWords(t *testing.T) {
	for n, want := range map[int64]string{
		1: "1 byte", 1001: "1001 bytes", 1024: "1 KiB", 8 << 20: "8 MiB", 8<<20 + 1: "8388609 bytes",
		1536: "1536 bytes", 3 << 29: "1536 MiB", 1 << 30: "1 GiB", 5 << 40: "5 TiB", 1 << 62: "4194304 TiB",
	} {
		if got := policy.BytesWords(n); got != want {
			t.Errorf("BytesWords(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		2 * time.Second: "2s", 15 * time.Minute: "15m", 10 * time.Minute: "10m", 2 * time.Hour: "2h", 10 * time.Hour: "10h",
		90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 100 * time.Millisecond: "100ms", 30 * time.Second: "30s",
	} {
		got := policy.DurationWords(d)
		if got != want {
			t.Errorf("DurationWords(%v) = %q, want %q", d, got, want)
		}
		if again, err := time.ParseDuration(got); err != nil || again != d {
			t.Errorf("%q is read as %v, %v", got, again, err)
		}
	}
}
