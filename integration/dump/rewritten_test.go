package dump

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/statement"
)

// formats are ends of COPY statements.
var formats = []string{
	"TO STDOUT",
	"TO STDOUT WITH (FORMAT binary)",
	"TO STDOUT WITH (FORMAT csv, HEADER, NULL '-', DELIMITER ';', QUOTE '''', ESCAPE E'\\\\', FORCE_QUOTE *)",
	"TO STDOUT CSV HEADER",
	"TO STDOUT (ENCODING 'LATIN1')",
}

// TestRewrittenCopyIsTheSame: with no column masked, the server sends the same
// bytes for what RewriteCopy makes as for what it was given: children left out,
// generated columns too, names that need quotes, in every format.
func TestRewrittenCopyIsTheSame(t *testing.T) {
	t.Parallel()
	eachRewritten(t, func(t *testing.T, world *harness.World) {
		for _, table := range []string{"public.people", "public.staff", "public.logins", "public.users", `public."Odd Name"`, "sales.orders_2024", "public.notes"} {
			source, columns := known(t, world, table)
			for _, format := range formats {
				if strings.Contains(format, "LATIN1") && table != "public.logins" {
					continue // the others have what it has not
				}
				text := "COPY " + table + " " + format
				want := copied(t, world, text)
				if len(want) == 0 {
					t.Errorf("%s: nothing to compare", text)
				}
				if got := copied(t, world, rewritten(t, text, source, columns)); !bytes.Equal(got, want) {
					t.Errorf("%s\nsends\n%.300q\nand rewritten\n%.300q", text, want, got)
				}
				if !strings.Contains(format, "HEADER") {
					query := fmt.Sprintf("COPY (SELECT * FROM ONLY %s) %s", table, format)
					all := everyColumn(t, world, table)
					if got, want := copied(t, world, rewritten(t, query, statement.CopySource{}, all)), copied(t, world, query); !bytes.Equal(got, want) {
						t.Errorf("%s\nsends\n%.300q\nand rewritten\n%.300q", query, want, got)
					}
				}
			}
		}
	})
}

// TestRowSecurityStays: who sees some rows gets those, and who asked for an
// error instead, as pg_dump does, gets the error.
func TestRowSecurityStays(t *testing.T) {
	t.Parallel()
	eachRewritten(t, func(t *testing.T, world *harness.World) {
		world.Exec(t, "shop", "DROP POLICY everybody ON notes; CREATE POLICY few ON notes USING (id % 3 = 0); ALTER TABLE notes FORCE ROW LEVEL SECURITY")
		source, columns := known(t, world, "public.notes")
		text := "COPY notes TO STDOUT"
		again := rewritten(t, text, source, columns)
		want := copied(t, world, text)
		if got := copied(t, world, again); !bytes.Equal(got, want) || bytes.Count(got, []byte("\n")) != 16 {
			t.Errorf("%d bytes, rewritten %d", len(want), len(got))
		}
		for _, sql := range []string{text, again} {
			_, err := try(t, world, "SET row_security = off", sql)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "42501" || !strings.Contains(pg.Message, "row-level security") {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}

// TestPartitionsAreSent: a partitioned table has no rows of its own, and is
// copied as the query that it takes.
func TestPartitionsAreSent(t *testing.T) {
	t.Parallel()
	eachRewritten(t, func(t *testing.T, world *harness.World) {
		source, columns := known(t, world, "sales.orders")
		source.Only = false
		got := copied(t, world, rewritten(t, "COPY sales.orders TO STDOUT", source, columns))
		if n := bytes.Count(got, []byte("\n")); n != 1000 {
			t.Errorf("%d rows of 1000", n)
		}
	})
}

// eachRewritten runs a test on Debian's server.
func eachRewritten(t *testing.T, test func(*testing.T, *harness.World)) {
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprintf("postgresql-%d", version), func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, version))
		})
	}
}

// known is what the catalog knows of a table for its COPY: no generated columns.
func known(t *testing.T, world *harness.World, table string) (statement.CopySource, []statement.MaskedColumn) {
	t.Helper()
	name := world.Query(t, "shop", fmt.Sprintf(
		"SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = '%s'::regclass", table))[0]
	return statement.CopySource{Schema: name[0], Name: name[1], Only: true}, columnsOf(t, world, table, "AND attgenerated = ''")
}

func everyColumn(t *testing.T, world *harness.World, table string) []statement.MaskedColumn {
	return columnsOf(t, world, table, "")
}

func columnsOf(t *testing.T, world *harness.World, table, which string) (out []statement.MaskedColumn) {
	t.Helper()
	// Types are to be named as without any schema of the session's.
	rows := world.Query(t, "shop", fmt.Sprintf(`SET search_path = pg_catalog;
		SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped %s ORDER BY attnum`, table, which))
	for _, row := range rows {
		out = append(out, statement.MaskedColumn{Name: row[0], Type: row[1]})
	}
	return out
}

func rewritten(t *testing.T, text string, source statement.CopySource, columns []statement.MaskedColumn) string {
	t.Helper()
	analyzer := statement.NewAnalyzer(statement.Options{Worker: harness.Worker(t)})
	defer analyzer.Close()
	out, err := analyzer.RewriteCopy(text, source, columns)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// copied is what the server sends for a COPY.
func copied(t *testing.T, world *harness.World, sql string) []byte {
	t.Helper()
	out, err := try(t, world, "", sql)
	if err != nil {
		t.Fatalf("PostgreSQL %d: %s: %v", world.Version, sql, err)
	}
	return out
}

func try(t *testing.T, world *harness.World, before, sql string) ([]byte, error) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), world.Direct().URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), before).ReadAll(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	_, err = conn.CopyTo(t.Context(), &out, sql)
	return out.Bytes(), err
}
