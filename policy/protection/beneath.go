package protection

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/sluice-pg/sluice/policy/quote"
)

// beneath finds those who get at rows without SELECT: by replication, by files
// and programs of the server.
func (v *survey) beneath() {
	all := v.carriers[v.relation].list()
	v.identities(func(r *role) {
		if r.super {
			return
		}
		below := func(p Path) {
			p.Relation = v.relation.String()
			v.add(r, capability{at: all, rows: allRows, effort: BeneathSQL, path: p})
		}
		if r.replication {
			below(Path{Way: ByReplication})
		}
		for _, name := range beneath {
			if v.hasNamed(r, name) {
				below(Path{Way: ByServerFiles, Object: name})
			}
		}
		for _, f := range v.functions {
			if !f.reachesFiles() || !f.referred && !v.mayUse(r, f.in) {
				continue
			}
			if grantee, ok := v.mayExecute(r, f); ok {
				below(Path{Way: ByServerFiles, Object: f.signature(), Grantee: v.nameOf(grantee)})
			}
		}
	})
}

// reachesFiles reports whether a function reads or writes files of the server,
// or could: PostgreSQL's own, and those in a language without bounds.
func (f *function) reachesFiles() bool {
	return f.in.name == "pg_catalog" || !f.trusted && f.language != "c" && f.language != "internal"
}

// doubts notes what the catalogs do not tell.
func (v *survey) doubts() {
	for _, c := range v.inOrder() {
		v.doubtsOf(c)
	}
	for _, f := range v.functions {
		if f.name != "dblink_connect_u" {
			continue
		}
		for _, g := range f.rights.given(f.owner, executes, executes) {
			if r := v.byOID[g.grantee]; g.holds&executes != 0 && g.grantee != f.owner && (r == nil || !r.super) {
				v.doubt(UnknownDblink, f.signature(), fmt.Sprintf("%s may execute %s, which can log in at this server again as somebody else", v.nameOf(g.grantee), f.signature()))
			}
		}
	}
	for _, s := range v.servers {
		if s.mappings > 0 {
			v.doubt(UnknownForeignServer, quoted(s.name),
				fmt.Sprintf("the foreign server %s (%s) keeps logins, and it cannot be told whether it leads back to this server", quoted(s.name), quote.Short(s.wrapper, maxName)))
		}
	}
}

func (v *survey) doubtsOf(c *carrier) {
	name := c.String()
	for _, t := range c.triggers {
		v.doubt(UnknownTrigger, t+" on "+name, fmt.Sprintf("the trigger %s on %s runs code that may keep rows elsewhere", t, name))
	}
	if !c.view {
		for _, rule := range c.rules {
			v.doubt(UnknownRule, quoted(rule)+" on "+name, fmt.Sprintf("the rule %s on %s may keep rows elsewhere", quoted(rule), name))
		}
	}
	for _, u := range c.usedBy {
		if !u.view && u.by != c.Relation {
			v.doubt(UnknownRule, quoted(u.rule)+" on "+u.by.String(),
				fmt.Sprintf("the rule %s on %s reads %s with the rights of the owner of %s", quoted(u.rule), u.by, name, u.by))
		}
	}
	if c.Kind == 'f' {
		v.doubt(UnknownForeignTable, name, fmt.Sprintf("%s is a foreign table: its rows are on another server", name))
	}
}

func (v *survey) doubt(code, object, text string) {
	u := Unknown{Code: code, Object: object}
	v.unknowns[u], v.texts[u] = true, text
}

// doubtful lists what is unknown, in order.
func (v *survey) doubtful() []Unknown {
	list := slices.SortedFunc(maps.Keys(v.unknowns), compareUnknowns)
	for i := range list {
		list[i].Text = v.texts[list[i]]
	}
	return list
}

func compareUnknowns(a, b Unknown) int {
	return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Object, b.Object))
}

// who turns what identities can read into readers: everybody who can become
// one of them.
func (v *survey) who() {
	for _, r := range v.roles {
		v.readsAs(r)
	}
	v.readsAs(v.anyone)
	for i := range v.readers {
		v.readers[i].Columns = v.names(v.readers[i].at)
	}
	slices.SortStableFunc(v.readers, func(a, b Reader) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Effort, b.Effort), cmp.Compare(a.As, b.As),
			cmp.Compare(a.Path.Way, b.Path.Way), cmp.Compare(a.Path.Kin, b.Path.Kin), cmp.Compare(a.Path.Relation, b.Path.Relation),
			cmp.Compare(a.Path.Object, b.Path.Object), cmp.Compare(a.Path.Grantee, b.Path.Grantee), slices.Compare(a.Columns, b.Columns))
	})
}

// same is what two ways have in common that are told once: after a change to
// its own rights somebody often has many identities to choose from.
type same struct {
	path    Path
	columns string
	rows    string
}

// readsAs adds the ways of one role.
func (v *survey) readsAs(r *role) {
	connects := v.mayConnect(r)
	told := map[same]bool{}
	for _, e := range r.reaches {
		for _, c := range v.can[e.role] {
			effort := max(e.effort, c.effort)
			latent := !connects && effort < BeneathSQL
			if latent && r.login {
				continue
			}
			if effort >= AfterChange {
				key := same{c.path, fmt.Sprint(c.at), fmt.Sprint(c.rows)}
				if told[key] {
					continue
				}
				told[key] = true
			}
			reader := Reader{Role: r.name, Effort: effort, Path: c.path, Whole: c.whole, Latent: latent, rows: c.rows, group: r != v.anyone && !r.login, at: c.at}
			if e.role != r {
				reader.As = e.role.name
			}
			v.readers = append(v.readers, reader)
		}
	}
}
