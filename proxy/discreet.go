package proxy

import (
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// plainErrors are the SQLSTATEs, and by two characters their classes, whose
// message names no value. Their details may: the row that breaks a
// constraint, the key that is there already.
var plainErrors = map[string]bool{
	"08": true, "21": true, "22012": true, "23": true, "25": true, "26": true, "34": true, "40": true,
	"53": true, "54": true, "55P03": true, "57": true,
}

// mayQuote reports whether an error or notice could quote a value that must not
// stand there. One with a position in the client's text is about that text:
// nothing ran. Deferred constraints speak up at the end of the transaction. Where
// the client may see the values, only errors about data quote too much (SQLSTATE
// classes 22 and 23).
func (s *session) mayQuote(t *ticket, fields map[byte]string) bool {
	if t == nil || fields['P'] != "" {
		return false
	}
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	ends := t.typ == 'Q' || t.typ == 'E' || t.typ == 'S'
	code := fields['C']
	aboutData := strings.HasPrefix(code, "22") && code != "22012" || strings.HasPrefix(code, "23")
	return t.discreet || s.pending.discreet && ends || aboutData && (t.terms.reticent || s.pending.reticent && ends)
}

// raised reports whether PL/pgSQL's RAISE made an error or a notice, or may
// have: then its author chose all of its words, the code and the names of
// objects as well. The routine comes last, behind what may be long.
func raised(fields map[byte]string) bool {
	return fields['R'] == "exec_stmt_raise" || fields['R'] == ""
}

// withoutValues is an error that says what can be said without a value.
func withoutValues(fields map[byte]string) *pgproto3.ErrorResponse {
	code := orUnknown(fields['C'])
	e := &pgproto3.ErrorResponse{
		Severity: fields['S'], SeverityUnlocalized: fields['V'], Code: code, Message: fields['M'],
		Detail:     "Sluice left out what else the server said, because it may quote a value that must not leave.",
		SchemaName: fields['s'], TableName: fields['t'], ColumnName: fields['c'],
		DataTypeName: fields['d'], ConstraintName: fields['n'],
		File: fields['F'], Routine: fields['R'],
	}
	if line, err := strconv.ParseInt(fields['L'], 10, 32); err == nil {
		e.Line = int32(line)
	}
	if raised(fields) {
		e.SchemaName, e.TableName, e.ColumnName, e.DataTypeName, e.ConstraintName = "", "", "", "", ""
	}
	// That a right is missing names the object alone, if it is the server that says
	// so and no code that raises what it likes.
	missingRight := code == "42501" && fields['R'] == "aclcheck_error"
	if raised(fields) || !missingRight && !plainErrors[code] && (len(code) < 2 || !plainErrors[code[:2]]) {
		e.Message = "sluice: the statement failed in the server with SQLSTATE " + code
		e.Hint = "Look the code up in PostgreSQL's list of error codes. Statements that do not touch columns of such a class get the server's own words."
	}
	return e
}
