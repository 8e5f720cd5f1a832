package masked

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// road is a way for rows of a query to come to the client. What it returns is
// in the format text, or in binary if the road says so.
type road struct {
	name   string
	binary bool
	copies bool
	rows   func(*testing.T, *line, string) ([][][]byte, error)
}

// roads are all of them but the simple protocol, which they are held against.
var roads = []road{
	{name: "extended", rows: extended(0)},
	{name: "extended, binary", binary: true, rows: extended(1)},
	{name: "not described", rows: blind(0)},
	{name: "not described, binary", binary: true, rows: blind(1)},
	{name: "portal in slices", rows: sliced},
	{name: "statement of its own", rows: prepared},
	{name: "cursor", rows: cursor("DECLARE c SCROLL CURSOR FOR %s", "MOVE 1 IN c", "FETCH BACKWARD 5 FROM c", "FETCH 1 FROM c", "FETCH ALL FROM c")},
	{name: "cursor that stays", rows: cursor("DECLARE c CURSOR WITH HOLD FOR %s", "FETCH 1 FROM c", "FETCH FORWARD ALL FROM c")},
	{name: "binary cursor", binary: true, rows: cursor("DECLARE c BINARY CURSOR FOR %s", "FETCH ALL FROM c")},
	{name: "PREPARE", rows: several("PREPARE p AS %s; EXECUTE p; DEALLOCATE p", 1)},
	{name: "PREPARE by itself", rows: prepare},
	{name: "among others", rows: several("SELECT 1; %s; SELECT 'x'", 1)},
	{name: "COPY text", copies: true, rows: copyText},
	{name: "COPY csv", copies: true, rows: copyCSV},
	{name: "COPY binary", copies: true, binary: true, rows: copyBinary},
}

func refusalOf(e *pgproto3.ErrorResponse) error {
	if e == nil {
		return nil
	}
	return pgconn.ErrorResponseToPgError(e)
}

func extended(format int16) func(*testing.T, *line, string) ([][][]byte, error) {
	return func(t *testing.T, l *line, sql string) ([][][]byte, error) {
		r := l.ExecParams(t.Context(), sql, nil, nil, nil, []int16{format}).Read()
		return r.Rows, r.Err
	}
}

// blind runs a query without asking what its result looks like.
func blind(format int16) func(*testing.T, *line, string) ([][][]byte, error) {
	return func(t *testing.T, l *line, sql string) ([][][]byte, error) {
		rows, failed := l.speak(t, &pgproto3.Parse{Query: sql}, &pgproto3.Bind{ResultFormatCodes: []int16{format}}, &pgproto3.Execute{}, &pgproto3.Sync{})
		return rows, refusalOf(failed)
	}
}

// sliced takes the rows of a portal two at a time.
func sliced(t *testing.T, l *line, sql string) ([][][]byte, error) {
	messages := []pgproto3.FrontendMessage{&pgproto3.Parse{Name: "s", Query: sql}, &pgproto3.Bind{DestinationPortal: "p", PreparedStatement: "s"}}
	for range 5 {
		messages = append(messages, &pgproto3.Execute{Portal: "p", MaxRows: 2})
	}
	messages = append(messages, &pgproto3.Execute{Portal: "p"}, &pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{})
	rows, failed := l.speak(t, messages...)
	return rows, refusalOf(failed)
}

// prepared describes a statement and not the portal, and runs it twice.
func prepared(t *testing.T, l *line, sql string) ([][][]byte, error) {
	rows, failed := l.speak(t, &pgproto3.Parse{Name: "s", Query: sql}, &pgproto3.Describe{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{},
		&pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}, &pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{},
		&pgproto3.Close{ObjectType: 'S', Name: "s"}, &pgproto3.Sync{})
	if failed != nil {
		return nil, refusalOf(failed)
	}
	if once := rows[:len(rows)/2]; words(once) == words(rows[len(rows)/2:]) {
		return once, nil
	}
	return nil, fmt.Errorf("the second time it was another result: %s", words(rows))
}

// cursor declares one and takes its rows with more statements, each a message.
func cursor(declare string, takes ...string) func(*testing.T, *line, string) ([][][]byte, error) {
	return func(t *testing.T, l *line, sql string) (rows [][][]byte, err error) {
		for _, text := range append([]string{"BEGIN", fmt.Sprintf(declare, sql)}, takes...) {
			results, failed := l.Exec(t.Context(), text).ReadAll()
			if failed != nil {
				err = failed
				break
			}
			rows = append(rows, results[0].Rows...)
		}
		if _, failed := l.Exec(t.Context(), "ROLLBACK").ReadAll(); err == nil {
			err = failed
		}
		return rows, err
	}
}

// several runs a text with a query in it and returns one of its results.
func several(text string, at int) func(*testing.T, *line, string) ([][][]byte, error) {
	return func(t *testing.T, l *line, sql string) ([][][]byte, error) {
		results, err := l.Exec(t.Context(), fmt.Sprintf(text, sql)).ReadAll()
		if err != nil {
			return nil, err
		}
		return results[at].Rows, nil
	}
}

// prepare prepares with one message and runs with others, also by the extended
// protocol.
func prepare(t *testing.T, l *line, sql string) ([][][]byte, error) {
	if _, err := l.Exec(t.Context(), "PREPARE p AS "+sql).ReadAll(); err != nil {
		return nil, err
	}
	rows, failed := l.speak(t, &pgproto3.Bind{PreparedStatement: "p"}, &pgproto3.Execute{}, &pgproto3.Sync{}, &pgproto3.Query{String: "EXECUTE p"}, &pgproto3.Query{String: "DEALLOCATE p"})
	if failed != nil {
		return nil, refusalOf(failed)
	}
	if once := rows[:len(rows)/2]; words(once) == words(rows[len(rows)/2:]) {
		return once, nil
	}
	return nil, fmt.Errorf("EXECUTE gave another result: %s", words(rows))
}

func copied(t *testing.T, l *line, sql, options string) ([]byte, error) {
	var b bytes.Buffer
	_, err := l.CopyTo(t.Context(), &b, "COPY ("+sql+") TO STDOUT"+options)
	return b.Bytes(), err
}

var unescaped = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t")

func copyText(t *testing.T, l *line, sql string) (rows [][][]byte, err error) {
	all, err := copied(t, l, sql, "")
	for text := range strings.Lines(string(all)) {
		var row [][]byte
		for _, v := range strings.Split(strings.TrimSuffix(text, "\n"), "\t") {
			if v == `\N` {
				row = append(row, nil)
			} else {
				row = append(row, []byte(unescaped.Replace(v)))
			}
		}
		rows = append(rows, row)
	}
	return rows, err
}

func copyCSV(t *testing.T, l *line, sql string) (rows [][][]byte, err error) {
	all, err := copied(t, l, sql, " (FORMAT csv, DELIMITER ';', NULL 'nix', HEADER)")
	if err != nil {
		return nil, err
	}
	reader := csv.NewReader(bytes.NewReader(all))
	reader.Comma = ';'
	read, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	for _, r := range read[1:] {
		var row [][]byte
		for _, v := range r {
			if v == "nix" {
				row = append(row, nil)
			} else {
				row = append(row, []byte(v))
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// copyBinary reads the format binary of COPY (documentation of COPY, "Binary
// Format").
func copyBinary(t *testing.T, l *line, sql string) (rows [][][]byte, err error) {
	all, err := copied(t, l, sql, " (FORMAT binary)")
	if err != nil {
		return nil, err
	}
	const head = 19
	if len(all) < head {
		return nil, errors.New("no header")
	}
	for rest := all[head:]; ; {
		n := int16(binary.BigEndian.Uint16(rest))
		rest = rest[2:]
		if n < 0 {
			return rows, nil
		}
		row := make([][]byte, n)
		for i := range row {
			size := int32(binary.BigEndian.Uint32(rest))
			rest = rest[4:]
			if size >= 0 {
				row[i], rest = rest[:size:size], rest[size:]
			}
		}
		rows = append(rows, row)
	}
}
