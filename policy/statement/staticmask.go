package statement

// StaticMask is a mask that needs no key and that a server can compute by
// itself from what every PostgreSQL from 13 brings along. Its zero value masks
// nothing.
//
// NULL stays NULL under every mask. Each means what the mask of that name in
// package mask does in a stream.
type StaticMask struct {
	Kind MaskKind
	// Value is what MaskConstant puts in place of every value that is not
	// NULL, in the column type's text form.
	Value string
	// KeepFirst and KeepLast are how many characters MaskPartial keeps, With
	// the one character that stands for each of the others. A value of no
	// more than KeepFirst and KeepLast together is replaced as a whole.
	KeepFirst, KeepLast int
	With                string
	// To is what MaskDate keeps: year, month or day. What has a time zone is
	// cut in UTC, so that the result does not depend on the session. The COPY
	// fails at a value that date_trunc of the server does not take: dates after
	// 294276, and the first year that there is.
	To string
	// Width is the width of the bands of MaskBand, which start at 0, as a
	// decimal numeral above 0. A value becomes the lower end of its band, a
	// float that of the number that the session prints (extra_float_digits).
	Width string
}

// MaskKind says what a StaticMask does.
type MaskKind string

// The kinds of static masks.
const (
	MaskNone     MaskKind = ""
	MaskNull     MaskKind = "null"
	MaskConstant MaskKind = "constant"
	MaskPartial  MaskKind = "partial"
	MaskDate     MaskKind = "date"
	MaskBand     MaskKind = "band"
)

// MaskedColumn is a column of what a COPY sends.
type MaskedColumn struct {
	// Name is its name, without quotes.
	Name string
	// Type is its type as format_type(atttypid, atttypmod) writes it for a
	// search_path of nothing but pg_catalog, such as character varying(40) or
	// shop.mood: a name without schema is one of pg_catalog. Base is that of
	// the type below a domain, without length, such as character varying;
	// empty stands for Type without it. Both may be empty where Mask is
	// MaskNone, Base where it is MaskNull or MaskConstant.
	Type, Base string
	Mask       StaticMask
}

// CopySource is the relation of a COPY as the catalog knows it. COPY of a view
// or a foreign table is better left as it is: the server refuses it, and would
// not refuse a query of one.
type CopySource struct {
	Schema, Name string
	// Only leaves out what inherits from the relation, as COPY of a table
	// does. It is false for a partitioned table, whose rows are all in its
	// partitions.
	Only bool
}
