package mask

import (
	"bytes"
	"encoding/binary"
	"math"
)

// moment is a date or timestamp: days or microseconds since the beginning of
// 2000, those of timestamptz in UTC; MaxInt64 and MinInt64 are the infinities.
type moment int64

const (
	perSecond = 1_000_000
	perDay    = 24 * 60 * 60 * perSecond
	later     = moment(math.MaxInt64)
	earlier   = moment(math.MinInt64)
	// The years of dates (datatype/timestamp.h); timestamps have fewer.
	minYear, maxYear = -4713, 5874897
)

// coarseTime is the changer of Date.
type coarseTime struct {
	family family
	to     Unit
}

func (c *coarseTime) text(dst, value []byte) ([]byte, error) {
	at, err := readTime(value, c.family)
	if err != nil {
		return dst, err
	}
	return appendTime(dst, c.cut(at), c.family), nil
}

func (c *coarseTime) binary(dst, value []byte) ([]byte, error) {
	at, err := timeOf(value, c.family)
	if err != nil {
		return dst, err
	}
	return appendTimeBinary(dst, c.cut(at), c.family), nil
}

// cut goes down to the beginning of the unit.
func (c *coarseTime) cut(at moment) moment {
	if at == later || at == earlier {
		return at
	}
	days := int64(at)
	if c.family != date {
		days, _ = floorDivide(days, perDay)
	}
	year, month, day := civilOf(days)
	if c.to < Day {
		day = 1
	}
	if c.to < Month {
		month = 1
	}
	// The first day there is stands in the middle of its year.
	days = max(daysOf(year, month, day), firstDay)
	if c.family != date {
		return moment(days * perDay)
	}
	return moment(days)
}

// firstDay is 24 November 4714 BC, the first date of PostgreSQL.
const firstDay = -2451545

// timeOf reads what date_send and timestamp_send write.
func timeOf(v []byte, f family) (moment, error) {
	if f == date {
		if len(v) != 4 {
			return 0, errBadBinary
		}
		switch days := int32(binary.BigEndian.Uint32(v)); days {
		case math.MaxInt32:
			return later, nil
		case math.MinInt32:
			return earlier, nil
		default:
			return moment(days), nil
		}
	}
	if len(v) != 8 {
		return 0, errBadBinary
	}
	return moment(binary.BigEndian.Uint64(v)), nil
}

func appendTimeBinary(dst []byte, at moment, f family) []byte {
	if f != date {
		return binary.BigEndian.AppendUint64(dst, uint64(at))
	}
	switch at {
	case later:
		at = math.MaxInt32
	case earlier:
		at = math.MinInt32
	}
	return binary.BigEndian.AppendUint32(dst, uint32(at))
}

// readTime reads a date or timestamp as it is printed in the ISO style.
func readTime(v []byte, f family) (moment, error) {
	switch string(v) {
	case "infinity":
		return later, nil
	case "-infinity":
		return earlier, nil
	}
	r := timeReader{rest: v}
	bc := bytes.HasSuffix(r.rest, []byte(" BC"))
	if bc {
		r.rest = r.rest[:len(r.rest)-len(" BC")]
	}
	days := r.date(bc)
	if f == date {
		return moment(days), r.end()
	}
	at := days*perDay + r.clock()
	if f == timestamptz {
		at -= r.zone()
	}
	return moment(at), r.end()
}

// timeReader reads numbers off the front of a text.
type timeReader struct {
	rest []byte
	bad  bool
}

func (r *timeReader) end() error {
	if r.bad || len(r.rest) > 0 {
		return errBadText
	}
	return nil
}

// number reads from least to most digits.
func (r *timeReader) number(least, most int) (n int64) {
	i := 0
	for ; i < len(r.rest) && i < most && r.rest[i] >= '0' && r.rest[i] <= '9'; i++ {
		n = n*10 + int64(r.rest[i]-'0')
	}
	r.bad = r.bad || i < least
	r.rest = r.rest[i:]
	return n
}

// next takes c off the front, if it is there.
func (r *timeReader) next(c byte) bool {
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *timeReader) must(c byte) { r.bad = !r.next(c) || r.bad }

func (r *timeReader) within(n, from, to int64) int64 {
	r.bad = r.bad || n < from || n > to
	return n
}

// date reads YYYY-MM-DD as a day's number.
func (r *timeReader) date(bc bool) int64 {
	year := r.number(4, 7)
	if bc {
		year = 1 - year
	}
	r.within(year, minYear, maxYear)
	r.must('-')
	month := r.within(r.number(2, 2), 1, 12)
	r.must('-')
	day := r.within(r.number(2, 2), 1, 31)
	if r.bad {
		return 0
	}
	return daysOf(year, month, day)
}

// clock reads " HH:MM:SS" and up to six digits of a second.
func (r *timeReader) clock() int64 {
	r.must(' ')
	hour := r.within(r.number(2, 2), 0, 24)
	r.must(':')
	minute := r.within(r.number(2, 2), 0, 59)
	r.must(':')
	second := r.within(r.number(2, 2), 0, 60)
	if r.next('.') {
		r.number(1, 6) // no unit is that small
	}
	return ((hour*60+minute)*60 + second) * perSecond
}

// zone reads +HH, +HH:MM or +HH:MM:SS.
func (r *timeReader) zone() int64 {
	west := r.next('-')
	if !west {
		r.must('+')
	}
	offset := r.within(r.number(2, 2), 0, 15) * 3600
	if r.next(':') {
		offset += r.within(r.number(2, 2), 0, 59) * 60
	}
	if r.next(':') {
		offset += r.within(r.number(2, 2), 0, 59)
	}
	if west {
		offset = -offset
	}
	return offset * perSecond
}

// appendTime prints a date, or the beginning of a day, in the ISO style.
func appendTime(dst []byte, at moment, f family) []byte {
	switch at {
	case later:
		return append(dst, "infinity"...)
	case earlier:
		return append(dst, "-infinity"...)
	}
	days := int64(at)
	if f != date {
		days, _ = floorDivide(days, perDay)
	}
	year, month, day := civilOf(days)
	bc := year <= 0
	if bc {
		year = 1 - year
	}
	for width := int64(1000); width > max(year, 1); width /= 10 {
		dst = append(dst, '0')
	}
	dst = appendDecimalInteger(dst, year)
	dst = append(dst, '-', byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10))
	if f != date {
		dst = append(dst, " 00:00:00"...)
	}
	if f == timestamptz {
		dst = append(dst, "+00"...)
	}
	if bc {
		dst = append(dst, " BC"...)
	}
	return dst
}
