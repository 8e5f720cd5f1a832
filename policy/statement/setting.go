package statement

import (
	_ "embed"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

//go:embed data/harmless_settings.txt
var harmlessSettingsText string

// harmlessSettings may be changed by anybody to anything.
var harmlessSettings = readNames(harmlessSettingsText)

// pin is a setting the proxy keeps at one value.
type pin struct {
	// keeps reports whether a value leaves the setting as it must be.
	keeps func(value string) bool
	// breaks is true for settings that change how text is read or who is
	// acting: any other value is refused whatever the policy says.
	breaks bool
}

var pins = map[string]pin{
	"client_encoding":                  {utf8Spelling, true},
	"standard_conforming_strings":      {isOn, true},
	"backslash_quote":                  {is("safe_encoding"), true},
	"role":                             {never, true},
	"session_authorization":            {never, true},
	"session_replication_role":         {is("origin"), false},
	"lo_compat_privileges":             {isOff, false},
	"transform_null_equals":            {isOff, false},
	"event_triggers":                   {isOn, false},
	"restrict_nonsystem_relation_kind": {restrictsBoth, false},
}

// trackedSettings are harmless ones whose value the gate follows.
func tracked(name string) bool {
	return name == "search_path" || strings.HasPrefix(name, "sluice.") || pins[name].keeps != nil
}

func never(string) bool { return false }

func is(want string) func(string) bool {
	return func(value string) bool { return strings.EqualFold(value, want) }
}

// isOn and isOff take the spellings of a boolean that PostgreSQL takes,
// unique abbreviations included.
func isOn(value string) bool  { return boolean(value, "true", "yes", "on", "1") }
func isOff(value string) bool { return boolean(value, "false", "no", "off", "0") }

func boolean(value string, words ...string) bool {
	value = strings.ToLower(value)
	if value == "" || value == "o" {
		return false
	}
	for _, w := range words {
		if strings.HasPrefix(w, value) {
			return true
		}
	}
	return false
}

// utf8Spelling compares as the server does: letters and digits only.
func utf8Spelling(value string) bool {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, value)
	return clean == "utf8" || clean == "unicode"
}

// restrictsBoth accepts what pg_dump sets: neither views nor foreign tables.
func restrictsBoth(value string) bool {
	parts := strings.Split(strings.ToLower(value), ",")
	found := map[string]bool{}
	for _, p := range parts {
		found[strings.TrimSpace(p)] = true
	}
	return len(found) == 2 && found["view"] && found["foreign-table"]
}

// change notes a change to a setting and what it means. known is false if the
// new value cannot be told from the text.
func (w *walker) change(name, value string, known bool, at int) {
	name = strings.ToLower(name)
	s := Setting{Name: name, Unknown: !known, Position: at}
	p, pinned := pins[name]
	if known && tracked(name) {
		s.Value = value
	}
	kept := pinned && known && p.keeps(value)
	if pinned && p.breaks && !kept {
		s.Breaks = true
	}
	w.setting(s)
	w.settingPlace(name, value, known, at)
	if kept || !pinned && harmless(name) {
		w.effect(OrdinaryRead, "SET", at)
		return
	}
	w.effect(WeakenProtection, settingWords(name), at)
}

// settingWords tells in words why a change is not harmless.
func settingWords(name string) string {
	switch {
	case pins[name].breaks:
		return "changes setting " + name + ", which Sluice pins"
	case strings.Contains(name, "."):
		return "changes setting " + name + ", which row security or an extension may read"
	}
	return "changes setting " + name
}

func harmless(name string) bool {
	return harmlessSettings[name] || strings.HasPrefix(name, "sluice.")
}

// reset notes a setting that goes back to the value of the session's start,
// which the proxy chose for the pinned ones.
func (w *walker) reset(name string, at int) {
	s := Setting{Name: strings.ToLower(name), Reset: true, Position: at}
	if s.Name == sessionAuthorization && w.st.Instead == "" {
		s.Breaks = true // it takes the role away too (role.go)
	}
	w.setting(s)
	if s.Breaks {
		w.effect(WeakenProtection, settingWords(s.Name), at)
		return
	}
	w.effect(OrdinaryRead, "RESET", at)
}

// setting notes a change; a repeated one is kept, since order matters, up to
// a bound that no honest text meets.
func (w *walker) setting(s Setting) {
	const most = 1000
	if len(w.st.Settings) >= most {
		w.fail("statement changes more than %d settings", most)
		return
	}
	s.Position = max(s.Position, -1)
	w.st.Settings = append(w.st.Settings, s)
}

// variableSet judges SET and RESET in all their forms, also those inside
// ALTER ROLE, ALTER DATABASE, ALTER SYSTEM and functions.
func (w *walker) variableSet(set *pg.VariableSetStmt) {
	at := w.st.Start
	switch set.GetKind() {
	case pg.VariableSetKind_VAR_SET_VALUE:
		value, known := w.settingValue(set.Name, set.Args)
		w.change(set.Name, value, known, at)
	case pg.VariableSetKind_VAR_SET_DEFAULT, pg.VariableSetKind_VAR_RESET:
		w.reset(set.Name, at)
	case pg.VariableSetKind_VAR_RESET_ALL:
		w.reset("*", at)
	case pg.VariableSetKind_VAR_SET_CURRENT:
		w.change(set.Name, "", false, at)
	case pg.VariableSetKind_VAR_SET_MULTI:
		w.transactionSettings(set, at)
	default:
		w.fail("form of SET is not known")
	}
	w.walkNodes(set.GetArgs())
}

// transactionSettings judges SET TRANSACTION and SET SESSION CHARACTERISTICS.
func (w *walker) transactionSettings(set *pg.VariableSetStmt, at int) {
	switch set.Name {
	case "TRANSACTION", "TRANSACTION SNAPSHOT":
		w.effect(OrdinaryRead, "SET "+set.Name, at)
	case "SESSION CHARACTERISTICS":
		for _, arg := range set.Args {
			w.setting(Setting{Name: "default_" + arg.GetDefElem().GetDefname(), Unknown: true, Position: at})
		}
		w.effect(OrdinaryRead, "SET SESSION CHARACTERISTICS", at)
	default:
		w.fail("form of SET is not known")
	}
}

// settingValue joins the arguments of a SET as the server does, which for
// search_path quotes what is no plain identifier.
func (w *walker) settingValue(name string, args []*pg.Node) (value string, known bool) {
	parts := make([]string, 0, len(args))
	for _, arg := range args {
		part, ok := w.constant(arg)
		if !ok {
			return "", false
		}
		if strings.EqualFold(name, "search_path") {
			part = quoteIdentifier(part)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", "), len(parts) > 0
}

func quoteIdentifier(s string) string {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
	}
	if s == "" {
		return `""`
	}
	return s
}

// setConfigCall judges set_config(name, value, local).
func (w *walker) setConfigCall(call *pg.FuncCall, at int) {
	if len(call.Args) != 3 || call.FuncVariadic || named(call.Args) {
		w.unknownSetting(at)
		return
	}
	name, ok := w.constant(call.Args[0])
	if !ok {
		if name, ok = w.settingsRowName(call.Args); !ok {
			w.unknownSetting(at)
			return
		}
	}
	value, known := w.constant(call.Args[1])
	if isNull(call.Args[1]) { // NULL means the default
		w.reset(name, at)
		return
	}
	w.change(name, value, known, at)
	if readsRows(call.Args[1:2]) {
		// Settings are shown to the client and to other sessions.
		w.effect(WeakenProtection, "set_config of "+strings.ToLower(name)+" to a value from rows", at)
	}
}

func named(args []*pg.Node) bool {
	for _, a := range args {
		if a.GetNamedArgExpr() != nil {
			return true
		}
	}
	return false
}

// unknownSetting is a change of who knows which setting.
func (w *walker) unknownSetting(at int) {
	w.setting(Setting{Name: "*", Unknown: true, Breaks: true, Position: at})
	w.effect(WeakenProtection, "set_config of a setting the text does not name", at)
}

// settingsRowName understands pg_dump's
//
//	SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings
//	WHERE name = 'restrict_nonsystem_relation_kind'
//
// which sets nothing on servers that lack the setting. Only this setting and
// a value that no other setting takes are accepted, so it does not matter
// what else somebody might have named pg_settings.
func (w *walker) settingsRowName(args []*pg.Node) (string, bool) {
	const name = "restrict_nonsystem_relation_kind"
	fields := args[0].GetColumnRef().GetFields()
	if len(fields) != 1 || fields[0].GetString_().GetSval() != "name" || w.settingsRow != name {
		return "", false
	}
	value, ok := w.constant(args[1])
	return name, ok && restrictsBoth(value)
}

// settingsRowOf is the constant of a SELECT ... FROM pg_settings WHERE name =
// constant, or empty.
func (w *walker) settingsRowOf(s *pg.SelectStmt) string {
	if len(s.FromClause) != 1 {
		return ""
	}
	from := s.FromClause[0].GetRangeVar()
	if from.GetRelname() != "pg_settings" || from.GetSchemaname() != "" && from.GetSchemaname() != "pg_catalog" {
		return ""
	}
	where := s.WhereClause.GetAExpr()
	fields := where.GetLexpr().GetColumnRef().GetFields()
	if where.GetKind() != pg.A_Expr_Kind_AEXPR_OP || len(fields) != 1 || fields[0].GetString_().GetSval() != "name" {
		return ""
	}
	if schema, op := qualified(where.Name); op != "=" || schema != "" && schema != "pg_catalog" {
		return ""
	}
	value, _ := w.constant(where.Rexpr)
	return value
}
