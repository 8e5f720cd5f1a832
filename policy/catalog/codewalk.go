package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// mostReached is how many objects one call may lead to before the rest is left
// unseen.
const mostReached = 5000

// reach follows code from one object to the next, each once.
type reach struct {
	gathered
	ctx  context.Context
	code *Code
	// path is the search_path with which the code that is being read runs;
	// callers is the session's. bound is true for code that the server keeps
	// with its names resolved.
	path, callers []string
	bound         bool
	// repath is set when code changes the search_path.
	repath bool
	// todo are objects that were found and not yet followed.
	todo []func()
	seen map[visit]bool
	// operators are names of operators met, types those of values met. What
	// user-made operators and casts run depends on both.
	operators map[operatorName]bool
	types     map[OID]bool
	// remote is set when a foreign table is read, local when another is.
	remote, local string
}

type operatorName struct{ schema, name string }

// visit is an object in one role and path, so that it is followed once.
type visit struct {
	oid  OID
	role byte
	ops  WriteOps
	path string
}

func newReach(ctx context.Context, c *Code, path []string) *reach {
	return &reach{
		gathered: newGathered(), ctx: ctx, code: c, path: path, callers: path,
		seen: map[visit]bool{}, operators: map[operatorName]bool{}, types: map[OID]bool{},
	}
}

// follow has an object followed later, in the path of now.
func (w *reach) follow(v visit, path []string, step func()) {
	v.path = pathKey(path)
	if w.seen[v] {
		return
	}
	if len(w.seen) >= mostReached {
		w.unseen("it leads to more than %d objects", mostReached)
		return
	}
	w.seen[v] = true
	w.todo = append(w.todo, func() {
		w.path, w.bound = path, false
		step()
	})
}

// run follows everything. Operators and casts are looked at when all else is
// done, since only then it is known which types they could be for.
func (w *reach) run() {
	for {
		for len(w.todo) > 0 && w.ctx.Err() == nil {
			next := w.todo[len(w.todo)-1]
			w.todo = w.todo[:len(w.todo)-1]
			next()
		}
		if err := w.ctx.Err(); err != nil {
			w.unseen("reading its code was broken off: %v", err)
			return
		}
		w.path, w.bound = w.callers, false
		w.typed()
		if len(w.todo) == 0 {
			break
		}
	}
	if w.remote != "" && w.local != "" {
		w.effects[CodeEffect{statement.ExportRemote, "reads foreign table " + w.remote + " together with " + w.local + ", whose values may be sent there to compare", "the code"}] = true
	}
}

// unseen says why something cannot be told.
func (w *reach) unseen(format string, args ...any) {
	w.opaque[fmt.Sprintf(format, args...)] = true
}

// does notes an effect.
func (w *reach) does(kind statement.Kind, what, by string) {
	const most = 500
	if len(w.effects) >= most {
		w.unseen("it does more than %d different things", most)
		return
	}
	w.effects[CodeEffect{kind, what, by}] = true
}

// function follows a call.
func (w *reach) function(oid OID) { w.call(oid, w.path) }

// call follows a call from code with a path.
func (w *reach) call(oid OID, path []string) {
	f := w.code.snapshot.functions[oid]
	if f == nil {
		if oid >= FirstUser {
			w.unseen("a function that it calls is not in the catalog")
		}
		return
	}
	w.follow(visit{oid: oid, role: 'f'}, pathOf(f.Settings, path), func() { w.body(f) })
}

// body follows what a function runs.
func (w *reach) body(f *Function) {
	w.calls[f.OID] = true
	by := "function " + f.Signature
	if kind, stated := w.code.states(f); stated {
		if kind != statement.OrdinaryRead {
			w.does(kind, "as is stated of it", by)
		}
		return
	}
	for _, p := range f.Parameters {
		w.value(p.Type)
	}
	w.value(f.Result)
	for _, called := range append(f.Calls, f.Support...) {
		w.function(called)
	}
	if forbidden := changesRole(f.Settings); forbidden != "" {
		w.unseen("%s sets %s", by, forbidden)
	}
	switch {
	case f.Kind == 'a': // all of it is in Support
	case f.Language == "sql" || f.Language == "plpgsql":
		w.source(f, by)
	case computesOnly(f):
	default:
		w.unseen("%s is written in %s", by, f.Language)
	}
}

// source reads a body.
func (w *reach) source(f *Function, by string) {
	if f.Body == "" && f.Atomic {
		w.unseen("the body of %s could not be read", by)
		for _, used := range f.Uses {
			w.readColumn(used, true)
			w.read(used.Relation, false)
		}
		return
	}
	code := statement.Code{Language: f.Language, Text: f.Body, Set: f.Set}
	if t := w.code.snapshot.types[f.Result]; t != nil && t.Schema == systemSchema {
		code.Trigger = t.Name == "trigger" || t.Name == "event_trigger"
	}
	for _, p := range f.Parameters {
		if p.Name != "" {
			code.Parameters = append(code.Parameters, statement.Parameter{Name: p.Name, Row: w.isRow(p.Type), Out: p.Mode == 'o' || p.Mode == 't'})
		}
	}
	w.bound = f.Atomic
	w.text(fmt.Sprintf("function %d", f.OID), code, by)
}

// changesRole is the setting of a function that would give it other rights
// than its caller or owner has.
func changesRole(settings []string) string {
	for _, s := range settings {
		name, _, _ := strings.Cut(strings.ToLower(s), "=")
		if name == "role" || name == "session_authorization" {
			return name
		}
	}
	return ""
}

// computesOnly reports whether a function that cannot be read belongs to an
// extension that brings functions which only compute.
func computesOnly(f *Function) bool {
	kind, known := statement.BuiltinFunction(f.Schema, f.Name, len(f.Types))
	return statement.HarmlessExtension(f.Extension) && (!known || !kind.Worse(statement.OrdinaryRead))
}

// frozen reads a code that the server keeps with its names resolved.
func (w *reach) frozen(key string, code statement.Code, by string) {
	before := w.bound
	w.bound = true
	w.text(key, code, by)
	w.bound = before
}

// lookup is where the names of the code that is being read are looked for.
func (w *reach) lookup() []string {
	if w.bound {
		return boundPath
	}
	return w.path
}

// bare notes a name without a schema that is looked for when the code runs.
func (w *reach) bare(schema, name string) {
	if schema == "" && !w.bound {
		w.names[name] = true
	}
}

// text reads a code and follows what it names.
func (w *reach) text(key string, code statement.Code, by string) {
	a := w.code.analyze(w.ctx, key, code)
	if a.Unread != "" {
		w.unseen("%s: %s", by, a.Unread)
	}
	if a.Computed {
		w.unseen("%s runs SQL that it puts together when it runs", by)
	}
	w.actions(a, by)
	w.settings(a)
	w.functions(a, by)
	w.relationsOf(a, by)
	w.notions(a)
}

// actions keeps the effects of a code. What calls do is found out by following
// them.
func (w *reach) actions(a *statement.CodeAnalysis, by string) {
	changes := false
	for _, e := range a.Statement.Effects {
		switch {
		case e.Kind == statement.OrdinaryRead || carries[e.What]:
		case e.Kind != statement.OpaqueCode:
			w.does(e.Kind, e.What, by)
			changes = changes || !movesRows[e.What] && changesObjects(e.Kind)
		case strings.HasPrefix(e.What, "function "), strings.HasPrefix(e.What, "operator "):
		case e.What == "CALL", e.What == "dynamic SQL":
		default:
			w.unseen("%s: %s", by, e.What)
			changes = true
		}
	}
	if changes {
		w.eventTriggers()
	}
}

// carries are effects of the statements that hold code of relations.
var carries = map[string]bool{
	"CREATE TRIGGER": true, "CREATE RULE": true, "CREATE RULE that writes": true, "CREATE RULE ... DO INSTEAD NOTHING": true,
}

// movesRows are internal copies that make no object.
var movesRows = map[string]bool{"INSERT ... SELECT": true, "MERGE ... INSERT": true}

// changesObjects reports whether what has a kind may make, change or drop
// objects.
func changesObjects(k statement.Kind) bool {
	return k == statement.DDL || k == statement.WeakenProtection || k == statement.InternalCopy || k == statement.Replication || k == statement.ExportRemote
}

// eventTriggers run when objects are made, changed or dropped.
func (w *reach) eventTriggers() {
	for _, t := range w.code.snapshot.EventTriggers {
		if t.Enabled != 'D' {
			w.function(t.Function)
		}
	}
}

// settings: what changes the search_path changes what names mean.
func (w *reach) settings(a *statement.CodeAnalysis) {
	for _, s := range a.Statement.Settings {
		if s.Name == "search_path" || s.Name == "*" || s.Unknown && s.Name == "" {
			w.repath = true
		}
	}
}

// functions follows the functions that a code names.
func (w *reach) functions(a *statement.CodeAnalysis, by string) {
	s := w.code.snapshot
	for _, f := range a.Statement.Functions {
		w.bare(f.Schema, f.Name)
		found := s.functionsNamed(f.Schema, f.Name, f.Args, w.lookup())
		for _, oid := range found {
			w.function(oid)
		}
		if _, known := statement.BuiltinFunction(f.Schema, f.Name, f.Args); known || len(found) > 0 {
			continue
		}
		types := s.typesNamed(f.Schema, f.Name, w.lookup())
		for _, t := range types {
			w.value(t)
		}
		if len(types) == 0 && !statement.BuiltinType(f.Schema, f.Name) {
			w.unseen("%s calls function %s, which is neither in the catalog nor known", by, words(f.Schema, f.Name))
		}
	}
	for _, name := range a.Attributes {
		for _, oid := range s.functionsNamed("", name.Name, 1, w.lookup()) {
			w.function(oid)
		}
	}
}

// notions keeps the operators and types that a code names.
func (w *reach) notions(a *statement.CodeAnalysis) {
	for _, o := range a.Operators {
		w.operators[operatorName{o.Schema, o.Name}] = true
	}
	s := w.code.snapshot
	for _, t := range a.Types {
		for _, oid := range s.typesNamed(t.Schema, t.Name, w.lookup()) {
			w.value(oid)
		}
	}
	for _, p := range a.Prefixes {
		for _, oid := range s.relationsNamed(p.Schema, p.Name, w.lookup()) {
			w.valuesOf(s.relations[oid])
		}
	}
}
