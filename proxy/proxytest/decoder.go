package proxytest

import (
	"bytes"
	"encoding/binary"
)

// decoder takes a body apart. After the first thing that is not there, bad
// stays set and everything else reads as zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n < 0 || n > len(d.rest) {
		d.bad = true
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) int16() int {
	if b := d.take(2); b != nil {
		return int(int16(binary.BigEndian.Uint16(b)))
	}
	return 0
}

func (d *decoder) int32() int {
	if b := d.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

func (d *decoder) uint32() uint32 { return uint32(d.int32()) }

func (d *decoder) cstring() string {
	i := bytes.IndexByte(d.rest, 0)
	if d.bad || i < 0 {
		d.bad = true
		return ""
	}
	s := string(d.rest[:i])
	d.rest = d.rest[i+1:]
	return s
}

// done reports whether the body was taken apart to its last byte.
func (d *decoder) done() bool { return !d.bad && len(d.rest) == 0 }
