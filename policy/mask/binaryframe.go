package mask

import (
	"encoding/binary"
	"errors"
)

var (
	errSignature  = errors.New("the COPY does not begin as one in binary does")
	errFlags      = errors.New("the COPY in binary has a header with flags that are not known")
	errLength     = errors.New("a field of the COPY has a length that cannot be")
	errBehind     = errors.New("the COPY goes on behind its end")
	errNoTrailer  = errors.New("the COPY ended without its trailer")
	errTooLongOut = errors.New("the masked value is too long for a field")
)

// signature begins every COPY in binary (reference: COPY, Binary Format).
const signature = "PGCOPY\n\xff\r\n\x00"

// The header: signature, flags of 32 bits, and the length of what else is in it.
const (
	flagsAt     = len(signature)
	extensionAt = flagsAt + 4
	headerSize  = extensionAt + 4
)

// binaryFrame reads COPY in binary: a header, tuples of a count and that many
// fields with their lengths, and a count of -1.
type binaryFrame struct {
	columns []column
	masked  int
	begun   bool
	done    bool
	// fields and seen are how much of a tuple has been walked through.
	fields, seen int
}

func (f *binaryFrame) end(stream []byte) (int, error) {
	switch {
	case f.done:
		return 0, errBehind
	case !f.begun:
		return headerEnd(stream)
	case len(stream) < 2:
		return 0, nil
	}
	count := int16(binary.BigEndian.Uint16(stream))
	if count == -1 {
		return 2, nil
	}
	if int(count) != len(f.columns) {
		return 0, errColumns
	}
	f.seen = max(f.seen, 2)
	for f.fields < len(f.columns) {
		_, behind, err := binaryField(stream[f.seen:])
		if err != nil {
			return 0, err
		}
		if behind == 0 {
			return 0, nil
		}
		f.fields++
		f.seen += behind
	}
	n := f.seen
	f.fields, f.seen = 0, 0
	return n, nil
}

// headerEnd is how long the header is, 0 if it has not come whole.
func headerEnd(stream []byte) (int, error) {
	if n := min(len(stream), len(signature)); string(stream[:n]) != signature[:n] {
		return 0, errSignature
	}
	if len(stream) < headerSize {
		return 0, nil
	}
	if binary.BigEndian.Uint32(stream[flagsAt:]) != 0 {
		return 0, errFlags
	}
	// No version has an extension: what would be in it is not known.
	if binary.BigEndian.Uint32(stream[extensionAt:]) != 0 {
		return 0, errFlags
	}
	return headerSize, nil
}

// binaryField reads a length and that many bytes; the field is nil for NULL.
// behind is where the next one begins, 0 if this one has not come whole.
func binaryField(stream []byte) (field []byte, behind int, err error) {
	if len(stream) < 4 {
		return nil, 0, nil
	}
	length := int32(binary.BigEndian.Uint32(stream))
	if length == -1 {
		return nil, 4, nil
	}
	if length < 0 {
		return nil, 0, errLength
	}
	if int64(len(stream)) < 4+int64(length) {
		return nil, 0, nil
	}
	behind = 4 + int(length)
	return stream[4:behind:behind], behind, nil
}

func (f *binaryFrame) append(dst, unit []byte) ([]byte, bool, error) {
	if !f.begun {
		f.begun = true
		return append(dst, unit...), false, nil
	}
	if len(unit) == 2 && int16(binary.BigEndian.Uint16(unit)) == -1 {
		f.done = true
		return append(dst, unit...), false, nil
	}
	dst, err := appendFields(dst, unit, f.columns[:f.masked], nil)
	return dst, true, err
}

func (f *binaryFrame) finished() error {
	if !f.done {
		return errNoTrailer
	}
	return nil
}

// appendFields masks fields with lengths behind a count, up to the last column
// that is masked; the others follow as they are. texts tells which are in the
// text format; nil for none.
func appendFields(dst, tuple []byte, columns []column, texts []bool) ([]byte, error) {
	copied, at := 0, 2
	for i := range columns {
		field, behind, err := binaryField(tuple[at:])
		if err == nil && behind == 0 {
			err = errLength
		}
		if err != nil {
			return dst, err
		}
		if c := &columns[i]; c.masked {
			dst = append(dst, tuple[copied:at]...)
			if dst, err = appendMasked(dst, field, c, texts != nil && texts[i]); err != nil {
				return dst, c.wrong(err)
			}
			copied = at + behind
		}
		at += behind
	}
	return append(dst, tuple[copied:]...), nil
}

// appendMasked writes a length and the masked field; nil is NULL.
func appendMasked(dst, field []byte, c *column, asText bool) ([]byte, error) {
	if c.null || field == nil {
		return append(dst, 0xff, 0xff, 0xff, 0xff), nil
	}
	begin := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	var err error
	if asText {
		dst, err = c.changer.text(dst, field)
	} else {
		dst, err = c.changer.binary(dst, field)
	}
	length := len(dst) - begin - 4
	if err == nil && length > 1<<30 {
		err = errTooLongOut
	}
	binary.BigEndian.PutUint32(dst[begin:], uint32(length))
	return dst, err
}
