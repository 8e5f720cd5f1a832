package mask

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// The signs of a numeric in binary, and the base of its digits
// (utils/adt/numeric.c: numeric_send).
const (
	numericPositive = 0x0000
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInfinity = 0xD000
	numericBelow    = 0xF000
	numericBase     = 10000
	groupDigits     = 4
	numericHeader   = 8
	// maxScale is how many digits can stand behind the point.
	maxScale = 0x3fff
	// maxWhole is how many can stand before it.
	maxWhole = 131072
)

// numericText appends what a numeric prints, given what it sends.
func numericText(dst, v []byte) ([]byte, error) {
	if len(v) < numericHeader {
		return dst, errBadBinary
	}
	groups := int(binary.BigEndian.Uint16(v))
	weight := int(int16(binary.BigEndian.Uint16(v[2:])))
	scale := int(binary.BigEndian.Uint16(v[6:]))
	v, sign := v[numericHeader:], binary.BigEndian.Uint16(v[4:])
	switch {
	case scale > maxScale || len(v) != 2*groups:
		return dst, errBadBinary
	case sign == numericNaN:
		return append(dst, "NaN"...), nil
	case sign == numericInfinity:
		return append(dst, "Infinity"...), nil
	case sign == numericBelow:
		return append(dst, "-Infinity"...), nil
	case sign == numericNegative:
		dst = append(dst, '-')
	case sign != numericPositive:
		return dst, errBadBinary
	}
	return appendGroups(dst, v, weight, scale)
}

// appendGroups writes groups of four digits, the first of which counts
// 10000^weight, with so many digits behind the point.
func appendGroups(dst, groups []byte, weight, scale int) ([]byte, error) {
	for at := 0; at < len(groups); at += 2 {
		if binary.BigEndian.Uint16(groups[at:]) >= numericBase {
			return dst, errBadBinary
		}
	}
	group := func(i int) uint64 {
		if i < 0 || 2*i >= len(groups) {
			return 0
		}
		return uint64(binary.BigEndian.Uint16(groups[2*i:]))
	}
	dst = strconv.AppendUint(dst, group(0)*min(uint64(max(weight+1, 0)), 1), 10)
	for i := 1; i <= weight; i++ {
		dst = appendGroup(dst, group(i))
	}
	if scale == 0 {
		return dst, nil
	}
	dst = append(dst, '.')
	end := len(dst) + scale
	for i := weight + 1; len(dst) < end; i++ {
		dst = appendGroup(dst, group(i))
	}
	return dst[:end], nil
}

func appendGroup(dst []byte, g uint64) []byte {
	return append(dst, byte('0'+g/1000), byte('0'+g/100%10), byte('0'+g/10%10), byte('0'+g%10))
}

// appendNumeric appends what a numeric sends, given what it prints.
func appendNumeric(dst, v []byte) ([]byte, error) {
	if notANumber(v) {
		sign := uint16(numericNaN)
		switch v[0] {
		case 'I':
			sign = numericInfinity
		case '-':
			sign = numericBelow
		}
		dst = append(dst, 0, 0, 0, 0)
		dst = binary.BigEndian.AppendUint16(dst, sign)
		return append(dst, 0, 0), nil
	}
	sign := uint16(numericPositive)
	if len(v) > 0 && v[0] == '-' {
		sign, v = numericNegative, v[1:]
	}
	whole, part, _ := bytes.Cut(v, []byte("."))
	if len(whole) == 0 || !allDigits(whole) || !allDigits(part) || len(part) > maxScale || len(whole) > maxWhole {
		return dst, errBadText
	}
	return appendDigits(dst, whole, part, sign), nil
}

func allDigits(v []byte) bool {
	for _, c := range v {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// appendDigits writes header and groups for the digits before and behind the
// point. Groups of zeros at both ends are left out, as numeric does.
func appendDigits(dst, whole, part []byte, sign uint16) []byte {
	before := (len(whole) + groupDigits - 1) / groupDigits
	all := before + (len(part)+groupDigits-1)/groupDigits
	group := func(i int) (g uint16) {
		at := i*groupDigits + len(whole) - before*groupDigits
		for k := at; k < at+groupDigits; k++ {
			g *= 10
			switch {
			case k >= 0 && k < len(whole):
				g += uint16(whole[k] - '0')
			case k >= len(whole) && k-len(whole) < len(part):
				g += uint16(part[k-len(whole)] - '0')
			}
		}
		return g
	}
	first, last := 0, all
	for first < last && group(first) == 0 {
		first++
	}
	for last > first && group(last-1) == 0 {
		last--
	}
	weight := before - 1 - first
	if first == last {
		weight, sign = 0, numericPositive
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(last-first))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(weight)))
	dst = binary.BigEndian.AppendUint16(dst, sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(part)))
	for i := first; i < last; i++ {
		dst = binary.BigEndian.AppendUint16(dst, group(i))
	}
	return dst
}
