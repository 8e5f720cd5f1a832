package survey

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/credential"
)

// Query implements catalog.Querier: rows go to a function as they come.
func (l *Login) Query(ctx context.Context, sql string, row func(values [][]byte) error) error {
	return credential.EachRow(ctx, l.conn, sql, row)
}

// askCallable lists the functions that are not PostgreSQL's own and that this
// login may call.
const askCallable = `SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND pg_catalog.has_schema_privilege(p.pronamespace, 'USAGE')`

// Functions reads the catalog, and which functions this login may call.
func (l *Login) Functions(ctx context.Context) (*catalog.Snapshot, map[catalog.OID]bool, error) {
	s, err := catalog.Load(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	rows, err := credential.Query(ctx, l.conn, askCallable)
	if err != nil {
		return nil, nil, fmt.Errorf("read who may call functions: %w", err)
	}
	callable := map[catalog.OID]bool{}
	for _, row := range rows {
		oid, err := strconv.ParseUint(row[0], 10, 32)
		if err != nil {
			return nil, nil, fmt.Errorf("read who may call functions: %w", err)
		}
		callable[catalog.OID(oid)] = true
	}
	return s, callable, nil
}
