package script

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// relay stands between psql and a server and notes the texts of Query and
// Parse messages.
type relay struct {
	listener net.Listener
	server   string
	done     sync.WaitGroup

	mu    sync.Mutex
	texts []string
	err   error
}

func startRelay(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: l, server: server}
	r.done.Add(1)
	go r.accept()
	t.Cleanup(func() {
		l.Close()
		r.done.Wait()
	})
	return r
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

func (r *relay) accept() {
	defer r.done.Done()
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.done.Add(1)
		go func() {
			defer r.done.Done()
			r.note(r.serve(client))
		}()
	}
}

func (r *relay) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// taken returns what was noted since the last call.
func (r *relay) taken() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := r.texts
	r.texts = nil
	return texts, r.err
}

func (r *relay) serve(client net.Conn) error {
	defer client.Close()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	answers := make(chan struct{})
	go func() {
		defer close(answers)
		_, _ = io.Copy(client, server) // ends with either side
		client.Close()
	}()
	err = r.forward(server, client)
	server.Close()
	<-answers
	return err
}

// forward passes the client's messages on. The first has no type.
func (r *relay) forward(server io.Writer, client io.Reader) error {
	var head [5]byte
	for first := true; ; first = false {
		h := head[:]
		if first {
			h = head[1:]
		}
		if _, err := io.ReadFull(client, h); err != nil {
			return nil // psql is gone
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return err
		}
		if !first {
			r.noteText(head[0], body)
		}
		if _, err := server.Write(append(bytes.Clone(h), body...)); err != nil {
			return nil // the server is gone
		}
	}
}

func (r *relay) noteText(kind byte, body []byte) {
	var text string
	switch kind {
	case 'Q':
		text = string(body[:len(body)-1])
	case 'P':
		_, rest, _ := bytes.Cut(body, []byte{0})
		query, _, _ := bytes.Cut(rest, []byte{0})
		text = string(query)
	default:
		return
	}
	// An empty text, which \g sends when there is nothing, does nothing.
	if text == "" || strings.HasPrefix(text, ofPsqlItself) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// ofPsqlItself begins the query by which \gdesc has the server name types.
const ofPsqlItself = "SELECT name AS \"Column\""
