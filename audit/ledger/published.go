package ledger

import (
	"fmt"
	"strings"
)

// maxWarning is the longest warning of a receipt, in bytes.
const maxWarning = 300

// Published is copy.published: others can see the copy from here on. It is the
// receipt.
type Published struct {
	Copy      string    `json:"copy"`
	Relations []Receipt `json:"relations"`
	// Warnings are what its owner should know, in sentences.
	Warnings []string `json:"warnings,omitempty"`
}

// Receipt says what of one relation has arrived; what was there before does not
// count.
type Receipt struct {
	// Bytes is the size of the stream, after masking.
	Bytes int64 `json:"bytes"`
	// Held is the digest of what the destination holds, Read that of what was
	// read, after masking; both as "method:digits".
	Held string `json:"held_sum"`
	Name string `json:"name"`
	// OID is the relation's in pg_class at the destination.
	OID    uint32 `json:"oid"`
	Read   string `json:"read_sum"`
	Rows   int64  `json:"rows"`
	Schema string `json:"schema"`
}

// EventType implements Body.
func (b *Published) EventType() string { return "copy.published" }

func (b *Published) copyID() string { return b.Copy }

// Check implements Body.
func (b *Published) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.must(len(b.Relations) > 0, "relations are missing")
	c.must(len(b.Relations) <= MaxRelations, "relations are %d, more than %d", len(b.Relations), MaxRelations)
	seen := map[[2]string]bool{}
	for i := range b.Relations {
		r := &b.Relations[i]
		r.check(c, fmt.Sprintf("relations[%d]", i))
		key := [2]string{r.Schema, r.Name}
		c.must(!seen[key], "relations[%d] is there twice", i)
		seen[key] = true
	}
	c.texts("warnings", b.Warnings)
	for _, w := range b.Warnings {
		c.must(len(w) <= maxWarning, "a warning has %d bytes, more than %d", len(w), maxWarning)
	}
	return c.err()
}

func (r *Receipt) check(c *check, where string) {
	c.name(where+".schema", r.Schema)
	c.name(where+".name", r.Name)
	c.must(r.OID != 0, "%s.oid is missing", where)
	c.count(where+".rows", r.Rows)
	c.count(where+".bytes", r.Bytes)
	c.must(validSum(r.Read), "%s.read_sum is not of the form method:digits", where)
	c.must(validSum(r.Held), "%s.held_sum is not of the form method:digits", where)
}

// maxSum is the longest digest with its method, in bytes.
const maxSum = 200

// validSum tells whether s is a digest with the name of its method before it.
func validSum(s string) bool {
	method, digits, _ := strings.Cut(s, ":")
	return method != "" && digits != "" && len(s) <= maxSum && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-:") == ""
}

// Failed is copy.failed: the copy did not come about.
type Failed struct {
	Copy string `json:"copy"`
	// Left is what remains at the destination.
	Left Left `json:"left"`
	// Problem says what went wrong, in words that have no value of a row.
	Problem string `json:"problem"`
	Side    Side   `json:"side"`
	// Step is what was being done: snapshot, load, constraints, check, publish.
	Step string `json:"step"`
}

// Left is what a copy that failed left behind.
type Left string

// What may be left.
const (
	// LeftNothing is left: the destination has confirmed it.
	LeftNothing Left = "nothing"
	// LeftStaging is left: rows that only the loader can see.
	LeftStaging Left = "staging"
	// LeftUnknown is what is left if the destination did not answer.
	LeftUnknown Left = "unknown"
)

// Side is where something failed.
type Side string

// The sides.
const (
	SideSource      Side = "source"
	SideDestination Side = "destination"
	SideClient      Side = "client"
	SideProxy       Side = "proxy"
	SideVault       Side = "vault"
	SideAudit       Side = "audit"
)

// EventType implements Body.
func (b *Failed) EventType() string { return "copy.failed" }

func (b *Failed) copyID() string { return b.Copy }

// Check implements Body.
func (b *Failed) Check() error {
	c := checking(b.EventType(), b.Copy)
	oneOf(c, "left", b.Left, LeftNothing, LeftStaging, LeftUnknown)
	oneOf(c, "side", b.Side, SideSource, SideDestination, SideClient, SideProxy, SideVault, SideAudit)
	c.text("problem", b.Problem)
	c.name("step", b.Step)
	return c.err()
}
