package mask

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/mask"
)

// masks are those of the tables; columns without one pass.
func masks(t *testing.T) map[string]map[string]mask.Mask {
	t.Helper()
	key, err := mask.NewKey([]byte("a key for the comparison with servers"))
	if err != nil {
		t.Fatal(err)
	}
	pseudonym := func(domain string) mask.Mask { return mask.Mask{Kind: mask.Pseudonym, Domain: domain, Key: key} }
	code := pseudonym("code")
	code.As = mask.AsToken
	return map[string]map[string]mask.Mask{
		"person": {
			"id": pseudonym("person"), "email": pseudonym("email"), "code": code, "device": pseudonym("device"), "mac": pseudonym("mac"),
			"fingerprint": pseudonym("fingerprint"),
			"ssid":        {Kind: mask.Partial, KeepFirst: 1, KeepLast: 1},
			"age":         {Kind: mask.Band, Width: "10"}, "weight": {Kind: mask.Band, Width: "2.5"}, "amount": {Kind: mask.Band, Width: "0.5"},
			"height": {Kind: mask.Band, Width: "5"}, "ratio": {Kind: mask.Band, Width: "5"},
			"born": {Kind: mask.Date, To: mask.Year}, "seen": {Kind: mask.Date, To: mask.Month}, "made": {Kind: mask.Date, To: mask.Day},
			"token": {Kind: mask.Constant, Value: `none, "at" \all`}, "address": {Kind: mask.Constant, Value: "192.0.2.1"},
			"settings": {Kind: mask.Constant, Value: `{"a": [1, "x"]}`}, "active": {Kind: mask.Null},
		},
		"visit": {"person": pseudonym("person"), "email": pseudonym("email")},
	}
}

// expected says in SQL what became of the columns whose masks have no key, r
// being the table as it was and m as it came out.
var expected = map[string]string{
	"note": "r.note", "token": `'none, "at" \all'`, "address": "inet '192.0.2.1'", "settings": `'{"a": [1, "x"]}'::jsonb`, "active": "NULL::boolean",
	"ssid": "CASE WHEN length(r.ssid) <= 2 THEN repeat('*', length(r.ssid)) ELSE left(r.ssid, 1) || repeat('*', length(r.ssid) - 2) || right(r.ssid, 1) END",
	"age":  "floor(r.age / 10.0)::integer * 10", "weight": "floor(r.weight / 2.5) * 2.5", "amount": "floor(r.amount / 0.5) * 0.5",
	"height": "floor(r.height::numeric / 5)::float8 * 5", "ratio": "floor(r.ratio::numeric / 5)::real * 5",
	"born": "CASE WHEN r.id = 4 THEN date '4713-01-01 BC' WHEN isfinite(r.born) AND r.id <> 5 THEN date_trunc('year', r.born::timestamp)::date WHEN r.id = 5 THEN '5874897-01-01' ELSE r.born END",
	"seen": "CASE WHEN isfinite(r.seen) THEN date_trunc('month', r.seen AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' ELSE r.seen END",
	"made": "CASE WHEN isfinite(r.made) THEN date_trunc('day', r.made) ELSE r.made END",
}

// joined makes a pseudonym for every value, and one for each.
var joined = []string{"id", "email", "code", "device", "mac", "fingerprint"}

// formats are options of COPY, as SQL and as read from it.
var formats = map[string][]mask.Option{
	"":                            nil,
	"(DELIMITER '|', NULL 'nil')": {{Name: "delimiter", Value: "|"}, {Name: "null", Value: "nil"}},
	"(FORMAT csv, HEADER)":        {{Name: "format", Value: "csv"}, {Name: "header"}},
	"(FORMAT csv, QUOTE '''', ESCAPE '\\', NULL 'nil', FORCE_QUOTE *)": {
		{Name: "format", Value: "csv"}, {Name: "quote", Value: "'"}, {Name: "escape", Value: `\`}, {Name: "null", Value: "nil"}, {Name: "force_quote", Star: true},
	},
	"(FORMAT binary)": {{Name: "format", Value: "binary"}},
}

func TestCopiesAreMaskedAndLoadAgain(t *testing.T) {
	for _, version := range harness.VersionsOr(t, 15, 18) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			world := harness.NewWorld(t, version)
			schema, err := os.ReadFile("testdata/schema.sql")
			if err != nil {
				t.Fatal(err)
			}
			world.Exec(t, "restored", string(schema))
			conn := connect(t, world)
			for options, list := range formats {
				t.Run("COPY "+options, func(t *testing.T) {
					emptyCopy(t, world, string(schema))
					for _, table := range []string{"person", "visit"} {
						carry(t, conn, table, options, list)
					}
					compare(t, world)
				})
			}
			t.Run("rows", func(t *testing.T) { compareRows(t, conn) })
		})
	}
}

func connect(t *testing.T, world *harness.World) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), world.Server.SuperuserDSN("restored"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(t.Context()); err != nil {
			t.Log(err)
		}
	})
	return conn
}

// emptyCopy makes the same tables once more, empty, in the schema masked.
func emptyCopy(t *testing.T, world *harness.World, schema string) {
	t.Helper()
	world.Exec(t, "restored", "DROP SCHEMA IF EXISTS masked CASCADE")
	tables, _, _ := strings.Cut(schema, "INSERT INTO")
	world.Exec(t, "restored", strings.ReplaceAll(tables, "raw", "masked"))
}

// columnsOf are a table's columns with their masks.
func columnsOf(t *testing.T, conn *pgconn.PgConn, table string) []mask.Column {
	t.Helper()
	result := conn.ExecParams(t.Context(), `SELECT attname, atttypid, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
		WHERE attrelid = ('raw.' || $1)::regclass AND attnum > 0 ORDER BY attnum`, [][]byte{[]byte(table)}, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	var out []mask.Column
	for _, row := range result.Rows {
		var oid uint32
		if _, err := fmt.Sscan(string(row[1]), &oid); err != nil {
			t.Fatal(err)
		}
		column := mask.Column{Name: string(row[0]), Type: mask.Type{OID: oid, Name: string(row[2])}, NotNull: string(row[3]) == "t"}
		var ok bool
		if column.Mask, ok = masks(t)[table][column.Name]; !ok {
			column.Mask.Kind = mask.Pass
		}
		out = append(out, column)
	}
	return out
}

// through is a writer that masks on the way.
type through struct {
	copy *mask.Copy
	out  bytes.Buffer
}

func (w *through) Write(p []byte) (int, error) {
	out, err := w.copy.Append(nil, p)
	w.out.Write(out)
	return len(p), err
}

// carry copies a table through its masks.
func carry(t *testing.T, conn *pgconn.PgConn, table, options string, list []mask.Option) {
	t.Helper()
	read, err := mask.ReadOptions(list)
	if err != nil {
		t.Fatal(err)
	}
	masked, err := mask.NewCopy(columnsOf(t, conn, table), read)
	if err != nil {
		t.Fatal(err)
	}
	w := &through{copy: masked}
	tag, err := conn.CopyTo(t.Context(), w, "COPY raw."+table+" TO STDOUT "+options)
	if err != nil {
		t.Fatal(err)
	}
	if err := masked.Close(); err != nil || uint64(tag.RowsAffected()) != masked.Rows() {
		t.Fatalf("%d of %d rows: %v", masked.Rows(), tag.RowsAffected(), err)
	}
	for _, canary := range []string{"example.com", "token-", "08:00:2b", "\x08\x00\x2b", "00000000-0000-4000"} {
		if bytes.Contains(w.out.Bytes(), []byte(canary)) {
			t.Errorf("%s %s has %q in it", table, options, canary)
		}
	}
	from := strings.NewReplacer(", FORCE_QUOTE *", "").Replace(options)
	if _, err := conn.CopyFrom(t.Context(), &w.out, "COPY masked."+table+" FROM STDIN "+from); err != nil {
		t.Fatal(err)
	}
}

// pairs are rows as they were and as they came out, which has kept the order.
const pairs = `(SELECT *, row_number() OVER () AS n FROM raw.person) r JOIN (SELECT *, row_number() OVER () AS n FROM masked.person) m USING (n)`

func compare(t *testing.T, world *harness.World) {
	t.Helper()
	for column, want := range expected {
		rows := world.Query(t, "restored", fmt.Sprintf("SELECT r.id, m.%s::text, (%s)::text FROM %s WHERE m.%s IS DISTINCT FROM %s LIMIT 3",
			column, want, pairs, column, want))
		for _, row := range rows {
			t.Errorf("%s of %s is %q, not %q", column, row[0], row[1], row[2])
		}
	}
	for _, column := range joined {
		rows := world.Query(t, "restored", fmt.Sprintf(`SELECT count(DISTINCT r.%[1]s) = count(DISTINCT m.%[1]s) AND count(DISTINCT m.%[1]s) > 40
			AND count(DISTINCT (r.%[1]s, m.%[1]s)) FILTER (WHERE r.%[1]s IS NOT NULL) = count(DISTINCT m.%[1]s)
			AND count(r.%[1]s) = count(m.%[1]s) AND count(*) FILTER (WHERE r.%[1]s = m.%[1]s AND m.%[1]s::text NOT IN ('', '\x')) = 0 FROM %[2]s`, column, pairs))
		if rows[0][0] != "t" {
			t.Errorf("the pseudonyms of %s are not one for each value", column)
		}
	}
	const visits = `SELECT count(*) FROM %[1]s.visit v JOIN %[1]s.person p ON p.id = v.person AND p.email IS NOT DISTINCT FROM v.email`
	was, is := world.Query(t, "restored", fmt.Sprintf(visits, "raw")), world.Query(t, "restored", fmt.Sprintf(visits, "masked"))
	if was[0][0] != is[0][0] || was[0][0] != "500" {
		t.Errorf("%s visits join their persons, %s did", is[0][0], was[0][0])
	}
}

// compareRows holds rows of queries, in both formats, to what was loaded.
func compareRows(t *testing.T, conn *pgconn.PgConn) {
	columns := columnsOf(t, conn, "person")
	for _, format := range []int16{0, 1} {
		raw := rowsOf(t, conn, "raw", format)
		masked := rowsOf(t, conn, "masked", format)
		row, err := mask.NewRow(columns, []int16{format})
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw {
			got, err := row.Append(nil, body(raw[i]))
			if err != nil {
				t.Fatal(err)
			}
			comparable(t, columns, got, masked[i], format)
		}
	}
}

func rowsOf(t *testing.T, conn *pgconn.PgConn, schema string, format int16) [][][]byte {
	t.Helper()
	result := conn.ExecParams(t.Context(), "SET timezone = 'UTC'", nil, nil, nil, nil).Read()
	if result.Err != nil {
		t.Fatal(result.Err)
	}
	result = conn.ExecParams(t.Context(), "SELECT * FROM "+schema+".person", nil, nil, nil, []int16{format}).Read()
	if result.Err != nil || len(result.Rows) != 1000 {
		t.Fatal(len(result.Rows), result.Err)
	}
	return result.Rows
}

// body is that of a DataRow.
func body(fields [][]byte) []byte {
	out := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, field := range fields {
		if field == nil {
			out = append(out, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(field))), field...)
	}
	return out
}

// padded are columns that a server fills up or rounds when they are loaded.
var padded = map[string]bool{"code": true, "weight": true, "height": true, "ratio": true, "amount": true}

func comparable(t *testing.T, columns []mask.Column, got []byte, want [][]byte, format int16) {
	t.Helper()
	at := 2
	for i, column := range columns {
		length := int(int32(binary.BigEndian.Uint32(got[at:])))
		at += 4
		var field []byte
		if length >= 0 {
			field = got[at : at+length]
			at += length
		}
		if padded[column.Name] {
			field, want[i] = bytes.TrimRight(field, " "), bytes.TrimRight(want[i], " ")
			if column.Name != "code" {
				continue
			}
		}
		if !bytes.Equal(field, want[i]) || (length < 0) != (want[i] == nil) {
			t.Errorf("format %d, %s: %q was shown and %q was loaded", format, column.Name, field, want[i])
		}
	}
	if at != len(got) {
		t.Errorf("%d bytes follow the last column", len(got)-at)
	}
}
