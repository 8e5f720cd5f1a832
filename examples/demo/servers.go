package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
)

//go:embed schema.sql
var schemaSQL string

//go:embed data.sql
var dataSQL string

// analyticsSQL takes from PUBLIC what PostgreSQL gives everybody.
const analyticsSQL = `
	CREATE ROLE analyst NOLOGIN;
	REVOKE ALL ON DATABASE analytics FROM PUBLIC;
	REVOKE ALL ON SCHEMA public FROM PUBLIC;
	GRANT CONNECT ON DATABASE analytics TO analyst;
	GRANT USAGE ON SCHEMA public TO analyst`

// Servers are the three databases of the demo.
type Servers struct {
	// Shop is production: TLS and SCRAM, with the schema and data.
	Shop *pgserver.Server
	// Analytics is a place that protects what it gets: TLS and SCRAM, no
	// rights for PUBLIC.
	Analytics *pgserver.Server
	// Sandbox lets everybody in, without TLS.
	Sandbox *pgserver.Server
}

// Start creates the three servers in dir, which the user postgres must be
// able to enter if the caller is root, and says on log what it does. The
// caller must Stop them; if Start fails nothing is left behind.
func Start(ctx context.Context, dir string, log io.Writer) (*Servers, error) {
	fmt.Fprintln(log, "Starting three PostgreSQL servers: shop (production), analytics, sandbox ...")
	s := new(Servers)
	onlyTLS := []string{"hostssl all all 127.0.0.1/32 scram-sha-256"}
	plan := []struct {
		name    string
		server  **pgserver.Server
		options pgserver.Options
	}{
		{"shop", &s.Shop, pgserver.Options{
			TLS: true, HBA: onlyTLS, InitSQL: []string{schemaSQL, dataSQL},
		}},
		{"analytics", &s.Analytics, pgserver.Options{
			TLS: true, HBA: onlyTLS, InitSQL: []string{analyticsSQL},
		}},
		{"sandbox", &s.Sandbox, pgserver.Options{
			HBA: []string{
				"host all +sluice_probe,+sluice_carrier 127.0.0.1/32 scram-sha-256", // so Sluice is asked for a password
				"host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust",
			},
		}},
	}
	errs := make([]error, len(plan))
	var wait sync.WaitGroup
	for i, one := range plan {
		one.options.Dir, one.options.Database = dir, one.name
		wait.Go(func() {
			if *one.server, errs[i] = pgserver.Start(ctx, one.options); errs[i] != nil {
				errs[i] = fmt.Errorf("server %s: %w", one.name, errs[i])
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop ends the servers and removes their folders.
func (s *Servers) Stop() error {
	var errs []error
	for _, server := range []*pgserver.Server{s.Shop, s.Analytics, s.Sandbox} {
		if server != nil {
			errs = append(errs, server.Stop())
		}
	}
	return errors.Join(errs...)
}
