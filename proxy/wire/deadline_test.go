package wire

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadline goes off at the last time that was set, not at an earlier one.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var rang []time.Duration
		d := deadline{ring: func() { rang = append(rang, time.Since(began)) }}
		in := func(s time.Duration) time.Time { return began.Add(s * time.Second) }
		expect := func(passed bool, want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			if d.passed.Load() != passed || len(rang) != len(want) {
				t.Fatalf("after %v: passed %v, rang at %v, want %v", time.Since(began), d.passed.Load(), rang, want)
			}
			for i := range want {
				if rang[i] != want[i]*time.Second {
					t.Fatalf("rang at %v, want %v", rang, want)
				}
			}
		}
		d.set(in(2))
		d.set(in(5)) // later
		time.Sleep(3 * time.Second)
		expect(false)
		d.set(in(4)) // earlier
		time.Sleep(2 * time.Second)
		expect(true, 4)
		d.set(in(8))
		expect(false, 4)
		d.set(time.Time{}) // never
		time.Sleep(10 * time.Second)
		expect(false, 4)
		d.set(in(1)) // long ago
		expect(true, 4, 15)
		d.set(in(20))
		d.stop()
		time.Sleep(10 * time.Second)
		expect(false, 4, 15)
	})
}
