package proxytest

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestRender(t *testing.T) {
	tests := []struct {
		message pgproto3.BackendMessage
		want    string
	}{
		{&pgproto3.AuthenticationOk{}, `Authentication Ok`},
		{&pgproto3.AuthenticationCleartextPassword{}, `Authentication CleartextPassword`},
		{&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"A", "B"}}, `Authentication SASL A B`},
		{&pgproto3.AuthenticationMD5Password{Salt: [4]byte{1, 2, 3, 4}}, `Authentication 5`},
		{&pgproto3.ParameterStatus{Name: "a", Value: "b c"}, `ParameterStatus a "b c"`},
		{&pgproto3.BackendKeyData{ProcessID: 7, SecretKey: []byte("12345678")}, `BackendKeyData key 8 bytes`},
		{&pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3 << 16, UnrecognizedOptions: []string{"_pq_.a"}}, `NegotiateProtocolVersion 3.0 _pq_.a`},
		{&pgproto3.ReadyForQuery{TxStatus: 'T'}, `ReadyForQuery T`},
		{&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
			{Name: []byte("a"), TableOID: 16400, TableAttributeNumber: 2, DataTypeOID: 23, DataTypeSize: 4, TypeModifier: -1},
			{Name: []byte("b\"c"), DataTypeOID: 1043, DataTypeSize: -1, TypeModifier: 14, Format: 1},
			{Name: []byte("d"), DataTypeOID: 25, DataTypeSize: 9, TypeModifier: -1},
			{Name: []byte("e"), DataTypeOID: 99999, DataTypeSize: 4, TypeModifier: -1},
			{Name: []byte("f"), DataTypeOID: 600, DataTypeSize: 16, TypeModifier: -1},
		}}, `RowDescription "a" int4 of table.2, "b\"c" varchar modifier 14 format 1, "d" text size 9, "e" user-type, "f" type-600`},
		{&pgproto3.RowDescription{}, `RowDescription`},
		{&pgproto3.DataRow{Values: [][]byte{[]byte("x"), nil, {}}}, `DataRow "x" NULL ""`},
		{&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, `CommandComplete "SELECT 1"`},
		{&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42501", Message: "sluice: no [req ABCDEFGH]", Hint: "ask"}, `ErrorResponse ERROR 42501 by sluice`},
		{&pgproto3.NoticeResponse{Severity: "NOTICE", Code: "00000", Message: "hello"}, `NoticeResponse NOTICE 00000`},
		{&pgproto3.NotificationResponse{PID: 7, Channel: "c", Payload: "p"}, `NotificationResponse "c" "p" from me`},
		{&pgproto3.NotificationResponse{PID: 8, Channel: "c"}, `NotificationResponse "c" "" from somebody else`},
		{&pgproto3.ParameterDescription{ParameterOIDs: []uint32{23, 0}}, `ParameterDescription int4 type-0`},
		{&pgproto3.CopyInResponse{OverallFormat: 1, ColumnFormatCodes: []uint16{1, 1}}, `CopyInResponse format 1 columns 1 1`},
		{&pgproto3.CopyOutResponse{}, `CopyOutResponse format 0 columns`},
		{&pgproto3.CopyData{Data: []byte("1\tx\n")}, `CopyData "1\tx\n"`},
		{&pgproto3.FunctionCallResponse{Result: []byte{0, 1}}, `FunctionCallResponse "\x00\x01"`},
		{&pgproto3.ParseComplete{}, `ParseComplete`},
		{&pgproto3.PortalSuspended{}, `PortalSuspended`},
		{&pgproto3.EmptyQueryResponse{}, `EmptyQueryResponse`},
	}
	v := View{Peers: map[uint32]string{7: "me"}}
	for _, tt := range tests {
		b, err := tt.message.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		f, err := ReadFrame(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got := Render(f, v); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestRenderWords(t *testing.T) {
	b, err := (&pgproto3.ErrorResponse{
		Severity: "ERROR", Code: "42501", Message: "sluice: no [req ABCDEFGH]", Detail: "d", Hint: "h", Position: 3, File: "x.c", Line: 9,
	}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `ErrorResponse ERROR 42501 by sluice M="sluice: no [req ID]" D="d" H="h" P="3"`
	if got := Render(Frame{'E', b[5:]}, View{Messages: true}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRenderShortensAndTellsApart(t *testing.T) {
	a := Render(Frame{'d', []byte(strings.Repeat("a", 500))}, View{})
	b := Render(Frame{'d', []byte(strings.Repeat("a", 499) + "b")}, View{})
	if len(a) > 2*longest || a == b || !strings.Contains(a, "500 bytes") {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestRenderMalformed(t *testing.T) {
	for _, f := range []Frame{
		{'D', []byte{0, 1}},
		{'D', []byte{0, 1, 0, 0, 0, 9, 'x'}},
		{'D', []byte{0, 0, 1}},
		{'D', []byte{0, 1, 0xff, 0xff, 0xff, 0xfe}},
		{'T', []byte{0, 1, 'a'}},
		{'Z', nil},
		{'Z', []byte("II")},
		{'C', []byte("no end")},
		{'1', []byte("x")},
		{'E', []byte("Mno end")},
		{'E', nil},
		{'E', []byte("\x00more")},
		{'R', []byte{0}},
		{'S', []byte("a\x00")},
		{'K', []byte{1}},
	} {
		if got := Render(f, View{}); !strings.Contains(got, "malformed") {
			t.Errorf("%c %q is shown as %s", f.Type, f.Body, got)
		}
	}
	if got := Render(Frame{'y', []byte("x")}, View{}); got != `Unknown 'y' "x"` {
		t.Error(got)
	}
}

// FuzzRender: any body of any type is one line, and never a panic.
func FuzzRender(f *testing.F) {
	for kind := range renderers {
		f.Add(kind, []byte("\x00\x01\x00\x00\x00\x01x\x00"), true)
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte, words bool) {
		line := Render(Frame{kind, body}, View{Messages: words})
		if line == "" || strings.ContainsAny(line, "\n\r") {
			t.Errorf("%q", line)
		}
	})
}
