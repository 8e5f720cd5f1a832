package proxytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// exchange is the input of one block on its way: what is still to be sent
// and what has come back.
type exchange struct {
	*play
	ctx     context.Context
	client  *RawClient
	view    View
	pending []byte
	lines   []string
	// ended is true once the other side has closed the connection.
	ended bool
}

func (p *play) exchange(ctx context.Context, name string, words []token, input []string) ([]string, error) {
	c := p.conns[name]
	if c == nil {
		return nil, fmt.Errorf("no connection is called %q", name)
	}
	x := &exchange{play: p, ctx: ctx, client: c, view: p.view(words)}
	c.pieces = 0
	for _, w := range words {
		switch {
		case w.key == "pieces":
			n, err := strconv.Atoi(w.text)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("pieces=%s is no number of bytes", w.text)
			}
			c.pieces = n
		case w.key != "" || !isFlag(w.text):
			return nil, fmt.Errorf("%q means nothing here", w.text)
		}
	}
	for i, line := range input {
		if err := x.step(p.target.expand(line)); err != nil {
			return x.lines, fmt.Errorf("input line %d, %q: %w", i+1, line, err)
		}
	}
	if err := x.flush(); err != nil && !Closed(err) {
		return x.lines, err
	}
	return x.lines, nil
}

func (p *play) view(words []token) View {
	v := View{Peers: map[uint32]string{}}
	for name, c := range p.conns {
		if c.Key != nil {
			v.Peers[c.PID] = name
		}
	}
	for _, w := range words {
		v.Messages = v.Messages || w.text == "messages"
	}
	return v
}

// step runs one input line. Messages are gathered and go out together when
// the script first waits for something: that is what a pipeline is.
func (x *exchange) step(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	control, ok := controls[word]
	if !ok {
		b, err := ParseMessage(line)
		x.pending = append(x.pending, b...)
		return err
	}
	if x.ended {
		x.pending = nil
	}
	// A write may fail because the other side has closed already; what it
	// said before is still to be read.
	if err := x.flush(); err != nil && !Closed(err) {
		return err
	}
	return control(x, rest)
}

func (x *exchange) flush() error {
	if len(x.pending) == 0 {
		return nil
	}
	b := x.pending
	x.pending = nil
	return x.client.Send(b)
}

var controls = map[string]func(*exchange, string) error{
	"until":        (*exchange).until,
	"expect-close": (*exchange).expectClose,
	"answer":       (*exchange).answerByte,
	"tls":          func(x *exchange, _ string) error { return x.secureNow() },
	"login":        func(x *exchange, _ string) error { return x.login() },
	"cancel":       (*exchange).cancel,
	"hang-up":      func(x *exchange, _ string) error { return x.client.Close() },
}

// until reads "TYPE", "TYPE xN" or "N messages".
func (x *exchange) until(what string) error {
	word, rest, _ := strings.Cut(what, " ")
	if rest == "messages" {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("%q is no number", word)
		}
		return x.read(n, func(Frame) bool { return true })
	}
	kind, ok := typeOf(word)
	if !ok {
		return fmt.Errorf("%q is no message of a server", word)
	}
	n := 1
	if rest != "" {
		var err error
		if n, err = strconv.Atoi(strings.TrimPrefix(rest, "x")); err != nil {
			return fmt.Errorf("%q is not xN", rest)
		}
	}
	return x.read(n, func(f Frame) bool { return f.Type == kind })
}

// read shows messages until n of them have counted.
func (x *exchange) read(n int, counts func(Frame) bool) error {
	for n > 0 && !x.ended {
		f, err := x.client.Receive()
		if err != nil {
			return x.end(err)
		}
		x.show(f)
		if counts(f) {
			n--
		}
	}
	return nil
}

// show adds a message to the answer. Parameters that are reported as part of
// the start-up differ from server to server and are left out.
func (x *exchange) show(f Frame) {
	if f.Type == 'Z' {
		x.client.greeting = false
	}
	if x.client.greeting && (f.Type == 'S' || f.Type == 'K') {
		return
	}
	x.lines = append(x.lines, Render(f, x.view))
}

func (x *exchange) expectClose(string) error {
	for !x.ended {
		f, err := x.client.Receive()
		if err != nil {
			return x.end(err)
		}
		x.show(f)
	}
	return nil
}

// end shows how the connection ended; an error that is no end is returned.
func (x *exchange) end(err error) error {
	last, err := ending(x.client, err)
	x.lines = append(x.lines, last...)
	x.ended = err == nil
	return err
}

// ending says in words how a connection ended. Bytes that are no messages
// are what a server before protocol 3 would have said, or a TLS alert.
func ending(c *RawClient, err error) ([]string, error) {
	var lines []string
	if errors.Is(err, errNoFrame) {
		lines = append(lines, "not a message")
		for err = nil; err == nil; {
			_, err = c.ReceiveByte()
		}
	}
	if !Closed(err) {
		return lines, err
	}
	return append(lines, "closed"), nil
}

func (x *exchange) answerByte(string) error {
	if x.ended {
		return nil
	}
	b, err := x.client.ReceiveByte()
	if err != nil {
		return x.end(err)
	}
	x.lines = append(x.lines, fmt.Sprintf("answer %c", b))
	return nil
}

func (x *exchange) secureNow() error {
	if x.ended {
		return nil
	}
	if x.target.TLS == nil {
		return errors.New("the target has no TLS")
	}
	if err := x.client.StartTLS(x.ctx, x.target.TLS); err != nil {
		x.lines = append(x.lines, "no TLS")
		return nil
	}
	x.lines = append(x.lines, "TLS")
	return nil
}

// login answers the server and shows everything but how it asked.
func (x *exchange) login() error {
	if x.ended {
		return nil
	}
	seen, err := x.client.Authenticate(x.target.Password)
	for _, f := range seen {
		if f.Type != 'R' {
			x.show(f)
		}
	}
	switch {
	case errors.Is(err, ErrRefused):
		return x.expectClose("")
	case err != nil:
		return x.end(err)
	}
	x.lines = append(x.lines, "logged in")
	x.client.greeting = true
	return nil
}

// cancel sends a connection's cancel key from a connection of its own and
// waits until that one is closed, as libpq does.
func (x *exchange) cancel(name string) error {
	c := x.conns[name]
	if c == nil || c.Key == nil {
		return fmt.Errorf("no cancel key of %q is known", name)
	}
	conn, err := x.target.Dial(x.ctx)
	if err != nil {
		return err
	}
	other := NewRawClient(conn)
	defer other.Close()
	if err := other.Send(CancelPacket(c.PID, c.Key)); err != nil {
		return err
	}
	switch _, err := other.ReceiveByte(); {
	case Closed(err):
		return nil
	case err != nil:
		return fmt.Errorf("after a cancel request: %w", err)
	}
	return errors.New("a cancel request was answered")
}
