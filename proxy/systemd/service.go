package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Service is this process as the service manager sees it. The zero value has
// no manager.
type Service struct {
	// Sockets are those that the manager opened.
	Sockets *Sockets
	// address is the manager's datagram socket; empty if nobody listens.
	address string
	// watchdog is how long the manager waits for a sign of life; zero if
	// it does not wait for any.
	watchdog time.Duration
}

// Open reads what the service manager set, and takes it out of the
// environment. Sockets that are not taken are closed by Sockets.Close.
func Open() (*Service, error) {
	values := map[string]string{}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		values[name] = os.Getenv(name)
		if err := os.Unsetenv(name); err != nil {
			return nil, fmt.Errorf("systemd: %w", err)
		}
	}
	watchdog, err := patience(values["WATCHDOG_USEC"], values["WATCHDOG_PID"])
	if err != nil {
		return nil, err
	}
	sockets, err := inherit(values["LISTEN_PID"], values["LISTEN_FDS"], values["LISTEN_FDNAMES"])
	if err != nil {
		return nil, err
	}
	return &Service{Sockets: sockets, address: values["NOTIFY_SOCKET"], watchdog: watchdog}, nil
}

// patience is how long the manager waits for a sign of life of this process.
func patience(microseconds, pid string) (time.Duration, error) {
	if microseconds == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.ParseInt(microseconds, 10, 64)
	if err != nil || n <= 0 || n > int64((1<<63-1)/time.Microsecond) {
		return 0, fmt.Errorf("systemd: WATCHDOG_USEC is %q, which is no time in microseconds", microseconds)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// Ready says that clients can connect, also after Reloading. Status is a line
// for people; it must hold nothing that only some of them may know.
func (s *Service) Ready(status string) error { return s.tell("READY=1", "STATUS="+status) }

// Reloading says that the configuration is being read again; Ready says that
// it was.
func (s *Service) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return s.tell("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// Stopping says that the proxy ends, and how long that may take at most.
func (s *Service) Stopping(most time.Duration, status string) error {
	return s.tell("STOPPING=1", "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(most.Microseconds(), 10), "STATUS="+status)
}

// Live gives signs of life until ctx ends, as long as alive says so. A manager
// that hears none ends the process and starts it again.
func (s *Service) Live(ctx context.Context, alive func() bool) error {
	if s.watchdog == 0 || s.address == "" {
		return nil
	}
	ticker := time.NewTicker(s.watchdog / 2)
	defer ticker.Stop()
	var failed error
	for {
		if alive() {
			// One that is lost may be followed by one that is not.
			failed = s.tell("WATCHDOG=1")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return failed
		}
	}
}

// tell sends one datagram of assignments. A name that begins with @ is in the
// abstract name space of Linux, which package net knows.
func (s *Service) tell(assignments ...string) error {
	if s.address == "" {
		return nil
	}
	if !strings.HasPrefix(s.address, "/") && !strings.HasPrefix(s.address, "@") {
		return fmt.Errorf("systemd: NOTIFY_SOCKET %q is no socket of this machine", s.address)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	_, err = conn.Write([]byte(strings.Join(assignments, "\n")))
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}
