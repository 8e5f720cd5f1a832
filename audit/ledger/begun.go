package ledger

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/audit"
)

// Begun is copy.begun: a copy may exist from here on. It is on disk before the
// first row is read. The record's id and session are those of the request.
type Begun struct {
	// Approval is the approval that allowed it, empty if none was needed.
	Approval string `json:"approval,omitempty"`
	// Copy is the copy's id: 26 characters of a-z and 2-7, in order of time.
	Copy        string      `json:"copy"`
	Destination Destination `json:"destination"`
	// Expires is when the copy is to be removed.
	Expires Moment `json:"expires"`
	Origin  Origin `json:"origin"`
	// Owner is the person who answers for the copy.
	Owner string `json:"owner"`
	// Parents are the copies that the origin is made of, as far as was known.
	Parents []string `json:"parents,omitempty"`
	// Person is who asked for it.
	Person string `json:"person"`
	// Reason is why, in the person's words.
	Reason string `json:"reason,omitempty"`
	// Role is the database role with whose rights the rows are read.
	Role string `json:"role"`
	// Targets are the relations to be made or filled at the destination.
	Targets []Target `json:"targets"`
	// Ticket names where the need was written down.
	Ticket string `json:"ticket,omitempty"`
}

// Destination is the place that a copy goes to, as it was measured.
type Destination struct {
	// Address is host:port, the one that was used.
	Address string `json:"address"`
	// CertificateKey is the SHA-256 of the public key (SubjectPublicKeyInfo)
	// of the server's certificate, empty if the place may be without TLS.
	CertificateKey string `json:"certificate_key_sha256,omitempty"`
	// Database is the database's name at the server.
	Database string `json:"database"`
	// Place is the place's name in the policy.
	Place string `json:"place"`
	// System is the server's system identifier, decimal.
	System string `json:"system_identifier"`
}

// Origin is where the rows come from.
type Origin struct {
	Database string `json:"database"`
	// Facts are those about the protection at the origin. Copies of this
	// copy are compared with them.
	Facts Facts `json:"facts"`
	// Place is the place's name in the policy or configuration.
	Place     string           `json:"place"`
	Relations []OriginRelation `json:"relations"`
	// Snapshot is the exported snapshot, as pg_export_snapshot() names it,
	// empty if the rows were not read with one.
	Snapshot string `json:"snapshot,omitempty"`
	// System is the server's system identifier, decimal.
	System string `json:"system_identifier"`
}

// OriginRelation is a relation that rows are read from.
type OriginRelation struct {
	Name string `json:"name"`
	// OID is the relation's in pg_class, 0 if it is not known.
	OID    uint32 `json:"oid,omitempty"`
	Schema string `json:"schema"`
}

// Facts are what was measured about protection, or where that is. For a copy of
// a copy they are those of the first origin, as its parent has them: a chain may
// not become weaker link by link.
type Facts struct {
	// Count is how many facts there are.
	Count int64 `json:"count"`
	// Inline is the facts themselves if they have at most MaxFactsBytes.
	Inline json.RawMessage `json:"facts,omitempty"`
	// Stored is the digest of longer ones in the trail's store.
	Stored string `json:"facts_digest,omitempty"`
	// Sum is the digest of the facts by the package that measures them.
	Sum string `json:"sha256"`
}

// Mode is how a relation comes to be at the destination.
type Mode string

// The modes.
const (
	// ModeNew makes a relation that was not there.
	ModeNew Mode = "new"
	// ModeSwap puts the copy in the place of a relation that was there.
	ModeSwap Mode = "swap"
	// ModeAppend adds rows to a relation that was there.
	ModeAppend Mode = "append"
)

// Target is a relation at the destination.
type Target struct {
	// Columns are those with a class, a mask or another origin than the
	// column of the same name.
	Columns []Column `json:"columns,omitempty"`
	// From are the relations of the origin whose rows it has, by their places
	// in Origin.Relations.
	From []int  `json:"from"`
	Mode Mode   `json:"mode"`
	Name string `json:"name"`
	// Partial is true if a condition or a query chose the rows.
	Partial bool `json:"partial,omitempty"`
	// Rest are the names of all other columns.
	Rest   []string `json:"rest,omitempty"`
	Schema string   `json:"schema"`
}

// Column is a column at the destination about which there is something to say.
type Column struct {
	// Classes are those of the values as they were at the origin.
	Classes []string `json:"classes,omitempty"`
	// From are the columns it is made of; empty means the column of the same
	// name of the target's only relation.
	From []Source `json:"from,omitempty"`
	// Mask is what was done to the values, in the words of package mask,
	// empty if they are as they were.
	Mask string `json:"mask,omitempty"`
	Name string `json:"name"`
	// Own is true if it is made of no column: a constant, a count.
	Own bool `json:"own,omitempty"`
	// Partial is true if the mask leaves so much that only who may read the values at
	// the origin may read it.
	Partial bool `json:"partial,omitempty"`
}

// Source is a column at the origin.
type Source struct {
	Column string `json:"column"`
	// Relation is a place in Origin.Relations.
	Relation int `json:"relation"`
}

// Emptied tells whether nothing is left of the values but that there were some.
func (c Column) Emptied() bool { return c.Mask == "null" || c.Mask == "constant" }

// EventType implements Body.
func (b *Begun) EventType() string { return "copy.begun" }

func (b *Begun) copyID() string { return b.Copy }

// Check implements Body.
func (b *Begun) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.maybe("approval", b.Approval)
	c.name("owner", b.Owner)
	c.name("person", b.Person)
	c.name("role", b.Role)
	c.bounded("reason", b.Reason, MaxText)
	c.maybe("ticket", b.Ticket)
	c.moment("expires", b.Expires)
	c.must(len(b.Parents) <= MaxList, "parents are %d, more than %d", len(b.Parents), MaxList)
	for i, p := range b.Parents {
		c.must(ValidID(p), "parent %.40q is not an id of a copy", p)
		c.must(p != b.Copy, "the copy is its own parent")
		c.must(slices.Index(b.Parents, p) == i, "parent %s is there twice", p)
	}
	b.Destination.check(c)
	b.Origin.check(c)
	b.checkTargets(c)
	return c.err()
}

func (d *Destination) check(c *check) {
	c.name("destination.address", d.Address)
	if d.CertificateKey != "" {
		c.sum("destination.certificate_key_sha256", d.CertificateKey)
	}
	c.name("destination.database", d.Database)
	c.name("destination.place", d.Place)
	c.system("destination.system_identifier", d.System)
}

func (o *Origin) check(c *check) {
	c.name("origin.place", o.Place)
	c.name("origin.database", o.Database)
	c.system("origin.system_identifier", o.System)
	c.maybe("origin.snapshot", o.Snapshot)
	o.Facts.check(c)
	c.must(len(o.Relations) > 0, "origin.relations are missing")
	c.must(len(o.Relations) <= MaxRelations, "origin.relations are %d, more than %d", len(o.Relations), MaxRelations)
	for i, r := range o.Relations {
		c.name(fmt.Sprintf("origin.relations[%d].schema", i), r.Schema)
		c.name(fmt.Sprintf("origin.relations[%d].name", i), r.Name)
	}
}

func (f *Facts) check(c *check) {
	c.sum("origin.facts.sha256", f.Sum)
	c.count("origin.facts.count", f.Count)
	if f.Stored != "" {
		c.sum("origin.facts.facts_digest", f.Stored)
	}
	c.must((f.Stored == "") != (len(f.Inline) == 0), "origin.facts stand in the event or in the store, and must in one of them")
	c.must(len(f.Inline) <= MaxFactsBytes, "origin.facts have %d bytes, more than %d: they belong into the store", len(f.Inline), MaxFactsBytes)
	if len(f.Inline) > 0 {
		_, err := audit.Canonical(f.Inline)
		c.must(err == nil && f.Inline[0] == '[', "origin.facts.facts is not a list that can be recorded")
	}
}

func (b *Begun) checkTargets(c *check) {
	c.must(len(b.Targets) > 0, "targets are missing")
	c.must(len(b.Targets) <= MaxRelations, "targets are %d, more than %d", len(b.Targets), MaxRelations)
	columns := 0
	seen := map[[2]string]bool{}
	for i := range b.Targets {
		t := &b.Targets[i]
		columns += len(t.Columns) + len(t.Rest)
		key := [2]string{t.Schema, t.Name}
		c.must(!seen[key], "targets[%d] is there twice", i)
		seen[key] = true
		t.check(c, fmt.Sprintf("targets[%d]", i), len(b.Origin.Relations))
	}
	c.must(columns <= MaxColumns, "the targets have %d columns, more than %d: copy them in several sets", columns, MaxColumns)
}

func (t *Target) check(c *check, where string, relations int) {
	c.name(where+".schema", t.Schema)
	c.name(where+".name", t.Name)
	oneOf(c, where+".mode", t.Mode, ModeNew, ModeSwap, ModeAppend)
	c.must(len(t.From) > 0, "%s.from is missing", where)
	for i, r := range t.From {
		c.must(r >= 0 && r < relations, "%s.from has %d, and the origin has %d relations", where, r, relations)
		c.must(i == 0 || r > t.From[i-1], "%s.from is not in order", where)
	}
	seen := map[string]bool{}
	once := func(name string) {
		c.name("a column of "+where, name)
		c.must(!seen[name], "%s has the column %.80q twice", where, name)
		seen[name] = true
	}
	for i := range t.Columns {
		once(t.Columns[i].Name)
		t.Columns[i].check(c, where, t.From)
	}
	for _, name := range t.Rest {
		once(name)
	}
	c.must(len(seen) > 0, "%s has no column", where)
}

func (col *Column) check(c *check, where string, from []int) {
	where = fmt.Sprintf("%s.%.80s", where, col.Name)
	c.must(col.Own || len(col.Classes)+len(col.Mask)+len(col.From) > 0, "%s has nothing to say and belongs to the rest", where)
	c.must(len(col.Classes) <= MaxList && len(col.From) <= MaxList, "%s has more than %d classes or origins", where, MaxList)
	for i, class := range col.Classes {
		c.must(validClass(class), "the class %.80q of %s is not family.name", class, where)
		c.must(i == 0 || class > col.Classes[i-1], "the classes of %s are not in order", where)
	}
	c.maybe("the mask of "+where, col.Mask)
	c.must(col.Mask != "pass", "%s has the mask pass, which is none", where)
	c.must(!col.Partial || col.Mask != "", "%s is masked in part, and has no mask", where)
	c.must(!col.Own || len(col.From) == 0, "%s is made of columns, and of none", where)
	c.must(col.Own || len(col.From) > 0 || len(from) == 1, "%s does not say what it is made of", where)
	for _, s := range col.From {
		c.name("an origin of "+where, s.Column)
		c.must(slices.Contains(from, s.Relation), "%s comes from relation %d, and its target does not", where, s.Relation)
	}
}

// validClass tells whether s is a class: family.name, in lower case.
func validClass(s string) bool {
	family, name, ok := strings.Cut(s, ".")
	word := func(w string) bool {
		return w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
	}
	return ok && len(s) <= maxName && word(family) && word(name)
}

// receiptBytes is more than a receipt has without its names.
const receiptBytes = 320

// fits demands that this record and that of the receipt fit into the trail.
func (b *Begun) fits(c *check) {
	text, err := audit.Canonical(b)
	if err != nil {
		c.must(false, "%v", err)
		return
	}
	c.must(len(text) <= maxBodyBytes, "it has %d bytes, more than %d: copy the relations in several sets", len(text), maxBodyBytes)
	receipt := MaxList * 6 * maxWarning // a character has at most six in JSON
	for i := range b.Targets {
		receipt += receiptBytes + jsonBytes(b.Targets[i].Schema) + jsonBytes(b.Targets[i].Name)
	}
	c.must(receipt <= maxBodyBytes, "its receipt would not fit into one record: copy the relations in several sets")
}

// jsonBytes is at least as much as a string has in canonical form.
func jsonBytes(s string) int { return len(audit.AppendString(nil, s)) }
