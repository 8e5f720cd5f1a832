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
// classes 22 and 23), and those about a name that a query has made of a value. What
// was changed since a query was judged may bring values that nobody judged.
func (s *session) mayQuote(t *ticket, fields map[byte]string) bool {
	if t == nil || fields['P'] != "" {
		return false
	}
	s.pending.mu.Lock()
	defer s.pending.mu.Unlock()
	ends := t.typ == 'Q' || t.typ == 'E' || t.typ == 'S'
	code := fields['C']
	aboutData := strings.HasPrefix(code, "22") && code != "22012" || strings.HasPrefix(code, "23")
	return t.discreet || s.mayBeOther(t) || s.pending.discreet && ends || aboutData && (t.terms.reticent || s.pending.reticent && ends) ||
		t.terms.reticent && t.terms.queries && namesValue(fields)
}

// lookedUp are the SQLSTATEs of errors that quote a name which is not there, or is
// none: of a relation, a type or role and the like, a function, a schema, a file.
var lookedUp = map[string]bool{"42P01": true, "42704": true, "42883": true, "3F000": true, "42602": true, "58P01": true}

// namesValue reports whether an error may quote a value as the name of something,
// such as a text that is cast to regclass. What the client or a function has written
// is looked up when that is parsed, and the error has a position in it.
func namesValue(fields map[byte]string) bool {
	return lookedUp[fields['C']] && fields['p'] == "" && !raised(fields)
}

// queriesRows are nodes of statements that compute with rows: names that are in
// their text are looked up before they run.
var queriesRows = map[string]bool{
	"SelectStmt": true, "InsertStmt": true, "UpdateStmt": true, "DeleteStmt": true, "MergeStmt": true, "CopyStmt": true,
	"ExecuteStmt": true, "DeclareCursorStmt": true, "FetchStmt": true, "CallStmt": true, "ExplainStmt": true,
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
