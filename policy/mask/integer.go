package mask

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
)

// readInteger reads what an integer type prints.
func readInteger(v []byte) (int64, error) {
	if len(v) == 0 || v[0] == '+' {
		return 0, errBadText
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return 0, errBadText
	}
	return n, nil
}

// readIntegral reads an integer that may be written as a numeric: 7.00 is 7.
func readIntegral(v []byte) (int64, error) {
	if at := bytes.IndexByte(v, '.'); at >= 0 {
		if len(bytes.Trim(v[at+1:], "0")) > 0 || at == len(v)-1 {
			return 0, errBadText
		}
		v = v[:at]
	}
	return readInteger(v)
}

func appendDecimalInteger(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// integerOf reads what int2send, int4send and int8send write.
func integerOf(v []byte, f family) (int64, error) {
	switch {
	case f == int2 && len(v) == 2:
		return int64(int16(binary.BigEndian.Uint16(v))), nil
	case f == int4 && len(v) == 4:
		return int64(int32(binary.BigEndian.Uint32(v))), nil
	case f == int8 && len(v) == 8:
		return int64(binary.BigEndian.Uint64(v)), nil
	}
	return 0, errBadBinary
}

// lowest is the least value of an integer type; the greatest is its complement.
func lowest(f family) int64 {
	switch f {
	case int2:
		return math.MinInt16
	case int4:
		return math.MinInt32
	}
	return math.MinInt64
}

// appendInteger writes what the type sends, if n is one of its values.
func appendInteger(dst []byte, n int64, f family) ([]byte, error) {
	if n < lowest(f) || n > ^lowest(f) {
		return dst, errBadText
	}
	switch f {
	case int2:
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	case int4:
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	}
	return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
}

// appendFloat writes what float4send and float8send write for a printed value.
func appendFloat(dst, v []byte, f family) ([]byte, error) {
	bits := 64
	if f == float4 {
		bits = 32
	}
	if !isFloat(v) {
		return dst, errBadText
	}
	x, err := strconv.ParseFloat(string(v), bits)
	if err != nil {
		return dst, errBadText
	}
	if f == float4 {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(x))), nil
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(x)), nil
}

// isFloat leaves out what only Go takes for a number: hexadecimal, inf.
func isFloat(v []byte) bool {
	if notANumber(v) {
		return true
	}
	for _, c := range v {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' {
			return false
		}
	}
	return len(v) > 0
}

// notANumber is true for what numeric and floats print for no finite number.
func notANumber(v []byte) bool {
	switch string(v) {
	case "NaN", "Infinity", "-Infinity":
		return true
	}
	return false
}

// floatOf reads what float4send and float8send write, and the bits it has.
func floatOf(v []byte, f family) (x float64, bits int, err error) {
	switch {
	case f == float4 && len(v) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32, nil
	case f == float8 && len(v) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(v)), 64, nil
	}
	return 0, 0, errBadBinary
}
