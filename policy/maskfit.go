package policy

import (
	"fmt"
	"slices"

	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/quote"
)

// The words of masks in the terms of package mask.
var (
	maskKinds = map[string]mask.Kind{
		maskNull: mask.Null, maskConstant: mask.Constant, maskPartial: mask.Partial, maskDate: mask.Date,
		maskBand: mask.Band, maskPseudonym: mask.Pseudonym,
	}
	maskUnit  = map[string]mask.Unit{"year": mask.Year, "month": mask.Month, "day": mask.Day}
	maskShape = map[string]mask.Shape{"": mask.AsValue, "email": mask.AsEmail, "token": mask.AsToken}
)

// Values is what the masking means to package mask. The key is that of a
// pseudonym; other masks have no use for it.
func (m Masking) Values(key mask.Key) mask.Mask {
	out := mask.Mask{
		Kind: maskKinds[m.Mask], Value: m.Value, KeepFirst: m.KeepFirst, KeepLast: m.KeepLast,
		To: maskUnit[m.To], Width: m.Width, Domain: m.Domain, As: maskShape[m.As], Fold: m.Fold,
	}
	if m.With != "" {
		out.With = m.With[0]
	}
	if m.Mask == maskPseudonym {
		out.Key = key
	}
	return out
}

// anyKey stands for the key of a pseudonym where only its form matters.
var anyKey = func() mask.Key {
	key, err := mask.NewKey(make([]byte, 32))
	if err != nil {
		panic("policy: " + err.Error())
	}
	return key
}()

// fitMasks adds why masks do not fit what they are put on: the type, and for
// what is moved elsewhere also what must hold for the values there.
func (c *ruling) fitMasks(f *StatementFact, refusal []Reason) []Reason {
	for i := range c.judge.masks {
		m := &c.judge.masks[i]
		if m.Statement != c.index || m.Position == "" {
			continue // nulled, because it is computed
		}
		col := &f.Columns[f.Outputs[m.Output].Origins[0]]
		note := func(format string, args ...any) {
			name := quote.Short(col.Schema+"."+col.Relation+"."+col.Name, maxSubject)
			refusal = addReason(refusal, Reason{Rule: ruleMask, Position: m.Position, Text: name + ": " + fmt.Sprintf(format, args...)})
		}
		if err := m.Masking.Values(anyKey).Fits(mask.Type{OID: col.TypeOID, Name: col.Type}); err != nil {
			note("%s", quote.Short(err.Error(), maxReason))
		}
		if c.movesData() {
			var keeps []string
			if entry := c.maskedFor.find(m.Class); entry != nil {
				keeps = entry.keeps
			}
			keepsFit(col, m.Masking, keeps, note)
		}
	}
	if c.movesData() {
		refusal = c.linkedAlike(f, refusal)
	}
	return refusal
}

// keepsFit says what a masked copy of a column would break.
func keepsFit(col *ColumnFact, m Masking, keeps []string, note func(string, ...any)) {
	if col.NotNull && m.Mask == maskNull {
		note("it is NOT NULL, so a copy with the mask null could not be restored; use another mask")
	}
	if col.Unique && m.Mask != maskPseudonym {
		note("its values are unique, and the mask %s makes equal ones; use pseudonym", m.Mask)
	}
	if len(col.Linked) > 0 && !col.Unique && m.Mask != maskPseudonym && m.Mask != maskNull {
		to := &col.Linked[0]
		note("it refers to %s, whose values are unique (foreign key %s), and the mask %s makes equal ones; use pseudonym",
			quote.Short(to.Schema+"."+to.Relation+"."+to.Name, maxSubject), quote.Short(to.Constraint, maxName), m.Mask)
	}
	if col.Unique && m.Fold {
		note("its values are unique, and a pseudonym with fold could make equal ones")
	}
	for _, name := range col.Checked {
		if m.Mask != maskNull && !slices.Contains(keeps, name) {
			note("masked values might break the constraint %s; hold them against it and name it under keeps, or use null", quote.Short(name, maxName))
		}
	}
}

// linkedAlike adds the columns of which a copy would not agree any more with
// those that foreign keys link them with.
func (c *ruling) linkedAlike(f *StatementFact, refusal []Reason) []Reason {
	for i := range f.Columns {
		col := &f.Columns[i]
		if !col.Output {
			continue
		}
		mine := c.maskOn(col)
		for _, l := range col.Linked {
			other := c.maskOn(&ColumnFact{Schema: l.Schema, Relation: l.Relation, Name: l.Name, Labels: l.Labels, LabelFrom: l.LabelFrom})
			if mine != other {
				name := quote.Short(col.Schema+"."+col.Relation+"."+col.Name, maxSubject)
				refusal = addReason(refusal, Reason{Rule: ruleMask, Text: fmt.Sprintf("%s holds the values of %s (foreign key %s) and is not masked as that is; give both the same class",
					name, quote.Short(l.Schema+"."+l.Relation+"."+l.Name, maxSubject), quote.Short(l.Constraint, maxName))})
			}
		}
	}
	return refusal
}

// maskOn is what becomes of a column, the zero value if nothing does.
func (c *ruling) maskOn(col *ColumnFact) Masking {
	entries, _ := c.judge.policy.classesOf(col)
	if entries = c.maskedFor.masked(entries); len(entries) == 0 {
		return Masking{}
	}
	worst := worstEntry(entries)
	if slices.ContainsFunc(entries, func(e *columnEntry) bool { return e.class != worst.class }) {
		return Masking{Mask: maskNull}
	}
	if m := c.maskedFor.find(worst.class); m != nil {
		return m.Masking
	}
	return Masking{}
}
