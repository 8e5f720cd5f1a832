package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// crowd gives sockets to the loops until every loop has n of them.
func crowd(t *testing.T, n int) (near []*Conn, far []net.Conn) {
	t.Helper()
	for {
		a, b := sockets(t)
		c := NewConn(Own(a), Client)
		if c.socket == nil {
			t.Fatal("the socket was not taken")
		}
		t.Cleanup(func() { c.Close(); b.Close() })
		near, far = append(near, c), append(far, b)
		if c.socket.loop == near[0].socket.loop && len(near) >= n {
			return near, far
		}
	}
}

// echoes serves a connection by sending everything back, until it ends.
func echoes(c *Conn) {
	_ = c.Serve(c.Flush, never, func(Header) error {
		_, err := c.Forward(c)
		return err
	})
}

// asks sends a message and waits for it to come back.
func asks(t *testing.T, far net.Conn) {
	t.Helper()
	want := message('Q', []byte("SELECT 1\x00"))
	if _, err := far.Write(want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	_ = far.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

// TestOneThatTakesLongKeepsNobodyWaiting: whether it says so or not; and it is
// not run a second time meanwhile, whatever else arrives for it.
func TestOneThatTakesLongKeepsNobodyWaiting(t *testing.T) {
	for name, leaves := range map[string]bool{"leaves": true, "does not leave": false} {
		t.Run(name, func(t *testing.T) {
			near, far := crowd(t, 3)
			for _, c := range near[1:] {
				go echoes(c)
			}
			slow := near[0]
			begun, goOn := make(chan struct{}), make(chan struct{})
			var inside, most, handed atomic.Int32
			done := make(chan error, 1)
			go func() {
				done <- slow.Serve(slow.Flush, never, func(h Header) error {
					most.Store(max(most.Load(), inside.Add(1)))
					defer inside.Add(-1)
					if handed.Add(1) == 1 {
						if leaves {
							slow.Leave()
						}
						close(begun)
						<-goOn
					}
					_, err := slow.Forward(slow)
					return err
				})
			}()
			first := message('Q', []byte("SELECT pg_sleep(1)\x00"))
			if _, err := far[0].Write(first); err != nil {
				t.Fatal(err)
			}
			<-begun
			for range 3 {
				for _, b := range far[1:] {
					asks(t, b)
				}
				if _, err := far[0].Write(first); err != nil {
					t.Fatal(err)
				}
			}
			close(goOn)
			answers := make([]byte, 4*len(first))
			if _, err := io.ReadFull(far[0], answers); err != nil {
				t.Fatal(err)
			}
			far[0].Close()
			if err := <-done; !errors.Is(err, io.EOF) || handed.Load() != 4 || most.Load() != 1 {
				t.Errorf("%v; %d messages, %d at once", err, handed.Load(), most.Load())
			}
		})
	}
}

// TestAPeerThatReadsNothing holds up its own session only, until its deadline
// or for as long as it wants.
func TestAPeerThatReadsNothing(t *testing.T) {
	near, far := crowd(t, 3)
	for _, c := range near[2:] {
		go echoes(c)
	}
	from, to := near[0], near[1]
	Pair(to, from)
	done := make(chan error, 1)
	go func() {
		done <- from.Serve(to.Flush, never, func(Header) error {
			_, err := from.Forward(to)
			return err
		})
	}()
	const rows = 20000
	sent := make(chan error, 1)
	go func() {
		_, err := far[0].Write(bytes.Repeat(message('D', make([]byte, 1000)), rows))
		sent <- err
	}()
	for range 20 {
		asks(t, far[2])
		time.Sleep(5 * time.Millisecond)
	}
	select {
	case err := <-sent:
		t.Fatalf("20 MB went through though nobody reads: %v", err)
	default:
	}
	n, err := io.CopyN(io.Discard, far[1], rows*1005)
	if err != nil {
		t.Fatalf("%d bytes, then %v", n, err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	far[0].Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// TestWritingIsInterrupted by a deadline and by Close.
func TestWritingIsInterrupted(t *testing.T) {
	for name, interrupt := range map[string]struct {
		by   func(*Conn) error
		want error
	}{
		"deadline":      {func(c *Conn) error { return c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"past deadline": {func(c *Conn) error { return c.SetWriteDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
		"close":         {(*Conn).Close, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			near, _ := crowd(t, 1)
			done := make(chan error, 1)
			go func() { done <- near[0].Write(make([]byte, 64<<20)) }()
			time.Sleep(10 * time.Millisecond)
			if err := interrupt.by(near[0]); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, interrupt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCloseEndsServe: whoever closes, and whatever Serve does at that moment.
func TestCloseEndsServe(t *testing.T) {
	for name, busy := range map[string]bool{"while it waits": false, "while it is busy": true} {
		t.Run(name, func(t *testing.T) {
			near, far := crowd(t, 1)
			c := near[0]
			begun, goOn := make(chan struct{}, 1), make(chan struct{})
			done := make(chan error, 1)
			go func() {
				done <- c.Serve(c.Flush, never, func(Header) error {
					begun <- struct{}{}
					<-goOn
					return c.Discard()
				})
			}()
			if busy {
				if _, err := far[0].Write(message('Q', []byte("x\x00"))); err != nil {
					t.Fatal(err)
				}
				<-begun
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			close(goOn)
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v", err)
			}
			if err := c.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed again: %v", err)
			}
		})
	}
}

// TestAPanicReachesItsSession and nobody else.
func TestAPanicReachesItsSession(t *testing.T) {
	near, far := crowd(t, 2)
	go echoes(near[1])
	said := make(chan any, 1)
	go func() {
		defer func() { said <- recover() }()
		_ = near[0].Serve(near[0].Flush, never, func(Header) error { panic("a mistake") })
	}()
	if _, err := far[0].Write(message('Q', []byte("x\x00"))); err != nil {
		t.Fatal(err)
	}
	if r := <-said; !strings.HasPrefix(fmt.Sprint(r), "a mistake\n") || !strings.Contains(fmt.Sprint(r), "TestAPanicReachesItsSession") {
		t.Errorf("got %v", r)
	}
	asks(t, far[1])
}

// TestLoopsEndWithTheirSockets: what was opened for them is closed.
func TestLoopsEndWithTheirSockets(t *testing.T) {
	before := descriptors(t)
	for range 20 {
		a, b := sockets(t)
		c := NewConn(Own(a), Client)
		go echoes(c)
		asks(t, b)
		b.Close()
		c.Close()
	}
	for end := time.Now().Add(10 * time.Second); descriptors(t) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d descriptors are open, %d were", descriptors(t), before)
		}
	}
	loops.Lock()
	defer loops.Unlock()
	if len(loops.all) != 0 {
		t.Errorf("%d loops are left", len(loops.all))
	}
}

// descriptors returns how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// awaitNoLoops waits until the loops of earlier tests have closed what they had
// open: then Go's poller has the only epoll there is.
func awaitNoLoops(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		open, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		polls := 0
		for _, fd := range open {
			if to, err := os.Readlink(fd); err == nil && to == "anon_inode:[eventpoll]" {
				polls++
			}
		}
		if polls <= 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d loops do not end", polls-1)
		}
	}
}

// TestOwnWithoutDescriptors leaves a connection as it is when there are too few
// descriptors for a loop: Go's poller waits for it.
func TestOwnWithoutDescriptors(t *testing.T) {
	awaitNoLoops(t)
	near, far := sockets(t)
	defer near.Close()
	defer far.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	open := descriptors(t)
	for room := range uint64(3) { // for the socket's own one, and for the loop's two
		nc := ownWithin(t, near, limit, room)
		if nc != near {
			t.Fatalf("with room for %d it was taken", room)
		}
		if err := nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("with room for %d: %v", room, err)
		}
		if now := descriptors(t); now != open {
			t.Errorf("with room for %d: %d descriptors are open, %d were", room, now, open)
		}
	}
}

// ownWithin calls Own while only so many descriptors can be opened.
func ownWithin(t *testing.T, nc net.Conn, limit unix.Rlimit, room uint64) net.Conn {
	t.Helper()
	var spare []int
	for range room + 1 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		spare = append(spare, fd)
	}
	few := limit
	few.Cur = uint64(spare[room])
	for _, fd := range spare {
		unix.Close(fd)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}()
	return Own(nc)
}

// TestTwoReadersAreAMistake that the second is told; the first gets the bytes.
func TestTwoReadersAreAMistake(t *testing.T) {
	near, far := crowd(t, 1)
	nc := near[0].nc
	got := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(nc, make([]byte, 1))
		got <- err
	}()
	for near[0].socket.state.Load() != waiting {
		time.Sleep(time.Millisecond)
	}
	if err := near[0].socket.await(something); !errors.Is(err, errTwoReaders) {
		t.Errorf("got %v", err)
	}
	if _, err := far[0].Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestOwnedSocketIsAConnection: it behaves as net.Conn says.
func TestOwnedSocketIsAConnection(t *testing.T) {
	a, b := sockets(t)
	defer b.Close()
	local, remote := a.LocalAddr().String(), a.RemoteAddr().String()
	nc := Own(a)
	if nc.LocalAddr().String() != local || nc.RemoteAddr().String() != remote {
		t.Errorf("%v, %v", nc.LocalAddr(), nc.RemoteAddr())
	}
	if _, err := a.Write([]byte("x")); err == nil {
		t.Error("the other one can still be used")
	}
	if err := nc.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := nc.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
	if err := nc.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if n, err := nc.Write([]byte("x")); n != 0 || !errors.As(err, &timeout) {
		t.Errorf("%d, %v", n, err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = b.Write([]byte("hello")) }()
	p := make([]byte, 10)
	if n, err := nc.Read(p); err != nil || string(p[:n]) != "hello" {
		t.Errorf("%q, %v", p[:n], err)
	}
	if n, err := nc.Read(nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := nc.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Read(p); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := nc.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestManySessionsAtOnce: whatever they do, leave, wait or are cut off, what
// each forwards arrives whole, and all come to an end.
func TestManySessionsAtOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var all sync.WaitGroup
		for range rapid.IntRange(1, 12).Draw(r, "sessions") {
			pause := time.Duration(rapid.IntRange(0, 3000).Draw(r, "pause")) * time.Microsecond
			leaves := rapid.Bool().Draw(r, "leaves")
			cut := rapid.IntRange(0, 4).Draw(r, "cut") == 0
			count := rapid.IntRange(1, 40).Draw(r, "messages")
			size := rapid.SampledFrom([]int{0, 9, 500, readBuffer, 3 * readBuffer}).Draw(r, "size")
			clientNear, clientFar := sockets(t)
			serverNear, serverFar := sockets(t)
			client, server := NewConn(Own(clientNear), Client), NewConn(Own(serverNear), Upstream)
			Pair(client, server)
			all.Go(func() {
				_ = client.Serve(server.Flush, never, func(Header) error {
					if pause > 2500*time.Microsecond {
						if leaves {
							client.Leave()
						}
						time.Sleep(pause)
					}
					_, err := client.Forward(server)
					return err
				})
				_ = server.Flush()
				server.Close()
				client.Close()
			})
			all.Go(func() {
				defer clientFar.Close()
				one := message('Q', make([]byte, size))
				for i := range count {
					if _, err := clientFar.Write(one); err != nil {
						if !cut {
							t.Errorf("message %d: %v", i, err)
						}
						return
					}
					if cut && i == count/2 {
						_ = client.SetReadDeadline(time.Unix(1, 0))
					}
				}
			})
			all.Go(func() {
				defer serverFar.Close()
				n, err := io.Copy(io.Discard, serverFar)
				if want := int64(count * (size + 5)); !cut && (n != want || err != nil) {
					t.Errorf("%d bytes arrived of %d: %v", n, want, err)
				}
			})
		}
		all.Wait()
	})
}

// TestPairLeavesAReaderAlone: somebody may be waiting for the upstream end
// through another layer when a session begins.
func TestPairLeavesAReaderAlone(t *testing.T) {
	near, _ := crowd(t, 1)
	for range 2 * len(near) {
		a, b := sockets(t)
		own := Own(a)
		layered := NewConn(layer{plain{own}}, Upstream)
		got := make(chan error, 1)
		go func() {
			_, err := io.ReadFull(own, make([]byte, 1))
			got <- err
		}()
		time.Sleep(time.Millisecond)
		Pair(near[0], layered)
		if _, err := b.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("nobody woke the reader")
		}
		own.Close()
		b.Close()
	}
}

// layer lies over a connection and says so.
type layer struct{ plain }

// NetConn returns what is beneath.
func (l layer) NetConn() net.Conn { return l.plain.Conn }
