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
	group    sync.WaitGroup

	mu      sync.Mutex
	to      string
	from    net.Addr // nil lets the system choose
	faults  [2]Fault
	left    [2]int        // bytes to ResetAfter or EndAfter
	changed chan struct{} // closed when faults change
	links   map[*link]struct{}
	closed  bool
	passed  [2]int64 // bytes in all
	due     [2]*moment
	next    func()
}

// moment is what is to happen before a byte passes.
type moment struct {
	at int64
	do func()
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
	r := &Relay{to: to, listener: l.(*net.TCPListener), changed: make(chan struct{}), links: map[*link]struct{}{}}
	r.group.Go(r.accept)
	return r, nil
}

// Port is where it listens.
func (r *Relay) Port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// Redirect has new connections passed on to another address.
func (r *Relay) Redirect(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

// From has new connections come from another address of this machine.
func (r *Relay) From(address net.IP) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = &net.TCPAddr{IP: address}
}

// Passed is how many bytes have passed in one direction, of all connections.
func (r *Relay) Passed(d Direction) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed[d]
}

// At has something done once, when n more bytes have passed in one direction and
// before the piece passes that goes beyond. The connection whose piece that is
// waits for it.
func (r *Relay) At(d Direction, n int64, do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due[d] = &moment{r.passed[d] + n, do}
}

// AtNext has something done once, when somebody has dialled and before that is
// passed on.
func (r *Relay) AtNext(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = do
}

// count counts a piece that is about to pass, and does what is due then.
func (r *Relay) count(d Direction, n int) {
	r.mu.Lock()
	r.passed[d] += int64(n)
	due := r.due[d]
	if due == nil || r.passed[d] <= due.at {
		r.mu.Unlock()
		return
	}
	r.due[d] = nil
	r.mu.Unlock()
	due.do()
}

// dialled does what is due when somebody has dialled, and says where to go on to, from
// where.
func (r *Relay) dialled() (to string, from net.Addr) {
	r.mu.Lock()
	do := r.next
	r.next = nil
	r.mu.Unlock()
	if do != nil {
		do()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to, r.from
}

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
		to, from := r.dialled()
		far, err := (&net.Dialer{KeepAlive: -1, LocalAddr: from}).Dial("tcp", to)
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
