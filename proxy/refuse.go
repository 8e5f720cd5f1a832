package proxy

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// refusal is what the client is told in place of the server's complaint
// about a marker.
type refusal struct {
	id       string
	sqlstate string
	message  string
	detail   string
	hint     string
	rule     string
	schema   string
	table    string
	// position is a character of the client's text, from 1; 0 for none.
	position int
	// unnamed is true for a Parse of the unnamed statement.
	unnamed bool
	// copyIns are the times the client expects to be asked for COPY data:
	// its data lines would otherwise be taken for statements.
	copyIns []*statement.CopyIn
}

// marker returns a statement that every server refuses while it reads it,
// in a failed transaction too, because it is no SQL. The id lands in the
// server's log.
func (r *refusal) marker() string {
	return "/* sluice refused req=" + r.id + " */ sluice_refused"
}

// response returns the ErrorResponse for the client.
func (r *refusal) response(severity string) *pgproto3.ErrorResponse {
	e := &pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: severity,
		Code: r.sqlstate, Message: r.message, Detail: r.detail, Hint: r.hint,
		SchemaName: r.schema, TableName: r.table, ConstraintName: r.rule,
		Position: int32(r.position),
	}
	if r.id != "" {
		e.Where = "sluice request " + r.id
	}
	return e
}

// copyInResponse asks for COPY data that nobody will read.
func copyInResponse(c *statement.CopyIn) *pgproto3.CopyInResponse {
	format := uint16(0)
	if c.Binary {
		format = 1
	}
	codes := make([]uint16, min(c.Columns, 1600))
	for i := range codes {
		codes[i] = format
	}
	return &pgproto3.CopyInResponse{OverallFormat: byte(format), ColumnFormatCodes: codes}
}

// refuse words a decision for the client. near is what the author of a text
// that is no SQL may be told, and nobody else.
func refuse(d policy.Decision, id, text, near string) *refusal {
	message, detail, hint := policy.Explain(d, id)
	if near != "" {
		message = strings.Replace(message, "near a name", "near "+quote.Identifier(near), 1)
		detail = strings.Replace(detail, "near a name", "near "+quote.Identifier(near), 1)
	}
	r := &refusal{
		id: id, sqlstate: d.SQLSTATE, message: message, detail: detail, hint: hint,
		rule: d.Rule, schema: d.Schema, table: d.Relation,
	}
	if r.sqlstate == "" {
		r.sqlstate = "42501"
	}
	if at := d.PlaceIn(text); at >= 0 && text != "" {
		r.position = utf8.RuneCountInString(text[:at]) + 1
	}
	return r
}

// unrecorded is the refusal of a statement that the trail did not take. The
// cause stays in the log, which has it now and then: a trail that is broken
// refuses everything.
func (s *session) unrecorded(id string, err error) *refusal {
	s.server.unrecorded.say(func(more int64) {
		s.log.Error("statement refused: not recorded", "req", id, "err", err, "unsaid", more)
	})
	return &refusal{
		id: id, sqlstate: "58000", rule: "builtin:trail",
		message: "sluice: not run, because the audit trail cannot be written [req " + id + "]",
		detail:  "Every statement is recorded before it runs; this one could not be.",
		hint:    "Nothing was sent to the database. Tell the people who run Sluice; try again when the trail is writable.",
	}
}

// refuseMalformed answers a message that is not well-formed, as the server
// would.
func refuseMalformed(id string, what string) *refusal {
	return &refusal{
		id: id, sqlstate: "08P01", rule: "builtin:protocol",
		message: "sluice: invalid message format: " + what + " [req " + id + "]",
	}
}

// refuseTooLarge answers a text over the limit.
func refuseTooLarge(id string, got, limit int) *refusal {
	return &refusal{
		id: id, sqlstate: "54000", rule: "builtin:size",
		message: fmt.Sprintf("sluice: statement of %s bytes refused, the limit is %s [req %s]", strconv.Itoa(got), strconv.Itoa(limit), id),
		hint:    "Send large values as parameters or with COPY FROM STDIN, or in several statements.",
	}
}

// refuseNames answers a definition that the name space has no room for.
func refuseNames(id string, cause error) *refusal {
	return &refusal{
		id: id, sqlstate: "54000", rule: "builtin:names",
		message: "sluice: " + cause.Error() + " [req " + id + "]",
		hint:    "DEALLOCATE what is no longer needed, or wait for answers before defining more.",
	}
}

// refuseSeveralMasks refuses to run what may be one of several statements whose
// results are masked differently.
func refuseSeveralMasks(id string) *refusal {
	return &refusal{
		id: id, sqlstate: "42501", rule: "builtin:mask",
		message: "sluice: a name that may mean several statements refused [req " + id + "]",
		detail:  "The name was given a new meaning that the server has not confirmed yet, and the results of the two are masked differently.",
		hint:    "Wait for the answer to PREPARE, DECLARE, Parse or Bind before the name is used.",
	}
}

// refuseCanceled answers what the client has cancelled before it went to the server, in
// the words of that.
func refuseCanceled(id string) *refusal {
	return &refusal{id: id, sqlstate: queryCanceled, rule: "builtin:cancel", message: "canceling statement due to user request"}
}

// refuseMovedNames refuses to run what was prepared or declared when its names
// meant other relations.
func refuseMovedNames(id string) *refusal {
	return &refusal{
		id: id, sqlstate: "42501", rule: "builtin:mask",
		message: "sluice: a statement whose names have got another meaning refused [req " + id + "]",
		detail:  "Since it was prepared or declared, search_path or a relation that was made has changed which relations its names mean, and the server may still use the earlier ones.",
		hint:    "Prepare or declare it again, or write the names with their schemas.",
	}
}
