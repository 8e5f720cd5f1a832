package statement

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A session works as a role that it was given at start-up, and its login is
// nobody's. The ways back to the beginning do not all lead to that role:
//
//	RESET ROLE, SET role TO DEFAULT       to the role given at start-up
//	SET ROLE NONE                         to the login
//	SET SESSION AUTHORIZATION DEFAULT,
//	RESET SESSION AUTHORIZATION           to the role, on servers that have the
//	                                      fix of CVE-2024-10978 (13.17, 14.14,
//	                                      15.9, 16.5, 17.1); before, to the login
//	DISCARD ALL                           likewise; the proxy follows it
//
// (the newer servers were measured: integration/gate). People and tools mean
// the beginning by all of them, so the statements that stand alone are turned
// into the first; inside functions, calls and bodies nothing can be put in
// their place, and they are refused.

const (
	roleSetting          = "role"
	sessionAuthorization = "session_authorization"
)

// keepRole returns a statement that does what the given one is meant to do and
// keeps the session's role. What has to be sent then is in Instead.
func (w *walker) keepRole(set *pg.VariableSetStmt) *pg.VariableSetStmt {
	if w.inBody() {
		return set
	}
	reset := set.Kind == pg.VariableSetKind_VAR_RESET
	back := reset || set.Kind == pg.VariableSetKind_VAR_SET_DEFAULT
	switch name := strings.ToLower(set.Name); {
	case name == sessionAuthorization && back:
		w.st.Instead = resetRole(reset, set.IsLocal)
	case name == roleSetting && set.Kind == pg.VariableSetKind_VAR_SET_VALUE:
		if value, known := w.settingValue(name, set.Args); !known || value != "none" {
			return set
		}
		w.st.Instead = resetRole(false, set.IsLocal)
		return &pg.VariableSetStmt{Kind: pg.VariableSetKind_VAR_SET_DEFAULT, Name: roleSetting, IsLocal: set.IsLocal}
	}
	return set
}

// resetRole writes the way back to the role of the start, with the command tag
// of the statement it stands for.
func resetRole(reset, local bool) string {
	switch {
	case reset:
		return "RESET role"
	case local:
		return "SET LOCAL role TO DEFAULT"
	}
	return "SET role TO DEFAULT"
}

// inBody reports whether what is judged stands in the body of a function or of
// DO.
func (w *walker) inBody() bool { return w.bodies != nil && w.bodies.depth > 0 }
