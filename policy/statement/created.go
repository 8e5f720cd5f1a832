package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// Definition is a function or procedure that a statement makes or replaces.
type Definition struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	// Signature is schema.name(type, type) with the types of the input
	// arguments, spelled as pg_catalog.format_type does: integer, not int4;
	// without length and precision, which do not count for functions. The
	// schema is missing where the text has none, and a type of somebody's
	// own is as written. Names are quoted where they need it.
	Signature string `json:"signature"`
	// Language is lower case unless it was quoted.
	Language string `json:"language,omitempty"`
	// BodyDigest is the SHA-256 (lower-case hex) of the body as the server
	// stores it in pg_proc.prosrc. Empty for a body of SQL statements
	// (BEGIN ATOMIC, RETURN), which the server stores as a tree.
	BodyDigest string `json:"body_sha256,omitempty"`
	// Plain is true if it has no attribute beyond the usual: no SECURITY
	// DEFINER, LEAKPROOF, SET, SUPPORT, TRANSFORM or WINDOW, which change
	// whose rights it has or what the server takes it for.
	Plain bool `json:"plain,omitempty"`
	// Note says why there is no digest.
	Note     string `json:"note,omitempty"`
	Position int    `json:"position"`
}

const (
	noteAtomic = "the body is kept as a parse tree, not as text"
	noteNoBody = "the statement has no body"
)

// created notes a definition; a repeated one is kept, up to a bound.
func (w *walker) created(d Definition) {
	const most = 1000
	if slices.Contains(w.st.Created, d) {
		return
	}
	if len(w.st.Created) >= most {
		w.fail("statement makes more than %d functions", most)
		return
	}
	w.st.Created = append(w.st.Created, d)
}

// createFunction: the body is text, or statements; either way it runs later,
// perhaps as somebody else.
func (w *walker) createFunction(s *pg.CreateFunctionStmt) {
	what := "CREATE FUNCTION"
	if s.IsProcedure {
		what = "CREATE PROCEDURE"
	}
	w.effectHere(OpaqueCode, what)
	d := Definition{Position: w.st.Start, Signature: signature(s), Plain: isPlain(s)}
	d.Schema, d.Name = qualified(s.Funcname)
	body, at, text := "", w.st.Start, false
	for _, o := range s.Options {
		switch e := o.GetDefElem(); e.GetDefname() {
		case "language":
			d.Language = clip(e.GetArg().GetString_().GetSval())
		case "as":
			items := strs(e.GetArg().GetList().GetItems())
			if text = len(items) > 0; text {
				body, at = items[len(items)-1], w.place(e.GetLocation()) // in C: file, symbol
			}
		case "set":
			w.variableSet(e.GetArg().GetVariableSetStmt())
		}
	}
	switch {
	case s.SqlBody != nil:
		d.Note = noteAtomic
		if d.Language == "" {
			d.Language = "sql"
		}
	case text:
		sum := sha256.Sum256([]byte(body))
		d.BodyDigest = hex.EncodeToString(sum[:])
	default:
		d.Note = noteNoBody
	}
	w.created(d)
	before := w.variables
	w.variables = argumentNames(s)
	w.children(&pg.CreateFunctionStmt{Parameters: s.Parameters, ReturnType: s.ReturnType, SqlBody: s.SqlBody})
	if text {
		w.code(d.Language, plpgsqlHeader(s), body, at, false)
	}
	w.variables = before
}

// plainAttributes are those that change nothing but how often the server
// thinks it may skip or repeat a call.
var plainAttributes = map[string]bool{
	"language": true, "as": true, "volatility": true, "strict": true, "parallel": true, "cost": true, "rows": true,
}

func isPlain(s *pg.CreateFunctionStmt) bool {
	return !slices.ContainsFunc(s.Options, func(o *pg.Node) bool { return !plainAttributes[o.GetDefElem().GetDefname()] })
}

// argumentNames are the names a body may call its arguments by; the function's
// own name may stand in front.
func argumentNames(s *pg.CreateFunctionStmt) map[string]bool {
	_, name := qualified(s.Funcname)
	names := map[string]bool{name: true}
	for _, p := range s.Parameters {
		if name := p.GetFunctionParameter().GetName(); name != "" {
			names[name] = true
		}
	}
	return names
}

// signature is the name with the types of the input arguments.
func signature(s *pg.CreateFunctionStmt) string {
	var types []string
	for _, n := range s.Parameters {
		p := n.GetFunctionParameter()
		switch p.GetMode() {
		case pg.FunctionParameterMode_FUNC_PARAM_OUT, pg.FunctionParameterMode_FUNC_PARAM_TABLE:
			continue
		}
		types = append(types, typeName(p.GetArgType()))
	}
	name := make([]string, 0, 2)
	for _, part := range strs(s.Funcname) {
		name = append(name, quoteIdentifier(part))
	}
	return clip(strings.Join(name, ".")) + "(" + strings.Join(types, ", ") + ")"
}

// typeName spells a type.
func typeName(t *pg.TypeName) string {
	names := strs(t.GetNames())
	if len(names) == 0 {
		return "?"
	}
	var out string
	last := names[len(names)-1]
	common, known := commonTypes[last]
	switch {
	case known && (len(names) == 1 || names[0] == "pg_catalog"):
		out = common
	default:
		if names[0] == "pg_catalog" {
			names = names[1:]
		}
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = quoteIdentifier(n)
		}
		out = clip(strings.Join(quoted, "."))
	}
	if t.PctType {
		out += "%TYPE"
	}
	if len(t.ArrayBounds) > 0 {
		out += "[]"
	}
	return out
}

// commonTypes are the types that pg_catalog.format_type spells in words.
var commonTypes = map[string]string{
	"char": `"char"`, "bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint",
	"float4": "real", "float8": "double precision", "bpchar": "character", "varchar": "character varying",
	"varbit": "bit varying", "time": "time without time zone", "timetz": "time with time zone",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
}
