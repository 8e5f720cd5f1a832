package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// firstSocket is the descriptor of the first socket (SD_LISTEN_FDS_START).
const firstSocket = 3

// maxSockets bounds how many sockets may be handed over.
const maxSockets = 256

// Sockets are listening sockets that somebody else opened and keeps open:
// closing one here refuses nobody, connections wait for the next process. Nil
// holds none.
type Sockets struct {
	mu   sync.Mutex
	open []socket
}

type socket struct {
	name string
	net.Listener
}

// inherit takes over the sockets that are meant for this process.
func inherit(pid, count, names string) (*Sockets, error) {
	s := new(Sockets)
	if pid != strconv.Itoa(os.Getpid()) || count == "" {
		return s, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSockets {
		return nil, fmt.Errorf("systemd: LISTEN_FDS is %q, which is no number up to %d", count, maxSockets)
	}
	named := strings.Split(names, ":")
	for i := range n {
		fd := firstSocket + i
		// At once: no program started from here must have it.
		syscall.CloseOnExec(fd)
		name := "descriptor " + strconv.Itoa(fd)
		if len(named) == n && named[i] != "" {
			name = named[i]
		}
		l, err := listenerOf(fd, name)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.open = append(s.open, socket{name, l})
	}
	return s, nil
}

func listenerOf(fd int, name string) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), name)
	if file == nil {
		return nil, fmt.Errorf("systemd: socket %s: no such descriptor", name)
	}
	defer file.Close() // FileListener has its own
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("systemd: socket %s: %w", name, err)
	}
	if _, ok := l.(*net.TCPListener); !ok {
		return nil, errors.Join(fmt.Errorf("systemd: socket %s listens at %s, which is no TCP port", name, l.Addr()), l.Close())
	}
	return l, nil
}

// Take returns the socket that listens at an address, host:port, or nil if
// there is none. It belongs to the caller from then on.
func (s *Sockets) Take(address string) net.Listener {
	want, err := net.ResolveTCPAddr("tcp", address)
	if s == nil || err != nil || want.Port == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.open {
		if sameAddress(want, l.Addr()) {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return l.Listener
		}
	}
	return nil
}

// sameAddress treats all ways to write "every address" alike.
func sameAddress(want *net.TCPAddr, have net.Addr) bool {
	at, ok := have.(*net.TCPAddr)
	if !ok || want.Port != at.Port {
		return false
	}
	everywhere := len(want.IP) == 0 || want.IP.IsUnspecified()
	return everywhere && at.IP.IsUnspecified() || want.IP.Equal(at.IP) && want.Zone == at.Zone
}

// Left says which sockets nobody took: their names and addresses.
func (s *Sockets) Left() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for _, l := range s.open {
		left = append(left, l.name+" at "+l.Addr().String())
	}
	return left
}

// Close closes this process's side of what nobody took.
func (s *Sockets) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, l := range s.open {
		errs = append(errs, l.Close())
	}
	s.open = nil
	return errors.Join(errs...)
}
