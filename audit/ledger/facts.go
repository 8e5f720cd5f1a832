package ledger

import "crypto/sha256"

// sharedFacts are facts of an origin that some copies have in common.
type sharedFacts struct {
	text []byte
	of   map[string]bool // ids of copies
}

// keepFacts moves the facts of a copy to where they are shared, and forgets
// them with the last copy that is there.
func (l *Ledger) keepFacts(c *Copy) {
	if c.Begun == nil {
		return
	}
	if text := c.Begun.Origin.Facts.Inline; len(text) > 0 {
		bare := *c.Begun
		bare.Origin.Facts.Inline = nil
		c.Begun, c.facts = &bare, sha256.Sum256(text)
		if l.facts[c.facts] == nil {
			l.facts[c.facts] = &sharedFacts{text: text, of: map[string]bool{}}
		}
		l.facts[c.facts].of[c.ID] = true
	}
	if f := l.facts[c.facts]; f != nil && c.Gone() {
		delete(f.of, c.ID)
		if len(f.of) == 0 {
			delete(l.facts, c.facts)
		}
	}
}

// OriginFacts returns the facts about the protection of a copy's origin. If
// neither Inline nor Stored is set, the copy was gone at some time, and the
// facts are in the record of its beginning, whose index is BegunIndex.
func (l *Ledger) OriginFacts(id string) (Facts, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := l.copies[id]
	if c == nil || c.Begun == nil {
		return Facts{}, false
	}
	f := c.Begun.Origin.Facts
	if shared := l.facts[c.facts]; shared != nil && shared.of[id] {
		f.Inline = shared.text
	}
	return f, true
}
