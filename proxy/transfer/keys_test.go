package transfer

import (
	"slices"
	"testing"
)

func TestSortingTakesMemoryByTheIndex(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		streams, indexes int
		size             uint64
		memory           string // in kB; none for the server's own settings
	}{
		{streams: 2, indexes: 1, size: 900 * mega},
		{streams: 2, indexes: 2, memory: "32768"},
		{streams: 2, indexes: 9, size: 4096 * mega, memory: "32768"},
		{streams: 2, indexes: 9, size: 12800 * mega, memory: "102400"},
		{streams: 2, indexes: 9, size: 1 << 50, memory: "524288"},
		{streams: 16, indexes: 16, size: 1 << 50, memory: "65536"},
	} {
		w := &works{c: &carrier{job: &Job{Streams: c.streams}}, indexes: c.indexes}
		var want []string
		if c.memory != "" {
			want = []string{"SET LOCAL maintenance_work_mem = " + c.memory, "SET LOCAL max_parallel_maintenance_workers = 0"}
		}
		if got := w.sorting(c.size); !slices.Equal(got, want) {
			t.Errorf("%d streams, %d indexes, %d bytes: %q", c.streams, c.indexes, c.size, got)
		}
	}
}
