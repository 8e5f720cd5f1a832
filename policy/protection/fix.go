package protection

import (
	"fmt"
	"slices"
	"strings"
)

// mostFixes bounds the proposals for one deficit.
const mostFixes = 4

// fixes proposes what would mend a deficit.
func (g *group) fixes() (fixes []string) {
	who := some(quotedAll(sorted(g.roles)), namedRoles)
	if slices.Contains(g.roles, anyoneName) {
		who = "everybody"
	}
	switch g.key.cause {
	case BelowFloor, EntersEasier:
		return []string{"let pg_hba.conf ask " + who + " for scram-sha-256 or a certificate on every line that can match"}
	case BelowTransport, TravelsOpener:
		return []string{"let pg_hba.conf take " + who + " by hostssl only, with a certificate of the policy's authority"}
	}
	for _, w := range g.ways {
		for _, f := range w.fixes(g) {
			if len(fixes) < mostFixes {
				fixes = addNew(fixes, f)
			}
		}
	}
	return fixes
}

// fixes proposes what would close one way.
func (w way) fixes(g *group) []string {
	s, r, p := w.server, w.reader, w.reader.Path
	role := s.byName[r.Role]
	if r.Effort == AfterChange && r.As != "" && role != nil && s.grantsAll(role) {
		return []string{fmt.Sprintf("ALTER ROLE %s NOCREATEROLE", quoted(r.Role))}
	}
	if g.key.cause == SeesMoreRows && p.Way == ByGrant && p.Kin == Itself {
		return w.limitRows(g)
	}
	if hop := s.firstStep(r.Role, w.holder()); g.key.cause == NoSubject && hop != "" {
		return []string{fmt.Sprintf("REVOKE %s FROM %s", quoted(hop), quoted(r.Role))}
	}
	return w.revoke(g.placed)
}

// holder is the role whose rights are used in the end.
func (w way) holder() string {
	p := w.reader.Path
	switch {
	case p.Grantee != "":
		return p.Grantee
	case p.Way == ByReadAllData:
		return readAllData
	case p.Way == ByServerFiles:
		return p.Object
	}
	return w.reader.As
}

// limitRows proposes the row security of the source.
func (w way) limitRows(g *group) []string {
	user := w.reader.Role
	if w.reader.As != "" {
		user = w.reader.As
	}
	if r := w.server.byName[user]; r != nil && r.bypassRLS {
		return []string{fmt.Sprintf("ALTER ROLE %s NOBYPASSRLS", quoted(user))}
	}
	var fixes []string
	if !w.at.rowSecurity {
		fixes = append(fixes, fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", w.at))
	}
	if !w.at.forced {
		fixes = append(fixes, fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY", w.at))
	}
	if g.nearest != nil && len(g.nearest.ways) > 0 {
		return append(fixes, fmt.Sprintf("give %s the policies of the source: %s", w.at, g.nearest.ways[0].reader.Rows()))
	}
	return append(fixes, fmt.Sprintf("give %s the policies of the source", w.at))
}

// revoke proposes to take the right away.
func (w way) revoke(columns []string) []string {
	p, as := w.reader.Path, w.reader.As
	if as == "" {
		as = w.reader.Role
	}
	grantee := p.Grantee
	if grantee != anyoneName {
		grantee = quoted(grantee)
	}
	one := func(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }
	switch p.Way {
	case BySuperuser:
		return one("ALTER ROLE %s NOSUPERUSER", quoted(as))
	case ByGrant:
		if p.ByColumn {
			return one("REVOKE SELECT (%s) ON %s FROM %s", strings.Join(quotedAll(sorted(columns)), ", "), p.Relation, grantee)
		}
		return one("REVOKE SELECT ON %s FROM %s", p.Relation, grantee)
	case ByOwner:
		return one("ALTER TABLE %s OWNER TO a role that nobody can become", p.Relation)
	case ByTrigger:
		return one("REVOKE TRIGGER ON %s FROM %s", p.Relation, grantee)
	case ByView, ByMaterializedView:
		return one("REVOKE SELECT ON %s FROM %s", p.Relation, grantee)
	case ByFunction, ByPossibleFunction:
		return one("REVOKE EXECUTE ON ROUTINE %s FROM %s", p.Object, grantee)
	case ByPublication:
		return w.unpublish()
	case ByReplication:
		return one("ALTER ROLE %s NOREPLICATION", quoted(as))
	}
	if p.Way == ByServerFiles && p.Grantee != "" {
		return one("REVOKE EXECUTE ON ROUTINE %s FROM %s", p.Object, grantee)
	}
	group := w.holder()
	if hop := w.server.firstStep(w.reader.Role, group); hop != "" {
		group = hop
	}
	return one("REVOKE %s FROM %s", quoted(group), quoted(w.reader.Role))
}

// unpublish proposes how a publication loses the relation.
func (w way) unpublish() []string {
	p := w.reader.Path
	for _, pub := range w.server.publications {
		if quoted(pub.name) != p.Object {
			continue
		}
		if pub.all {
			return []string{fmt.Sprintf("replace the publication %s, which is FOR ALL TABLES, by one that names its tables", p.Object)}
		}
		if pub.schemas[w.at.in.oid] {
			return []string{fmt.Sprintf("ALTER PUBLICATION %s DROP TABLES IN SCHEMA %s", p.Object, quoted(w.at.Schema))}
		}
	}
	return []string{fmt.Sprintf("ALTER PUBLICATION %s DROP TABLE %s", p.Object, p.Relation)}
}

// firstStep is the role that a role is a direct member of, on the shortest way
// to another; "" if there is no way.
func (s *Server) firstStep(from, to string) string {
	start, end := s.byName[from], s.byName[to]
	if start == nil || end == nil || start == end {
		return ""
	}
	first := map[*role]*role{start: nil}
	for queue := []*role{start}; len(queue) > 0; queue = queue[1:] {
		for _, m := range queue[0].members {
			if _, seen := first[m.of]; seen {
				continue
			}
			first[m.of] = first[queue[0]]
			if queue[0] == start {
				first[m.of] = m.of
			}
			if m.of == end {
				return first[m.of].name
			}
			queue = append(queue, m.of)
		}
	}
	return ""
}

// String is the verdict as a person reads it: the outcome, then for each
// deficit what is wrong and what would mend it.
func (v Verdict) String() string {
	var b strings.Builder
	switch v.Outcome {
	case AtLeast:
		b.WriteString("the destination protects it at least as well as the source\n")
	case Weaker:
		b.WriteString("the destination protects it less than the source\n")
	default:
		b.WriteString("whether the destination protects it as well as the source cannot be told\n")
	}
	for _, d := range v.Deficits {
		fmt.Fprintf(&b, "- %s\n", d.Text)
		for _, fix := range d.Fix {
			fmt.Fprintf(&b, "    fix: %s\n", fix)
		}
	}
	if v.More > 0 {
		fmt.Fprintf(&b, "- and %d more\n", v.More)
	}
	for i, u := range v.Unknown {
		if i == mostReported {
			fmt.Fprintf(&b, "? and %d more\n", len(v.Unknown)-i)
			break
		}
		fmt.Fprintf(&b, "? %s\n", orElse(u.Text, u.Code+" "+u.Object))
	}
	for _, text := range slices.Compact(slices.Clone(v.Reported)) {
		fmt.Fprintf(&b, "  (%s)\n", text)
	}
	return b.String()
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
