package provenance

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

var rewrite = flag.Bool("rewrite", false, "write the list of functions that return rows")

const rowsFile = "../../policy/catalog/data/builtin_rows.txt"

// shapes are the functions of PostgreSQL by name, and what each overload
// returns: the names of its columns, ? for what depends on the arguments, or
// nothing for a plain value.
const shapes = `
SELECT p.proname, CASE
  WHEN p.proargmodes && '{o,b,t}'::"char"[] THEN
    (SELECT string_agg(coalesce(nullif(p.proargnames[i], ''), '?'), ' ' ORDER BY i)
     FROM generate_subscripts(p.proargmodes, 1) AS i WHERE p.proargmodes[i] IN ('o', 'b', 't'))
  WHEN t.typtype = 'c' OR t.typname IN ('record', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray') THEN '?'
  ELSE '' END
FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.oid < 16384`

// The list of functions that return more than a plain value is what the
// servers say. A name whose overloads or versions differ has ?.
func TestBuiltinRows(t *testing.T) {
	all := map[string]string{}
	for _, version := range []int{13, 15, 18} {
		server, err := pgserver.Start(t.Context(), pgserver.Options{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		harness.LearnFrom(server)
		conn, err := pgconn.Connect(t.Context(), server.SuperuserDSN("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		err = (querier{conn}).Query(t.Context(), shapes, func(row [][]byte) error {
			name, returns := string(row[0]), string(row[1])
			if before, has := all[name]; has && before != returns || strings.Contains(returns, "?") {
				returns = "?"
			}
			all[name] = returns
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}
	var b strings.Builder
	b.WriteString("# Functions of pg_catalog that return more than a plain value, PostgreSQL 13 to 18:\n# name, then the names of the columns, or ? where they depend on the arguments,\n# the overload or the version. From pg_proc of 13, 15 and 18.\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			fmt.Fprintf(&b, "%s %s\n", name, all[name])
		}
	}
	if *rewrite {
		if err := os.WriteFile(rowsFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(rowsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Error("policy/catalog/data/builtin_rows.txt is not what the servers say; run this test with -rewrite")
	}
}
