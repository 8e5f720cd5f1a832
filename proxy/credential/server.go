package credential

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// firstPoll and longestPoll are the pauses between two looks at backends
	// that were told to end.
	firstPoll   = 5 * time.Millisecond
	longestPoll = 250 * time.Millisecond
)

// Pinned copies the configuration with the settings that an issuer's statements
// depend on: names mean pg_catalog, strings end where they seem to end, and no
// statement runs for ever.
func Pinned(config *pgconn.Config, application string, statementTimeout time.Duration) *pgconn.Config {
	config = config.Copy()
	if config.RuntimeParams == nil {
		config.RuntimeParams = make(map[string]string)
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name":            application,
		"search_path":                 "pg_catalog",
		"client_encoding":             "UTF8",
		"standard_conforming_strings": "on",
		"statement_timeout":           fmt.Sprint(statementTimeout.Milliseconds()),
	})
	return config
}

// Query executes one statement with text parameters and returns its rows as
// text; NULL becomes the empty string.
func Query(ctx context.Context, conn *pgconn.PgConn, sql string, parameters ...string) ([][]string, error) {
	values := make([][]byte, len(parameters))
	for i, parameter := range parameters {
		values[i] = []byte(parameter)
	}
	result := conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make([]string, len(row))
		for j, value := range row {
			rows[i][j] = string(value)
		}
	}
	return rows, nil
}

// EachRow executes one statement, and calls row with each of its rows as it comes,
// as catalog.Querier asks for.
func EachRow(ctx context.Context, conn *pgconn.PgConn, sql string, row func(values [][]byte) error) error {
	results := conn.Exec(ctx, sql)
	var failed error
	for results.NextResult() {
		reader := results.ResultReader()
		for failed == nil && reader.NextRow() {
			failed = row(reader.Values())
		}
		if _, err := reader.Close(); failed == nil {
			failed = err
		}
	}
	if err := results.Close(); failed == nil {
		failed = err
	}
	return failed
}

// UntilGone returns when the server shows no backend any more. signal tells
// backends to end, and returns the process ids of those that there are.
func UntilGone(ctx context.Context, timeout time.Duration, signal func(context.Context) (alive []string, err error)) error {
	deadline := time.Now().Add(timeout)
	for pause := firstPoll; ; pause = min(2*pause, longestPoll) {
		alive, err := signal(ctx)
		if err != nil {
			return err
		}
		if len(alive) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("still alive after %s: backend %s", timeout, strings.Join(alive, ", "))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("still alive: backend %s: %w", strings.Join(alive, ", "), ctx.Err())
		}
	}
}
