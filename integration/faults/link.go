package faults

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// link is one connection through a relay: ends[Towards] is read for the
// direction Towards, and written for Back.
type link struct {
	relay *Relay
	ends  [2]*net.TCPConn
	once  sync.Once
	gone  chan struct{}
}

// errBroken says that a fault has ended the link.
var errBroken = errors.New("the link was broken on purpose")

func (l *link) run() {
	var pumps sync.WaitGroup
	for _, d := range []Direction{Towards, Back} {
		pumps.Go(func() { l.pump(d) })
	}
	pumps.Wait()
	for _, end := range l.ends {
		end.Close()
	}
	l.relay.remove(l)
}

// pump passes on one direction until its end.
func (l *link) pump(d Direction) {
	from, to := l.ends[d], l.ends[1-d]
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && l.pass(d, buf[:n]) != nil {
			return
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, syscall.ECONNRESET):
			l.reset()
		default:
			f, _ := l.relay.now(d)
			if !f.SwallowEnd {
				_ = to.CloseWrite() // it may be gone
			}
		}
		return
	}
}

// pass writes one piece, with the fault that is in force.
func (l *link) pass(d Direction, piece []byte) error {
	l.relay.count(d, len(piece))
	f, changed := l.relay.now(d)
	for f.Hold {
		select {
		case <-changed:
		case <-l.gone:
			return errBroken
		}
		f, changed = l.relay.now(d)
	}
	to := l.ends[1-d]
	switch {
	case f.Lose:
		return nil
	case f.Drip > 0:
		return l.drip(to, piece, f.Drip)
	case f.ResetAfter > 0, f.EndAfter > 0:
		passes, last := l.relay.spend(d, len(piece))
		_, err := to.Write(piece[:passes])
		if last && f.ResetAfter > 0 {
			l.reset()
			return errBroken
		}
		if last {
			l.end()
			return errBroken
		}
		return err
	case f.Delay > 0 && !l.pause(f.Delay):
		return errBroken
	}
	_, err := to.Write(piece)
	return err
}

func (l *link) drip(to *net.TCPConn, piece []byte, n int) error {
	for len(piece) > 0 {
		n = min(n, len(piece))
		if _, err := to.Write(piece[:n]); err != nil {
			return err
		}
		piece = piece[n:]
		if !l.pause(dripTick) {
			return errBroken
		}
	}
	return nil
}

// pause waits and tells if the link is still there.
func (l *link) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.gone:
		return false
	}
}

// reset ends both ends with a RST.
func (l *link) reset() {
	for _, end := range l.ends {
		_ = end.SetLinger(0) // it may be closed
	}
	l.end()
}

// end closes both ends.
func (l *link) end() {
	l.once.Do(func() {
		close(l.gone)
		for _, end := range l.ends {
			end.Close()
		}
	})
}
