package doctor

import (
	"context"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// How far the clocks of proxy and server may be apart. A lease's VALID UNTIL
// is written by our clock and read by the server's.
const (
	warnOffset    = time.Second
	problemOffset = 5 * time.Second
)

const setClock = "Let chrony or systemd-timesyncd keep the clock of both machines:\ntimedatectl set-ntp true"

// lookAtKernelClock asks the kernel whether something keeps its clock true
// (adjtimex(2)).
func lookAtKernelClock(f *findings) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		f.unknown("clock.synchronised", "Ask the machine outside of the container: timedatectl", "the kernel does not say: %v", err)
		return
	}
	judgeKernelClock(f, state, t.Status, time.Duration(t.Maxerror)*time.Microsecond)
}

func judgeKernelClock(f *findings, state int, status int32, most time.Duration) {
	const name = "clock.synchronised"
	if state == unix.TIME_ERROR || status&unix.STA_UNSYNC != 0 {
		f.warning(name, setClock, "nothing keeps this machine's clock true, and the trail has its times")
		return
	}
	f.ok(name, "the kernel says so, to %s at most", most.Round(time.Millisecond))
}

// asker runs one statement at a server and returns its rows as text; NULL is
// the empty string. Names in the statement mean pg_catalog.
type asker interface {
	ask(ctx context.Context, sql string, parameters ...string) ([][]string, error)
}

// lookAtServerClock compares a server's clock with ours. It asks three times
// and believes the fastest answer: the server read its clock somewhere between
// question and answer, so half of the way is the error.
func lookAtServerClock(ctx context.Context, f *findings, server asker, now func() time.Time) {
	const name = "database.clock"
	const sql = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8::text`
	var offset time.Duration
	fastest := time.Duration(-1)
	for range 3 {
		before := now()
		rows, err := server.ask(ctx, sql)
		took := now().Sub(before)
		if err != nil {
			f.unknown(name, "See database.login.", "%v", err)
			return
		}
		micros, err := strconv.ParseInt(rows[0][0], 10, 64)
		if err != nil {
			f.unknown(name, "Report this as a bug.", "the server's time %q is no number", rows[0][0])
			return
		}
		if fastest < 0 || took < fastest {
			fastest = took
			offset = time.UnixMicro(micros).Sub(before.Add(took / 2))
		}
	}
	judgeOffset(f, offset, fastest/2)
}

// judgeOffset judges a measured difference. What could be the way's doing is
// not held against the clocks.
func judgeOffset(f *findings, offset, uncertain time.Duration) {
	const name = "database.clock"
	sure := max(offset.Abs()-uncertain, 0)
	direction := "ahead of"
	if offset < 0 {
		direction = "behind"
	}
	const evidence = "the server is %s %s this machine; leases would end at the wrong time"
	switch {
	case sure > problemOffset:
		f.problem(name, setClock, evidence, offset.Abs().Round(10*time.Millisecond), direction)
	case sure > warnOffset:
		f.warning(name, setClock, evidence, offset.Abs().Round(10*time.Millisecond), direction)
	default:
		f.ok(name, "less than %s from this machine's", warnOffset)
	}
}
