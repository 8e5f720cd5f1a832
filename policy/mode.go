package policy

import (
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// Mode says whether a rule acts.
type Mode uint8

// The modes.
const (
	// Enforce: the rule acts.
	Enforce Mode = iota
	// Warn: a rule that refuses or restricts lets the statement pass and
	// tells the client; an allow rule allows and tells the client.
	Warn
	// Shadow: the rule does nothing, and what it would have done is
	// recorded.
	Shadow
)

var modeNames = [...]string{Enforce: "enforce", Warn: "warn", Shadow: "shadow"}

// String returns the mode's word; a value that is no mode reads as enforce.
func (m Mode) String() string {
	if int(m) >= len(modeNames) {
		return modeNames[Enforce]
	}
	return modeNames[m]
}

// verbs are what a rule of an effect does to a statement.
var verbs = [...]string{
	Deny:  "denies",
	Hold:  "holds back",
	Carry: "asks to carry",
	Mask:  "asks to mask",
	Allow: "allows",
}

// infinitives are the same after "would".
var infinitives = [...]string{
	Deny:  "deny",
	Hold:  "hold back",
	Carry: "ask to carry",
	Mask:  "ask to mask",
	Allow: "allow",
}

// acts reports whether the rule takes part in the verdict.
func (r *rule) acts() bool { return r.mode == Enforce || r.mode == Warn && r.effect == Allow }

// maxAsides is how many notices, and how many shadow reasons, a decision
// holds. The rest of a long list says nothing new.
const maxAsides = 16

// aside notes what a rule that does not act would do.
func (j *judge) aside(r *rule, what string) {
	reason := Reason{Rule: r.id, Position: r.position, Text: fmt.Sprintf("rule %s would %s %s", r.id, infinitives[r.effect], what) + r.ownWords()}
	if r.mode == Shadow {
		j.shadow = addReason(j.shadow, reason)
		return
	}
	j.notices = addReason(j.notices, reason)
}

// warnAllowed tells the client that it was an allow rule in mode warn that
// let the statement pass.
func (j *judge) warnAllowed(r *rule, what string) {
	if r.mode != Warn || r.effect != Allow {
		return
	}
	text := fmt.Sprintf("rule %s allows %s, with a warning", r.id, what) + r.ownWords()
	j.notices = addReason(j.notices, Reason{Rule: r.id, Position: r.position, Text: text})
}

// ownWords is what the owner of a rule has to say, and where they say more.
func (r *rule) ownWords() string {
	words := ""
	if r.message != "" {
		words = ": " + quote.Short(r.message, maxMessage)
	}
	if r.link != "" {
		words += " (see " + r.link + ")"
	}
	return words
}

func addReason(list []Reason, reason Reason) []Reason {
	if len(list) >= maxAsides || slices.Contains(list, reason) {
		return list
	}
	return append(list, reason)
}
