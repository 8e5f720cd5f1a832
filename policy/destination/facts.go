package destination

import (
	"strconv"
	"time"
)

// Facts is what one server says of itself on one connection to one database.
// All of it was asked at MeasuredAt and from Vantage.
type Facts struct {
	MeasuredAt time.Time `json:"measured_at"`
	Vantage    Vantage   `json:"vantage"`
	// SystemIdentifier is made by initdb and kept by physical copies, so it
	// tells clusters apart, but not a cluster from its clone.
	SystemIdentifier Fact[string] `json:"system_identifier"`
	// Version is server_version_num: 150018 is 15.18.
	Version    Fact[int]  `json:"version"`
	InRecovery Fact[bool] `json:"in_recovery"`
	// ConfigLoadedAt is when the server last read its files.
	ConfigLoadedAt Fact[time.Time] `json:"config_loaded_at"`
	// Settings has every name of SettingNames.
	Settings map[string]Fact[Setting] `json:"settings"`

	Roles       Fact[[]Role]       `json:"roles"`
	Memberships Fact[[]Membership] `json:"memberships"`
	// Verifiers are the kinds of stored passwords, from the view that SetupSQL
	// makes.
	Verifiers Fact[[]Verifier] `json:"verifiers"`
	HBA       Fact[HBA]        `json:"hba"`
	// IdentMaps are the lines of pg_ident.conf (15 and newer show them).
	IdentMaps Fact[[]IdentLine] `json:"ident_maps"`
	// FileErrors are lines of configuration files that were not applied.
	FileErrors Fact[[]FileError] `json:"file_errors"`

	Databases    Fact[[]Database]      `json:"databases"`
	Schemas      Fact[[]Schema]        `json:"schemas"`
	DefaultACLs  Fact[[]DefaultACL]    `json:"default_acls"`
	RoleSettings Fact[[]RoleSetting]   `json:"role_settings"`
	OpenFiles    Fact[[]FunctionRight] `json:"file_functions"`
	SoftPolicies Fact[[]Policy]        `json:"soft_policies"`

	Extensions     Fact[[]Extension]     `json:"extensions"`
	Languages      Fact[[]Language]      `json:"untrusted_languages"`
	EventTriggers  Fact[[]EventTrigger]  `json:"event_triggers"`
	ForeignServers Fact[[]ForeignServer] `json:"foreign_servers"`
	Publications   Fact[[]Publication]   `json:"publications"`
	Subscriptions  Fact[[]Subscription]  `json:"subscriptions"`
	Slots          Fact[[]Slot]          `json:"slots"`
	Walsenders     Fact[[]Walsender]     `json:"walsenders"`
}

// Vantage is from where the facts were asked. Addresses are empty over a Unix
// socket.
type Vantage struct {
	Role          string `json:"role"`
	Database      string `json:"database"`
	ClientAddress string `json:"client_address,omitempty"`
	ServerAddress string `json:"server_address,omitempty"`
	// TLS is the version, such as TLSv1.3; empty without TLS.
	TLS    string `json:"tls,omitempty"`
	Cipher string `json:"cipher,omitempty"`
}

// Setting is a configuration parameter's value in the form of pg_settings.
type Setting struct {
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Role is a role with what it may do to a whole server.
type Role struct {
	Name        string `json:"name"`
	Login       bool   `json:"login,omitempty"`
	Superuser   bool   `json:"superuser,omitempty"`
	CreateRole  bool   `json:"create_role,omitempty"`
	CreateDB    bool   `json:"create_db,omitempty"`
	Replication bool   `json:"replication,omitempty"`
	BypassRLS   bool   `json:"bypass_rls,omitempty"`
	NoInherit   bool   `json:"no_inherit,omitempty"`
	// ValidUntil is the end of the role's password, not of the role, as
	// PostgreSQL prints it; empty is none.
	ValidUntil string `json:"valid_until,omitempty"`
}

// Membership is a direct membership. Inherit and Set are true before 16, where
// there is no such choice.
type Membership struct {
	Group   string `json:"group"`
	Member  string `json:"member"`
	Admin   bool   `json:"admin,omitempty"`
	Inherit bool   `json:"inherit,omitempty"`
	Set     bool   `json:"set,omitempty"`
}

// Verifier is what kind of password the server holds for a role: none, md5,
// scram-sha-256 or unknown.
type Verifier struct {
	Role       string `json:"role"`
	Kind       string `json:"kind"`
	Iterations int    `json:"iterations,omitempty"`
	// NameIsPassword is true if an MD5 verifier was made of the role's name.
	NameIsPassword bool `json:"name_is_password,omitempty"`
}

// IdentLine is a line of pg_ident.conf.
type IdentLine struct {
	Map    string `json:"map,omitempty"`
	System string `json:"system,omitempty"`
	Role   string `json:"role,omitempty"`
	Error  string `json:"error,omitempty"`
}

// FileError is a line of a configuration file that has an error.
type FileError struct {
	Name  string `json:"name,omitempty"`
	Error string `json:"error"`
}

// Database is a database with PUBLIC's rights on it.
type Database struct {
	Name      string   `json:"name"`
	Owner     string   `json:"owner"`
	Public    []string `json:"public,omitempty"`
	Connect   bool     `json:"connect,omitempty"`
	Template  bool     `json:"template,omitempty"`
	ConnLimit int      `json:"connection_limit"`
}

// Schema is a schema on which PUBLIC has rights.
type Schema struct {
	Name   string   `json:"name"`
	Owner  string   `json:"owner"`
	Public []string `json:"public"`
}

// DefaultACL is a right that new objects will come with. An empty schema means
// all; an empty grantee is PUBLIC.
type DefaultACL struct {
	Role      string `json:"role"`
	Schema    string `json:"schema,omitempty"`
	Type      string `json:"type"`
	Grantee   string `json:"grantee,omitempty"`
	Privilege string `json:"privilege"`
}

// RoleSetting is a setting of ALTER ROLE or ALTER DATABASE. Empty names mean
// all. The value is kept only of settings that cannot hold a secret.
type RoleSetting struct {
	Role     string `json:"role,omitempty"`
	Database string `json:"database,omitempty"`
	Name     string `json:"name"`
	Value    string `json:"value,omitempty"`
}

// FunctionRight says that somebody besides superusers may execute a function
// that reads or writes files of the server. An empty grantee is PUBLIC.
type FunctionRight struct {
	Function string `json:"function"`
	Grantee  string `json:"grantee,omitempty"`
}

// Policy is a row security policy that asks settings, which a session can set
// itself.
type Policy struct {
	Relation string `json:"relation"`
	Name     string `json:"name"`
}

// Extension is an extension of the database.
type Extension struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Schema  string `json:"schema"`
}

// Language is an untrusted procedural language: its functions do on the server
// what the operating system lets them.
type Language struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
}

// EventTrigger is code that runs when objects are made or changed.
type EventTrigger struct {
	Name     string `json:"name"`
	Event    string `json:"event"`
	Owner    string `json:"owner"`
	Function string `json:"function"`
	Enabled  bool   `json:"enabled,omitempty"`
}

// ForeignServer is another server that this one can be made to talk to.
type ForeignServer struct {
	Name    string `json:"name"`
	Wrapper string `json:"wrapper"`
	Owner   string `json:"owner"`
	Host    string `json:"host,omitempty"`
}

// Publication is a set of tables that subscribers can stream.
type Publication struct {
	Name      string `json:"name"`
	Owner     string `json:"owner"`
	AllTables bool   `json:"all_tables,omitempty"`
}

// Subscription is data streamed in from elsewhere.
type Subscription struct {
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	Enabled bool   `json:"enabled,omitempty"`
}

// Slot keeps changes for somebody who will fetch them.
type Slot struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Plugin   string `json:"plugin,omitempty"`
	Database string `json:"database,omitempty"`
}

// Walsender is somebody who is being sent the server's changes now.
type Walsender struct {
	Role        string `json:"role,omitempty"`
	Application string `json:"application,omitempty"`
	// Address is empty if it is not to be seen.
	Address string `json:"address,omitempty"`
}

// LoginRoles are the roles that can log in, which an outside measurement should
// knock as.
func (f *Facts) LoginRoles() []string {
	var names []string
	for i := range f.Roles.Value {
		if f.Roles.Value[i].Login {
			names = append(names, f.Roles.Value[i].Name)
		}
	}
	return names
}

// setting is a setting's value, and whether it is known.
func (f *Facts) setting(name string) (string, bool) {
	s := f.Settings[name]
	return s.Value.Value, s.Known
}

// MajorVersion is 15 for 15.18, and 0 if it is not known.
func (f *Facts) MajorVersion() int {
	if !f.Version.Known {
		return 0
	}
	return f.Version.Value / 10000
}

// versionText is 15.18 for 150018.
func versionText(number int) string {
	return strconv.Itoa(number/10000) + "." + strconv.Itoa(number%10000)
}
