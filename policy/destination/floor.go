package destination

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Floor is what a policy demands of a place. The zero value of every field
// demands nothing; what is demanded and not known is a deficit.
type Floor struct {
	// TLS is "offered", "required" or "verified"; the last one also demands
	// that a certificate proves who answers.
	TLS string `json:"tls,omitempty"`
	// MinimumTLS is the oldest version of TLS that may work, such as "1.2".
	MinimumTLS string `json:"minimum_tls,omitempty"`
	// CertificateMargin is how long certificates must still be valid.
	CertificateMargin time.Duration `json:"certificate_margin,omitempty"`
	// Keys are the public keys that may answer: SHA-256 of the SPKI, hex.
	Keys []string `json:"keys,omitempty"`
	// SystemIdentifier is the cluster that must answer.
	SystemIdentifier string `json:"system_identifier,omitempty"`
	// Authentication is "any-password", "scram" or "certificate".
	Authentication string `json:"authentication,omitempty"`
	// Local is "closed" if nobody may get in over the server's own Unix
	// socket without proof.
	Local string `json:"local,omitempty"`
	// Replication is "closed" if nobody may ask for it without a credential.
	Replication string `json:"replication,omitempty"`
	// Public is "none" if PUBLIC may have no rights on the database and its
	// schemas, nor get any by default.
	Public string `json:"public,omitempty"`
	// Unmapped is "none" if every role that can log in must be somebody the
	// policy knows; Unmapped of Demands says who is not.
	Unmapped string `json:"unmapped,omitempty"`
	// Privileged is "named" if only the roles of Operators may be superusers
	// or the like.
	Privileged string   `json:"privileged,omitempty"`
	Operators  []string `json:"operators,omitempty"`
	// SoftRowFilters is "deny" if row security must not ask settings that a
	// session can change.
	SoftRowFilters string `json:"soft_row_filters,omitempty"`
	// MinimumVersion is a server_version_num, such as 160000.
	MinimumVersion int `json:"minimum_version,omitempty"`
	// Logs is "no-values" if the server's log may not hold values of rows, or
	// "no-statements" if those of statements that fail may.
	Logs string `json:"logs,omitempty"`
	// Audit is "connections" or "statements": what the server must log.
	Audit string `json:"audit,omitempty"`
	// OnwardCopies is "none" if data may not go on from there by itself; Onward
	// are names of archivers, slots, publications and servers that may.
	OnwardCopies string   `json:"onward_copies,omitempty"`
	Onward       []string `json:"onward,omitempty"`
	// Code is "known" if only Extensions may be there, and no untrusted
	// languages or event triggers.
	Code       string   `json:"code,omitempty"`
	Extensions []string `json:"extensions,omitempty"`
	// AtRest is "attested" if somebody must have signed that data is encrypted
	// at rest, at most AttestationAge ago (0: until the attestation ends).
	AtRest         string        `json:"at_rest,omitempty"`
	AttestationAge time.Duration `json:"attestation_age,omitempty"`
	// MaximumAge is how old measurements may be.
	MaximumAge time.Duration `json:"maximum_age,omitempty"`
	// Sources are where clients may come from; everywhere if empty.
	Sources []netip.Prefix `json:"sources,omitempty"`
}

// Demands is what is judged besides the place itself.
type Demands struct {
	Now time.Time
	// Readers are the roles that will read the copy: their way in counts.
	// Without any, that of every role that can log in does.
	Readers []string
	// Unmapped are roles of the place that the policy maps to nobody.
	Unmapped []string
	// SourceSystem is the system identifier of where the data comes from.
	SourceSystem string
	// Attestations have been verified for this place.
	Attestations []*Attestation
}

// Words of a floor.
const (
	TLSOffered  = "offered"
	TLSRequired = "required"
	TLSIsProven = "verified"

	AnyPassword = "any-password"
	NeedsSCRAM  = "scram"
	NeedsCert   = "certificate"

	LogsNoStatements = "no-statements"
	LogsNoValues     = "no-values"
)

// floorWords are the words that fields of a floor may have besides "".
var floorWords = []struct {
	field string
	value func(*Floor) string
	words []string
}{
	{"tls", func(f *Floor) string { return f.TLS }, []string{TLSOffered, TLSRequired, TLSIsProven}},
	{"minimum_tls", func(f *Floor) string { return f.MinimumTLS }, []string{"1.0", "1.1", "1.2", "1.3"}},
	{"authentication", func(f *Floor) string { return f.Authentication }, []string{AnyPassword, NeedsSCRAM, NeedsCert}},
	{"local", func(f *Floor) string { return f.Local }, []string{"closed"}},
	{"replication", func(f *Floor) string { return f.Replication }, []string{"closed"}},
	{"public", func(f *Floor) string { return f.Public }, []string{"none"}},
	{"unmapped", func(f *Floor) string { return f.Unmapped }, []string{"none"}},
	{"privileged", func(f *Floor) string { return f.Privileged }, []string{"named"}},
	{"soft_row_filters", func(f *Floor) string { return f.SoftRowFilters }, []string{"deny"}},
	{"logs", func(f *Floor) string { return f.Logs }, []string{LogsNoStatements, LogsNoValues}},
	{"audit", func(f *Floor) string { return f.Audit }, []string{"connections", "statements"}},
	{"onward_copies", func(f *Floor) string { return f.OnwardCopies }, []string{"none"}},
	{"code", func(f *Floor) string { return f.Code }, []string{"known"}},
	{"at_rest", func(f *Floor) string { return f.AtRest }, []string{"attested"}},
}

// Check refuses a floor with words that it does not know.
func (f *Floor) Check() error {
	for _, w := range floorWords {
		if v := w.value(f); v != "" && !slices.Contains(w.words, v) {
			return fmt.Errorf("%s of a floor is %q, and can be %s", w.field, Clean(v), strings.Join(w.words, ", "))
		}
	}
	return nil
}

// authenticationFloor is the strength that a word of a floor demands.
var authenticationFloor = map[string]Strength{
	AnyPassword: StrengthCleartext + 1, NeedsSCRAM: StrengthSCRAM, NeedsCert: StrengthCertificate,
}
