package policy

import (
	"slices"
	"unicode/utf8"

	"github.com/sluice-pg/sluice/policy/statement"
)

// Request is everything a decision may look at. Its canonical JSON is what
// the trail records, so that any decision can be taken again later; it
// holds names and facts, never values.
type Request struct {
	Identity   Identity              `json:"identity"`
	Session    Session               `json:"session"`
	Kind       statement.Kind        `json:"kind"`
	Problem    *statement.Problem    `json:"problem,omitempty"`
	Statements []statement.Statement `json:"statements,omitempty"`
	Facts      Facts                 `json:"facts"`
	// Time is when the decision is taken, RFC 3339 in UTC, as the caller's
	// clock has it. Empty for no time: a condition that asks for it then
	// fails.
	Time string `json:"time,omitempty"`
}

// Identity is who is at the other end.
type Identity struct {
	// User is the name that was proven.
	User string `json:"user"`
	// Method is how it was proven: "scram-sha-256", "scram-sha-256-plus",
	// "cert", "jwt" or "oauthbearer".
	Method string `json:"method"`
	// Issuer and Subject are the provider and the person there that a token
	// named (claims iss and sub). Empty for methods without a token, as is
	// all that follows.
	Issuer  string `json:"issuer,omitempty"`
	Subject string `json:"subject,omitempty"`
	// Groups are those that the token listed, sorted, each once.
	Groups []string `json:"groups,omitempty"`
	// ACR and AMR are how the person proved who they are to the provider.
	ACR string   `json:"acr,omitempty"`
	AMR []string `json:"amr,omitempty"`
}

// equal reports whether two identities are the same in all that a decision can
// look at.
func (i Identity) equal(other Identity) bool {
	return i.User == other.User && i.Method == other.Method && i.Issuer == other.Issuer && i.Subject == other.Subject &&
		i.ACR == other.ACR && slices.Equal(i.Groups, other.Groups) && slices.Equal(i.AMR, other.AMR)
}

// valid reports whether everything in it can be written to the trail as it is.
func (i Identity) valid() bool {
	for _, text := range slices.Concat([]string{i.User, i.Method, i.Issuer, i.Subject, i.ACR}, i.Groups, i.AMR) {
		if !utf8.ValidString(text) {
			return false
		}
	}
	return true
}

// Session is what was said and seen when the session began.
type Session struct {
	// Database is the name in the proxy's configuration.
	Database string `json:"database"`
	// Address is the client's IP address, without a port.
	Address string `json:"address"`
	// TLS is true if the client's connection is encrypted.
	TLS bool `json:"tls"`
	// ApplicationName is the client's word; no rule looks at it.
	ApplicationName string `json:"application_name,omitempty"`
	// SharedPassword is true if the session works at the database with a login
	// that was not made for it, whose password others may know: with Vault's
	// static roles, and with what KV keeps.
	SharedPassword bool `json:"shared_password,omitempty"`
	// Declared holds the sluice.* settings given at start-up, such as
	// destination and reason. They are claims, not facts.
	Declared Declared `json:"declared,omitempty"`
}

// Facts is what was measured.
type Facts struct {
	// Places holds the posture of each place a statement names.
	Places []Place `json:"places,omitempty"`
	// Functions holds what the catalog says about functions that a
	// statement calls: for a name all its overloads, or none.
	Functions []FunctionFact `json:"functions,omitempty"`
	// FunctionsProblem says why functions could not be measured, if so.
	FunctionsProblem string `json:"functions_problem,omitempty"`
	// Calls holds what code that statements call does, as far as it could be
	// followed through the catalog.
	Calls []CallFact `json:"calls,omitempty"`
	// Runs holds what code does that statements run without calling it.
	Runs []RunFact `json:"runs,omitempty"`
	// Feed is what a stream of changes would hold; nil if nobody asks for
	// one.
	Feed *FeedFact `json:"feed,omitempty"`
	// Catalog is what the names of the statements mean; nil if the policy
	// does not need to know.
	Catalog *CatalogFact `json:"catalog,omitempty"`
}

// FeedFact is what a database's catalog says about a slot, and about the
// publications that a stream is to come from.
type FeedFact struct {
	// Plugin is the slot's output plugin; empty if the database has no
	// logical slot of this name.
	Plugin string `json:"plugin,omitempty"`
	// Columns are the columns published, as relations with their columns.
	Columns []PublishedRelation `json:"columns,omitempty"`
	// Problem says why it could not be measured, if so.
	Problem string `json:"problem,omitempty"`
}

// PublishedRelation is a relation of a publication with the columns that are
// published.
type PublishedRelation struct {
	Schema  string   `json:"schema"`
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// FunctionFact is a function as it stands in the catalog of the database.
type FunctionFact struct {
	// Signature is schema.name(types), as in functions.known of a policy.
	Signature string `json:"signature"`
	// Body is sha256: and the lower-case hex digest of its source
	// (pg_proc.prosrc). It is empty if the source does not say what a call
	// does; then no policy knows the function.
	Body string `json:"body"`
	// Note says why there is no body, as "it is SECURITY DEFINER".
	Note string `json:"note,omitempty"`
}

// Place is what was measured about one place.
type Place struct {
	// Name is the place's name in the policy; empty for an address that
	// no policy names.
	Name string `json:"name,omitempty"`
	// Address is host:port as it was measured.
	Address string `json:"address"`
	// MeasuredAt is RFC 3339, UTC.
	MeasuredAt string `json:"measured_at"`
	// Findings are sentences, worst first, such as "let an unknown user
	// in without a password".
	Findings []string `json:"findings,omitempty"`
	// TLS, Authentication and Replication put the measurement into words
	// that a floor is compared with; empty if unknown.
	//
	// TLS is none, offered (clients without it are let in too), required,
	// or verified: required, with a certificate that proves who it is.
	TLS string `json:"tls,omitempty"`
	// Authentication is the weakest question that anybody who knocked was
	// asked: trust (none at all), ident, password (in clear), md5, scram,
	// gss, oauth, certificate, rejected (nobody was let near) or unknown.
	Authentication string `json:"authentication,omitempty"`
	// Replication is open if a stranger may ask for it without a password,
	// else closed, or unknown.
	Replication string `json:"replication,omitempty"`
	// Problem says why nothing could be measured, if so.
	Problem string `json:"problem,omitempty"`
	// What follows is known of a place that rows are to be carried to.
	//
	// SystemIdentifier and Key are those of the server that answered: of its
	// cluster, and the SHA-256 of its public key in hex.
	SystemIdentifier string `json:"system_identifier,omitempty"`
	Key              string `json:"key,omitempty"`
	// Deficits say in sentences where it stays below its floor, worst first.
	Deficits []string `json:"deficits,omitempty"`
	// Blocked says why it is given no new copy, if so.
	Blocked string `json:"blocked,omitempty"`
	// Parity compares who could read the copy; nil if nobody has compared.
	Parity *Parity `json:"parity,omitempty"`
}

// Parity is what came out when who could read a copy was compared with who can
// read what it is made of.
type Parity struct {
	// MeasuredAt is RFC 3339, UTC.
	MeasuredAt string `json:"measured_at"`
	// Source and Destination are digests of the facts that were compared.
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination,omitempty"`
	// Deficits say in sentences who could read more there, worst first.
	Deficits []string `json:"deficits,omitempty"`
	// Problem says what could not be told, if so.
	Problem string `json:"problem,omitempty"`
}
