package statement

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Masks as SQL. Everything called is of pg_catalog by name, operators by the
// functions behind them: a session's search_path finds none of it elsewhere.
// $1 is the column, cast to the type that the functions take; what follows are
// the mask's constants.
const (
	// $2 is the character, $3 how many are kept, $4 how many of them at the
	// beginning, $5 at the end.
	hiddenSQL   = `pg_catalog.repeat($2, pg_catalog.char_length($1))`
	shorterSQL  = `pg_catalog.repeat($2, pg_catalog.int4mi(pg_catalog.char_length($1), $3))`
	firstSQL    = `pg_catalog.textcat(pg_catalog.left($1, $4), ` + shorterSQL + `)`
	lastSQL     = `pg_catalog.textcat(` + shorterSQL + `, pg_catalog.right($1, $5))`
	bothSQL     = `pg_catalog.textcat(` + firstSQL + `, pg_catalog.right($1, $5))`
	keptSQL     = `CASE WHEN pg_catalog.int4gt(pg_catalog.char_length($1), $3) THEN `
	orHiddenSQL = ` ELSE ` + hiddenSQL + ` END`
	dateSQL     = `pg_catalog.date_trunc($2, $1)`
	// The server would cut in the time zone of the session.
	zonedSQL = `pg_catalog.timezone('UTC', pg_catalog.date_trunc($2, pg_catalog.timezone('UTC', $1)))`
	// mod has the sign of the value; the second one makes it the distance
	// from the lower end. Unlike floor(value / width), it never rounds. $3 is
	// the type's least value, where a band begins that would begin below it.
	integerBandSQL = `pg_catalog.int8larger(pg_catalog.int8mi($1, ` + restSQL + `), $3)`
	// There int8mi would overflow.
	bigBandSQL = `CASE WHEN pg_catalog.int8lt($1, pg_catalog.int8pl($3, ` + restSQL + `)) THEN $3
		ELSE pg_catalog.int8mi($1, ` + restSQL + `) END`
	restSQL = `pg_catalog.int8mod(pg_catalog.int8pl(pg_catalog.int8mod($1, $2), $2), $2)`
	// NaN and the infinities, which have no rest, stay. $3 is how many digits
	// the width has behind the point.
	numericBandSQL = `CASE WHEN pg_catalog.numeric_eq(pg_catalog.numeric_mod($1, $2), 'NaN'::pg_catalog.numeric) THEN $1
		ELSE pg_catalog.round(pg_catalog.numeric_sub($1,
			pg_catalog.numeric_mod(pg_catalog.numeric_add(pg_catalog.numeric_mod($1, $2), $2), $2)), $3) END`
	// $1 is the value as double precision, $2 as what it is, $3 the lower end of
	// its band. NaN is larger than the infinities.
	floatBandSQL = `CASE WHEN pg_catalog.float8ge(pg_catalog.float8abs($1), 'Infinity'::pg_catalog.float8) THEN $2 ELSE $3 END`
	// IS NULL is also true for a row of NULLs.
	constantSQL = `CASE WHEN $1 IS DISTINCT FROM NULL THEN $2 END`
)

// maskExpr is the expression that has a column's masked value and its type.
// column is the reference to the column.
func maskExpr(c MaskedColumn, column *pg.Node) (*pg.Node, error) {
	if c.Mask.Kind == MaskNone {
		return column, nil
	}
	own, err := typeNode(c.Type)
	if err != nil {
		return nil, err
	}
	masked, err := c.unconverted(column, own)
	if err != nil {
		return nil, err
	}
	return cast(masked, own), nil
}

// unconverted is the masked value in whatever type the mask computes it.
func (c MaskedColumn) unconverted(column *pg.Node, own *pg.TypeName) (*pg.Node, error) {
	switch c.Mask.Kind {
	case MaskNull:
		return nullNode(), nil
	case MaskConstant:
		return c.constant(column, own)
	case MaskPartial:
		return c.partial(column)
	case MaskDate:
		return c.date(column)
	case MaskBand:
		return c.band(column)
	}
	return nil, fmt.Errorf("a mask %q is none that SQL can express", c.Mask.Kind)
}

func (c MaskedColumn) constant(column *pg.Node, own *pg.TypeName) (*pg.Node, error) {
	if strings.ContainsRune(c.Mask.Value, 0) || !utf8.ValidString(c.Mask.Value) {
		return nil, fmt.Errorf("the constant for column %s is no text", c.Name)
	}
	value := textNode(c.Mask.Value)
	if names := strs(own.Names); names[len(names)-1] == "bool" {
		// 't'::boolean would be written as true, which is another tree.
		value = cast(value, catalogType("text"))
	}
	return filled(constantSQL, column, cast(value, own))
}

func (c MaskedColumn) partial(column *pg.Node) (*pg.Node, error) {
	const most = 1 << 20 // characters, so that their sum is an integer
	m := c.Mask
	if utf8.RuneCountInString(m.With) != 1 || !utf8.ValidString(m.With) || m.With == "\x00" {
		return nil, fmt.Errorf("what masks column %s in part is not one character", c.Name)
	}
	if m.KeepFirst < 0 || m.KeepLast < 0 || m.KeepFirst > most || m.KeepLast > most {
		return nil, fmt.Errorf("a mask cannot keep %d and %d characters of column %s", m.KeepFirst, m.KeepLast, c.Name)
	}
	switch c.base() {
	case "text", "character varying", "character", "name":
	default:
		if !strings.HasSuffix(c.base(), ".citext") {
			return nil, c.unfit("only text can be kept in part")
		}
	}
	text := cast(column, catalogType("text"))
	return filled(partialSQL(m), text, typed(m.With, "text"), intNode(m.KeepFirst+m.KeepLast), intNode(m.KeepFirst), intNode(m.KeepLast))
}

// partialSQL is the template for a mask that keeps a part. What it does not
// keep costs nothing: each call is felt in a COPY.
func partialSQL(m StaticMask) string {
	switch {
	case m.KeepFirst == 0 && m.KeepLast == 0:
		return hiddenSQL
	case m.KeepLast == 0:
		return keptSQL + firstSQL + orHiddenSQL
	case m.KeepFirst == 0:
		return keptSQL + lastSQL + orHiddenSQL
	}
	return keptSQL + bothSQL + orHiddenSQL
}

func (c MaskedColumn) date(column *pg.Node) (*pg.Node, error) {
	switch c.Mask.To {
	case "year", "month", "day":
	default:
		return nil, fmt.Errorf("a date can be kept to year, month or day, not to %q", c.Mask.To)
	}
	if c.base() == "date" && c.Mask.To == "day" {
		return nil, c.unfit("a date to the day is the date itself")
	}
	to := typed(c.Mask.To, "text")
	switch c.base() {
	case "date", "timestamp without time zone":
		return filled(dateSQL, cast(column, catalogType("timestamp")), to)
	case "timestamp with time zone":
		return filled(zonedSQL, cast(column, catalogType("timestamptz")), to)
	}
	return nil, c.unfit("only dates and timestamps can be cut")
}

func (c MaskedColumn) band(column *pg.Node) (*pg.Node, error) {
	if !aboveZero(c.Mask.Width) {
		return nil, fmt.Errorf("the width of bands for column %s is not a decimal number above 0", c.Name)
	}
	switch base := c.base(); base {
	case "smallint", "integer", "bigint":
		return c.integerBand(column, leastOf[base])
	case "numeric":
		return c.numericBand(cast(column, catalogType("numeric")))
	case "real", "double precision":
		return c.floatBand(column, catalogType(floatNames[base]))
	}
	return nil, c.unfit("only numbers have bands")
}

func (c MaskedColumn) numericBand(value *pg.Node) (*pg.Node, error) {
	return filled(numericBandSQL, value, typed(c.Mask.Width, "numeric"), intNode(scaleOf(c.Mask.Width)))
}

// floatBand takes a float for the number as which it is printed; cast to
// numeric it would be the first 15 digits.
func (c MaskedColumn) floatBand(column *pg.Node, own *pg.TypeName) (*pg.Node, error) {
	printed := cast(cast(column, own), catalogType("text"))
	lower, err := c.numericBand(cast(printed, catalogType("numeric")))
	if err != nil {
		return nil, err
	}
	return filled(floatBandSQL, cast(column, catalogType("float8")), cast(column, own), cast(lower, own))
}

// leastOf are the least values of the integers, floatNames the names of the
// floats in pg_type.
var (
	leastOf    = map[string]int64{"smallint": math.MinInt16, "integer": math.MinInt32, "bigint": math.MinInt64}
	floatNames = map[string]string{"real": "float4", "double precision": "float8"}
)

// integerBand computes in bigint, which is several times as fast as numeric.
func (c MaskedColumn) integerBand(column *pg.Node, least int64) (*pg.Node, error) {
	// Half of what a bigint holds, so that no sum overflows.
	if width, err := strconv.ParseInt(c.Mask.Width, 10, 63); err != nil || width < 2 {
		return nil, fmt.Errorf("the width of bands for column %s of type %s is not a whole number from 2", c.Name, c.Type)
	}
	sql := integerBandSQL
	if least == math.MinInt64 {
		sql = bigBandSQL
	}
	return filled(sql, cast(column, catalogType("int8")), typed(c.Mask.Width, "int8"), typed(strconv.FormatInt(least, 10), "int8"))
}

// scaleOf is how many digits a numeral has behind the point, without zeros at
// the end.
func scaleOf(numeral string) int {
	_, behind, _ := strings.Cut(numeral, ".")
	return len(strings.TrimRight(behind, "0"))
}

// aboveZero reports whether a text is a numeral such as 10 or 0.25 and not 0:
// digits with at most one point, no sign, no exponent, at most 40 bytes.
func aboveZero(numeral string) bool {
	return len(numeral) <= 40 && strings.Trim(numeral, "0123456789.") == "" &&
		strings.ContainsAny(numeral, "123456789") && strings.Count(numeral, ".") <= 1
}

// base is the name of the type below a domain, without length.
func (c MaskedColumn) base() string {
	if c.Base != "" {
		return c.Base
	}
	name, rest, sized := strings.Cut(c.Type, "(")
	if sized {
		_, rest, _ = strings.Cut(rest, ")")
	}
	return name + rest
}

func (c MaskedColumn) unfit(why string) error {
	return fmt.Errorf("mask %s does not fit column %s of type %s: %s", c.Mask.Kind, c.Name, c.Type, why)
}
