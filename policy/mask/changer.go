package mask

import "errors"

// changer changes values that are not NULL. Both methods append the new value
// to dst: text in PostgreSQL's text output, without escapes of COPY, binary as
// the type's send function writes it. They never append to dst what they got.
type changer interface {
	text(dst, value []byte) ([]byte, error)
	binary(dst, value []byte) ([]byte, error)
}

var (
	errBadText   = errors.New("the value is not what its type prints")
	errBadBinary = errors.New("the value is not what its type sends")
)

// newChanger makes what the mask does to values of the type; nil for the masks
// pass and null. The mask must fit.
func newChanger(m Mask, t Type) (changer, error) {
	switch m.Kind {
	case Pass, Null:
		return nil, nil
	case Constant:
		asText, asBinary, err := constantOf(m.Value, t)
		return &constant{asText, asBinary}, err
	case Partial:
		return newPartial(m, t), nil
	case Date:
		return &coarseTime{family: t.family(), to: m.To}, nil
	case Band:
		return newBand(m, t)
	}
	return newPseudonym(m, t)
}

// constant is the changer of Constant.
type constant struct{ asText, asBinary []byte }

func (c *constant) text(dst, _ []byte) ([]byte, error)   { return append(dst, c.asText...), nil }
func (c *constant) binary(dst, _ []byte) ([]byte, error) { return append(dst, c.asBinary...), nil }
