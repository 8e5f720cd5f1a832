package ledger

import "time"

// ofCopy takes one event about a copy.
func (l *Ledger) ofCopy(e Entry, b ofCopy) {
	id := b.copyID()
	c := l.edit(id)
	if e.Index >= 0 && e.Index == c.last {
		return
	}
	if e.Index < c.last {
		l.problem(e, id, "%s came after an event that stands behind it in the trail", e.Type)
	}
	e.Says = says(b)
	if begun, ok := b.(*Begun); ok {
		l.begin(c, e, begun)
		return
	}
	if c.Begun == nil && c.last < 0 {
		l.problem(e, id, "the beginning of this copy is not in the trail")
	}
	if wrong := c.take(e, b); wrong != "" {
		l.problem(e, id, "%s: %s", e.Type, wrong)
	}
	if p, ok := b.(*Published); ok {
		l.indexReceipt(c, p)
	}
	if c.Life != LifeCopying {
		delete(l.making, id)
	}
	l.put(c, e)
}

// begin is the beginning of a copy.
func (l *Ledger) begin(c *Copy, e Entry, b *Begun) {
	switch {
	case c.Begun != nil:
		// Two copies with one id: only one can be shown, and neither be
		// trusted.
		l.problem(e, c.ID, "copy.begun: there is a copy with this id already")
		c.Damaged, c.disputed = true, true
		if c.Gone() {
			c.revive(LifeUnknown)
		}
		l.put(c, e)
		return
	case c.last >= 0:
		l.problem(e, c.ID, "copy.begun: events of this copy stand before its beginning")
		c.Damaged = true
	default:
		c.Life = LifeCopying
		l.making[c.ID] = true
	}
	c.Begun, c.BegunAt, c.BegunIndex, c.Request, c.Session = b, e.Time, e.Index, e.ID, e.Session
	c.Expires = b.Expires.Time
	l.indexBegun(c, b)
	l.put(c, e)
	for _, parent := range b.Parents {
		if l.copies[parent] == nil {
			l.problem(e, c.ID, "its parent %s is not in the trail", parent)
		}
	}
}

// take changes a copy by an event, and says what about the event cannot be.
func (c *Copy) take(e Entry, b ofCopy) (wrong string) {
	switch b := b.(type) {
	case *Published:
		return c.published(e, b)
	case *Failed:
		return c.failed(e, b)
	case *Renewed:
		return c.renewed(e, b)
	case *Reminded:
		return c.there("a reminder")
	case *Expired:
		return c.expired()
	case *Drifted:
		return c.drifted(e, b)
	case *Recovered:
		return c.recovered(e)
	case *Frozen:
		return c.frozen(e, b)
	case *Thawed:
		wrong = c.there("a thaw")
		if !c.Frozen && wrong == "" {
			wrong = "it was not frozen"
		}
		c.Frozen = false
		return wrong
	case *Purged:
		return c.purged(e, b)
	case *Removed:
		return c.removed(e)
	case *Lost:
		return c.lost()
	}
	return "this version does not know what it means"
}

// there says what is wrong with an event about a copy that must be there.
func (c *Copy) there(what string) string {
	switch {
	case c.Gone():
		return what + " for a copy that is gone"
	case c.Life == LifeCopying || c.Life == LifeFailed:
		return what + " for a copy that was not published"
	}
	return ""
}

// revive makes a copy one that is there again.
func (c *Copy) revive(life Life) {
	c.Life, c.EndedAt, c.ended = life, time.Time{}, -1
}

// end makes it one that is gone.
func (c *Copy) end(e Entry, life Life) {
	c.Life, c.EndedAt, c.ended = life, e.Time, e.Index
	c.Frozen, c.Severity, c.Deficits = false, "", nil
	c.Exposures = closed(c.Exposures, e.Time, e.Type)
}

func (c *Copy) published(e Entry, b *Published) (wrong string) {
	switch {
	case c.Receipt != nil:
		wrong = "it was published before"
	case c.Gone():
		wrong = "it was gone before"
	}
	if c.Receipt == nil || wrong == "" {
		c.Receipt, c.PublishedAt, c.settled = b, e.Time, e.Index
	}
	if c.Gone() || c.Life == LifeCopying || c.Life == LifeUnknown || c.Life == LifeFailed {
		c.revive(LifeLive)
	}
	if wrong == "" {
		wrong = c.otherThanBegun(b)
	}
	return wrong
}

// otherThanBegun says where a receipt is not about what was to be copied.
func (c *Copy) otherThanBegun(b *Published) string {
	if c.Begun == nil {
		return ""
	}
	wanted := map[[2]string]bool{}
	for i := range c.Begun.Targets {
		t := &c.Begun.Targets[i]
		wanted[[2]string{t.Schema, t.Name}] = true
	}
	for i := range b.Relations {
		if r := &b.Relations[i]; !wanted[[2]string{r.Schema, r.Name}] {
			return "its receipt has a relation that was not to be copied: " + r.Schema + "." + r.Name
		}
	}
	if len(b.Relations) != len(c.Begun.Targets) {
		return "its receipt does not have every relation that was to be copied"
	}
	return ""
}

func (c *Copy) failed(e Entry, b *Failed) (wrong string) {
	if c.Receipt != nil && c.Life != LifeUnknown {
		return "it was published before"
	}
	c.Failure, c.Life = b, LifeFailed
	if c.settled < 0 {
		c.settled = e.Index
	}
	if b.Left == LeftNothing {
		c.end(e, LifeFailed)
	}
	return ""
}

func (c *Copy) renewed(e Entry, b *Renewed) (wrong string) {
	if wrong = c.there("a renewal"); wrong != "" {
		return wrong
	}
	if c.Begun != nil && !c.Expires.Equal(b.Was.Time) {
		wrong = "it says that the copy would have expired at another time than it would"
	}
	c.Expires = b.Expires.Time
	if c.Life == LifeExpired && c.Expires.After(e.Time) {
		c.Life = LifeLive
	}
	return wrong
}

func (c *Copy) expired() (wrong string) {
	if wrong = c.there("an expiry"); wrong == "" && c.Life == LifeLive {
		c.Life = LifeExpired
	}
	return wrong
}

func (c *Copy) drifted(e Entry, b *Drifted) (wrong string) {
	if c.Gone() {
		if e.Time.Before(c.EndedAt) {
			return "" // measured before the end, recorded after it
		}
		c.revive(LifeUnknown)
		wrong = "it was gone, and something of it was seen"
	}
	if b.Severity != SeverityLatent || !c.Severity.open() {
		c.Severity, c.Deficits = b.Severity, b.Deficits
	}
	if b.Severity.open() {
		c.Exposures = opened(c.Exposures, e.Time, b.LastGood.Time, b.Severity)
	}
	return wrong
}

func (c *Copy) recovered(e Entry) (wrong string) {
	if wrong = c.there("a recovery"); wrong != "" {
		return wrong
	}
	c.Severity, c.Deficits = "", nil
	c.Exposures = closed(c.Exposures, e.Time, e.Type)
	return ""
}

// frozen is a reaction on the relations. It ends what rights and row security
// end; a server that lets anybody in, or is not known, stays open.
func (c *Copy) frozen(e Entry, b *Frozen) (wrong string) {
	if c.Gone() {
		return "a freeze of a copy that is gone"
	}
	if len(b.Left) > 0 {
		return ""
	}
	c.Frozen = true
	if c.Severity.worse(SeverityObject) {
		return ""
	}
	c.Severity, c.Deficits = "", nil
	c.Exposures = closed(c.Exposures, e.Time, e.Type)
	return ""
}

func (c *Copy) purged(e Entry, b *Purged) (wrong string) {
	switch {
	case c.Gone():
		return "a purge of a copy that is gone"
	case len(b.Left) == 0:
		c.end(e, LifePurged)
	}
	return ""
}

func (c *Copy) removed(e Entry) (wrong string) {
	if c.Life == LifeRemoved {
		return "it was removed before"
	}
	at := c.EndedAt
	c.end(e, LifeRemoved)
	if !at.IsZero() { // its rows went before its tables
		c.EndedAt = at
	}
	return ""
}

func (c *Copy) lost() (wrong string) {
	if c.Gone() {
		return "it was gone before"
	}
	c.Life = LifeLost
	return ""
}
