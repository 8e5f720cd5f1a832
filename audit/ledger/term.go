package ledger

// Renewed is copy.renewed: the copy may exist for another time. Renewals of
// the lease inside the data are not recorded.
type Renewed struct {
	Approval string `json:"approval,omitempty"`
	By       string `json:"by"`
	Copy     string `json:"copy"`
	Expires  Moment `json:"expires"`
	Was      Moment `json:"was"`
	Why      string `json:"why"`
}

// EventType implements Body.
func (b *Renewed) EventType() string { return "copy.renewed" }

func (b *Renewed) copyID() string { return b.Copy }

// Check implements Body.
func (b *Renewed) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.maybe("approval", b.Approval)
	c.name("by", b.By)
	c.text("why", b.Why)
	c.moment("was", b.Was)
	c.moment("expires", b.Expires)
	c.must(!b.Was.Equal(b.Expires.Time), "nothing is renewed: expires is what it was")
	return c.err()
}

// Reminded is copy.reminded: somebody was told that the copy will be removed.
type Reminded struct {
	Copy    string   `json:"copy"`
	Expires Moment   `json:"expires"`
	To      []string `json:"to"`
}

// EventType implements Body.
func (b *Reminded) EventType() string { return "copy.reminded" }

func (b *Reminded) copyID() string { return b.Copy }

// Check implements Body.
func (b *Reminded) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.moment("expires", b.Expires)
	c.must(len(b.To) > 0, "to is missing")
	c.texts("to", b.To)
	return c.err()
}

// Expired is copy.expired: the copy's time has come, and it is to be removed.
type Expired struct {
	Copy    string `json:"copy"`
	Expires Moment `json:"expires"`
}

// EventType implements Body.
func (b *Expired) EventType() string { return "copy.expired" }

func (b *Expired) copyID() string { return b.Copy }

// Check implements Body.
func (b *Expired) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.moment("expires", b.Expires)
	return c.err()
}

// Removed is copy.removed: the copy is no longer there, and that was seen. It
// is also what the sweep of an unfinished copy ends with.
type Removed struct {
	// By is the person who asked for it, empty for Sluice itself.
	By   string `json:"by,omitempty"`
	Copy string `json:"copy"`
	// Verified has at least one look into the catalog after the removal.
	Verified []Evidence `json:"verified"`
	Why      string     `json:"why"`
}

// EventType implements Body.
func (b *Removed) EventType() string { return "copy.removed" }

func (b *Removed) copyID() string { return b.Copy }

// Check implements Body.
func (b *Removed) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.maybe("by", b.By)
	c.text("why", b.Why)
	c.proof("verified", b.Verified, HowCatalog)
	return c.err()
}

// Lost is copy.lost: the destination says that the copy, or a part of it, is not
// there, and Sluice did not remove it. It may have another name now.
type Lost struct {
	Copy     string     `json:"copy"`
	Evidence []Evidence `json:"evidence"`
	// Relations are those that are missing, as schema.name.
	Relations []string `json:"relations"`
}

// EventType implements Body.
func (b *Lost) EventType() string { return "copy.lost" }

func (b *Lost) copyID() string { return b.Copy }

// Check implements Body.
func (b *Lost) Check() error {
	c := checking(b.EventType(), b.Copy)
	c.must(len(b.Relations) > 0, "relations are missing")
	c.texts("relations", b.Relations)
	c.must(len(b.Evidence) > 0, "evidence is missing")
	c.evidence("evidence", b.Evidence)
	return c.err()
}
