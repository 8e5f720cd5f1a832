package faults

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// echo answers everything with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// through returns a relay in front of echo and a connection through it that
// has worked once.
func through(t *testing.T) (*Relay, *net.TCPConn) {
	t.Helper()
	r, err := StartRelay(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if got, err := answer(c, "hello", 10*time.Second); err != nil || got != "hello" {
		t.Fatalf("got %q, %v", got, err)
	}
	return r, c.(*net.TCPConn)
}

// answer says something and reads until it has as much, or the time is over.
func answer(c net.Conn, say string, within time.Duration) (string, error) {
	_ = c.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(c, say); err != nil {
		return "", err
	}
	buf := make([]byte, len(say))
	n, err := io.ReadFull(c, buf)
	return string(buf[:n]), err
}

func TestRelayFaults(t *testing.T) {
	const text = "0123456789"
	var late net.Error
	for _, c := range []struct {
		name  string
		d     Direction
		fault Fault
		got   string
		is    func(error) bool
	}{
		{"hold", Towards, Fault{Hold: true}, "", func(err error) bool { return errors.As(err, &late) && late.Timeout() }},
		{"lose", Back, Fault{Lose: true}, "", func(err error) bool { return errors.As(err, &late) && late.Timeout() }},
		{"drip", Back, Fault{Drip: 4}, text, func(err error) bool { return err == nil }},
		{"delay", Towards, Fault{Delay: 50 * time.Millisecond}, text, func(err error) bool { return err == nil }},
		{"reset", Back, Fault{ResetAfter: 4}, "0123", func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"end", Back, Fault{EndAfter: 4}, "0123", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, conn := through(t)
			r.Set(c.d, c.fault)
			got, err := answer(conn, text, time.Second)
			// What came before a reset may be lost with it.
			if got != c.got && (c.fault.ResetAfter == 0 || got != "") || !c.is(err) {
				t.Errorf("got %q, %v, want %q", got, err, c.got)
			}
		})
	}
}

// While the network is cut nothing is acknowledged, and a connection that was
// not given up goes on when it is mended.
func TestRelayCutsTheNetwork(t *testing.T) {
	r, conn := through(t)
	if err := r.Cut(); err != nil {
		t.Fatal(err)
	}
	if got, err := answer(conn, "anybody?", 100*time.Millisecond); err == nil {
		t.Errorf("got %q through a cut network", got)
	}
	w := wire.NewConn(conn, wire.Upstream)
	deadline := time.Now().Add(20 * time.Second)
	for w.Unanswered() < time.Second {
		if time.Now().After(deadline) {
			t.Fatal("the kernel has its packets acknowledged")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := r.Mend(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, len("anybody?"))
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "anybody?" {
		t.Errorf("after mending: %q, %v", buf, err)
	}
	if w.Unanswered() != 0 {
		t.Error("still unanswered")
	}
}

// A peer that reads nothing is not one that does not answer.
func TestUnreadIsNotUnanswered(t *testing.T) {
	r, conn := through(t)
	r.Set(Back, Fault{Hold: true})
	r.Set(Towards, Fault{Hold: true})
	_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
	_, err := conn.Write(make([]byte, 64<<20))
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() {
		t.Fatalf("a relay that reads nothing took everything: %v", err)
	}
	w := wire.NewConn(conn, wire.Client)
	for until := time.Now().Add(2 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if silent := w.Unanswered(); silent > 0 {
			t.Fatalf("unanswered for %s", silent)
		}
	}
}

func TestRelaySwallowsTheEnd(t *testing.T) {
	r, conn := through(t)
	r.Set(Towards, Fault{SwallowEnd: true})
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	var late net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("the end came through: %v", err)
	}
}

func TestRelayWhereNobodyListens(t *testing.T) {
	r, err := StartRelay(context.Background(), "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c, err := net.Dial("tcp", r.listener.Addr().String())
	if err == nil {
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
}
