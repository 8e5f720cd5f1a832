package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// Direction is a way through a relay.
type Direction int

// The directions.
const (
	// Towards is from who dialled the relay to what is behind it.
	Towards Direction = iota
	// Back is the other way.
	Back
)

// Fault is what goes wrong in one direction. The zero value is nothing.
type Fault struct {
	// Hold keeps everything back until the fault ends; the sender's buffers
	// fill up.
	Hold bool
	// Lose throws away what comes.
	Lose bool
	// SwallowEnd keeps the end of the connection from the receiver.
	SwallowEnd bool
	// Delay is how long everything is late.
	Delay time.Duration
	// Drip, if not 0, is how many bytes pass every dripTick.
	Drip int
	// ResetAfter, if not 0, is how many bytes pass before both ends are
	// reset.
	ResetAfter int
	// EndAfter, if not 0, is how many bytes pass before both ends are told
	// that the connection has ended.
	EndAfter int
}

// dripTick is the pause between drops.
const dripTick = 20 * time.Millisecond

// Relay passes TCP connections on to one address, with faults that can be
// changed while it runs.
type Relay struct {
	listener *net.TCPListener
	to       string
	group    sync.WaitGroup

	mu      sync.Mutex
	faults  [2]Fault
	left    [2]int        // bytes to ResetAfter or EndAfter
	changed chan struct{} // closed when faults change
	links   map[*link]struct{}
	closed  bool
}

// StartRelay listens on a free port of loopback and passes on to an address.
func StartRelay(ctx context.Context, to string) (*Relay, error) {
	// Keep-alive packets of the relay's own would show that it is alive.
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // such sockets take no filter
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{listener: l.(*net.TCPListener), to: to, changed: make(chan struct{}), links: map[*link]struct{}{}}
	r.group.Go(r.accept)
	return r, nil
}

// Port is where it listens.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// Set begins a fault in one direction, for connections that are there and
// those to come, in place of the one before.
func (r *Relay) Set(d Direction, f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[d], r.left[d] = f, f.ResetAfter+f.EndAfter
	close(r.changed)
	r.changed = make(chan struct{})
}

// Cut takes the network away: nothing that arrives is acknowledged any more,
// and nothing is passed on.
func (r *Relay) Cut() error {
	r.Set(Towards, Fault{Hold: true})
	r.Set(Back, Fault{Hold: true})
	return r.eachSocket(dropPackets)
}

// Mend ends all faults.
func (r *Relay) Mend() error {
	r.Set(Towards, Fault{})
	r.Set(Back, Fault{})
	return r.eachSocket(passPackets)
}

func (r *Relay) eachSocket(do func(syscall.Conn) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	problems := do(r.listener)
	for l := range r.links {
		for _, end := range l.ends {
			if err := do(end); !errors.Is(err, net.ErrClosed) {
				problems = errors.Join(problems, err)
			}
		}
	}
	return problems
}

// Close ends the relay and every connection through it.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	for l := range r.links {
		l.reset()
	}
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	r.listener.Close()
	r.group.Wait()
}

func (r *Relay) accept() {
	for {
		near, err := r.listener.AcceptTCP()
		if err != nil {
			return
		}
		far, err := (&net.Dialer{KeepAlive: -1}).Dial("tcp", r.to)
		if err != nil {
			// As the one behind does: nobody is there.
			_ = near.SetLinger(0)
			near.Close()
			continue
		}
		l := &link{relay: r, ends: [2]*net.TCPConn{near, far.(*net.TCPConn)}, gone: make(chan struct{})}
		if !r.add(l) {
			l.reset()
			return
		}
		r.group.Go(l.run)
	}
}

func (r *Relay) add(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[l] = struct{}{}
	return !r.closed
}

func (r *Relay) remove(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
}

// now returns the fault of a direction and what is closed when it changes.
func (r *Relay) now(d Direction) (Fault, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults[d], r.changed
}

// spend takes up to n bytes off what may pass before the connection is ended,
// and returns how many that were.
func (r *Relay) spend(d Direction, n int) (passes int, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	passes = min(n, r.left[d])
	r.left[d] -= passes
	return passes, r.left[d] == 0
}
