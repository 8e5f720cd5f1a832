package proxy

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
)

const (
	// maxMeasuredNames is how many names one decision measures, maxMeasured
	// how many functions of these names there may be.
	maxMeasuredNames = 64
	maxMeasured      = 500
)

// measureFunctions looks up what the session's database says about functions
// that the statements call and the policy knows. The proxy's own connection
// cannot see what the session has not committed, so there are no facts while
// that could be a function. Without facts such a call is code that cannot be
// judged.
func (s *session) measureFunctions(ctx context.Context, p *policy.Policy, r *policy.Request) {
	names := p.FunctionsToMeasure(r.Statements)
	if len(names) == 0 {
		return
	}
	var err error
	switch {
	case s.pending == nil || s.lease == nil:
		err = errors.New("the session has not begun")
	case len(names) > maxMeasuredNames:
		err = fmt.Errorf("the text calls more than %d of them", maxMeasuredNames)
	case s.pending.codeInDoubt():
		err = errCodeInDoubt
	default:
		s.leave()
		r.Facts.Functions, err = s.database.side.functions(ctx, names, s.lease.User)
	}
	if err == nil {
		if len(r.Facts.Functions) == 0 {
			r.Facts.FunctionsProblem = "the database has no function of this name"
		}
		return
	}
	s.log.Info("functions not measured", "err", err)
	r.Facts.Functions, r.Facts.FunctionsProblem = nil, err.Error()
	var side sideError
	if errors.As(err, &side) {
		r.Facts.FunctionsProblem = side.words
	}
}

var errCodeInDoubt = errors.New("this session may have changed functions in a transaction that has not ended; end it, and call again")

// functions measures every function of the given names, in all schemas. It
// first makes sure that the connection has reached the very server on which
// role, the session's own login, works: behind one address there may be
// several.
func (s *side) functions(ctx context.Context, names []string, role string) ([]policy.FunctionFact, error) {
	encoded, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("names of functions: %w", err)
	}
	return ask(ctx, s, func(ctx context.Context, conn *pgconn.PgConn) ([]policy.FunctionFact, error) {
		if err := sees(ctx, conn, role); err != nil {
			return nil, err
		}
		rows, err := query(ctx, conn, functionsNamed, string(encoded))
		if err != nil {
			return nil, err
		}
		return functionFacts(rows)
	})
}

// sees returns an error unless the connection has reached the server where a
// session with this role works.
func sees(ctx context.Context, conn *pgconn.PgConn, role string) error {
	here, err := query(ctx, conn, sameServer, role)
	if err == nil && len(here) != 1 {
		err = sideError{"the question did not reach the server where this session works", errors.New("the session's login is not there")}
	}
	return err
}

// sameServer finds a session of a role in this database.
const sameServer = `SELECT FROM pg_catalog.pg_stat_activity a
WHERE a.usename OPERATOR(pg_catalog.=) $1::pg_catalog.name AND a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
LIMIT 1`

// functionsNamed lists the functions of the names in $1, a JSON array: schema,
// name, types of the input arguments as a JSON array, why the body does not
// say what a call does, and the digest of the body.
//
// What the body does not say follows Definition.Plain in policy/statement.
// Default values are code as well, and a body of SQL statements (a column that
// 13 does not have) is kept as a tree. A call that fits no function may
// convert to a type of that name ("Function Type Resolution" in the manual),
// which may have code of its own.
var functionsNamed = fmt.Sprintf(`WITH wanted AS (
  SELECT e.name::pg_catalog.name AS name FROM pg_catalog.jsonb_array_elements_text($1::pg_catalog.jsonb) AS e (name)
)
SELECT n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
  (SELECT pg_catalog.json_agg(pg_catalog.format_type(a.type, NULL) ORDER BY a.at)::pg_catalog.text
    FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a (type, at)),
  CASE WHEN p.prokind OPERATOR(pg_catalog.=) 'a' THEN 'it is an aggregate'
    WHEN p.prokind OPERATOR(pg_catalog.=) 'w' THEN 'it is a window function'
    WHEN l.lanname OPERATOR(pg_catalog.<>) 'sql' AND l.lanname OPERATOR(pg_catalog.<>) 'plpgsql' THEN 'it is not written in sql or plpgsql'
    WHEN p.prosecdef THEN 'it is SECURITY DEFINER'
    WHEN p.proconfig IS NOT NULL THEN 'it has settings of its own'
    WHEN pg_catalog.to_jsonb(p) OPERATOR(pg_catalog.->>) 'prosqlbody' IS NOT NULL THEN 'its body is kept as a parse tree, not as text'
    WHEN p.proargdefaults IS NOT NULL THEN 'it has default values, which are code beside the body'
    WHEN p.proleakproof THEN 'it is LEAKPROOF'
    WHEN p.prosupport::pg_catalog.oid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid THEN 'it has a support function'
    WHEN p.protrftypes IS NOT NULL THEN 'it has transforms'
    ELSE '' END,
  pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex')
FROM wanted w JOIN pg_catalog.pg_proc p ON p.proname OPERATOR(pg_catalog.=) w.name
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
UNION ALL
SELECT n.nspname::pg_catalog.text, t.typname::pg_catalog.text, '["unknown"]', 'it is a type, to which a call may convert', ''
FROM wanted w JOIN pg_catalog.pg_type t ON t.typname OPERATOR(pg_catalog.=) w.name
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
WHERE t.typrelid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
LIMIT %d`, maxMeasured+1)

// functionFacts turns the rows of functionsNamed into facts, sorted.
func functionFacts(rows [][][]byte) ([]policy.FunctionFact, error) {
	if len(rows) > maxMeasured {
		return nil, sideError{fmt.Sprintf("the database has more than %d functions of these names", maxMeasured), errors.New("too many functions")}
	}
	facts := make([]policy.FunctionFact, 0, len(rows))
	for _, row := range rows {
		if len(row) != 5 {
			return nil, sideError{"the database's catalog could not be read", fmt.Errorf("a row of %d columns", len(row))}
		}
		var types []string
		if row[2] != nil { // no arguments
			if err := json.Unmarshal(row[2], &types); err != nil {
				return nil, sideError{"the database's catalog could not be read", err}
			}
		}
		fact := policy.FunctionFact{Signature: policy.Signature(string(row[0]), string(row[1]), types), Note: string(row[3])}
		if fact.Note == "" {
			fact.Body = "sha256:" + string(row[4])
		}
		facts = append(facts, fact)
	}
	slices.SortFunc(facts, func(a, b policy.FunctionFact) int { return cmp.Compare(a.Signature, b.Signature) })
	return facts, nil
}

func query(ctx context.Context, conn *pgconn.PgConn, sql string, argument string) ([][][]byte, error) {
	result := conn.ExecParams(ctx, sql, [][]byte{[]byte(argument)}, nil, nil, nil).Read()
	var refused *pgconn.PgError
	switch {
	case errors.As(result.Err, &refused):
		return nil, sideError{"the database's catalog could not be read: " + refused.Message + " (" + refused.Code + ")", result.Err}
	case result.Err != nil:
		return nil, sideError{"the database's catalog could not be read", result.Err}
	}
	return result.Rows, nil
}
