package transfer

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// pinned makes both servers write and read values alike, whatever their
// configuration and that of the role says. The empty search_path has names
// printed with their schemas.
const pinned = `SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET DateStyle = 'ISO, MDY';
SET IntervalStyle = 'postgres'; SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content';
SET lc_monetary = 'C'; SET TimeZone = 'UTC'; SET row_security = off; SET search_path = pg_catalog, pg_temp;
SET client_min_messages = 'warning'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = %d; SET default_transaction_isolation = 'read committed';
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4; SET tcp_user_timeout = 30000`

// later are settings that not every version has.
func later(version int) string {
	out := ""
	if version >= 140000 {
		out += "; SET idle_session_timeout = 0"
	}
	if version >= 170000 {
		out += "; SET transaction_timeout = 0"
	}
	return out
}

// prepareSource makes the session one that reads what is there and says so if it
// may not.
func prepareSource(ctx context.Context, l *link, lockMillis int64) error {
	return failed(l.side, "set up the session", l.exec(ctx, fmt.Sprintf(pinned, lockMillis)+later(l.version)+
		"; SET default_transaction_read_only = on; SET synchronize_seqscans = off"))
}

// quiet keeps what is loaded out of the server's log as far as the role may say
// so (GRANT SET ON PARAMETER, 15 and later): a failed COPY or CREATE INDEX
// would quote values in DETAIL and CONTEXT.
var quiet = []string{
	"log_min_error_statement = 'panic'", "log_error_verbosity = 'terse'", "log_min_duration_statement = -1", "log_min_duration_sample = -1",
}

// prepareDestination makes the session one of the owner. loud is true if the
// server may log values of rows that it refuses.
func prepareDestination(ctx context.Context, l *link, owner string, lockMillis int64) (loud bool, err error) {
	for _, s := range quiet { // as who logged in: the owner may not
		err := l.exec(ctx, "SET "+s)
		switch {
		case hasCode(err, "42501"): // insufficient_privilege
			loud = true
		case err != nil:
			return false, failed(l.side, "set up the session", err)
		}
	}
	text := fmt.Sprintf(pinned, lockMillis) + later(l.version) + fmt.Sprintf(`; SET ROLE %s; SET check_function_bodies = off;
		SET default_tablespace = ''; SET default_table_access_method = 'heap'; SET default_transaction_read_only = off`, quote.Identifier(owner))
	if err := l.exec(ctx, text); err != nil {
		return loud, failed(l.side, "set up the session as "+owner, err)
	}
	return loud, nil
}

// inSchema sets a search_path for this transaction under which names of the
// schema are printed, or read, without it.
func inSchema(schemas ...string) string {
	return "SET LOCAL search_path = pg_catalog, " + quote.Identifiers(schemas) + ", pg_temp"
}

// along does something under a search_path, within the transaction that is open:
// what callers wrote as SQL names things by it.
func (l *link) along(ctx context.Context, path []string, do func() error) error {
	if len(path) == 0 {
		return do()
	}
	const own = "SET LOCAL search_path = pg_catalog, pg_temp"
	if err := l.exec(ctx, "SET LOCAL search_path = "+quote.Identifiers(path)+", pg_temp"); err != nil {
		return failed(l.side, "set the search_path", err)
	}
	if err := do(); err != nil {
		return err
	}
	return failed(l.side, "set the search_path", l.exec(ctx, own))
}

// words joins statements for one message, which is one transaction unless it has
// begun before.
func words(statements []string) string { return strings.Join(statements, ";\n") }
