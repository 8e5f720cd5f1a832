package secrets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// needle is one form of one secret.
type needle struct {
	kind, form string
	text       []byte
}

// finding is a place at which one was met. It does not hold the secret.
type finding struct {
	file       string
	line       int
	kind, form string
}

// String names the place and what is there.
func (f finding) String() string {
	return fmt.Sprintf("%s:%d holds %s (%s)", f.file, f.line, f.kind, f.form)
}

// head is how many bytes a needle is found by; none is shorter.
const head = 8

// scanner looks for many texts at once: a bit for the first bytes of each says
// for nearly every byte of a file that nothing begins there.
type scanner struct {
	needles map[uint64][]needle
	bits    []uint64
	longest int
	count   int
}

const bitsPower = 22

func newScanner(all []secret) *scanner {
	s := &scanner{needles: map[uint64][]needle{}, bits: make([]uint64, 1<<bitsPower/64)}
	for _, one := range all {
		for _, f := range formsOf(string(one.Value)) {
			s.add(needle{one.Kind, f.name, []byte(f.text)})
		}
	}
	return s
}

func (s *scanner) add(n needle) {
	key := binary.BigEndian.Uint64(n.text)
	s.needles[key] = append(s.needles[key], n)
	at := bit(key)
	s.bits[at/64] |= 1 << (at % 64)
	s.longest = max(s.longest, len(n.text))
	s.count++
}

func bit(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> (64 - bitsPower) }

// part is how much is read at once, beside what a needle can need.
const part = 1 << 20

// scan reads a file to its end. found is told where each secret is.
func (s *scanner) scan(file string, r io.Reader, found func(finding)) (size int64, err error) {
	buffer := make([]byte, part+s.longest)
	filled, line := 0, 1
	for {
		n, err := io.ReadFull(r, buffer[filled:])
		size += int64(n)
		filled += n
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return size, fmt.Errorf("%s: %w", file, err)
		}
		// What begins in the last bytes may end in the next part.
		begin := filled
		if !last {
			begin = filled - s.longest
		}
		s.look(buffer[:filled], begin, func(at int, n needle) {
			found(finding{file, line + bytes.Count(buffer[:at], []byte{'\n'}), n.kind, n.form})
		})
		if last {
			return size, nil
		}
		line += bytes.Count(buffer[:begin], []byte{'\n'})
		filled = copy(buffer, buffer[begin:filled])
	}
}

// look finds the needles that begin before a position.
func (s *scanner) look(text []byte, before int, found func(at int, n needle)) {
	if len(text) < head {
		return
	}
	key := binary.BigEndian.Uint64(text) >> 8
	for i := head - 1; i < len(text) && i-head+1 < before; i++ {
		key = key<<8 | uint64(text[i])
		if at := bit(key); s.bits[at/64]&(1<<(at%64)) == 0 {
			continue
		}
		at := i - head + 1
		for _, n := range s.needles[key] {
			if bytes.HasPrefix(text[at:], n.text) {
				found(at, n)
			}
		}
	}
}
