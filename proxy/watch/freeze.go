package watch

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy/quote"
)

// FrozenPolicy begins the name of the policy by which nobody sees a row of a frozen
// copy; its id follows. The policies that were there stay, so that a person can take
// it back.
const FrozenPolicy = "sluice_frozen_"

const (
	// lockWait is how long a lock is waited for, lockTries how often that is tried,
	// each after ending whoever is in the way.
	lockWait  = 500 * time.Millisecond
	lockTries = 6
)

// freeze has nobody read a copy any more. In order: the lease ends, which needs no
// lock; rights are taken away, which needs none up to PostgreSQL 17; sessions are
// ended, because an open cursor shows rows all the same; row security shows nothing,
// which needs a lock that they held.
func (h *hand) freeze(ctx context.Context, c *ledger.Copy) *outcome {
	o := &outcome{}
	parts, missing, err := h.parts(ctx, c)
	if err != nil {
		o.leaves("%v", err)
		return o
	}
	for _, name := range missing {
		o.did("%s is not there", name)
	}
	h.closeLease(ctx, c, o)
	readers, everybody, err := h.readers(ctx, parts)
	if err != nil {
		o.leaves("who has rights on it could not be read: %v", err)
		return o
	}
	if err := h.asOwner(ctx); err != nil {
		o.leaves("the reactor cannot work as %s: %v", h.def.Roles.Owner, err)
		return o
	}
	if err := h.exec(ctx, fmt.Sprintf("SET lock_timeout = %d", lockWait.Milliseconds())); err != nil {
		o.leaves("%v", err)
	}
	h.revoke(ctx, parts, o)
	if err := h.asReactor(ctx); err != nil {
		o.leaves("%v", err)
		return o
	}
	h.terminate(ctx, parts, readers, everybody, o)
	for i := range parts {
		if parts[i].table() {
			h.hide(ctx, c, &parts[i], o)
		}
	}
	h.seeFrozen(ctx, c, parts, o)
	return o
}

// revoke takes every right on parts from everybody but their owner.
func (h *hand) revoke(ctx context.Context, parts []part, o *outcome) {
	type right struct{ on, from string }
	var rights []right
	err := h.q.Query(ctx, `SELECT DISTINCT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || quote_ident(n.nspname) || '.' || quote_ident(c.relname), CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
 LATERAL (SELECT a.grantee FROM aclexplode(c.relacl) a UNION ALL SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
 WHERE c.oid = ANY (`+relations(parts)+`) AND x.grantee <> c.relowner ORDER BY 1, 2`, func(row [][]byte) error {
		rights = append(rights, right{string(row[0]), string(row[1])})
		return nil
	})
	if err != nil {
		o.leaves("rights could not be read: %v", err)
		return
	}
	for _, r := range rights {
		text := "REVOKE ALL ON " + r.on + " FROM " + r.from + " CASCADE"
		if err := h.patiently(ctx, nil, text); err != nil {
			o.leaves("%s: %v", text, err)
			continue
		}
		o.did("%s", text)
	}
}

// patiently runs a statement that may wait for a lock, again if that takes too long,
// each time after free, which makes room.
func (h *hand) patiently(ctx context.Context, free func(), sql string) (err error) {
	for range lockTries {
		if err = h.exec(ctx, sql); err == nil || ctx.Err() != nil {
			return err
		}
		if !lockNotAvailable(err) {
			return err
		}
		if free != nil {
			free()
		}
	}
	return err
}

// hide has row security show nobody any row of a table.
func (h *hand) hide(ctx context.Context, c *ledger.Copy, p *part, o *outcome) {
	policy := quote.Identifier(FrozenPolicy + c.ID)
	text := "BEGIN; " + lockExactly(p) + fmt.Sprintf(`ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY; ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;
 DROP POLICY IF EXISTS %[2]s ON %[1]s; CREATE POLICY %[2]s ON %[1]s AS RESTRICTIVE FOR ALL TO PUBLIC USING (false) WITH CHECK (false); COMMIT`, p.name, policy)
	err := h.owned(ctx, text, func() { h.terminate(ctx, []part{*p}, nil, false, &outcome{}) })
	if err != nil {
		o.leaves("row security of %s could not be set to show nothing: %v", p.name, err)
		return
	}
	o.did("row security of %s shows nothing: enabled, forced, and a restrictive policy that is never true", p.name)
}

// lockExactly locks a table and makes sure that its name is still that of the table
// that is meant. A name may hold any dollar quote, so the code is a quoted text.
func lockExactly(p *part) string {
	check := fmt.Sprintf("BEGIN IF %s::regclass::oid <> %d THEN RAISE EXCEPTION 'another table has this name now'; END IF; END", quote.Literal(p.name), p.oid)
	return fmt.Sprintf("LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE; DO %s; ", p.name, quote.Literal(check))
}

// owned runs statements as the owner of copies, and is the reactor afterwards, who can
// end sessions that are in the way.
func (h *hand) owned(ctx context.Context, sql string, free func()) error {
	for try := 1; ; try++ {
		err := h.asOwner(ctx)
		if err == nil {
			err = h.exec(ctx, sql)
		}
		if err != nil {
			_ = h.exec(ctx, "ROLLBACK") // without a transaction this is a warning
		}
		if back := h.asReactor(ctx); err == nil {
			err = back
		}
		if err == nil || ctx.Err() != nil || try == lockTries || !lockNotAvailable(err) {
			return err
		}
		free()
	}
}

// seeFrozen reads from the catalogs whether the freeze is in force.
func (h *hand) seeFrozen(ctx context.Context, c *ledger.Copy, parts []part, o *outcome) {
	rights, open, lease := "", "", ""
	err := h.q.Query(ctx, fmt.Sprintf(`SELECT
 (SELECT count(*) FROM pg_class c, LATERAL (SELECT a.grantee FROM aclexplode(c.relacl) a UNION ALL SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) x
  WHERE c.oid = ANY (%[1]s) AND x.grantee <> c.relowner)::text,
 (SELECT count(*) FROM pg_class c WHERE c.oid = ANY (%[1]s) AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS
  (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = %[2]s AND NOT p.polpermissive AND p.polcmd = '*' AND pg_get_expr(p.polqual, p.polrelid) = 'false')))::text,
 (SELECT count(*) FROM sluice.lease WHERE copy = %[3]s AND valid_until > now())::text`, relations(parts), quote.Literal(FrozenPolicy+c.ID), quote.Literal(c.ID)), func(row [][]byte) error {
		rights, open, lease = string(row[0]), string(row[1]), string(row[2])
		return nil
	})
	switch {
	case err != nil:
		o.leaves("whether it is frozen could not be read: %v", err)
		return
	case rights != "0":
		o.leaves("%s rights of others than the owner are still there", rights)
	case open != "0":
		o.leaves("row security of %s tables does not hide all rows", open)
	case lease != "0":
		o.leaves("the lease of the copy has not ended")
	}
	o.verified = append(o.verified, evidence(h.now(), ledger.HowCatalog, fmt.Sprintf(
		"%d relations: %s rights of others than the owner, %s without row security that hides all rows, %s leases that have not ended", len(parts), rights, open, lease)))
}
