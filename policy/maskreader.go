package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/strictyaml"
)

// The words for masks.
const (
	maskNull      = "null"
	maskConstant  = "constant"
	maskPartial   = "partial"
	maskDate      = "date"
	maskBand      = "band"
	maskPseudonym = "pseudonym"
)

var maskNames = []string{maskNull, maskConstant, maskPartial, maskDate, maskBand, maskPseudonym}

// Masking says what becomes of the values of a column.
type Masking struct {
	// Mask is null, constant, partial, date, band or pseudonym.
	Mask string `json:"mask"`
	// Value is what a constant puts in place of every value.
	Value string `json:"value,omitempty"`
	// KeepFirst and KeepLast are how many characters a partial mask leaves.
	KeepFirst int `json:"keep_first,omitempty"`
	KeepLast  int `json:"keep_last,omitempty"`
	// With is what stands in place of each other character; empty for *.
	With string `json:"with,omitempty"`
	// To is what a date is cut to: year, month or day.
	To string `json:"to,omitempty"`
	// Width is that of a band, a decimal number.
	Width string `json:"width,omitempty"`
	// Domain and Key name what a pseudonym is made of: equal values of a
	// domain have equal pseudonyms under a key, in all tables.
	Domain string `json:"domain,omitempty"`
	Key    string `json:"key,omitempty"`
	// As is the form of the pseudonym of a text: email, token, or empty for
	// that of the value.
	As string `json:"as,omitempty"`
	// Fold is true if white space around a text, its Unicode form and case do
	// not count.
	Fold bool `json:"fold,omitempty"`
	// Strength is partial if only those may read the masked values at a place who may
	// read the values where they come from, else empty.
	Strength string `json:"strength,omitempty"`
}

// maskOf is a mask of the document.
type maskOf struct {
	classes []classPattern
	Masking
	// keeps are CHECK constraints that masked values satisfy.
	keeps    []string
	position string // file:line:column
}

// MaskKeys are the names of the keys that pseudonyms of this policy need,
// sorted, each once.
func (p *Policy) MaskKeys() []string {
	if p == nil {
		return nil
	}
	var keys []string
	add := func(masks []maskOf) {
		for i := range masks {
			if m := &masks[i]; m.Mask == maskPseudonym {
				keys = addWord(keys, m.Key)
			}
		}
	}
	add(p.masks)
	for i := range p.clients {
		add(p.clients[i].masks)
	}
	for _, one := range p.places {
		add(one.masks)
	}
	return keys
}

// defaultMaskKey is the key of pseudonyms that name none.
const defaultMaskKey = "default"

// masksOf reads masks but for their strength.
func (r *reader) masksOf(entries []maskEntry) []maskOf {
	out := make([]maskOf, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		r.emptyList(e.Position, "classes", e.Classes)
		r.emptyList(e.Position, "keeps", e.Keeps)
		m := maskOf{classes: r.classPatterns(e.Classes), position: r.source.At(e.Position), Masking: Masking{
			Mask: e.Mask.Value, Value: e.Value.Value, To: e.To.Value, Width: e.Width.Value,
			Domain: e.Domain.Value, Key: e.Key.Value, As: e.As.Value, With: e.With.Value, Fold: e.Fold,
		}}
		if e.KeepFirst != nil {
			m.KeepFirst = *e.KeepFirst
		}
		if e.KeepLast != nil {
			m.KeepLast = *e.KeepLast
		}
		m.keeps = r.names(e.Keeps, "constraint")
		r.mask(e, &m)
		out = append(out, m)
	}
	return out
}

// mask checks that an entry has the keys of its mask and no others.
func (r *reader) mask(e *maskEntry, m *maskOf) {
	if !slices.Contains(maskNames, m.Mask) {
		r.errs.Addf(orElse(e.Mask.Position, e.Position), "%q is not a mask%s", m.Mask, orKnown(m.Mask, maskNames))
		return
	}
	needed := true
	belongs := func(at strictyaml.Position, given bool, key string, to ...string) {
		switch fits := slices.Contains(to, m.Mask); {
		case given && !fits:
			r.errs.Addf(orElse(at, e.Position), "%s means nothing to the mask %s", key, m.Mask)
		case !given && fits && needed:
			r.errs.Addf(e.Position, "the mask %s needs %s", m.Mask, key)
		}
	}
	belongs(e.Value.Position, !e.Value.IsZero(), "value", maskConstant)
	belongs(e.Position, e.KeepFirst != nil || e.KeepLast != nil, "keep_first or keep_last", maskPartial)
	belongs(e.To.Position, !e.To.IsZero(), "to", maskDate)
	belongs(e.Width.Position, !e.Width.IsZero(), "width", maskBand)
	belongs(e.Domain.Position, !e.Domain.IsZero(), "domain", maskPseudonym)
	needed = false
	belongs(e.With.Position, !e.With.IsZero(), "with", maskPartial)
	belongs(e.Position, e.Fold, "fold", maskPseudonym)
	belongs(e.Key.Position, !e.Key.IsZero(), "key", maskPseudonym)
	belongs(e.As.Position, !e.As.IsZero(), "as", maskPseudonym)
	if m.Mask == maskPseudonym && m.Key == "" {
		m.Key = defaultMaskKey
	}
	for _, name := range []strictyaml.Text{e.Domain, e.Key} {
		if name.Value != "" && !identifier.MatchString(name.Value) {
			r.errs.Addf(name.Position, "%q is not a name: use %s", name.Value, identifierWords)
		}
	}
	if m.KeepFirst < 0 || m.KeepLast < 0 || m.KeepFirst+m.KeepLast > maxKeep {
		r.errs.Addf(e.Position, "a partial mask leaves at most %d characters", maxKeep)
	}
	if m.Mask == maskNull || m.Mask == maskConstant {
		return
	}
	r.maskForms(e)
	secrets := func(p classPattern) bool { return p.anyFamily || p.family == secretFamily }
	if slices.ContainsFunc(m.classes, secrets) {
		r.errs.Addf(e.Mask.Position, "classes of the family %s leave only as null or as a constant", secretFamily)
	}
}

// maskForms checks the words of a mask.
func (r *reader) maskForms(e *maskEntry) {
	one := func(text strictyaml.Text, words []string) {
		if !text.IsZero() && !slices.Contains(words, text.Value) {
			r.errs.Addf(text.Position, "%q is not accepted here%s", text.Value, orKnown(text.Value, words))
		}
	}
	one(e.To, maskUnits)
	one(e.As, maskShapes)
	if !e.Width.IsZero() && !isPositive(e.Width.Value) {
		r.errs.Addf(e.Width.Position, "a width is a positive decimal number such as 10 or 0.5")
	}
}

// maskUnits are what a date is cut to, maskShapes the forms of a pseudonym.
var (
	maskUnits  = []string{"year", "month", "day"}
	maskShapes = []string{"email", "token"}
)

// isPositive reports whether a text is a plain decimal number above zero.
func isPositive(text string) bool {
	whole, part, dot := strings.Cut(text, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (!dot || digits(part)) && strings.Trim(text, "0.") != "" && len(text) <= 20
}

// maxKeep is how many characters a partial mask may leave.
const maxKeep = 64
