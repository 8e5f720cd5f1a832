package destination

import (
	"time"
)

// Outside is what was met by knocking at a place without a credential.
type Outside struct {
	// ID is in the application_name of every knock.
	ID         string    `json:"id"`
	Address    string    `json:"address"`
	MeasuredAt time.Time `json:"measured_at"`
	// Reachable is true if something accepted a connection.
	Reachable bool `json:"reachable"`
	// Closed are addresses from which nothing answers, although the place can
	// be reached from another one.
	Closed []string `json:"closed,omitempty"`
	// Problems are what could not be measured.
	Problems []string   `json:"problems,omitempty"`
	TLS      OutsideTLS `json:"tls"`
	// Protocol is the newest version of the protocol that the server named
	// when it was asked for one that does not exist, such as "3.2".
	Protocol string  `json:"protocol,omitempty"`
	Knocks   []Knock `json:"knocks,omitempty"`
}

// OutsideTLS is what was met of encryption.
type OutsideTLS struct {
	// Offered is true if SSLRequest led to TLS, Direct if TLS from the first
	// byte did.
	Offered bool `json:"offered"`
	Direct  bool `json:"direct"`
	// Unclear is true if SSLRequest had no answer that makes sense: whether TLS is
	// offered is not known.
	Unclear bool `json:"unclear,omitempty"`
	// Verified is true if every certificate shown is signed by the policy's
	// authority and valid for the place's name; Reason says why not.
	Verified bool   `json:"verified"`
	Reason   string `json:"reason,omitempty"`
	// Versions are those that work, "1.0" to "1.3".
	Versions     []string          `json:"versions,omitempty"`
	Certificates []CertificateFact `json:"certificates,omitempty"`
}

// CertificateFact is one certificate that was shown.
type CertificateFact struct {
	// Key is the SHA-256 of its public key (SPKI), in hex.
	Key        string    `json:"spki_sha256"`
	NotAfter   time.Time `json:"not_after"`
	SelfSigned bool      `json:"self_signed,omitempty"`
	// KeyType is RSA, ECDSA or Ed25519; KeyBits its size.
	KeyType   string `json:"key_type"`
	KeyBits   int    `json:"key_bits"`
	Signature string `json:"signature"`
}

// Knock is one try and its answer.
type Knock struct {
	// Source is the address that was knocked from, Server the address and port
	// that answered. Source is empty if the system chose it and did not tell.
	Source string `json:"source,omitempty"`
	Server string `json:"server"`
	// Transport is plain, tls or direct.
	Transport string `json:"transport"`
	// User is the name sent; Unknown is true if it was made up.
	User    string `json:"user"`
	Unknown bool   `json:"unknown,omitempty"`
	// Database is empty for physical replication; Replication is true for
	// both kinds.
	Database    string `json:"database,omitempty"`
	Replication bool   `json:"replication,omitempty"`
	// Authentication is what the server asked for, Strength its worth.
	Authentication Authentication `json:"authentication"`
	Strength       Strength       `json:"strength"`
	Superuser      bool           `json:"superuser,omitempty"`
	Evidence       string         `json:"evidence"`
	// Iterations is what SCRAM was to be computed with; 0 if not asked.
	Iterations int `json:"iterations,omitempty"`
}

// encrypted reports whether a knock went over TLS.
func (k *Knock) encrypted() bool { return k.Transport != "plain" }

// admits reports whether a knock was not turned away: what is not known is
// taken for a way in.
func (k *Knock) admits() bool { return k.Authentication != Rejected }

// transport is the grade of the road that a knock took.
func (o *Outside) transport(k *Knock) Transport {
	switch {
	case !k.encrypted():
		return Plaintext
	case o.TLS.Verified:
		return TLSVerified
	}
	return TLSUnverified
}

// words says in short how a knock was made.
func (k *Knock) words() string {
	text := "without TLS"
	switch k.Transport {
	case "tls":
		text = "over TLS"
	case "direct":
		text = "over direct TLS"
	}
	switch {
	case k.Replication && k.Database == "":
		text += " for replication"
	case k.Replication:
		text += ` for replication of "` + Clean(k.Database) + `"`
	default:
		text += ` to "` + Clean(k.Database) + `"`
	}
	if k.Source != "" {
		text += " from " + k.Source
	}
	return text
}
