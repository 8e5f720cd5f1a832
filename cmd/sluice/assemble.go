package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluice-pg/sluice/audit"
	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy"
	"github.com/sluice-pg/sluice/proxy/admin"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
	"github.com/sluice-pg/sluice/proxy/identity"
	"github.com/sluice-pg/sluice/proxy/systemd"
	"github.com/sluice-pg/sluice/proxy/telemetry"
)

// running is a proxy with all its parts.
type running struct {
	config *proxy.Config
	log    *slog.Logger
	told   *telemetry.Telemetry
	trail  *audit.Trail
	key    *audit.Key // of the trail
	// messageKey is derived from it.
	messageKey []byte
	analyzer   *statement.Analyzer
	issuers    []*credential.Builtin
	vault      *vault.Client // nil without one, and when it is not needed any more
	maskKeys   map[string]mask.Key
	server     *proxy.Server
	service    *systemd.Service
	admin      *admin.Server
	addrs      []net.Addr
	served     chan error
	cut        context.CancelFunc
}

// start builds a proxy from its configuration and begins to accept clients.
// What was started is stopped again if something fails.
func start(ctx context.Context, config *proxy.Config, told *telemetry.Telemetry, service *systemd.Service) (_ *running, err error) {
	r := &running{config: config, log: told.Log(), told: told, service: service, served: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(ctx))
		}
	}()
	if err := r.openAdmin(ctx); err != nil {
		return nil, err
	}
	p, source, err := loadPolicy(config.Policy)
	if err != nil {
		return nil, cli.Exit(err, exitConfig)
	}
	verifiers, err := openVerifiers(config)
	if err != nil {
		return nil, cli.Exit(err, exitConfig)
	}
	if err := r.openVault(); err != nil {
		return nil, err
	}
	if err := r.openTrail(ctx); err != nil {
		return nil, err
	}
	if err := r.openMaskKeys(ctx, p); err != nil {
		return nil, err
	}
	if err := r.recordStart(ctx, p, source); err != nil {
		return nil, err
	}
	budgets, err := proxy.RecoverBudgets(ctx, config.Trail.Dir, r.key, p, time.Now())
	if err != nil {
		return nil, err
	}
	copies, err := recallCopies(ctx, config.Trail.Dir, r.log)
	if err != nil {
		return nil, err
	}
	issuers, err := r.openIssuers(ctx, p)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	r.analyzer = statement.NewAnalyzer(statement.Options{
		MaxBytes: config.Limits.StatementBytes, MaxOperators: config.Limits.Operators,
		CacheBytes: config.Limits.CacheBytes,
		Worker:     []string{self, workerName}, Parsed: told.Parsed(),
	})
	r.server, err = proxy.New(config, proxy.Parts{
		Analyzer: r.analyzer, Policy: p, Recorder: told.Recorder(r.trail), Verifiers: verifiers, Credentials: issuers.databases, Destinations: issuers.destinations, Budgets: budgets, Ledger: copies, Stored: r.trail.Get,
		Vault: r.vaultHealth(), MaskKeys: r.maskKeys, Explain: explainFor(config.Trail.Dir), Sockets: service.Sockets, Log: r.log, Observer: told.Observer(),
		MessageKey: r.messageKey,
	})
	if err != nil {
		return nil, err
	}
	err = told.Watch(telemetry.Subject{State: r.server.State, Stats: r.analyzer.Stats, Healthy: r.trail.Healthy, Copies: r.server.Copies})
	if err != nil {
		return nil, err
	}
	if r.addrs, err = r.server.Listen(ctx); err != nil {
		return nil, err
	}
	if err := r.nothingLeft(); err != nil {
		return nil, err
	}
	r.serve(ctx)
	return r, nil
}

// recallCopies makes the ledger of the trail, whose writer has begun.
func recallCopies(ctx context.Context, dir string, log *slog.Logger) (*ledger.Ledger, error) {
	copies, err := ledger.Read(ctx, dir, ledger.Options{})
	if err != nil {
		return nil, fmt.Errorf("the trail cannot be read for the copies that there are: %w", err)
	}
	problems, more := copies.Problems()
	for _, p := range problems {
		log.Warn("something about copies in the trail cannot be read", "record", p.Index, "copy", p.Copy, "what", p.What)
	}
	if more > 0 {
		log.Warn("more in the trail cannot be read about copies", "count", more)
	}
	return copies, nil
}

// openVerifiers opens the file of users; there need not be one if nobody logs in
// with a password.
func openVerifiers(config *proxy.Config) (*identity.Verifiers, error) {
	if config.Users == "" && !config.Auth.Uses(identity.MethodSCRAM) {
		return nil, nil
	}
	verifiers, err := identity.OpenVerifiers(config.Users)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	return verifiers, nil
}

// serve begins to accept clients. They outlive ctx, until stop.
func (r *running) serve(ctx context.Context) {
	serving, cut := context.WithCancel(context.WithoutCancel(ctx))
	r.cut = cut
	go func() { r.served <- r.server.Serve(serving) }()
	if r.admin != nil {
		r.admin.Started(r.server)
	}
}

// loadPolicy reads a policy document; no path means the empty policy.
func loadPolicy(path string) (*policy.Policy, []byte, error) {
	if path == "" {
		source := []byte("version: 1\n")
		p, err := policy.Parse("empty policy", source)
		return p, source, err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	p, err := policy.Parse(filepath.Base(path), source)
	if err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	return p, source, nil
}

// recordStart keeps the policy's source beside the trail, so that decisions
// can be taken again, and records that the proxy runs under it.
func (r *running) recordStart(ctx context.Context, p *policy.Policy, source []byte) error {
	digest, err := r.trail.Put(ctx, source)
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	_, err = r.trail.Append(ctx, audit.Event{Time: time.Now(), Type: "policy.loaded", Body: map[string]string{
		"name": p.Name(), "policy": p.Digest(), "source_digest": digest,
	}})
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}

// stop drains the proxy and closes its parts, in the order in which they
// need each other. What is still there when ctx ends is cut.
func (r *running) stop(ctx context.Context) error {
	if err := r.server.Drain(ctx); err != nil {
		r.log.Warn("sessions cut", "err", err)
	}
	r.cut()
	err := <-r.served
	return errors.Join(err, r.close(context.WithoutCancel(ctx)))
}

func (r *running) close(ctx context.Context) error {
	var errs []error
	if r.analyzer != nil {
		errs = append(errs, r.analyzer.Close())
	}
	for _, i := range r.issuers {
		errs = append(errs, i.Close(ctx))
	}
	if r.vault != nil {
		errs = append(errs, r.vault.Close(ctx))
	}
	if r.trail != nil {
		errs = append(errs, r.trail.Close())
	}
	errs = append(errs, r.service.Sockets.Close(), r.closeAdmin(ctx))
	return errors.Join(errs...)
}
