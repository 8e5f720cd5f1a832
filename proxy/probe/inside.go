package probe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/destination"
)

// Bounds of what is taken from a server. A list that is longer, or a text, is
// not known as a whole.
const (
	maxRoleRows = 20_000
	maxRows     = 4_000
	maxText     = 4 << 10
)

// Inside asks a server about itself over one connection, with SELECT alone.
//
// Only what the connection's role may see is asked for, because an error would
// end the caller's transaction; the rest is unknown, with what is missing as
// its reason. An error of Inside means that a question had no answer at all,
// and that the transaction, if there is one, is over.
func Inside(ctx context.Context, q catalog.Querier) (*destination.Facts, error) {
	i := &inquiry{ctx: ctx, q: q, facts: &destination.Facts{MeasuredAt: time.Now().UTC()}}
	for _, ask := range []func() error{
		i.askSelf, i.askTransport, i.askRights, i.askSettings, i.askSystem,
		i.askRoles, i.askVerifiers, i.askHBA, i.askIdent, i.askFiles,
		i.askPublic, i.askDefaults, i.askCode, i.askOnward,
	} {
		if err := ask(); err != nil {
			return nil, err
		}
	}
	i.facts.Sort()
	return i.facts, nil
}

// inquiry is one run of Inside.
type inquiry struct {
	ctx   context.Context
	q     catalog.Querier
	facts *destination.Facts
	// version is server_version_num.
	version int
	// rights says of relations and functions that matter whether they may be
	// used; what does not exist is not in it.
	rights map[string]bool
	// seesSettings is true if no setting is hidden from this role.
	seesSettings bool
}

// row is one row of a result, with what went wrong while reading it.
type row struct {
	values [][]byte
	long   bool
	err    error
}

// text is a column's text, and "" for NULL.
func (r *row) text(column int) string {
	if len(r.values[column]) > maxText {
		r.long = true
		return string(r.values[column][:maxText])
	}
	return string(r.values[column])
}

func (r *row) flag(column int) bool {
	switch string(r.values[column]) {
	case "t":
		return true
	case "f", "":
		return false
	}
	r.err = fmt.Errorf("column %d is no boolean", column+1)
	return false
}

func (r *row) number(column int) int {
	if r.values[column] == nil {
		return 0
	}
	n, err := strconv.Atoi(string(r.values[column]))
	if err != nil {
		r.err = fmt.Errorf("column %d is no number", column+1)
	}
	return n
}

// each asks a question and reads every row of the answer.
func (i *inquiry) each(what, sql string, columns int, read func(*row)) error {
	err := i.q.Query(i.ctx, sql, func(values [][]byte) error {
		if len(values) != columns {
			return fmt.Errorf("%d columns, not %d", len(values), columns)
		}
		r := &row{values: values}
		read(r)
		return r.err
	})
	if err != nil {
		return fmt.Errorf("asking the server for %s: %w", what, err)
	}
	return nil
}

// list asks for a list of at most limit items; sql ends where a LIMIT may
// follow. The items that came are kept even where there are more.
func list[T any](i *inquiry, what, sql string, columns, limit int, read func(*row) T) (destination.Fact[[]T], error) {
	var items []T
	why := ""
	err := i.each(what, fmt.Sprintf("%s LIMIT %d", sql, limit+1), columns, func(r *row) {
		if len(items) == limit {
			why = fmt.Sprintf("there are more than %d", limit)
			return
		}
		items = append(items, read(r))
		if r.long {
			why = fmt.Sprintf("a text of it has more than %d bytes", maxText)
		}
	})
	if why != "" {
		return destination.Partly(items, what+": "+why), err
	}
	return destination.Known(items, what), err
}

// askSelf finds out who asks and whom.
func (i *inquiry) askSelf() error {
	return i.each("its version", sqlSelf, 8, func(r *row) {
		i.version = r.number(0)
		i.seesSettings = r.flag(7)
		i.facts.Version = destination.Known(i.version, "server_version_num")
		i.facts.Vantage = destination.Vantage{
			Role: r.text(1), Database: r.text(2), ClientAddress: r.text(3), ServerAddress: r.text(4),
		}
		i.facts.InRecovery = destination.Known(r.flag(5), "pg_is_in_recovery()")
		seconds, err := strconv.ParseFloat(r.text(6), 64)
		if err != nil {
			r.err = fmt.Errorf("the time of loading is no number")
			return
		}
		i.facts.ConfigLoadedAt = destination.Known(time.Unix(int64(seconds), 0).UTC(), "pg_conf_load_time()")
	})
}

// askTransport finds out what protects this very connection.
func (i *inquiry) askTransport() error {
	return i.each("this connection's encryption", sqlTransport, 3, func(r *row) {
		if r.flag(0) {
			i.facts.Vantage.TLS, i.facts.Vantage.Cipher = r.text(1), r.text(2)
		}
	})
}

// askRights finds out which questions may be asked.
func (i *inquiry) askRights() error {
	i.rights = map[string]bool{}
	return i.each("this role's rights", sqlRights, 2, func(r *row) {
		i.rights[r.text(0)] = r.flag(1)
	})
}

// missing says which right is missing for a question, and "" if none is.
func (i *inquiry) missing(names ...string) string {
	for _, name := range names {
		switch may, exists := i.rights[name]; {
		case !exists:
			return name + " does not exist"
		case !may:
			return "role " + i.facts.Vantage.Role + " has no right to " + name
		}
	}
	return ""
}

// settingsOfTheSession are sources of a value that is not the server's own.
var settingsOfTheSession = []string{"client", "database", "user", "database user"}

// askSettings reads the settings that matter. A value that holds for this
// session only says nothing about the server.
func (i *inquiry) askSettings() error {
	settings := map[string]destination.Fact[destination.Setting]{}
	why := "the server has no such setting"
	if !i.seesSettings {
		why = "the server has no such setting, or hides it from role " + i.facts.Vantage.Role
	}
	names := destination.SettingNames()
	for _, name := range names {
		settings[name] = destination.Unknown[destination.Setting](why)
	}
	err := i.each("its settings", settingsSQL(names), 3, func(r *row) {
		name, s := r.text(0), destination.Setting{Value: r.text(1), Source: r.text(2)}
		switch {
		case r.long:
			settings[name] = destination.Unknown[destination.Setting](fmt.Sprintf("its value has more than %d bytes", maxText))
		case slices.Contains(settingsOfTheSession, s.Source) && name != "server_version_num":
			settings[name] = destination.Unknown[destination.Setting]("it has a value of this session's own (" + s.Source + ")")
		default:
			settings[name] = destination.Known(s, "pg_settings")
		}
	})
	i.facts.Settings = settings
	return err
}

// askSystem reads the system identifier.
func (i *inquiry) askSystem() error {
	if why := i.missing("pg_control_system()"); why != "" {
		i.facts.SystemIdentifier = destination.Unknown[string](why)
		return nil
	}
	return i.each("its system identifier", sqlSystem, 1, func(r *row) {
		i.facts.SystemIdentifier = destination.Known(r.text(0), "pg_control_system()")
	})
}
