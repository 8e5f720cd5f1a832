package dump

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"github.com/sluice-pg/sluice/integration/harness"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/statement"
)

//go:embed testdata/shapes.sql
var shapes string

// pair is a mask as it is computed in a stream and by the server.
type pair struct {
	column string
	stream mask.Mask
	static statement.StaticMask
}

// pairs are masks for the columns of shapes.
func pairs() (out []pair) {
	add := func(m mask.Mask, s statement.StaticMask, columns ...string) {
		for _, c := range columns {
			out = append(out, pair{c, m, s})
		}
	}
	all := []string{"text", "varchar", "char", "name", "smallint", "integer", "bigint", "numeric", "money like", "real", "double",
		"date", "timestamp", "timestamptz", "boolean", "uuid"}
	add(mask.Mask{Kind: mask.Null}, statement.StaticMask{Kind: statement.MaskNull}, all...)
	constant := func(value string, columns ...string) {
		add(mask.Mask{Kind: mask.Constant, Value: value}, statement.StaticMask{Kind: statement.MaskConstant, Value: value}, columns...)
	}
	constant(`it's "\x"`, "text", "varchar", "char", "name") // nine characters: a char(9) is filled up
	constant("", "text")
	constant("7", "smallint", "integer", "bigint", "real", "double", "numeric")
	constant("7.00", "money like")
	constant("2000-01-01", "date")
	constant("2000-01-01 00:00:00", "timestamp")
	constant("2000-01-01 00:00:00+00", "timestamptz")
	constant("t", "boolean")
	constant("11111111-1111-4111-8111-111111111111", "uuid")
	for _, keep := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {2, 2}, {100, 0}, {1, 3}} {
		add(mask.Mask{Kind: mask.Partial, KeepFirst: keep[0], KeepLast: keep[1], With: '#'},
			statement.StaticMask{Kind: statement.MaskPartial, KeepFirst: keep[0], KeepLast: keep[1], With: "#"},
			"text", "varchar", "char", "name")
	}
	for unit, columns := range map[mask.Unit][]string{
		mask.Year: {"date", "timestamp", "timestamptz"}, mask.Month: {"date", "timestamp", "timestamptz"}, mask.Day: {"timestamp", "timestamptz"},
	} {
		add(mask.Mask{Kind: mask.Date, To: unit}, statement.StaticMask{Kind: statement.MaskDate, To: unit.String()}, columns...)
	}
	for _, width := range []string{"2", "10", "7", "1000", "0.5", "2.50", "0.3"} {
		columns := []string{"numeric", "money like", "real", "double"}
		if _, err := strconv.Atoi(width); err == nil {
			columns = append(columns, "smallint", "integer", "bigint")
		}
		add(mask.Mask{Kind: mask.Band, Width: width}, statement.StaticMask{Kind: statement.MaskBand, Width: width}, columns...)
	}
	return out
}

// TestServerMasksAsTheStream: what the server sends for a COPY with masks in it
// is, byte for byte, what masking the stream of the COPY without them gives, in
// each format; floats in text but for their spelling.
func TestServerMasksAsTheStream(t *testing.T) {
	t.Parallel()
	eachRewritten(t, func(t *testing.T, world *harness.World) {
		world.Exec(t, "shop", shapes)
		source, columns := known(t, world, "public.shapes")
		types := columnTypes(t, world, "shapes")
		plain := map[mask.Format][]byte{}
		ends := map[mask.Format]string{mask.Text: "", mask.CSV: "WITH (FORMAT csv)", mask.Binary: "WITH (FORMAT binary)"}
		for format, end := range ends {
			plain[format] = copiedInUTC(t, world, "COPY shapes TO STDOUT "+end)
		}
		for _, p := range pairs() {
			for format, end := range ends {
				want := streamed(t, p, format, columns, types, plain[format])
				masked := append([]statement.MaskedColumn(nil), columns...)
				for i := range masked {
					if masked[i].Name == p.column {
						masked[i].Mask = p.static
					}
				}
				got := copiedInUTC(t, world, rewritten(t, "COPY shapes TO STDOUT "+end, source, masked))
				if float := p.column == "real" || p.column == "double"; float && format != mask.Binary {
					got, want = spelled(got), spelled(want)
				}
				if !bytes.Equal(got, want) {
					g, w := difference(got, want)
					t.Errorf("%s, mask %s (%+v), format %d: the server sends %q, the stream has %q", p.column, p.stream, p.static, format, g, w)
				}
			}
		}
	})
}

// spelled writes the fields that are numbers in one way: the stream prints
// floats without an exponent.
func spelled(rows []byte) []byte {
	return number.ReplaceAllFunc(rows, func(field []byte) []byte {
		x, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return field
		}
		return strconv.AppendFloat(nil, x, 'g', 7, 64)
	})
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?(e[+-]?\d+)?`)

// columnTypes are the types of a table's columns by name.
func columnTypes(t *testing.T, world *harness.World, table string) map[string]mask.Type {
	t.Helper()
	out := map[string]mask.Type{}
	for _, row := range world.Query(t, "shop", fmt.Sprintf(
		"SELECT attname, atttypid::int8::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '%s'::regclass AND attnum > 0", table)) {
		oid, err := strconv.ParseUint(row[1], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		out[row[0]] = mask.Type{OID: uint32(oid), Name: row[2]}
	}
	return out
}

// streamed masks one column of a stream.
func streamed(t *testing.T, p pair, format mask.Format, columns []statement.MaskedColumn, types map[string]mask.Type, stream []byte) []byte {
	t.Helper()
	var list []mask.Column
	for _, c := range columns {
		m := mask.Mask{Kind: mask.Pass}
		if c.Name == p.column {
			m = p.stream
		}
		list = append(list, mask.Column{Name: c.Name, Type: types[c.Name], Mask: m})
	}
	c, err := mask.NewCopy(list, mask.DefaultOptions(format))
	if err != nil {
		t.Fatalf("%s, mask %s: %v", p.column, p.stream, err)
	}
	out, err := c.Append(nil, stream)
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		t.Fatalf("%s, mask %s: %v", p.column, p.stream, err)
	}
	return out
}

func copiedInUTC(t *testing.T, world *harness.World, sql string) []byte {
	t.Helper()
	out, err := try(t, world, "SET TimeZone = 'UTC'", sql)
	if err != nil {
		t.Fatalf("PostgreSQL %d: %s: %v", world.Version, sql, err)
	}
	return out
}

// difference is what is around the first byte in which two differ.
func difference(a, b []byte) (string, string) {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	around := func(x []byte) string { return string(x[max(0, min(at, len(x))-40):min(len(x), at+40)]) }
	return around(a), around(b)
}
