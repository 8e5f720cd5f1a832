package destination

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// logs judges whether the server's log becomes another copy of the data, and
// whether it tells who was there.
func (j *judge) logs() {
	if j.floor.Logs != "" {
		j.valuesInLogs()
	}
	if j.floor.Audit != "" {
		j.audited()
	}
}

// leak is a setting with which values of rows come into the log.
type leak struct {
	name  string
	leaks func(value string) bool
	what  string
	fix   string
}

// onError are those that count only where statements fail.
var onError = []string{"log_min_error_statement", "log_error_verbosity", "log_parameter_max_length_on_error"}

// counts reports whether a setting counts for the floor.
func (j *judge) counts(setting string) bool {
	return j.floor.Logs != LogsNoStatements || !slices.Contains(onError, setting)
}

// leaks are the settings of POSTURE's log exposure. Statements that fail are
// logged with their text whatever log_statement says, and errors name keys
// and columns with their values unless the log is terse.
var leaks = []leak{
	{"log_statement", among("mod", "all"), "logs every statement that writes, with the values in it", "ddl"},
	{"log_min_duration_statement", atLeastZero, "logs statements that take long, with the values in them", "-1"},
	{"log_min_duration_sample", atLeastZero, "logs a part of the statements, with the values in them", "-1"},
	{"log_transaction_sample_rate", aboveZero, "logs every statement of a part of the transactions", "0"},
	{"log_min_error_statement", among("debug5", "debug4", "debug3", "debug2", "debug1", "info", "notice", "warning", "error", "log"),
		"logs the statements that fail, with the values in them", "panic"},
	{"log_error_verbosity", among("default", "verbose"), "logs details of errors: keys and columns with their values", "terse"},
	{"log_parameter_max_length_on_error", notZero, "logs the parameters of statements that fail", "0"},
	{"debug_print_parse", among("on"), "logs the trees of all statements", "off"},
	{"debug_print_plan", among("on"), "logs the plans of all statements", "off"},
	{"debug_print_rewritten", among("on"), "logs the rewritten trees of all statements", "off"},
	{"pgaudit.log_parameter", among("on"), "logs the parameters of statements", "off"},
	{"auto_explain.log_min_duration", atLeastZero, "logs the plans of statements that take long, with the values in them", "-1"},
}

func among(values ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(values, v) }
}

func atLeastZero(v string) bool { n, err := strconv.Atoi(v); return err != nil || n >= 0 }
func notZero(v string) bool     { return v != "0" }
func aboveZero(v string) bool   { n, err := strconv.ParseFloat(v, 64); return err != nil || n > 0 }

// valuesInLogs judges the settings, and what roles and databases set for
// themselves.
func (j *judge) valuesInLogs() {
	in := j.m.Inside
	for _, l := range leaks {
		extension := strings.Contains(l.name, ".")
		fix := fmt.Sprintf("Set %s = %s and reload the server; or give the carrier the right to set it for its own sessions (setup with quiet logs).", l.name, l.fix)
		switch value, known := in.setting(l.name); {
		case !j.counts(l.name):
		case !known && extension && !j.mayBeLoaded(strings.Split(l.name, ".")[0]):
		case !known:
			j.unknown(CodeLogsValues, "Whether "+l.name+" brings values into the log", in.Settings[l.name].Evidence, fixSetup)
		case l.leaks(value):
			j.add(CodeLogsValues, Medium, fmt.Sprintf("The server %s (%s = %s).", l.what, l.name, Clean(value)), fix, "pg_settings")
		}
	}
	if !in.RoleSettings.Known {
		j.unknown(CodeLogsValues, "What roles and databases set for themselves", in.RoleSettings.Evidence, fixSetup)
	}
	for _, s := range in.RoleSettings.Value {
		i := slices.IndexFunc(leaks, func(l leak) bool { return l.name == s.Name })
		if i >= 0 && j.counts(s.Name) && leaks[i].leaks(s.Value) {
			j.add(CodeLogsValues, Medium, fmt.Sprintf("For %s the server %s (%s = %s).", s.whose(), leaks[i].what, s.Name, Clean(s.Value)),
				"ALTER ROLE or ALTER DATABASE ... RESET "+s.Name+".", "pg_db_role_setting")
		}
	}
}

// mayBeLoaded reports whether a library is loaded into sessions, as far as is
// known; if not all is known it may be.
func (j *judge) mayBeLoaded(library string) bool {
	for _, name := range []string{"shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"} {
		if value, known := j.m.Inside.setting(name); !known || strings.Contains(value, library) {
			return true
		}
	}
	return false
}

// whose says for whom a setting is.
func (s *RoleSetting) whose() string {
	switch {
	case s.Role == "" && s.Database == "":
		return "everybody"
	case s.Role == "":
		return fmt.Sprintf("the database %q", Clean(s.Database))
	case s.Database == "":
		return fmt.Sprintf("the role %q", Clean(s.Role))
	}
	return fmt.Sprintf("the role %q in the database %q", Clean(s.Role), Clean(s.Database))
}

// audited judges whether the log tells who came and what they did.
func (j *judge) audited() {
	in := j.m.Inside
	const fix = "Set log_connections = on and reload the server."
	switch value, known := in.setting("log_connections"); {
	case !known:
		j.unknown(CodeNoAudit, "Whether connections are logged", in.Settings["log_connections"].Evidence, fixSetup)
	case slices.Contains([]string{"off", ""}, value): // 18 has a list of aspects
		j.add(CodeNoAudit, Medium, "The server does not log who connects.", fix, "log_connections = "+Clean(value))
	}
	if j.floor.Audit != "statements" {
		return
	}
	const fixAudit = "Load pgaudit (shared_preload_libraries) and set pgaudit.log = 'read, write, role, ddl'."
	switch value, known := in.setting("pgaudit.log"); {
	case !known && !j.mayBeLoaded("pgaudit"):
		j.add(CodeNoAudit, Medium, "The server does not log which data is read: pgaudit is not loaded.", fixAudit, "shared_preload_libraries")
	case !known:
		j.unknown(CodeNoAudit, "Whether pgaudit logs what is read", in.Settings["pgaudit.log"].Evidence, fixSetup)
	case !strings.Contains(value, "all") && !strings.Contains(value, "read"):
		j.add(CodeNoAudit, Medium, "pgaudit does not log which data is read (pgaudit.log = "+Clean(value)+").", fixAudit, "pgaudit.log")
	}
}
