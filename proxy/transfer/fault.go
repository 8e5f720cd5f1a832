package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/proxy/wire"
)

// The ends of a copy, as errors name them.
const (
	atSource      wire.Side = "source"
	atDestination           = wire.Destination
)

// Error says where a copy failed. Its text has no value of any row in it.
type Error struct {
	// Side is "source" or "destination", empty if it is neither.
	Side wire.Side
	// Step is what was being done, such as "load public.orders".
	Step string
	Err  error
	// Left names what could not be removed from the destination; empty if
	// nothing was left.
	Left string
}

// Error implements error.
func (e *Error) Error() string {
	text := e.Step
	if e.Side != "" {
		text = string(e.Side) + ": " + text
	}
	text += ": " + e.Err.Error()
	if e.Left != "" {
		text += "; left behind at the destination: " + e.Left + ", which nobody but its owner can use; the next sweep removes it"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Refusal is a copy that is not made, for a reason that trying again will not
// change.
type Refusal struct {
	// What is refused, Why (what was found), and what to do Instead.
	What, Why, Instead string
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s cannot be carried: %s; %s", r.What, r.Why, r.Instead)
}

// ErrDiffers is wrapped by the error of a copy of which the destination does
// not hold what was sent.
var ErrDiffers = errors.New("the destination does not hold what was sent")

// ErrUnknownOutcome is wrapped by the error of a copy whose COMMIT was sent and
// whose answer never came, where the destination could not be asked since.
// Outcome asks again.
var ErrUnknownOutcome = errors.New("whether the copy was published is not known")

// ErrAfterPublish is wrapped by the error of AfterPublish: the copy is
// published, and Run returns its receipt too.
var ErrAfterPublish = errors.New("the copy was published, and the check after that failed")

// failed wraps an error of a step, once. A refusal says all by itself.
func failed(side wire.Side, step string, err error) error {
	var already *Error
	var refusal *Refusal
	if err == nil || errors.As(err, &already) || errors.As(err, &refusal) {
		return err
	}
	if s, ok := err.(*wire.SideError); ok && s.Side == side { //nolint:errorlint // only what would say the side twice
		err = fmt.Errorf("%s: %w", s.Op, s.Err)
	}
	return &Error{Side: side, Step: step, Err: err}
}

// withheld stands in for texts that could quote data.
const withheld = "(the server's words are withheld: they could quote data)"

// quoting are the classes of SQLSTATE whose messages could have values of rows
// in them: data exceptions, raised by code, internal errors and what is not
// known.
func quoting(code string) bool {
	if len(code) != 5 {
		return true
	}
	switch code[:2] {
	case "08", "0A", "0L", "0P", "23", "25", "26", "28", "2B", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "57", "58":
		return false
	}
	return true
}

// maxWords is what is kept of a server's message, in bytes.
const maxWords = 1000

// serverError makes an error of an ErrorResponse, without what could quote
// rows: DETAIL, CONTEXT and, in some classes, the message itself.
func serverError(body []byte) error {
	var m pgproto3.ErrorResponse
	if err := m.Decode(body); err != nil {
		return fmt.Errorf("the server sent an error that cannot be read: %w", err)
	}
	e := pgconn.ErrorResponseToPgError(&m)
	out := &pgconn.PgError{
		Severity: printable(e.Severity), Code: printable(e.Code), Message: printable(e.Message),
		SchemaName: printable(e.SchemaName), TableName: printable(e.TableName), ColumnName: printable(e.ColumnName),
		DataTypeName: printable(e.DataTypeName), ConstraintName: printable(e.ConstraintName),
	}
	if quoting(e.Code) {
		out.Message = withheld
	}
	return out
}

// printable cuts a text of a server and makes it harmless to show.
func printable(s string) string {
	if len(s) > maxWords {
		s = s[:maxWords]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == 0xfffd || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// hasCode reports whether an error is the server's with one of these SQLSTATEs.
func hasCode(err error, codes ...string) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}
