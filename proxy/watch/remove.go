package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/quote"
)

// remove drops the relations of a copy with what depends on them: views and
// materialised views over it show or hold its rows. Sessions that hold a lock are ended
// first, since they would be in the way; and those of everybody who could read it if
// that was by mistake.
func (h *hand) remove(ctx context.Context, c *ledger.Copy, mistake bool) *outcome {
	o := &outcome{}
	parts, missing, err := h.parts(ctx, c)
	if err != nil {
		o.leaves("%v", err)
		return o
	}
	for _, name := range missing {
		o.did("%s was not there", name)
	}
	if len(parts) > 0 {
		h.closeLease(ctx, c, o)
	}
	if err := h.exec(ctx, fmt.Sprintf("SET lock_timeout = %d", lockWait.Milliseconds())); err != nil {
		o.leaves("%v", err)
	}
	for i := range parts {
		if p := &parts[i]; p.root {
			h.drop(ctx, p, parts, mistake, o)
		}
	}
	h.seeGone(ctx, c, parts, o)
	if len(o.left) == 0 {
		if err := h.exec(ctx, "DELETE FROM sluice.lease WHERE copy = "+quote.Literal(c.ID)); err != nil {
			o.did("the lease of the copy, which has ended, could not be deleted")
		}
	}
	return o
}

// drop drops one relation.
func (h *hand) drop(ctx context.Context, p *part, parts []part, mistake bool, o *outcome) {
	if !p.table() {
		o.leaves("%s is no table any more", p.name)
		return
	}
	var dependent []string
	err := h.q.Query(ctx, fmt.Sprintf(`SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(v.relname) FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
 JOIN pg_class v ON v.oid = w.ev_class JOIN pg_namespace n ON n.oid = v.relnamespace
 WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = %d AND v.oid <> d.refobjid ORDER BY 1 LIMIT 50`, p.oid), func(row [][]byte) error {
		dependent = append(dependent, string(row[0]))
		return nil
	})
	if err != nil {
		o.leaves("what depends on %s could not be read: %v", p.name, err)
		return
	}
	readers, everybody, err := h.readers(ctx, parts)
	if err != nil {
		o.leaves("who has rights on it could not be read: %v", err)
		return
	}
	if !mistake {
		readers, everybody = nil, false
	}
	h.terminate(ctx, parts, readers, everybody, o)
	text := "BEGIN; " + lockExactly(p) + "DROP TABLE " + p.name + " CASCADE; COMMIT"
	if err := h.owned(ctx, text, func() { h.terminate(ctx, parts, nil, false, &outcome{}) }); err != nil {
		o.leaves("%s could not be dropped: %v", p.name, err)
		return
	}
	with := ""
	if len(dependent) > 0 {
		with = " with what showed it: " + strings.Join(dependent, ", ")
	}
	o.did("dropped %s%s", p.name, with)
}

// seeGone reads from the catalogs whether nothing of a copy is left.
func (h *hand) seeGone(ctx context.Context, c *ledger.Copy, parts []part, o *outcome) {
	all := rootsOf([]*ledger.Copy{c})
	for i := range parts {
		all = append(all, parts[i].oid)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	count, left := "", ""
	err := h.q.Query(ctx, "SELECT count(*)::text, string_agg(oid::regclass::text, ', ') FROM pg_class WHERE oid = ANY ("+oids(all)+")", func(row [][]byte) error {
		count, left = string(row[0]), string(row[1])
		return nil
	})
	switch {
	case err != nil:
		o.leaves("whether it is gone could not be read: %v", err)
		return
	case count != "0":
		o.leaves("still there: %s", left)
	}
	o.verified = append(o.verified, evidence(h.now(), ledger.HowCatalog, fmt.Sprintf("of its %d relations %s are in pg_class", len(all), count)))
}
