package classify

import "encoding/binary"

// Layout is how a stream writes its rows.
type Layout uint8

const (
	// Tuples are DataRow messages without their header, and the rows of a
	// binary COPY: a count (int16), and for each field its length (int32, -1
	// for NULL) and its bytes. The header and the trailer of a binary COPY
	// are passed over. Fields of types that are no text in binary are not
	// understood, and looked at as if they were.
	Tuples Layout = iota
	// Text is a row of COPY in the text format with its default signs.
	Text
	// CSV is a row of COPY in the format CSV with its default signs.
	CSV
)

// Wires are rare bytes that rows outside the sample are searched for. They are most
// of what a sampler costs.
type Wires uint8

const (
	// AllWires searches every row for all of them, some 30 ns for a row of 110
	// bytes.
	AllWires Wires = iota
	// OneWire searches every row for one of them, which one is thrown: what is
	// there once is found by chance, what is there often is found.
	OneWire
	// NoWires leaves the rows alone, which costs some 5 ns for each.
	NoWires
)

// SamplerOptions say what is sampled. What is zero has its default.
type SamplerOptions struct {
	Layout Layout
	// Head is how many of the first rows are all looked at; default 2,000.
	Head int
	// Every is of how many later rows one is, on average; default 256. 1
	// looks at all of them, for columns of free text.
	Every int
	// Wires say how the rows outside the sample are looked at; default AllWires.
	Wires Wires
	// MaxColumns bounds the memory: what is behind is not looked at;
	// default 1,664, which is PostgreSQL's own bound.
	MaxColumns int
}

// Sampler looks at the rows of one stream as they pass by. It costs a few
// nanoseconds for most of them and allocates only when it sees a column for
// the first time. One goroutine uses it at a time.
type Sampler struct {
	options SamplerOptions
	columns []Tally
	rows    uint64
	next    uint64 // the next row to sample
	dice    uint64
	// mails and marks are the rows that were looked at because of an @ and
	// because of the beginning of a credential.
	mails, marks  uint64
	secrets, news uint64
	field         []byte // the field at hand, unescaped; reused
	known         []ShapeSet
}

// NewSampler begins a stream.
func NewSampler(o SamplerOptions) *Sampler {
	if o.Head == 0 {
		o.Head = 2000
	}
	if o.Every == 0 {
		o.Every = 256
	}
	if o.MaxColumns == 0 {
		o.MaxColumns = 1664
	}
	return &Sampler{options: o, next: 1, dice: 0x9E3779B97F4A7C15}
}

// Row takes a row. It keeps nothing of it.
func (s *Sampler) Row(row []byte) {
	s.rows++
	if s.rows != s.next {
		if s.touched(row) {
			s.each(row, (*Sampler).trace)
		}
		return
	}
	s.next += s.gap()
	s.each(row, (*Sampler).sample)
}

// gap is the way to the next row of the sample. Its length is thrown, so that
// rows that come in a rhythm are not missed in the same rhythm.
func (s *Sampler) gap() uint64 {
	if s.rows < uint64(s.options.Head) || s.options.Every == 1 {
		return 1
	}
	s.dice ^= s.dice << 13
	s.dice ^= s.dice >> 7
	s.dice ^= s.dice << 17
	return 1 + s.dice%(2*uint64(s.options.Every)-1)
}

func (s *Sampler) sample(column int, value []byte, null bool) {
	t := s.tally(column)
	if t == nil {
		return
	}
	if null {
		t.AddNull()
		return
	}
	s.note(column, t.Add(value))
}

func (s *Sampler) trace(column int, value []byte, null bool) {
	if t := s.tally(column); t != nil && !null && len(value) >= 6 {
		s.note(column, t.trace(value))
	}
}

// note counts what is new in a column.
func (s *Sampler) note(column int, found ShapeSet) {
	if found&credentials != 0 {
		s.secrets++
	}
	if news := found & anywhere &^ s.known[column]; news != 0 {
		s.known[column] |= news
		s.news++
	}
}

func (s *Sampler) tally(column int) *Tally {
	if column >= s.options.MaxColumns {
		return nil
	}
	for column >= len(s.columns) {
		s.columns, s.known = append(s.columns, Tally{}), append(s.known, 0)
	}
	return &s.columns[column]
}

// Rows is how many rows have passed.
func (s *Sampler) Rows() uint64 { return s.rows }

// Settled reports whether all of the first rows have been looked at.
func (s *Sampler) Settled() bool { return s.rows >= uint64(s.options.Head) }

// Secrets is in how many fields a credential was found that shows by its own
// marks.
func (s *Sampler) Secrets() uint64 { return s.secrets }

// News grows whenever a column turns out to have something in it that counts
// by a single hit: a cheap question whether Findings are worth to be asked for.
func (s *Sampler) News() uint64 { return s.news }

// Finding is what a column of a stream is likely to hold.
type Finding struct {
	// Column counts from 0.
	Column      int
	Suggestions []Suggestion
}

// Findings says which columns are likely of a class. The names and types of the
// columns help if they are known; there may be none.
func (s *Sampler) Findings(names []Column) []Finding {
	var all []Finding
	for i := range s.columns {
		var c Column
		if i < len(names) {
			c = names[i]
		}
		if list := Suggest(c, &s.columns[i]); len(list) > 0 {
			all = append(all, Finding{i, list})
		}
	}
	return all
}

// each hands every field of a row to a function.
func (s *Sampler) each(row []byte, take func(*Sampler, int, []byte, bool)) {
	switch s.options.Layout {
	case Tuples:
		s.tuple(row, take)
	case Text:
		s.textRow(row, take)
	case CSV:
		s.csvRow(row, take)
	}
}

// copySignature begins a binary COPY; 8 bytes and an extension follow it.
const copySignature = "PGCOPY\n\xff\r\n\x00"

// tuple reads a row with lengths. A row that ends early ends the reading: what
// is wrong with it is for others to say.
func (s *Sampler) tuple(row []byte, take func(*Sampler, int, []byte, bool)) {
	if len(row) >= len(copySignature)+8 && string(row[:len(copySignature)]) == copySignature {
		row = row[len(copySignature)+4:]
		extension := int64(binary.BigEndian.Uint32(row))
		if row = row[4:]; extension > int64(len(row)) {
			return
		}
		row = row[extension:]
	}
	if len(row) < 2 {
		return
	}
	count := int16(binary.BigEndian.Uint16(row))
	row = row[2:]
	for i := range int(max(count, 0)) {
		if len(row) < 4 {
			return
		}
		length := int32(binary.BigEndian.Uint32(row))
		row = row[4:]
		if length < 0 {
			take(s, i, nil, true)
			continue
		}
		if int64(length) > int64(len(row)) {
			return
		}
		take(s, i, row[:length], false)
		row = row[length:]
	}
}
