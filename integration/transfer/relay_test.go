package transfer

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

// relay is a network between the engine and a server, which can be cut.
type relay struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	conns []net.Conn
	// moved is how many bytes went either way, limit where it is cut; 0 is never.
	moved, limit int
	// watch is looked for in what clients send, met is called when it comes. The
	// bytes are passed on only if it returns true.
	watch []byte
	met   func() bool
	down  bool
	cuts  int
	// stuck leaves the server's ends open when it is cut: the server does not
	// notice.
	stuck bool
}

func newRelay(t testing.TB, s *pgserver.Server) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, server: fmt.Sprintf("127.0.0.1:%d", s.Port())}
	go r.accept()
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		r.stuck = false
		r.mu.Unlock()
		r.cut(true)
	})
	return r
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		down := r.down
		r.mu.Unlock()
		server, err := net.Dial("tcp", r.server)
		if down || err != nil {
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		go r.pass(client, server, true)
		go r.pass(server, client, false)
	}
}

func (r *relay) pass(from, to net.Conn, fromClient bool) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.stuck {
			from.Close()
			to.Close()
		}
	}()
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if !r.count(buf[:n], fromClient) {
			r.cut(false)
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// count says whether bytes may pass.
func (r *relay) count(p []byte, fromClient bool) bool {
	r.mu.Lock()
	met := r.met
	if !fromClient || r.watch == nil || !bytes.Contains(p, r.watch) {
		met = nil
	} else {
		r.watch = nil
	}
	r.moved += len(p)
	over := r.limit > 0 && r.moved >= r.limit
	if over {
		r.limit = 0
	}
	r.mu.Unlock()
	return (met == nil || met()) && !over
}

// cut ends all connections; nobody gets through until mend if it stays down.
func (r *relay) cut(stays bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cuts++
	r.down = stays
	for i, c := range r.conns {
		if !r.stuck || i%2 == 0 { // each client is followed by its server
			c.Close()
		}
	}
	if !r.stuck {
		r.conns = nil
	}
}

func (r *relay) mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = false
}

// cutAt cuts once after so many bytes from now.
func (r *relay) cutAt(bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moved, r.limit = 0, bytes
}

// total is how many bytes went either way since cutAt.
func (r *relay) total() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.moved
}

// port is where clients connect.
func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }
