package destination

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
)

// SetupOptions say what SetupSQL and TeardownSQL are for. Empty names are the
// usual ones.
type SetupOptions struct {
	// Database is the one that will hold copies; the SQL refuses to run in
	// another one. Empty runs in any.
	Database string
	// Owner owns copies, Probe looks, Carrier loads, Reactor closes and purges.
	Owner, Probe, Carrier, Reactor string
	// QuietLogs lets the carrier switch off for its own sessions what would
	// bring values into the server's log (15 and newer). The other side of it
	// is that the log then says less of the carrier.
	QuietLogs bool
}

// quietSettings are what QuietLogs lets the carrier set.
var quietSettings = []string{
	"log_statement", "log_duration", "log_min_duration_statement", "log_min_duration_sample", "log_min_error_statement", "log_min_messages",
	"log_error_verbosity", "log_parameter_max_length_on_error",
}

// withDefaults fills in the names and checks them.
func (o SetupOptions) withDefaults() (SetupOptions, error) {
	var seen []string
	for _, r := range []struct {
		name  *string
		usual string
	}{{&o.Owner, "sluice_owner"}, {&o.Probe, "sluice_probe"}, {&o.Carrier, "sluice_carrier"}, {&o.Reactor, "sluice_reactor"}} {
		if *r.name == "" {
			*r.name = r.usual
		}
		name := *r.name
		switch {
		case len(name) > 63 || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0xfffd }):
			return o, fmt.Errorf("%q cannot be the name of a role", Clean(name))
		case strings.HasPrefix(name, "pg_") || slices.Contains([]string{"public", "none", "postgres"}, name):
			return o, fmt.Errorf("%q is a name that PostgreSQL keeps for itself", name)
		case slices.Contains(seen, name):
			return o, fmt.Errorf("%q is named twice, and the four roles must differ", name)
		}
		seen = append(seen, name)
	}
	if len(o.Database) > 63 || strings.ContainsFunc(o.Database, func(c rune) bool { return c < ' ' }) {
		return o, errors.New("that cannot be the name of a database")
	}
	return o, nil
}

// fill puts names into SQL: :word is a quoted identifier, ::word a quoted
// literal. It leaves casts alone, since no word is a type.
func (o SetupOptions) fill(sql string) string {
	var pairs []string
	for _, r := range []struct{ word, name string }{
		{"owner", o.Owner}, {"probe", o.Probe}, {"carrier", o.Carrier}, {"reactor", o.Reactor}, {"database", o.Database},
	} {
		pairs = append(pairs, "@@"+r.word, quote.Literal(r.name), "@"+r.word, quote.Identifier(r.name))
	}
	return strings.NewReplacer(pairs...).Replace(sql)
}

// SetupSQL is what the DBA of a destination runs once, as a superuser, in the
// database that will hold copies: four groups without LOGIN, and the schema
// sluice. It may be run again at any time, on 13 to 18, and then brings
// everything back to how it has to be. It is one transaction: all or nothing.
func SetupSQL(o SetupOptions) (string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	parts := []string{setupHead, setupWhere, setupRoles, setupMemberships, setupRights, setupFiles, setupSchema, setupVerifiers}
	if o.QuietLogs {
		parts = append(parts, strings.ReplaceAll(setupQuiet, "@settings", strings.Join(quietSettings, ", ")))
	}
	if strings.ContainsAny(o.Owner+o.Probe+o.Carrier+o.Reactor+o.Database, "$@") {
		return "", errors.New("names with $ or @ in them are not supported")
	}
	return o.fill(strings.Join(append(parts, "COMMIT;\n"), "\n")), nil
}

// TeardownSQL takes away what SetupSQL made. It refuses while there are copies,
// that is, while the owner owns anything but the schema sluice.
func TeardownSQL(o SetupOptions) (string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(o.Owner+o.Probe+o.Carrier+o.Reactor+o.Database, "$@") {
		return "", errors.New("names with $ or @ in them are not supported")
	}
	return o.fill(strings.Join([]string{teardownHead, setupWhere, teardownBody, "COMMIT;\n"}, "\n")), nil
}
