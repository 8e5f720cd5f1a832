package ledger

// Severity is how far protection has gone.
type Severity string

// The severities, in the order of harm.
const (
	// SeverityLatent is a change that lets nobody read more yet.
	SeverityLatent Severity = "latent"
	// SeverityObject is a relation that more can read than may.
	SeverityObject Severity = "object"
	// SeverityUnknown is what could not be measured.
	SeverityUnknown Severity = "unknown"
	// SeverityServer is a server that protects nothing on it: rights and row security
	// do not bind those who can now come in.
	SeverityServer Severity = "server"
)

// worse tells whether s is more harmful than other; none is the least.
func (s Severity) worse(other Severity) bool { return s.rank() > other.rank() }

func (s Severity) rank() int {
	for i, known := range []Severity{"", SeverityLatent, SeverityObject, SeverityUnknown, SeverityServer} {
		if s == known {
			return i
		}
	}
	return -1
}

// open tells whether somebody could read more than they may.
func (s Severity) open() bool {
	return s == SeverityObject || s == SeverityUnknown || s == SeverityServer
}

// Drifted is copy.drifted: the copy is not protected as it was when it was made.
type Drifted struct {
	// By is who changed it, as far as the server tells; empty if it does not.
	By       string     `json:"by,omitempty"`
	Copy     string     `json:"copy"`
	Deficits []Deficit  `json:"deficits,omitempty"`
	Evidence []Evidence `json:"evidence"`
	// LastGood is when the copy was last seen as it must be.
	LastGood Moment   `json:"last_good"`
	Severity Severity `json:"severity"`
}

// EventType implements Body.
func (b *Drifted) EventType() string { return "copy.drifted" }

func (b *Drifted) copyID() string { return b.Copy }

// Check implements Body.
func (b *Drifted) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.maybe("by", b.By)
	oneOf(c, "severity", b.Severity, SeverityLatent, SeverityObject, SeverityUnknown, SeverityServer)
	c.must(len(b.Deficits) > 0 || b.Severity == SeverityUnknown || b.Severity == SeverityLatent, "deficits are missing")
	c.deficits(b.Deficits)
	c.must(len(b.Evidence) > 0, "evidence is missing")
	c.evidence("evidence", b.Evidence)
	c.moment("last_good", b.LastGood)
	return c.err()
}

// Recovered is copy.recovered: the copy was measured again and is protected as
// it must be, without a reaction or after one.
type Recovered struct {
	Copy     string     `json:"copy"`
	Evidence []Evidence `json:"evidence"`
}

// EventType implements Body.
func (b *Recovered) EventType() string { return "copy.recovered" }

func (b *Recovered) copyID() string { return b.Copy }

// Check implements Body.
func (b *Recovered) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.proof("evidence", b.Evidence, HowCatalog)
	return c.err()
}

// Frozen is copy.frozen: nobody is to read the copy any more, and its rows are
// still there.
type Frozen struct {
	// By is the person who asked for it, empty for Sluice itself.
	By   string `json:"by,omitempty"`
	Copy string `json:"copy"`
	// Left is what could not be done; with it the copy counts as open.
	Left []string `json:"left,omitempty"`
	// Steps are what was done, in order.
	Steps []string `json:"steps"`
	// Verified has at least one look into the catalog after the steps, unless
	// something is left.
	Verified []Evidence `json:"verified,omitempty"`
	Why      string     `json:"why"`
}

// EventType implements Body.
func (b *Frozen) EventType() string { return "copy.frozen" }

func (b *Frozen) copyID() string { return b.Copy }

// Check implements Body.
func (b *Frozen) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.reaction(b.By, b.Why, b.Steps, b.Left, b.Verified)
	return c.err()
}

// Thawed is copy.thawed: a person has decided that a frozen copy may be read
// again.
type Thawed struct {
	By   string `json:"by"`
	Copy string `json:"copy"`
	// Verified has at least one look into the catalog after it.
	Verified []Evidence `json:"verified"`
	Why      string     `json:"why"`
}

// EventType implements Body.
func (b *Thawed) EventType() string { return "copy.thawed" }

func (b *Thawed) copyID() string { return b.Copy }

// Check implements Body.
func (b *Thawed) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.name("by", b.By)
	c.text("why", b.Why)
	c.proof("verified", b.Verified, HowCatalog)
	return c.err()
}

// Purged is copy.purged: the rows are gone because protection was.
type Purged struct {
	// By is the person who asked for it, empty for Sluice itself.
	By   string `json:"by,omitempty"`
	Copy string `json:"copy"`
	// Left is what could not be done; with it the copy counts as there.
	Left  []string `json:"left,omitempty"`
	Steps []string `json:"steps"`
	// Verified has at least one look into the catalog after the steps, unless
	// something is left.
	Verified []Evidence `json:"verified,omitempty"`
	Why      string     `json:"why"`
}

// EventType implements Body.
func (b *Purged) EventType() string { return "copy.purged" }

func (b *Purged) copyID() string { return b.Copy }

// Check implements Body.
func (b *Purged) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.reaction(b.By, b.Why, b.Steps, b.Left, b.Verified)
	return c.err()
}

func (c *check) reaction(by, why string, steps, left []string, verified []Evidence) {
	c.maybe("by", by)
	c.text("why", why)
	c.must(len(steps) > 0 || len(left) > 0, "steps are missing")
	c.texts("steps", steps)
	c.texts("left", left)
	if len(left) == 0 {
		c.proof("verified", verified, HowCatalog)
		return
	}
	c.evidence("verified", verified)
}
