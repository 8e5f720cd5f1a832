package wire

// Serve hands every message to each, one after the other, until one of them
// returns an error or reading fails. each consumes its message. When all that
// has come in was handed on and Serve is about to wait for more, it calls rest.
// A message is handed on when it is there whole, but one that is odd as soon as
// its header is: nobody needs the rest of what will not be accepted.
//
// On a socket of its own all of it happens in the loop that waits for the
// socket: what comes next costs a single read and wakes nobody. Only a message
// that is larger than the buffer is read the usual way. each and rest may
// take long if they call Leave first.
func (c *Conn) Serve(rest func() error, odd func(Header) bool, each func(Header) error) error {
	s := serving{conn: c, rest: rest, odd: odd, each: each}
	ready := s.ready
	for {
		if err := s.deliver(); err != nil {
			return err
		}
		if s.large() {
			if err := s.one(); err != nil {
				return err
			}
			continue
		}
		if err := rest(); err != nil {
			return err
		}
		if err := s.wait(ready); err != nil {
			return err
		}
	}
}

// serving is one run of Serve.
type serving struct {
	conn *Conn
	rest func() error
	odd  func(Header) bool
	each func(Header) error
	err  error
}

// deliver hands on the messages that are buffered whole.
func (s *serving) deliver() error {
	for s.conn.HasMessage() {
		if err := s.one(); err != nil {
			return err
		}
	}
	return nil
}

func (s *serving) one() error {
	h, err := s.conn.Next()
	if err != nil {
		return err
	}
	return s.each(h)
}

// large reports whether a message has begun that the buffer cannot hold, or
// one that cannot be or is odd.
func (s *serving) large() bool {
	c := s.conn
	return c.Buffered() >= headerLen &&
		(c.length() < 4 || c.length()+1 > readBuffer || s.odd(Header{Type: c.buf[c.rp], Len: c.length() - 4}))
}

// wait returns when more has been read, and on a socket when it cannot go on
// by itself.
func (s *serving) wait(ready func(fd uintptr) bool) error {
	c := s.conn
	if c.socket == nil {
		c.releaseEmpty()
		return c.fill(c.Buffered() + 1)
	}
	s.err = nil
	if err := c.socket.await(ready); err != nil {
		return &SideError{c.side, "read", err}
	}
	return s.err
}

// longTurn is how many reads one after the other are a stream: it leaves, and
// keeps nobody waiting.
const longTurn = 8

// ready reads and hands on until there is nothing more to read. It returns
// true to end the waiting.
func (s *serving) ready(fd uintptr) bool {
	c := s.conn
	for reads := 1; ; reads++ {
		if s.err = c.makeRoom(); s.err != nil {
			return true
		}
		n, more, err := c.socket.receive(fd, c.buf[c.wp:])
		switch {
		case err != nil:
			s.err = c.readFailed(err)
			return true
		case n == 0 && !more:
			c.releaseEmpty()
			return false
		}
		c.wp += n
		if s.err = s.deliver(); s.err != nil || s.large() {
			return true
		}
		if s.err = s.rest(); s.err != nil {
			return true
		}
		if !more {
			c.releaseEmpty()
			return false
		}
		if reads == longTurn {
			c.Leave()
		}
	}
}

// Leave says that what follows may take long, or wait. If it runs inside Serve,
// others go on meanwhile.
func (c *Conn) Leave() {
	if s := c.beneath(); s != nil {
		s.leave()
	}
}

// releaseEmpty gives the buffer back if nothing is in it.
func (c *Conn) releaseEmpty() {
	if c.buf == nil || c.Buffered() > 0 || c.lent != nil {
		return
	}
	giveBuffer(c.buf)
	c.buf, c.rp, c.wp = nil, 0, 0
}
