package statement

import (
	"bufio"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

var (
	//go:embed data/builtin_functions.txt
	builtinFunctionsText string
	//go:embed data/other_functions.txt
	otherFunctionsText string
	//go:embed data/builtin_operators.txt
	builtinOperatorsText string

	builtinFunctions = readMeanings(builtinFunctionsText)
	otherFunctions   = readMeanings(otherFunctionsText)
	builtinOperators = readNames(builtinOperatorsText)
)

// readLines calls f for each line of an embedded list that is neither empty
// nor a comment ("# ...").
func readLines(text string, f func(line string)) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "# ") {
			f(line)
		}
	}
}

// readMeanings reads "name kind why" lines. The lists are part of the
// program, so a bad line is a bug and panics at start.
func readMeanings(text string) map[string]meaning {
	all := map[string]meaning{}
	readLines(text, func(line string) {
		name, rest, _ := strings.Cut(line, " ")
		word, why, _ := strings.Cut(rest, " ")
		kind, err := ParseKind(word)
		if err != nil {
			panic(fmt.Sprintf("statement: list line %q: %v", line, err))
		}
		if _, twice := all[name]; twice {
			panic(fmt.Sprintf("statement: list has %q twice", name))
		}
		all[name] = meaning{kind, why}
	})
	return all
}

func readNames(text string) map[string]bool {
	all := map[string]bool{}
	readLines(text, func(line string) { all[line] = true })
	return all
}

// informationSchemaFunctions are the helpers that information_schema's own
// views call.
var informationSchemaFunctions = map[string]bool{
	"_pg_char_max_length": true, "_pg_char_octet_length": true, "_pg_datetime_precision": true,
	"_pg_expandarray": true, "_pg_index_position": true, "_pg_interval_type": true,
	"_pg_numeric_precision": true, "_pg_numeric_precision_radix": true, "_pg_numeric_scale": true,
	"_pg_truetypid": true, "_pg_truetypmod": true,
}

// functionMeaning says what calling a function by this name does. Outside
// pg_catalog a harmless name means nothing: anybody may have made it. A
// dangerous name counts wherever it stands; adminpack puts its own into
// pg_catalog.
//
// A line of the list may be for one number of arguments ("ts_rewrite/3"); it
// counts where that many are written, and the line without a number elsewhere.
func functionMeaning(schema, name string, args int) meaning {
	m, builtin := builtinFunctions[name+"/"+strconv.Itoa(args)]
	if !builtin {
		m, builtin = builtinFunctions[name]
	}
	if other, ok := otherFunctions[name]; ok && (schema != "pg_catalog" || !builtin) {
		return other
	}
	if other, ok := otherFunctions[schema+".*"]; ok {
		return other
	}
	switch {
	case builtin && (schema == "" || schema == "pg_catalog"):
		return m
	case builtin && m.kind.Worse(OpaqueCode):
		return m
	case schema == "information_schema" && informationSchemaFunctions[name]:
		return meaning{OrdinaryRead, ""}
	}
	return outsideKnown
}

// outsideKnown is what the text alone tells of a function that nobody knows.
var outsideKnown = meaning{OpaqueCode, "outside the known set"}

// funcCall notes a function call and what it does. It returns true if it has
// walked the arguments.
func (w *walker) funcCall(call *pg.FuncCall) bool {
	schema, name := qualified(call.Funcname)
	at := int(call.Location)
	w.function(Function{Schema: schema, Name: name, Args: argumentCount(call), Position: at})
	if special := specialFunctions[name]; special != nil && (schema == "" || schema == "pg_catalog") {
		special(w, call, at)
		w.output(func() { w.arguments(call) })
		return true
	}
	m := functionMeaning(schema, name, argumentCount(call))
	w.functionPlace(schema, name, call, at)
	if m.kind >= OrdinaryRead {
		w.arguments(call)
		return true
	}
	w.effect(m.kind, functionWords(schema, name, m.what), at)
	w.output(func() { w.arguments(call) })
	return true
}

// hypothetical are the aggregates that only tell where a value would stand
// among those of WITHIN GROUP.
var hypothetical = setOf("cume_dist", "dense_rank", "percent_rank", "rank")

// arguments walks the arguments of a call. What an ordinary aggregate is
// ordered by does not come out of it; with WITHIN GROUP that is its argument.
func (w *walker) arguments(call *pg.FuncCall) {
	schema, name := qualified(call.Funcname)
	if !call.AggWithinGroup || hypothetical[name] && (schema == "" || schema == "pg_catalog") {
		w.children(call)
		return
	}
	w.except(call, "AggOrder")
	w.walkNodes(call.AggOrder)
}

func functionWords(schema, name, why string) string {
	words := "function " + name
	if schema != "" && schema != "pg_catalog" {
		words = "function " + schema + "." + name
	}
	if why != "" {
		words += " (" + why + ")"
	}
	return words
}

// argumentCount is how many arguments are written, -1 for * and VARIADIC.
func argumentCount(call *pg.FuncCall) int {
	if call.AggStar || call.FuncVariadic {
		return -1
	}
	return len(call.Args)
}

// function notes a function once for each number of arguments.
func (w *walker) function(f Function) {
	key := functionKey{f.Schema, f.Name, f.Args}
	if w.seen.functions[key] {
		return
	}
	if w.seen.functions == nil {
		w.seen.functions = map[functionKey]bool{}
	}
	w.seen.functions[key] = true
	if len(w.st.Functions) >= mostNamed {
		w.fail("statement names more than %d functions", mostNamed)
		return
	}
	w.st.Functions = append(w.st.Functions, f)
}

// specialFunctions are judged by their arguments.
var specialFunctions map[string]func(*walker, *pg.FuncCall, int)

func init() {
	specialFunctions = map[string]func(*walker, *pg.FuncCall, int){
		"set_config":    (*walker).setConfigCall,
		"pg_notify":     (*walker).notifyCall,
		"lo_from_bytea": (*walker).largeObjectWrite,
		"lo_put":        (*walker).largeObjectWrite,
		"lowrite":       (*walker).largeObjectWrite,
	}
	for name, m := range builtinFunctions {
		if m.kind == ExportToClient && strings.Contains(name, "_to_xml") {
			specialFunctions[name] = (*walker).xmlCall
		}
	}
}

// notifyCall: the client's own words go to whoever listens; what is computed
// from rows is data, and the listener need not pass through here.
func (w *walker) notifyCall(call *pg.FuncCall, at int) {
	w.effect(OrdinaryWrite, "NOTIFY", at)
	if readsRows(call.Args) {
		w.notifies = max(at, 0)
	}
}

// settleNotify: in a SELECT that names no relation, columns are the client's
// own words too: job queues send them through a set-returning function.
// Functions that know more are judged by themselves. Elsewhere a column may
// be one of a relation to come, as in the CHECK of a domain.
func (w *walker) settleNotify() {
	if w.notifies >= 0 && (w.touched > 0 || w.st.Node != "SelectStmt") {
		w.effect(ExportToClient, "function pg_notify over rows", w.notifies)
	}
}

// largeObjectWrite: the client's own bytes are an upload; what is computed
// from rows is a copy.
func (w *walker) largeObjectWrite(call *pg.FuncCall, at int) {
	_, name := qualified(call.Funcname)
	if !readsRows(call.Args) {
		w.effect(OrdinaryWrite, "function "+name, at)
		return
	}
	w.effect(InternalCopy, "function "+name+" over rows", at)
}

// xmlCall: these put a whole relation into one value, and those that take a
// query run any text.
func (w *walker) xmlCall(call *pg.FuncCall, at int) {
	_, name := qualified(call.Funcname)
	w.effect(ExportToClient, "function "+name+" (a whole relation or query result as one XML value)", at)
	w.destination(Destination{Type: ToClient, Position: at})
	if strings.HasPrefix(name, "query_") || strings.HasPrefix(name, "cursor_") {
		w.effect(OpaqueCode, "function "+name+" (runs a query that is not part of the statement)", at)
	}
}

// operator judges an operator name: one in another schema, or one PostgreSQL
// does not bring along, runs a function nobody knows. Any written with a
// schema is noted.
func (w *walker) operator(names []*pg.Node, at int) (known bool) {
	if len(names) == 0 {
		return true
	}
	schema, name := qualified(names)
	w.mentionOperator(schema, name)
	known = builtinOperators[name] || operatorWords[name]
	if schema != "" || !known {
		w.operatorNamed(Operator{Schema: schema, Name: name, Position: at})
	}
	switch {
	case schema != "" && schema != "pg_catalog":
		w.effect(OpaqueCode, "operator "+schema+"."+name, at)
		return false
	case !known:
		w.effect(OpaqueCode, "operator "+name+" (outside the known set)", at)
	}
	return known
}

type operatorKey struct{ schema, name string }

// operatorNamed notes an operator once.
func (w *walker) operatorNamed(o Operator) {
	key := operatorKey{o.Schema, o.Name}
	if w.seen.operators[key] {
		return
	}
	if w.seen.operators == nil {
		w.seen.operators = map[operatorKey]bool{}
	}
	w.seen.operators[key] = true
	if len(w.st.Operators) >= mostNamed {
		w.fail("statement names more than %d operators", mostNamed)
		return
	}
	w.st.Operators = append(w.st.Operators, o)
}

// operands walks an expression; an operator nobody knows passes its operands
// on.
func (w *walker) operands(names []*pg.Node, at int, message any) bool {
	if w.operator(names, at) {
		return false
	}
	w.output(func() { w.children(message) })
	return true
}

// operatorWords stand in the place of an operator in the tree.
var operatorWords = map[string]bool{
	"BETWEEN": true, "NOT BETWEEN": true, "BETWEEN SYMMETRIC": true, "NOT BETWEEN SYMMETRIC": true,
}

// sampleMethod judges TABLESAMPLE method(...), which is a function.
func (w *walker) sampleMethod(m *pg.RangeTableSample) {
	schema, name := qualified(m.Method)
	w.function(Function{Schema: schema, Name: name, Args: len(m.Args), Position: int(m.Location)})
	if (schema == "" || schema == "pg_catalog") && (name == "bernoulli" || name == "system") {
		return
	}
	w.effect(OpaqueCode, functionWords(schema, name, "a sampling method outside the known set"), int(m.Location))
}
