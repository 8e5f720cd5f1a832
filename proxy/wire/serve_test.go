package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sockets returns the two ends of a TCP connection.
func sockets(t testing.TB) (near, far *net.TCPConn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

// plain hides that a connection is a socket.
type plain struct{ net.Conn }

// streams are the ways in which Serve can wait.
var streams = map[string]func(net.Conn) net.Conn{
	"in a loop":  Own,
	"by reading": func(nc net.Conn) net.Conn { return plain{nc} },
}

// never finds nothing odd.
func never(Header) bool { return false }

// TestServeRefusesEarly: what will not be accepted is handed on before it is
// all there.
func TestServeRefusesEarly(t *testing.T) {
	for way, as := range streams {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			defer far.Close()
			if _, err := far.Write(append(message('Q', []byte("SELECT 1\x00")), message('z', make([]byte, 100))[:10]...)); err != nil {
				t.Fatal(err)
			}
			c := NewConn(as(near), Client)
			defer c.Close()
			refused := errors.New("refused")
			err := c.Serve(func() error { return nil }, func(h Header) bool { return h.Type == 'z' }, func(h Header) error {
				if h.Type == 'z' {
					return refused
				}
				return c.Discard()
			})
			if err != refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestAheadWhileServing: whoever deals with a message for long sees that more
// comes, that the peer goes, and a deadline; what has come is handed on later.
func TestAheadWhileServing(t *testing.T) {
	for way, as := range streams {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			c := NewConn(as(near), Client)
			defer c.Close()
			if _, err := far.Write(message('Q', []byte("COPY\x00"))); err != nil {
				t.Fatal(err)
			}
			var types []byte
			err := c.Serve(func() error { return nil }, never, func(h Header) error {
				types = append(types, h.Type)
				if err := c.Discard(); err != nil || h.Type != 'Q' {
					return err
				}
				c.Leave()
				return dealWithLong(t, c, far)
			})
			if !errors.Is(err, io.EOF) || string(types) != "QS" {
				t.Errorf("%q were handed on, then: %v", types, err)
			}
		})
	}
}

// dealWithLong looks ahead in another goroutine, as who deals with a message does.
func dealWithLong(t *testing.T, c *Conn, far net.Conn) error {
	ahead := func(n int) <-chan error {
		seen := make(chan error, 1)
		go func() { seen <- c.Ahead(n) }()
		return seen
	}
	nothing := ahead(0)
	select {
	case err := <-nothing:
		t.Errorf("nothing has come: %v", err)
	case <-time.After(3 * lookPause):
	}
	if err := c.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	if err := <-nothing; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the deadline: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if _, err := far.Write(message('S', nil)); err != nil {
		return err
	}
	if err := <-ahead(0); err != nil {
		t.Errorf("a Sync has come: %v", err)
	}
	far.Close()
	if err := <-ahead(c.Buffered()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the peer has gone: %v", err)
	}
	return nil
}

// TestServeHandsOnEveryMessage: whatever is done with each, and however the
// bytes arrive, what was forwarded arrives as it was and in its order.
func TestServeHandsOnEveryMessage(t *testing.T) {
	for name, as := range streams {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) { checkServe(t, r, as) })
		})
	}
}

func checkServe(t *testing.T, r *rapid.T, as func(net.Conn) net.Conn) {
	var all []asked
	var stream []byte
	for i := range rapid.IntRange(1, 12).Draw(r, "messages") {
		a := asked{typ: 'a' + byte(i), how: rapid.IntRange(0, 4).Draw(r, "how")}
		a.body = bytes.Repeat([]byte{a.typ}, rapid.SampledFrom(sizes).Draw(r, "size"))
		all = append(all, a)
		stream = append(stream, message(a.typ, a.body)...)
	}
	client, peer := sockets(t)
	server, sink := sockets(t)
	go deliverInPieces(peer, stream, rapid.SliceOfN(rapid.IntRange(1, 5000), 1, 8).Draw(r, "pieces"))
	var arrived bytes.Buffer
	var sinking sync.WaitGroup
	sinking.Go(func() {
		_, _ = io.Copy(&arrived, sink) // ends when the other end closes
		sink.Close()
	})

	c, dst := NewConn(as(client), Client), NewConn(as(server), Upstream)
	Pair(c, dst)
	defer c.Close()
	defer dst.Close()
	var want bytes.Buffer
	next := 0
	err := c.Serve(dst.Flush, never, func(h Header) error {
		if next == len(all) || h.Type != all[next].typ || h.Len != len(all[next].body) {
			return fmt.Errorf("message %d is %q of %d bytes", next, h.Type, h.Len)
		}
		consume(r, c, dst, all[next], &want)
		next++
		return nil
	})
	if !errors.Is(err, io.EOF) || next != len(all) {
		r.Fatalf("Serve: %v after %d of %d messages", err, next, len(all))
	}
	if err := dst.Flush(); err != nil {
		r.Fatal(err)
	}
	dst.Close()
	sinking.Wait()
	if !bytes.Equal(arrived.Bytes(), want.Bytes()) {
		r.Fatalf("%d bytes arrived, not the %d that were forwarded", arrived.Len(), want.Len())
	}
}

// deliverInPieces sends a stream so that it arrives in several reads, and
// closes right behind it.
func deliverInPieces(to net.Conn, stream []byte, sizes []int) {
	defer to.Close()
	for i := 0; len(stream) > 0; i++ {
		n := min(len(stream), sizes[i%len(sizes)])
		if i > 50 {
			n = len(stream)
		}
		if _, err := to.Write(stream[:n]); err != nil {
			return
		}
		stream = stream[n:]
		if i%3 == 0 {
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// TestServeSeesTheEnd: also an end that comes together with the last message,
// so that the poller speaks once of both, and even if nothing is expected any
// more.
func TestServeSeesTheEnd(t *testing.T) {
	for name, end := range map[string]struct {
		last []byte
		want error
	}{
		"after a message":  {message('Z', []byte("I")), io.EOF},
		"inside a message": {message('Z', []byte("I"))[:4], io.ErrUnexpectedEOF},
		"inside a large message": {
			message('D', make([]byte, 2*readBuffer))[:readBuffer+100], io.ErrUnexpectedEOF,
		},
	} {
		for way, as := range streams {
			t.Run(name+" "+way, func(t *testing.T) {
				near, far := sockets(t)
				if _, err := far.Write(end.last); err != nil {
					t.Fatal(err)
				}
				far.Close()
				c := NewConn(as(near), Upstream)
				defer c.Close()
				err := c.Serve(func() error { return nil }, never, func(Header) error { return c.Discard() })
				var side *SideError
				if !errors.Is(err, end.want) || !errors.As(err, &side) || side.Side != Upstream {
					t.Errorf("got %v, want %v", err, end.want)
				}
			})
		}
	}
}

// TestServeSeesAReset: one that comes together with a message is seen while
// more is expected.
func TestServeSeesAReset(t *testing.T) {
	for way, as := range streams {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			if _, err := far.Write(message('T', []byte("row"))); err != nil {
				t.Fatal(err)
			}
			if err := far.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			c := NewConn(as(near), Upstream)
			defer c.Close()
			err := c.Serve(func() error { return nil }, never, func(Header) error {
				far.Close()
				return c.Discard()
			})
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestServeSeesAResetBehindAMessage: one that comes while the message before it
// is worked on, when all that there was to read has been told of.
func TestServeSeesAResetBehindAMessage(t *testing.T) {
	for way, as := range streams {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			c := NewConn(as(near), Client)
			defer c.Close()
			begun, goOn := make(chan struct{}, 2), make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				ended <- c.Serve(func() error { return nil }, never, func(Header) error {
					begun <- struct{}{}
					<-goOn
					return c.Discard()
				})
			}()
			for i := range 2 {
				if _, err := far.Write(message('d', []byte("x"))); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					<-begun
				}
			}
			if err := far.SetLinger(0); err != nil {
				t.Fatal(err)
			}
			far.Close()
			time.Sleep(50 * time.Millisecond)
			close(goOn)
			select {
			case err := <-ended:
				if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("Serve still waits")
			}
		})
	}
}

// TestServeIsInterrupted by a deadline, and goes on where it was.
func TestServeIsInterrupted(t *testing.T) {
	for way, as := range streams {
		t.Run(way, func(t *testing.T) {
			near, far := sockets(t)
			defer far.Close()
			c := NewConn(as(near), Client)
			defer c.Close()
			whole := message('Q', []byte("SELECT 1\x00"))
			var got []byte
			serve := func() error {
				return c.Serve(func() error { return nil }, never, func(Header) error {
					body, err := c.Body(100)
					got = append(got, body...)
					return errors.Join(err, io.ErrShortBuffer)
				})
			}
			for _, part := range [][]byte{whole[:3], whole[3:8]} {
				if _, err := far.Write(part); err != nil {
					t.Fatal(err)
				}
				if err := c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if err := serve(); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("got %v", err)
				}
			}
			if _, err := far.Write(whole[8:]); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if err := serve(); !errors.Is(err, io.ErrShortBuffer) || string(got) != "SELECT 1\x00" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestServeWaitsWithoutABuffer: a session that waits costs no buffer, and one
// whose message is half there keeps it.
func TestServeWaitsWithoutABuffer(t *testing.T) {
	near, far := sockets(t)
	defer far.Close()
	c := NewConn(Own(near), Client)
	defer c.Close()
	if _, err := far.Write(message('Q', []byte("SELECT 1\x00"))); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	err := c.Serve(func() error { return nil }, never, func(Header) error { return c.Discard() })
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.buf != nil {
		t.Errorf("%v, with a buffer of %d bytes", err, len(c.buf))
	}
}

// TestServeAllocatesNothing: not for the rows that it hands on, whatever their
// number (contract 11).
func TestServeAllocatesNothing(t *testing.T) {
	near, far := sockets(t)
	out, sink := sockets(t)
	go func() {
		_, _ = io.Copy(io.Discard, sink)
		sink.Close()
	}()
	c, dst := NewConn(Own(near), Upstream), NewConn(Own(out), Client)
	Pair(dst, c)
	defer c.Close()
	defer dst.Close()
	rows := bytes.Repeat(message('D', make([]byte, 100)), 500)
	var left atomic.Int64
	done := make(chan struct{}, 1)
	go func() {
		_ = c.Serve(dst.Flush, never, func(Header) error {
			if left.Add(-1) == 0 {
				done <- struct{}{}
			}
			_, err := c.Forward(dst)
			return err
		})
	}()
	round := func() {
		left.Store(500)
		if _, err := far.Write(rows); err != nil {
			t.Fatal(err)
		}
		<-done
	}
	round()
	if n := testing.AllocsPerRun(20, round); n > 2 {
		t.Errorf("500 rows allocate %v times", n)
	}
	far.Close()
}
