package mask

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Format is a format of COPY.
type Format uint8

// The formats.
const (
	Text Format = iota + 1
	CSV
	Binary
)

// Options are those of a COPY ... TO as far as they change how its stream
// reads. Make them with DefaultOptions or ReadOptions.
type Options struct {
	Format Format
	// Delimiter stands between the fields of text and CSV.
	Delimiter byte
	// Null stands for NULL in text and CSV.
	Null string
	// Quote and Escape are those of CSV.
	Quote, Escape byte
	// Header is true if the names of the columns come first.
	Header bool
	// ForceQuoteAll and ForceQuote name the columns that CSV always quotes.
	ForceQuoteAll bool
	ForceQuote    []string
	// MaxRow is how long a row may be, in bytes; DefaultMaxRow if 0.
	MaxRow int
}

// DefaultMaxRow bounds what is kept of a row that has not come whole: 64 MiB.
const DefaultMaxRow = 64 << 20

// DefaultOptions are those of a format for which nothing else is said.
func DefaultOptions(f Format) Options {
	o := Options{Format: f}
	switch f {
	case Text:
		o.Delimiter, o.Null = '\t', `\N`
	case CSV:
		o.Delimiter, o.Quote, o.Escape = ',', '"', '"'
	}
	return o
}

// Option is one of a COPY statement, as WITH (name value) says it, with the
// name in lower case. Values are the column names of a list; Star is true for *.
type Option struct {
	Name, Value string
	Values      []string
	Star        bool
}

// ReadOptions reads the options of a COPY ... TO. What it does not know, what
// is there twice, and any encoding but UTF8 is an error.
func ReadOptions(list []Option) (Options, error) {
	seen := map[string]string{}
	for _, o := range list {
		if _, twice := seen[o.Name]; twice {
			return Options{}, fmt.Errorf("COPY has the option %s twice", strconv.Quote(o.Name))
		}
		seen[o.Name] = o.Value
	}
	formats := map[string]Format{"": Text, "text": Text, "csv": CSV, "binary": Binary}
	format, ok := formats[seen["format"]]
	if !ok {
		return Options{}, fmt.Errorf("there is no mask for COPY in format %s; use text, csv or binary", strconv.Quote(seen["format"]))
	}
	out := DefaultOptions(format)
	for _, o := range list {
		if err := out.read(o); err != nil {
			return Options{}, err
		}
	}
	if _, given := seen["escape"]; !given {
		out.Escape = out.Quote
	}
	return out, out.valid()
}

func (o *Options) read(option Option) (err error) {
	switch option.Name {
	case "format":
	case "delimiter":
		o.Delimiter, err = oneByte(option)
	case "null":
		o.Null = option.Value
	case "quote":
		o.Quote, err = oneByte(option)
	case "escape":
		o.Escape, err = oneByte(option)
	case "header":
		o.Header, err = readSwitch(option)
	case "force_quote":
		o.ForceQuoteAll, o.ForceQuote = option.Star, option.Values
	case "encoding":
		if word := strings.ToUpper(option.Value); word != "UTF8" && word != "UTF-8" {
			err = fmt.Errorf("only COPY in UTF8 can be masked, not in %s; leave the option encoding out", strconv.Quote(option.Value))
		}
	default:
		err = fmt.Errorf("COPY with the option %s cannot be masked; leave it out", strconv.Quote(option.Name))
	}
	return err
}

func oneByte(o Option) (byte, error) {
	if len(o.Value) != 1 {
		return 0, fmt.Errorf("the option %s of COPY must be one character of one byte", o.Name)
	}
	return o.Value[0], nil
}

// readSwitch reads a boolean as PostgreSQL's options of COPY take them.
func readSwitch(o Option) (bool, error) {
	switch strings.ToLower(o.Value) {
	case "", "true", "on", "1":
		return true, nil
	case "false", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("the option %s of COPY must be true or false", o.Name)
}

var (
	errFormat       = errors.New("the format of the COPY is not known")
	errBinaryOption = errors.New("COPY in binary takes no delimiter, null, quote, escape or header")
	errCSVOption    = errors.New("quote, escape and force_quote are for COPY in CSV")
	errDelimiter    = errors.New("this delimiter of COPY cannot be told from the values")
	errNull         = errors.New("this null of COPY cannot be told from the values")
)

// notDelimiters cannot be delimiters in text (commands/copy.c).
const notDelimiters = `\.abcdefghijklmnopqrstuvwxyz0123456789`

// valid holds the options to the rules of PostgreSQL (commands/copy.c,
// ProcessCopyOptions).
func (o *Options) valid() error {
	breaks := func(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }
	switch o.Format {
	case Binary:
		if o.Delimiter != 0 || o.Null != "" || o.Quote != 0 || o.Escape != 0 || o.Header || o.forces() {
			return errBinaryOption
		}
		return nil
	case Text:
		if o.Quote != 0 || o.Escape != 0 || o.forces() {
			return errCSVOption
		}
		if strings.IndexByte(notDelimiters, o.Delimiter) >= 0 {
			return errDelimiter
		}
	case CSV:
		if o.Quote == 0 || o.Escape == 0 || breaks(string(rune(o.Quote))) || breaks(string(rune(o.Escape))) {
			return errCSVOption
		}
		if o.Delimiter == o.Quote {
			return errDelimiter
		}
		if strings.IndexByte(o.Null, o.Quote) >= 0 {
			return errNull
		}
	default:
		return errFormat
	}
	if breaks(string(rune(o.Delimiter))) || o.Delimiter >= 0x80 {
		return errDelimiter
	}
	if breaks(o.Null) || strings.IndexByte(o.Null, o.Delimiter) >= 0 {
		return errNull
	}
	return nil
}

func (o *Options) forces() bool { return o.ForceQuoteAll || len(o.ForceQuote) > 0 }

// quotes tells whether CSV always quotes a column.
func (o *Options) quotes(column string) bool {
	return o.ForceQuoteAll || slices.Contains(o.ForceQuote, column)
}
