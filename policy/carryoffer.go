package policy

import (
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
)

// declaredDestination is the setting, behind sluice., by which a session says where
// it means to take data. It never changes where rows go.
const declaredDestination = "destination"

// offerCarry adds to the refusal of a COPY to the client how Sluice could carry the
// rows to a place itself, if a rule lets it.
func (c *ruling) offerCarry(d *Decision) {
	if d.Verdict != Deny || c.st.Node != "CopyStmt" || c.st.Carry != nil || !hasKind(c.st, statement.ExportToClient) {
		return
	}
	declared := c.judge.req.Session.Declared[declaredDestination]
	if declared != "" {
		d.because("", "that %s is declared as the destination changes nothing: the rows of this COPY go to the client", quote.Short(declared, maxName))
	}
	def := c.placeToOffer(declared)
	if def == nil {
		return
	}
	what, target := "(SELECT ...)", "schema.table"
	if source := c.source(); source != nil && source.Schema != "" {
		schema := source.Schema
		if len(def.Schemas) > 0 && !slices.Contains(def.Schemas, schema) {
			schema = def.Schemas[0]
		}
		what = quote.Name(source.Schema, source.Name) + c.columnList()
		target = quote.Name(schema, source.Name)
	}
	d.Hint = quote.Short("Let Sluice carry it: COPY "+what+" TO "+quote.Literal("sluice://"+def.Name+"/"+target)+";", 2*maxReason) + " " + d.Hint
}

// columnList lists the columns that come out of the statement, as COPY has them;
// empty for all.
func (c *ruling) columnList() string {
	const most = 8
	var names []string
	for i := range c.st.Columns {
		col := &c.st.Columns[i]
		switch {
		case col.Use != statement.Output:
		case col.Star || len(names) == most:
			return ""
		default:
			names = append(names, quote.Name(col.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// placeToOffer is a place that a rule lets what the statement reads be carried to:
// the one that was declared if it may be that, else the first that may. nil for none.
func (c *ruling) placeToOffer(declared string) *place {
	var first *place
	for _, r := range c.judge.view.leave {
		if r.effect != Carry || !r.acts() || !r.kinds.has(statement.ExportRemote) || len(r.functions) > 0 || r.when != nil {
			continue
		}
		if why, _ := r.allowsRelations(c.st, false); why != matches || len(r.classes) > 0 && !r.onlyClasses(c.st, c.touch()) {
			continue
		}
		for _, def := range c.judge.policy.places {
			may := def.Host != "" && def.Database != "" && (len(r.destinations) == 0 || slices.Contains(r.destinations, def.Name))
			switch {
			case may && def.Name == declared:
				return def
			case may && first == nil:
				first = def
			}
		}
	}
	return first
}
