package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/policy/destination"
)

// reader is who works at analytics, with a password of her own there.
const reader = "anna"

// DestinationSetup is what Sluice needs to know to carry copies to a place.
type DestinationSetup struct {
	// Name is that of the place in the policy, and of its database.
	Name string
	// Host and Port are the server's. Its certificate is valid for Host and
	// signed by the authority in CAFile, which is empty for a server without TLS.
	Host   string
	Port   int
	CAFile string
	// AdminDSN is a keyword/value connection string of a superuser, without the
	// password.
	AdminDSN string
}

// openPlaces does what the DBA of a place does once: run what sluice destination
// setup prints, and let copies into the schema public.
func (w *workplace) openPlaces(ctx context.Context, s *Servers) error {
	for _, one := range []struct {
		name   string
		server *pgserver.Server
	}{{"analytics", s.Analytics}, {"sandbox", s.Sandbox}} {
		setup, err := destination.SetupSQL(destination.SetupOptions{Database: one.name, QuietLogs: true})
		if err != nil {
			return fmt.Errorf("preparing %s: %w", one.name, err)
		}
		if err := one.server.Exec(ctx, one.name, setup+"GRANT USAGE, CREATE ON SCHEMA public TO sluice_owner"); err != nil {
			return fmt.Errorf("preparing %s: %w", one.name, err)
		}
		place, err := w.placeSetup(one.name, one.server)
		if err != nil {
			return err
		}
		w.setup.Destinations = append(w.setup.Destinations, place)
	}
	return w.employ(ctx, s.Analytics)
}

// placeSetup says how Sluice gets to a place.
func (w *workplace) placeSetup(name string, server *pgserver.Server) (DestinationSetup, error) {
	d := DestinationSetup{Name: name, Host: pgserver.Host, Port: server.Port(), CAFile: server.CAFile}
	d.AdminDSN = fmt.Sprintf("host=%s port=%d dbname=%s user=%s", d.Host, d.Port, name, server.Superuser())
	if d.CAFile == "" {
		d.AdminDSN += " sslmode=disable" // it lets everybody in, so there is no password
		return d, nil
	}
	passfile := filepath.Join(w.setup.Dir, name+".pgpass")
	d.AdminDSN += fmt.Sprintf(" sslmode=verify-full sslrootcert=%s passfile=%s", d.CAFile, passfile)
	if err := os.WriteFile(passfile, passLine(server.Addr(), "*", server.Superuser(), server.Password()), 0o600); err != nil {
		return d, fmt.Errorf("files for Sluice: %w", err)
	}
	return d, nil
}

// employ gives the reader a login at analytics, and a service file's entry to it.
// The server's log must not quote the password, should this fail.
func (w *workplace) employ(ctx context.Context, s *pgserver.Server) error {
	password := rand.Text()
	passfile := filepath.Join(w.setup.Dir, reader+".pgpass")
	w.dsns = map[person]string{
		anna: fmt.Sprintf("host=%s port=%d dbname=analytics user=%s sslmode=verify-full sslrootcert=%s passfile=%s",
			pgserver.Host, s.Port(), reader, s.CAFile, passfile),
		dba: w.setup.Destinations[0].AdminDSN,
	}
	return errors.Join(
		s.Exec(ctx, "analytics", fmt.Sprintf("SET log_min_error_statement = panic; CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE analyst", reader, password)),
		os.WriteFile(passfile, passLine(s.Addr(), "analytics", reader, password), 0o600),
	)
}
