package destination

import "slices"

// SettingNames are the settings that are asked for, whatever the version. A
// server that does not have one, or hides it, leaves it unknown.
func SettingNames() []string { return slices.Clone(settingNames) }

var settingNames = []string{
	"allow_system_table_mods", "archive_command", "archive_library", "archive_mode", "authentication_timeout",
	"createrole_self_grant", "data_checksums", "data_directory_mode", "db_user_namespace",
	"debug_print_parse", "debug_print_plan", "debug_print_rewritten",
	"event_triggers", "fsync", "full_page_writes", "hot_standby", "ignore_checksum_failure",
	"krb_caseins_users", "listen_addresses", "local_preload_libraries",
	"log_connections", "log_destination", "log_disconnections", "log_error_verbosity", "log_file_mode",
	"log_min_duration_sample", "log_min_duration_statement", "log_min_error_statement",
	"log_parameter_max_length", "log_parameter_max_length_on_error", "log_replication_commands",
	"log_statement", "log_statement_sample_rate", "log_transaction_sample_rate", "logging_collector",
	"max_wal_senders", "md5_password_warnings", "oauth_validator_libraries", "password_encryption",
	"pgaudit.log", "pgaudit.log_parameter", "pgaudit.role", "auto_explain.log_min_duration",
	"port", "primary_conninfo", "row_security", "scram_iterations", "server_version_num",
	"session_preload_libraries", "shared_preload_libraries",
	"ssl", "ssl_ca_file", "ssl_ciphers", "ssl_crl_file", "ssl_groups", "ssl_max_protocol_version",
	"ssl_min_protocol_version", "ssl_prefer_server_ciphers",
	"unix_socket_permissions", "wal_level",
}

// onlySet are settings whose value may hold a secret: it is read as "(set)" or
// "(empty)".
var onlySet = []string{"archive_command", "primary_conninfo"}

// OnlySet reports whether of a setting only that it is set may be kept.
func OnlySet(name string) bool { return slices.Contains(onlySet, name) }

// Words for a setting of OnlySet.
const (
	IsSet   = "(set)"
	IsEmpty = "(empty)"
)

// SettingIsHarmless reports whether the value of a setting of a role or
// database may be kept: of others only the name is.
func SettingIsHarmless(name string) bool {
	return !OnlySet(name) && slices.Contains(settingNames, name) || name == "role" || name == "search_path"
}
