package proxytest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestMessagesAreReadByPgproto3 checks lines of scripts against a reader
// that knows nothing of them.
func TestMessagesAreReadByPgproto3(t *testing.T) {
	tests := []struct {
		line string
		want pgproto3.FrontendMessage
	}{
		{`Query "SELECT 'a\tb'"`, &pgproto3.Query{String: "SELECT 'a\tb'"}},
		{`Query "x"*3`, &pgproto3.Query{String: "xxx"}},
		{`Query "SELECT 1""+1"*2";"`, &pgproto3.Query{String: "SELECT 1+1+1;"}},
		{`Parse "s" "SELECT $1" 23 0`, &pgproto3.Parse{Name: "s", Query: "SELECT $1", ParameterOIDs: []uint32{23, 0}}},
		{`Parse "" ""`, &pgproto3.Parse{}},
		{`Bind "p" "s" params "a" NULL "" formats text binary 0 results binary`, &pgproto3.Bind{
			DestinationPortal: "p", PreparedStatement: "s",
			ParameterFormatCodes: []int16{0, 1, 0},
			Parameters:           [][]byte{[]byte("a"), nil, {}},
			ResultFormatCodes:    []int16{1},
		}},
		{`Describe S "s"`, &pgproto3.Describe{ObjectType: 'S', Name: "s"}},
		{`Describe P ""`, &pgproto3.Describe{ObjectType: 'P'}},
		{`Close P "p"`, &pgproto3.Close{ObjectType: 'P', Name: "p"}},
		{`Execute "p" 7`, &pgproto3.Execute{Portal: "p", MaxRows: 7}},
		{`Execute ""`, &pgproto3.Execute{}},
		{`Sync`, &pgproto3.Sync{}},
		{`Flush`, &pgproto3.Flush{}},
		{`Terminate`, &pgproto3.Terminate{}},
		{`CopyData "\x00\xffb"`, &pgproto3.CopyData{Data: []byte("\x00\xffb")}},
		{`CopyDone`, &pgproto3.CopyDone{}},
		{`CopyFail "no"`, &pgproto3.CopyFail{Message: "no"}},
		{`FunctionCall 954 params "ab" NULL formats binary result binary`, &pgproto3.FunctionCall{
			Function: 954, ArgFormatCodes: []uint16{1}, Arguments: [][]byte{[]byte("ab"), nil}, ResultFormatCode: 1,
		}},
		{`Frame Q "SELECT 1\x00"`, &pgproto3.Query{String: "SELECT 1"}},
		{`Raw 51 00 00 00 06 31 00`, &pgproto3.Query{String: "1"}},
	}
	for _, tt := range tests {
		b, err := ParseMessage(tt.line)
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		got, err := pgproto3.NewBackend(bytes.NewReader(b), nil).Receive()
		if err != nil {
			t.Errorf("%s: pgproto3: %v", tt.line, err)
			continue
		}
		if d := cmp.Diff(tt.want, got, cmp.Comparer(sameBytes), cmp.Exporter(func(reflect.Type) bool { return true })); d != "" {
			t.Errorf("%s (-want +got)\n%s", tt.line, d)
		}
	}
}

func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func TestStartupPackets(t *testing.T) {
	tests := []struct{ line, hex string }{
		{`SSLRequest`, "0000000804d2162f"},
		{`GSSENCRequest`, "0000000804d21630"},
		{`CancelRequest 258 "abcd"`, "0000001004d2162e0000010261626364"},
		{`CancelRequest 4294967295 "a"`, "0000000d04d2162effffffff61"},
		{`Startup 3.2 a=b a="c d"`, "00000013" + "00030002" + "610062006100632064" + "0000"},
		{`Startup 3.9999`, "00000009" + "0003270f" + "00"},
		{`Frame z "x" length=4294967295`, "7affffffff78"},
		{`Bind "" "" params length:-2`, "42" + "00000010" + "0000" + "0000" + "0001" + "fffffffe" + "0000"},
	}
	for _, tt := range tests {
		b, err := ParseMessage(tt.line)
		if err != nil || hex.EncodeToString(b) != tt.hex {
			t.Errorf("%s: %x, %v, want %s", tt.line, b, err, tt.hex)
		}
	}
}

func TestWrongMessages(t *testing.T) {
	for _, line := range []string{
		"", "Querry \"x\"", "\"Query\" \"x\"", "Query", "Query x", "Query \"x\" \"y\"", "Query \"x", `Query "\q"`, `Query "a"b`,
		"Sync now", "Describe X \"s\"", "Execute \"p\" many", "Execute \"p\" 99999999999", "Bind \"\"",
		"Bind \"\" \"\" params word", "Bind \"\" \"\" params length:x", "Bind \"\" \"\" formats wide", "Bind \"\" \"\" results wide",
		"Frame QQ \"x\"", "Frame Q \"x\" length=-1", "Raw 0", "Raw \"00\"", "Startup 3", "Startup three.0", "Startup 3.0 user",
		`Query "x"*-1`, `Query "x"*99999999999`, `Query "xx"*33554432`, `Query a"b"`, `CancelRequest 1`, "FunctionCall", "FunctionCall 1 result wide",
	} {
		if b, err := ParseMessage(line); err == nil {
			t.Errorf("%s gave %x and no error", line, b)
		}
	}
}

// FuzzParseMessage: a line is a mistake or bytes, never a panic, and frames
// have the length they say unless they lie on purpose.
func FuzzParseMessage(f *testing.F) {
	for name := range builders {
		f.Add(name)
		f.Add(name + ` "a" "b" 1`)
	}
	f.Add(`Bind "" "s" params "a" NULL length:7 formats 1 results text`)
	f.Add(`Startup 3.0 user=x user="y z"`)
	f.Fuzz(func(t *testing.T, line string) {
		b, err := ParseMessage(line)
		if err != nil {
			return
		}
		name := strings.Fields(line)[0]
		if name == "Raw" || name == "Startup" || strings.Contains(line, "length") || strings.HasSuffix(name, "Request") {
			return
		}
		r := bytes.NewReader(b)
		if _, err := ReadFrame(r); err != nil || r.Len() != 0 {
			t.Errorf("%q: %v, %d bytes left", line, err, r.Len())
		}
	})
}

func TestReadFrame(t *testing.T) {
	whole := Frame{'Q', []byte("SELECT 1\x00")}.Bytes()
	for n := range whole {
		_, err := ReadFrame(bytes.NewReader(whole[:n]))
		if n == 0 && err.Error() != "EOF" || n > 0 && err.Error() != "unexpected EOF" {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for _, bad := range []string{"\x51\x00\x00\x00\x03", "\x51\xff\xff\xff\xff", "\x51\x00\x00\x00\x00"} {
		if _, err := ReadFrame(strings.NewReader(bad)); !errors.Is(err, errNoFrame) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
