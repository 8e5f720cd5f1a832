package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sluice-pg/sluice/examples/demo/tenant"
)

// stopTimeout bounds how long the proxy may take to stop.
const stopTimeout = 40 * time.Second

// errInterrupted is what the story ends with on Ctrl-C or kill.
var errInterrupted = errors.New("interrupted")

// Options say how the demo runs.
type Options struct {
	// StartProxy starts Sluice and returns the address it listens at. stop
	// ends all sessions and closes the trail.
	StartProxy func(ctx context.Context, setup ProxySetup) (address string, stop func(context.Context) error, err error)
	// Stdout gets what a person reads, Stderr what went wrong on the way.
	Stdout, Stderr io.Writer
	// Script plays the story instead of waiting for a person.
	Script bool
	// Vault issues the credentials; nil means that Sluice does so itself.
	Vault *tenant.Options
	// Sluice is the command line of the sluice program, for the commands
	// that the story shows; this program if empty.
	Sluice []string
}

// Run is the demo. It returns when ctx ends, when the process gets SIGINT,
// SIGTERM or SIGHUP, or when the story is over; by then nothing is left
// behind. The error is nil unless the demo could not run or a step of the
// story was not as it should be.
func Run(ctx context.Context, o Options) error {
	if len(o.Sluice) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return fmt.Errorf("sluice: demo: own program: %w", err)
		}
		o.Sluice = []string{exe}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if byGoRun() {
		var end func()
		ctx, end = withParent(ctx)
		defer end()
	}
	if err := run(ctx, o); err != nil {
		return fmt.Errorf("sluice: demo: %w", err)
	}
	return nil
}

// run makes the demo's folder and removes it whatever happens.
func run(ctx context.Context, o Options) (err error) {
	w, err := makeWorkplace()
	if err != nil {
		return err
	}
	clean, err := startCleaner(w.dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(w.dir))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.dir), clean.dismiss()) }()
	err = runServers(ctx, o, w)
	if err != nil && ctx.Err() != nil {
		if behind := new(tenant.LeftBehind); errors.As(err, &behind) {
			return errors.Join(errInterrupted, behind)
		}
		return errInterrupted // and what that broke is of no interest
	}
	return err
}

// runServers starts the servers and stops them whatever happens.
func runServers(ctx context.Context, o Options, w *workplace) (err error) {
	vault, err := openVault(ctx, o)
	if err != nil {
		return err
	}
	defer vault.close()
	servers, err := Start(ctx, w.servers, o.Stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop()) }()
	if err := errors.Join(w.furnish(servers), w.openPlaces(ctx, servers)); err != nil {
		return err
	}
	if err := vault.furnish(ctx, o.Stdout, w, servers); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vault.leave(o.Stdout)) }()
	if o.Script {
		w.setup.Listen = "127.0.0.1:0"
	}
	address, stop, err := o.StartProxy(ctx, w.setup)
	if err != nil {
		return fmt.Errorf("starting Sluice in front of shop: %w", err)
	}
	proxy := &runningProxy{stop: stop}
	defer func() { err = errors.Join(err, proxy.end()) }()
	dsn, err := w.psqlTo(address)
	if err != nil {
		return err
	}
	if o.Script {
		return play(ctx, o, w, servers, proxy, vault, dsn)
	}
	invite(o.Stdout, w, servers, dsn)
	vault.invite(o.Stdout)
	<-ctx.Done()
	fmt.Fprintln(o.Stdout, "\nStopping Sluice and the servers ...")
	return nil
}

// runningProxy is ended once, by the story or at the end.
type runningProxy struct {
	stop  func(context.Context) error
	ended bool
}

func (p *runningProxy) end() error {
	if p.ended {
		return nil
	}
	p.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := p.stop(ctx); err != nil {
		return fmt.Errorf("stopping Sluice: %w", err)
	}
	return nil
}

// invite tells a person what there is and what to try.
func invite(out io.Writer, w *workplace, s *Servers, dsn string) {
	fmt.Fprintf(out, `
Sluice stands in front of shop. In a second terminal:

  psql "%s"

What works as always:

  \d users
  SELECT email, country FROM users LIMIT 5;
  COPY public.products TO STDOUT;

What leaves with the people taken out, in the shell:

  PGOPTIONS='-c sluice.purpose=copy-out' pg_dump "%[1]s" >shop.sql

A copy in another database, for as long as that protects it as shop does, masked and
carried by Sluice itself; and one that is refused, because sandbox does not:

  COPY users TO 'sluice://analytics/public.users';
  COPY users TO 'sluice://sandbox/public.users';
  psql "%[5]s" -c 'TABLE users LIMIT 3'
  go run ./cmd/sluice copies --trail %[3]s

As its DBA you can take the protection away, and see what becomes of the copy:

  psql "%[6]s" -c 'GRANT SELECT ON users TO PUBLIC'

What would take data where it must not go:

  \copy users TO 'users.csv'
  COPY users TO '/srv/x.csv';
  COPY users TO PROGRAM 'cat';
  SELECT dblink('%[2]s', 'SELECT 1');
  GRANT SELECT ON users TO PUBLIC;

Every refusal has a request id. Ask about it, here or there:

  SHOW sluice.session;
  go run ./cmd/sluice why --trail %[3]s ID
  go run ./cmd/sluice audit verify %[3]s

Policy: %[4]s
        (change it: sessions follow at their next statement; sluice.log beside it says whether it was taken)
Trail:  %[3]s

Ctrl-C ends Sluice and the servers and removes everything.
`, dsn, sandboxDSN(s), w.setup.TrailDir, w.setup.Policy, w.dsns[anna], w.dsns[dba])
}
