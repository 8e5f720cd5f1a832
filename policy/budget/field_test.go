package budget

import (
	"bytes"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func dataRow(t testing.TB, values ...[]byte) []byte {
	t.Helper()
	encoded, err := (&pgproto3.DataRow{Values: values}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoded[5:]
}

func TestField(t *testing.T) {
	row := dataRow(t, []byte("7"), nil, []byte(""), []byte("last"))
	header := append(bytes.Clone(copySignature), 0, 0, 0, 0, 0, 0, 0, 2, 'x', 'y')
	for name, c := range map[string]struct {
		form  Form
		body  []byte
		index int
		want  string
		ok    bool
	}{
		"first":              {Row, row, 0, "7", true},
		"NULL":               {Row, row, 1, "", false},
		"empty":              {Row, row, 2, "", true},
		"last":               {Row, row, 3, "last", true},
		"behind the last":    {Row, row, 4, "", false},
		"none asked for":     {Row, row, -1, "", false},
		"cut":                {Row, row[:len(row)-1], 3, "", false},
		"nothing":            {Row, nil, 0, "", false},
		"text":               {CopyText, []byte("7\ta\\tb\tc\n"), 1, `a\tb`, true},
		"text, last":         {CopyText, []byte("7\ta\n"), 1, "a", true},
		"text, NULL":         {CopyText, []byte("7\t\\N\n"), 1, `\N`, false},
		"text, too few":      {CopyText, []byte("7\ta\n"), 2, "", false},
		"text, cut":          {CopyText, []byte("7\ta"), 1, "", false},
		"CSV":                {CopyCSV, []byte("7,\"a,\nb\",c\n"), 1, "a,\nb", true},
		"CSV, doubled quote": {CopyCSV, []byte("\"a\"\"b\",c\n"), 0, `a""b`, true},
		"CSV, last":          {CopyCSV, []byte("\"a\"\"b\",c\n"), 1, "c", true},
		"CSV, NULL":          {CopyCSV, []byte("7,,c\n"), 1, "", false},
		"CSV, open quote":    {CopyCSV, []byte("\"7,c\n"), 0, "", false},
		"CSV, too few":       {CopyCSV, []byte("7,c\n"), 2, "", false},
		"binary":             {CopyBinary, row, 3, "last", true},
		"binary, first":      {CopyBinary, append(bytes.Clone(header), row...), 0, "7", true},
		"binary, header cut": {CopyBinary, header[:len(header)-1], 0, "", false},
		"binary, trailer":    {CopyBinary, []byte{0xff, 0xff}, 0, "", false},
		"unknown form":       {Form(9), row, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.form.Field(c.body, c.index)
			if ok != c.ok || ok && string(got) != c.want {
				t.Errorf("got %q, %v, want %q, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzField(f *testing.F) {
	f.Add(uint8(Row), []byte("\x00\x01\x00\x00\x00\x01x"), 0)
	f.Add(uint8(CopyText), []byte("a\tb\n"), 1)
	f.Add(uint8(CopyCSV), []byte("\"a\"\"\",b\n"), 1)
	f.Add(uint8(CopyBinary), append(bytes.Clone(copySignature), make([]byte, 10)...), 0)
	f.Fuzz(func(t *testing.T, form uint8, body []byte, index int) {
		value, ok := Form(form).Field(body, index)
		if ok && len(value) > 0 && !bytes.Contains(body, value) {
			t.Errorf("%q is nowhere in %q", value, body)
		}
	})
}
