package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/proxy/admin"
)

// openAdmin opens the port for probes, if there is to be one.
func (r *running) openAdmin(ctx context.Context) error {
	address := r.config.Admin.Address
	if address == "" {
		return nil
	}
	l := r.service.Sockets.Take(address)
	if l == nil {
		var err error
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
			return fmt.Errorf("admin port: %w", err)
		}
	}
	r.admin = admin.New(admin.Options{Metrics: r.told.Handler(), PProf: r.config.Admin.PProf, Log: r.log})
	go r.admin.Serve(l)
	r.log.Info("admin port", "address", l.Addr().String())
	return nil
}

// adminFarewell bounds how long answers may take that are being written when
// everything else has ended.
const adminFarewell = 2 * time.Second

func (r *running) closeAdmin(ctx context.Context) error {
	if r.admin == nil {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, adminFarewell)
	defer done()
	return r.admin.Close(ctx)
}

// nothingLeft refuses a socket that was opened for the proxy and fits nothing
// in its configuration: it would take connections that nobody answers.
func (r *running) nothingLeft() error {
	left := r.service.Sockets.Left()
	if len(left) == 0 {
		return nil
	}
	return cli.Exit("sockets that were passed on fit no address under listen or admin: "+strings.Join(left, ", "), exitConfig)
}

// live gives the service manager signs of life until the function it returns
// is called.
func (r *running) live(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.tell(r.service.Live(ctx, r.server.Alive))
	}()
	return func() {
		cancel()
		<-ended
	}
}

// closingTime is what may pass between the end of a drain and that of the
// process: ending credentials, writing the trail.
const closingTime = time.Minute

func (r *running) sayStopping() {
	sessions := r.server.Sessions()
	r.log.Info("stopping", "sessions", sessions, "delay", r.config.Limits.DrainDelay, "grace", r.config.Limits.Drain)
	r.tell(r.service.Stopping(r.server.DrainTime()+closingTime, fmt.Sprintf("stopping, %d sessions are open", sessions)))
}

// tell logs that the service manager could not be told something. It may end
// the process for that; nothing else changes.
func (r *running) tell(err error) {
	if err != nil {
		r.log.Warn("the service manager was not told", "err", err)
	}
}
