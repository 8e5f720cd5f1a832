package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends is a net.Conn of a reader and a writer.
type ends struct {
	net.Conn
	io.Reader
	io.Writer
}

func (s ends) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s ends) Write(p []byte) (int, error) { return s.Writer.Write(p) }

func reading(r io.Reader) *Conn { return NewConn(ends{Reader: r}, Client) }

func writing(w io.Writer) *Conn { return NewConn(ends{Writer: w}, Upstream) }

func message(typ byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{typ}, uint32(len(body)+4)), body...)
}

// deliveries are ways in which the same bytes can arrive.
var deliveries = map[string]func(io.Reader) io.Reader{
	"at once":       func(r io.Reader) io.Reader { return r },
	"byte by byte":  iotest.OneByteReader,
	"by halves":     iotest.HalfReader,
	"end with data": iotest.DataErrReader,
}

// sizes are body lengths around the edges of the buffer.
var sizes = []int{0, 1, 4, 100, readBuffer - headerLen - 1, readBuffer - headerLen, readBuffer - headerLen + 1, readBuffer, 3*readBuffer + 7}

// TestEveryMessageArrivesWhole: whatever is done with the messages before,
// and however the bytes arrive, each message is itself.
func TestEveryMessageArrivesWhole(t *testing.T) {
	for name, deliver := range deliveries {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { checkStream(t, deliver) })
		})
	}
}

type asked struct {
	typ  byte
	body []byte
	how  int
}

func checkStream(t *rapid.T, deliver func(io.Reader) io.Reader) {
	var stream []byte
	var all []asked
	for range rapid.IntRange(1, 6).Draw(t, "messages") {
		a := asked{typ: rapid.Byte().Draw(t, "type"), how: rapid.IntRange(0, 4).Draw(t, "how")}
		a.body = bytes.Repeat([]byte{rapid.Byte().Draw(t, "fill")}, rapid.SampledFrom(sizes).Draw(t, "size"))
		for i := range a.body {
			a.body[i] += byte(i)
		}
		stream = append(stream, message(a.typ, a.body)...)
		all = append(all, a)
	}
	var forwarded, want bytes.Buffer
	c, dst := reading(deliver(bytes.NewReader(stream))), writing(&forwarded)
	for _, a := range all {
		h, err := c.Next()
		if err != nil || h.Type != a.typ || h.Len != len(a.body) {
			t.Fatalf("Next: %v, %v, want %q of %d", h, err, a.typ, len(a.body))
		}
		consume(t, c, dst, a, &want)
	}
	if _, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the last message: %v", err)
	}
	if err := dst.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(forwarded.Bytes(), want.Bytes()) {
		t.Fatalf("%d bytes forwarded differ from the %d that were to be", forwarded.Len(), want.Len())
	}
}

// consume takes a message in one of the ways there are.
func consume(t *rapid.T, c, dst *Conn, a asked, want *bytes.Buffer) {
	if a.how >= 3 {
		prefix, err := c.Prefix(64)
		if err != nil || !bytes.Equal(prefix, a.body[:min(64, len(a.body))]) {
			t.Fatalf("Prefix: %x, %v", prefix, err)
		}
	}
	switch a.how {
	case 0, 3:
		n, err := c.Forward(dst)
		if err != nil || n != len(a.body) {
			t.Fatalf("Forward: %d, %v", n, err)
		}
		want.Write(message(a.typ, a.body))
		if !dst.AtBoundary() {
			t.Fatal("a whole message was forwarded, and yet there is more to come")
		}
	case 1, 4:
		body, err := c.Body(len(a.body))
		if err != nil || !bytes.Equal(body, a.body) {
			t.Fatalf("Body of %d bytes: %d bytes, %v", len(a.body), len(body), err)
		}
	default:
		if err := c.Discard(); err != nil {
			t.Fatalf("Discard: %v", err)
		}
	}
}

// endless repeats bytes for ever.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	e.at = (e.at + n) % len(e.data)
	return n, nil
}

// TestForwardAllocatesNothing (contract 11): neither for rows in the buffer,
// nor for ones far larger than it, nor for reading a body or a prefix.
func TestForwardAllocatesNothing(t *testing.T) {
	for _, size := range sizes {
		c, dst := reading(&endless{data: message('D', make([]byte, size))}), writing(io.Discard)
		each := map[string]func() error{
			"Forward": func() error { _, err := c.Forward(dst); return err },
			"Discard": c.Discard,
			"Prefix": func() error {
				if _, err := c.Prefix(8 << 10); err != nil {
					return err
				}
				return c.Discard()
			},
			"Body": func() error { _, err := c.Body(size); return err },
		}
		for name, do := range each {
			round := func() {
				if _, err := c.Next(); err != nil {
					t.Fatal(err)
				}
				if err := do(); err != nil {
					t.Fatal(err)
				}
			}
			round() // the buffers grow once
			if n := testing.AllocsPerRun(50, round); n != 0 {
				t.Errorf("%s of %d bytes allocates %v times", name, size, n)
			}
		}
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	c := writing(io.Discard)
	body := make([]byte, 100)
	write := func() {
		if err := c.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	write()
	if n := testing.AllocsPerRun(50, write); n != 0 {
		t.Errorf("Write allocates %v times", n)
	}
}

func TestLengthsThatCannotBe(t *testing.T) {
	for _, length := range []uint32{0, 1, 2, 3, 1 << 31, 1<<32 - 1} {
		_, err := reading(bytes.NewReader(binary.BigEndian.AppendUint32([]byte{'Q'}, length))).Next()
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	for _, length := range []uint32{4, 5, 1<<31 - 1} {
		h, err := reading(bytes.NewReader(binary.BigEndian.AppendUint32([]byte{'Q'}, length))).Next()
		if err != nil || h.Len != int(length)-4 {
			t.Errorf("length %d: %v, %v", length, h, err)
		}
	}
}

// TestAnnouncingCostsNothing: a length alone makes the proxy allocate no more
// than what arrives.
func TestAnnouncingCostsNothing(t *testing.T) {
	stream := append(binary.BigEndian.AppendUint32([]byte{'Q'}, 1<<30), make([]byte, 100<<10)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c := reading(bytes.NewReader(stream))
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Body(1 << 30); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("a body that never came: %v", err)
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 2<<20 {
		t.Errorf("1 GiB announced, 100 KiB sent: %d bytes allocated", spent)
	}
}

// TestBodyOverItsLimit: it is not consumed, and can still be dealt with.
func TestBodyOverItsLimit(t *testing.T) {
	stream := append(message('Q', make([]byte, 1000)), message('X', nil)...)
	c := reading(bytes.NewReader(stream))
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Body(999); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("Body(999): %v", err)
	}
	if err := c.Discard(); err != nil {
		t.Fatal(err)
	}
	if h, err := c.Next(); err != nil || h.Type != 'X' {
		t.Errorf("after it: %v, %v", h, err)
	}
}

// TestNextDemandsAnEnd: no message is ever taken for a part of the one before.
func TestNextDemandsAnEnd(t *testing.T) {
	c := reading(bytes.NewReader(append(message('Q', []byte("abc")), message('X', nil)...)))
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if h, err := c.Next(); err == nil {
			t.Errorf("Next returned %v before the first message was consumed", h)
		}
	}
}

// TestCutAnywhere: a stream that ends inside a message is an error wherever it
// ends, and what was forwarded by then shows that it is no whole message.
func TestCutAnywhere(t *testing.T) {
	whole := message('D', make([]byte, 40))
	for n := 1; n < len(whole); n++ {
		for _, deliver := range deliveries {
			c, dst := reading(deliver(bytes.NewReader(whole[:n]))), writing(io.Discard)
			_, err := c.Next()
			if err == nil {
				_, err = c.Forward(dst)
				if n > headerLen && dst.AtBoundary() && len(dst.out) > 0 {
					t.Errorf("cut after %d bytes: the part forwarded counts as whole", n)
				}
			}
			var side *SideError
			if !errors.As(err, &side) || side.Side != Client || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut after %d bytes: %v", n, err)
			}
		}
	}
	if _, err := reading(bytes.NewReader(nil)).Next(); !errors.Is(err, io.EOF) {
		t.Errorf("an end between messages: %v", err)
	}
}

func TestErrorsNameTheirSide(t *testing.T) {
	broken := errors.New("cable pulled")
	var side *SideError
	if _, err := reading(iotest.ErrReader(broken)).Next(); !errors.As(err, &side) || side.Side != Client || side.Op != "read" || !errors.Is(err, broken) {
		t.Errorf("read: %v", err)
	}
	late := reading(io.MultiReader(bytes.NewReader(message('D', make([]byte, 100))[:50]), iotest.ErrReader(broken)))
	if _, err := late.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Body(100); !errors.As(err, &side) || !errors.Is(err, broken) {
		t.Errorf("read of a body: %v", err)
	}
	r, w := io.Pipe()
	r.CloseWithError(broken)
	c := writing(w)
	if err := c.Write([]byte("x")); err != nil {
		t.Errorf("gathering failed: %v", err)
	}
	if err := c.Flush(); !errors.As(err, &side) || side.Side != Upstream || side.Op != "write" || !errors.Is(err, broken) {
		t.Errorf("write: %v", err)
	}
}

// TestForwardStopsWhereWritingFails: the error is that of the other side.
func TestForwardStopsWhereWritingFails(t *testing.T) {
	broken := errors.New("cable pulled")
	r, w := io.Pipe()
	r.CloseWithError(broken)
	c, dst := reading(bytes.NewReader(message('D', make([]byte, 4*readBuffer)))), writing(w)
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	var side *SideError
	if _, err := c.Forward(dst); !errors.As(err, &side) || side.Side != Upstream {
		t.Errorf("Forward: %v", err)
	}
	if dst.AtBoundary() {
		t.Error("a message that was cut short counts as whole")
	}
}

func TestHasMessage(t *testing.T) {
	first, second := message('Q', []byte("one")), message('Q', make([]byte, 2*readBuffer))
	c := NewConnBuffered(ends{Reader: bytes.NewReader(second[10:])}, Client, append(append([]byte{}, first...), second[:10]...))
	if !c.HasMessage() {
		t.Error("a whole message is buffered and not seen")
	}
	for _, want := range [][]byte{first, second} {
		if _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
		if c.HasMessage() {
			t.Error("a message under way counts as the next")
		}
		body, err := c.Body(MaxMessage)
		if err != nil || !bytes.Equal(body, want[headerLen:]) {
			t.Fatalf("%d bytes, %v", len(body), err)
		}
		if c.HasMessage() {
			t.Error("a message counts that has not arrived whole")
		}
	}
}

// TestEarlyBytesComeFirst: what was read before the Conn existed is read from
// it before anything else, also when it is more than a buffer.
func TestEarlyBytesComeFirst(t *testing.T) {
	for _, n := range []int{0, 1, 5, readBuffer, 2*readBuffer + 3} {
		stream := append(message('D', make([]byte, 3*readBuffer)), message('Z', []byte("I"))...)
		c := NewConnBuffered(ends{Reader: bytes.NewReader(stream[n:])}, Upstream, stream[:n])
		if c.Buffered() != n {
			t.Errorf("%d bytes early, %d buffered", n, c.Buffered())
		}
		var out bytes.Buffer
		dst := writing(&out)
		for range 2 {
			if _, err := c.Next(); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Forward(dst); err != nil {
				t.Fatal(err)
			}
		}
		if err := dst.Flush(); err != nil || !bytes.Equal(out.Bytes(), stream) {
			t.Errorf("%d bytes early: %d of %d came out, %v", n, out.Len(), len(stream), err)
		}
	}
}

// counting counts writes.
type counting struct {
	bytes.Buffer
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	return c.Buffer.Write(p)
}

// TestWritesAreGathered: small messages share a write, nothing is sent twice
// or out of order, and nothing stays behind after Flush.
func TestWritesAreGathered(t *testing.T) {
	var sink counting
	var want []byte
	c := writing(&sink)
	for i := range 300 {
		parts := [][]byte{bytes.Repeat([]byte{byte(i)}, i), {0}, make([]byte, (i%7)*5000)}
		if err := c.WriteFrame('d', parts...); err != nil {
			t.Fatal(err)
		}
		want = append(want, message('d', bytes.Join(parts, nil))...)
	}
	if err := c.WriteMessage(&pgproto3.Sync{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if want = append(want, message('S', nil)...); !bytes.Equal(sink.Bytes(), want) {
		t.Errorf("%d bytes written differ from the %d that were to be", sink.Len(), len(want))
	}
	before := sink.writes
	for range 1000 {
		if err := c.WriteFrame('S'); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil || sink.writes != before+1 {
		t.Errorf("1000 small messages took %d writes, %v", sink.writes-before, err)
	}
	if err := c.Flush(); err != nil || sink.writes != before+1 {
		t.Error("Flush wrote although there was nothing to write")
	}
}

// TestDeadlineInterruptsAWait: the way a session is ended from outside.
func TestDeadlineInterruptsAWait(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c := NewConn(near, Client)
	defer c.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := c.Next()
		failed <- err
	}()
	if err := c.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if err := <-failed; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("Next: %v", err)
	}
	// What arrives afterwards is not lost, and neither is what arrived before.
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go far.Write(message('X', nil))
	if h, err := c.Next(); err != nil || h.Type != 'X' {
		t.Errorf("after the deadline: %v, %v", h, err)
	}
}

// FuzzConn: no bytes and no order of calls panic, hang or make up bytes. What
// is forwarded is what came in, in its order.
func FuzzConn(f *testing.F) {
	f.Add(message('Q', []byte("SELECT 1\x00")), []byte{0, 1, 2, 3}, true)
	f.Add(append(message('d', make([]byte, 20000)), message('c', nil)...), []byte{0, 4, 0}, false)
	f.Add([]byte("Q\xff\xff\xff\xff"), []byte{1}, false)
	f.Add([]byte("Q\x00\x00\x00\x03"), []byte{5, 0}, true)
	f.Fuzz(func(t *testing.T, stream, ops []byte, slowly bool) {
		r := io.Reader(bytes.NewReader(stream))
		if slowly {
			r = iotest.OneByteReader(r)
		}
		var out bytes.Buffer
		c, dst := reading(r), writing(&out)
		var want []byte
		at := 0
		for _, op := range ops {
			h, err := c.Next()
			if err != nil {
				break
			}
			end := at + headerLen + h.Len
			if end > len(stream) {
				end = len(stream)
			}
			switch op % 5 {
			case 0:
				_, err = c.Forward(dst)
				want = append(want, stream[at:end]...)
			case 1:
				var body []byte
				if body, err = c.Body(1 << 20); err == nil && !bytes.Equal(body, stream[at+headerLen:end]) {
					t.Fatal("a body is not what came in")
				}
			case 2:
				err = c.Discard()
			default:
				if _, err = c.Prefix(int(op) * 32); err == nil {
					err = c.Discard()
				}
			}
			if err != nil {
				break
			}
			at = end
		}
		if err := dst.Flush(); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("%d bytes forwarded, %d expected, %v", out.Len(), len(want), err)
		}
	})
}

// Ahead sees what comes and that the peer has gone, and takes nothing away.
func TestAhead(t *testing.T) {
	near, far := net.Pipe()
	c := NewConn(near, Client)
	go func() {
		far.Write(message('Q', []byte("a\x00")))
		far.Write([]byte{'X'})
		far.Close()
	}()
	if err := c.Ahead(0); err != nil || c.FirstBuffered() != 'Q' {
		t.Fatalf("%v, %q", err, c.FirstBuffered())
	}
	h, err := c.Next()
	if err != nil || h.Type != 'Q' {
		t.Fatal(err)
	}
	if body, err := c.Body(10); err != nil || string(body) != "a\x00" {
		t.Fatalf("%q, %v", body, err)
	}
	if err := c.Ahead(0); err != nil || c.FirstBuffered() != 'X' {
		t.Fatalf("%v, %q", err, c.FirstBuffered())
	}
	if err := c.Ahead(c.Buffered()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the peer has gone: %v", err)
	}
	if err := c.Ahead(readBuffer); !errors.Is(err, io.ErrShortBuffer) {
		t.Errorf("no room: %v", err)
	}
}

// What was given out before Part stays as it is, whatever comes in.
func TestPart(t *testing.T) {
	near, far := net.Pipe()
	c := NewConn(near, Client)
	go func() {
		far.Write(append(message('E', []byte("portal\x00\x00\x00\x00\x00")), message('S', nil)...))
		far.Write(message('Q', bytes.Repeat([]byte("x"), 100)))
	}()
	if _, err := c.Next(); err != nil {
		t.Fatal(err)
	}
	body, err := c.Body(100)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Part(); err != nil {
		t.Fatal(err)
	}
	if err := c.Ahead(c.Buffered()); err != nil {
		t.Fatal(err)
	}
	if string(body) != "portal\x00\x00\x00\x00\x00" {
		t.Errorf("the body has become %q", body)
	}
	for _, want := range "SQ" {
		if h, err := c.Next(); err != nil || h.Type != byte(want) || c.Discard() != nil {
			t.Errorf("%q is not %q: %v", h.Type, want, err)
		}
	}
}
