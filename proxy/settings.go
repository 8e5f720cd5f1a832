package proxy

import "strings"

// settingVerdict is what happens to a setting given at start-up.
type settingVerdict int

const (
	settingForwarded settingVerdict = iota
	// settingPinned: the value is the pinned one, which the proxy sends
	// itself.
	settingPinned
	settingRefused
)

// pinned are the settings that decide how the server reads text. Parser and
// server must read it alike (contract 7), so the proxy gives them at
// start-up, where RESET ALL and DISCARD ALL come back to.
var pinned = []param{
	{"client_encoding", "UTF8"},
	{"standard_conforming_strings", "on"},
	{"backslash_quote", "safe_encoding"},
}

// refusedSettings may not be given at start-up: they change who the session
// is, what code it loads, or which protections hold. The value says what to
// do instead.
var refusedSettings = map[string]string{
	"role":                             "The proxy chooses the role; ask for another identity instead.",
	"session_authorization":            "The proxy chooses the role; ask for another identity instead.",
	"session_replication_role":         "Triggers and rules stay on for sessions through Sluice.",
	"session_preload_libraries":        "Libraries are loaded by the database's owner.",
	"local_preload_libraries":          "Libraries are loaded by the database's owner.",
	"dynamic_library_path":             "Libraries are loaded by the database's owner.",
	"extension_control_path":           "Extensions are installed by the database's owner.",
	"lo_compat_privileges":             "Large objects keep their privileges.",
	"event_triggers":                   "Event triggers stay on for sessions through Sluice.",
	"transform_null_equals":            "Leave it out: it changes what a condition means.",
	"allow_system_table_mods":          "System tables are not changed through Sluice.",
	"ignore_system_indexes":            "Leave it out.",
	"restrict_nonsystem_relation_kind": "Leave it out: sessions through Sluice do not change it.",
}

// judgeSetting judges a setting by its lower-case name and its value, and
// says how to mend what is refused.
func judgeSetting(name, value string) (settingVerdict, string) {
	switch name {
	case "client_encoding":
		if isUTF8(value) {
			return settingPinned, ""
		}
		return settingRefused, "Use client_encoding=UTF8: in other encodings the database and the parser could read a text differently."
	case "standard_conforming_strings":
		if isOn(value) {
			return settingPinned, ""
		}
		return settingRefused, "Leave standard_conforming_strings on and write backslash escapes as E'...'."
	case "backslash_quote":
		if strings.EqualFold(strings.TrimSpace(value), "safe_encoding") {
			return settingPinned, ""
		}
		return settingRefused, "Leave backslash_quote at safe_encoding."
	}
	if fix, ok := refusedSettings[name]; ok {
		return settingRefused, fix
	}
	if strings.HasPrefix(name, "pgaudit.") || strings.HasPrefix(name, "log_") {
		return settingRefused, "What the server logs is for its owner to say."
	}
	return settingForwarded, ""
}

// isUTF8 reads an encoding's name as the server does: letters and digits
// count, case does not. Some clients send it in quotes.
func isUTF8(value string) bool {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, value)
	return clean == "utf8" || clean == "unicode"
}

// isOn reads a boolean as the server does.
func isOn(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "on", "true", "t", "tr", "tru", "yes", "y", "ye", "1":
		return true
	}
	return false
}

// readsAlike reports whether a ParameterStatus leaves parser and server
// reading alike.
func readsAlike(name, value string) bool {
	switch name {
	case "client_encoding":
		return value == "UTF8"
	case "standard_conforming_strings":
		return value == "on"
	}
	return true
}
