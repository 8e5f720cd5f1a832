package policy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy/statement"
)

// goesOnlyTo reports whether a statement sends rows to destinations that the rule
// names, and surely nowhere else.
func (r *rule) goesOnlyTo(c *ruling) bool {
	if len(r.destinations) == 0 {
		return true
	}
	for _, d := range c.st.Destinations {
		if name, known := c.judge.placeOf(d); !known || !slices.Contains(r.destinations, name) {
			return false
		}
	}
	return len(c.st.Destinations) > 0
}

// mayGoTo reports whether a statement might send rows to a destination that the
// rule names: it does, or nobody can tell where it sends them.
func (r *rule) mayGoTo(c *ruling) bool {
	if len(r.destinations) == 0 {
		return true
	}
	for _, d := range c.st.Destinations {
		name, known := c.judge.placeOf(d)
		if known && slices.Contains(r.destinations, name) || !known && (d.Type == statement.ToServer || d.Type == statement.ToURL || d.Type == statement.ToProgram) {
			return true
		}
	}
	return len(c.st.Destinations) == 0 && (hasKind(c.st, statement.ExportRemote) || reachesUnnamed(c.st))
}

// placeOf names the destination of the policy that a statement's destination is.
func (j *judge) placeOf(d statement.Destination) (name string, known bool) {
	if d.Type == statement.ToPlace {
		return d.Name, j.policy.placeNamed(d.Name) != nil
	}
	def, standing := j.place(d)
	if standing != named {
		return "", false
	}
	return def.Name, true
}
