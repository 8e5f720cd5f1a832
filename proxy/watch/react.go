package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/quote"
)

// react does what is due about each copy, over one login. What is done is recorded
// after the event that says why, and with what was seen afterwards.
func (w *watcher) react(ctx context.Context) {
	now := w.now()
	var due []*ledger.Copy
	for _, c := range w.copies {
		if published(c) && w.stand(c).due(now) != "" {
			w.retell(ctx, w.stand(c))
			due = append(due, c)
		}
	}
	if len(due) == 0 {
		return
	}
	done := map[string]*outcome{}
	err := w.place.Act(ctx, Reactor, func(ctx context.Context, q catalog.Querier) error {
		h := &hand{q: q, def: &w.def, logins: w.place.Logins(), now: w.now}
		for _, c := range due {
			if w.stand(c).due(now) == policy.ReactPurge {
				done[c.ID] = h.remove(ctx, c, true)
			} else {
				done[c.ID] = h.freeze(ctx, c)
			}
		}
		return nil
	})
	for _, c := range due {
		o := done[c.ID]
		if o == nil {
			o = &outcome{left: []string{"nobody could log in to do it"}}
		}
		if err != nil && len(o.verified) == 0 {
			o.leaves("%v", err)
		}
		w.reacted(ctx, c, w.stand(c).due(now), o)
	}
	w.mine(due)
	w.wanted = true // how it is now
}

// outcome is how a reaction ended.
type outcome struct {
	steps, left []string
	verified    []ledger.Evidence
}

func (o *outcome) did(format string, args ...any) {
	o.steps = append(o.steps, Clean(fmt.Sprintf(format, args...)))
}

func (o *outcome) leaves(format string, args ...any) {
	for i, a := range args {
		if err, is := a.(error); is {
			args[i] = inWords(err)
		}
	}
	o.left = append(o.left, Clean(fmt.Sprintf(format, args...)))
}

// inWords is an error as the server has worded it, or else as it is.
func inWords(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Message + " (" + refused.Code + ")"
	}
	return err.Error()
}

// reacted records how a reaction ended, and says so. The same failure is on record
// once.
func (w *watcher) reacted(ctx context.Context, c *ledger.Copy, what policy.Reaction, o *outcome) {
	s := w.stand(c)
	if what == policy.ReactPurge {
		o.verified = append(o.verified, w.outside(ctx))
	}
	failed, words := len(o.left) > 0, few(o.left, len(o.left))
	w.watch.counts.reaction(what, map[bool]string{false: "done", true: "failed"}[failed])
	if failed {
		s.failedAt(w.now())
		w.log.Error("a reaction could not be done as a whole", "copy", c.ID, "reaction", what, "left", words)
		if words == s.failed {
			return
		}
	}
	why := fmt.Sprintf("severity %s since %s", s.severity, s.since.UTC().Format(time.RFC3339))
	if !w.retell(ctx, s) || !w.note(ctx, o.event(c, what, why)) {
		s.failedAt(w.now()) // done again, and recorded then
		return
	}
	if failed {
		s.failed = words
		// What cannot be closed is worse than what can.
		s.severity = Worse(s.severity, ledger.SeverityUnknown)
		s.wanted = sterner(s.wanted, reactionTo(s.severity, w.def.React))
	} else {
		s.succeeded(what)
	}
	event := reactionWords[what]
	if failed {
		event = "not " + event
	}
	w.tell(Alert{
		Event: event, Copy: c.ID, Severity: s.severity, Reaction: what, Owner: ownerOf(c), Evidence: bounded(o.verified), Steps: bounded(o.steps), Left: bounded(o.left),
		Summary: Clean(fmt.Sprintf("copy %s%s is %s, %s after it was noticed", c.ID, titles(c), event, w.now().Sub(s.since).Round(time.Millisecond))),
	})
}

var reactionWords = map[policy.Reaction]string{policy.ReactFreeze: "frozen", policy.ReactPurge: "purged"}

// event is how a reaction ended, for the trail.
func (o *outcome) event(c *ledger.Copy, what policy.Reaction, why string) ledger.Body {
	steps, left, verified := bounded(o.steps), bounded(o.left), bounded(o.verified)
	if what == policy.ReactPurge {
		return &ledger.Purged{Copy: c.ID, Steps: steps, Left: left, Verified: verified, Why: why}
	}
	return &ledger.Frozen{Copy: c.ID, Steps: steps, Left: left, Verified: verified, Why: why}
}

// outside is what a knock meets after a reaction.
func (w *watcher) outside(ctx context.Context) ledger.Evidence {
	o := w.place.Knock(ctx)
	w.met(o)
	w.knocked = w.now()
	weakest := "no door was open to a stranger"
	for _, k := range o.Knocks {
		if k.Unknown && k.Strength == 0 {
			weakest = "strangers are let in without a password over " + k.Transport
			break
		}
	}
	if len(o.Problems) > 0 {
		weakest = "the knock met a problem: " + o.Problems[0]
	}
	return evidence(w.now(), ledger.HowOutside, weakest)
}

// hand works at a place with the rights of the reactor.
type hand struct {
	q      catalog.Querier
	def    *policy.PlaceDef
	logins Logins
	now    func() time.Time
}

// exec runs statements that answer nothing.
func (h *hand) exec(ctx context.Context, sql string) error {
	return h.q.Query(ctx, sql, func([][]byte) error { return nil })
}

// asOwner and asReactor choose the role that works.
func (h *hand) asOwner(ctx context.Context) error {
	return h.exec(ctx, "SET ROLE "+quote.Identifier(h.def.Roles.Owner))
}

func (h *hand) asReactor(ctx context.Context) error { return h.exec(ctx, "RESET ROLE") }

// part is a relation of a copy as it is now: the relation itself, a partition, or a
// sequence of its own.
type part struct {
	oid         uint32
	name, owner string
	kind        string
	root        bool
}

// table reports whether it has rows of its own kind: row security and DROP TABLE.
func (p *part) table() bool { return p.kind == "r" || p.kind == "p" }

// parts are the relations of a copy that are there, and what is missing. Another
// server than the one that the copy was put on has none of them.
func (h *hand) parts(ctx context.Context, c *ledger.Copy) (parts []part, missing []string, err error) {
	system, database := "", ""
	err = h.q.Query(ctx, "SELECT system_identifier::text, current_database() FROM pg_control_system()", func(row [][]byte) error {
		system, database = string(row[0]), string(row[1])
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if c.Begun == nil || system != c.Begun.Destination.System || database != c.Begun.Destination.Database {
		return nil, nil, fmt.Errorf("this is not the database that the copy was put into: system identifier %s, database %s", Clean(system), Clean(database))
	}
	roots := rootsOf([]*ledger.Copy{c})
	err = h.q.Query(ctx, `WITH RECURSIVE tree(oid, root) AS (SELECT r, true FROM unnest(`+oids(roots)+`) r UNION SELECT i.inhrelid, false FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid),
 own(oid, root) AS (SELECT oid, bool_or(root) FROM tree GROUP BY oid),
 everything(oid, root) AS (SELECT oid, root FROM own UNION ALL SELECT d.objid, false FROM own o JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.oid
   AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S')
SELECT c.oid::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_userbyid(c.relowner), c.relkind, e.root FROM everything e JOIN pg_class c ON c.oid = e.oid
 JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY e.root DESC, c.oid`, func(row [][]byte) error {
		parts = append(parts, part{uint32(number(row[0])), string(row[1]), string(row[2]), string(row[3]), string(row[4]) == "t"})
		return nil
	})
	for _, r := range c.Receipt.Relations {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.oid == r.OID }) {
			missing = append(missing, r.Schema+"."+r.Name)
		}
	}
	return parts, missing, err
}

// closeLease makes the lease inside the data end now: from then on no statement that
// begins sees a row, but those of whom row security does not bind.
func (h *hand) closeLease(ctx context.Context, c *ledger.Copy, o *outcome) {
	err := h.exec(ctx, "UPDATE sluice.lease SET valid_until = '-infinity' WHERE copy = "+quote.Literal(c.ID))
	if err != nil {
		o.leaves("the lease of the copy could not be ended: %v", err)
		return
	}
	o.did("ended the lease of the copy, so that row security shows no row")
}

// relations are an array of the OIDs of parts.
func relations(parts []part) string {
	var list []uint32
	for i := range parts {
		list = append(list, parts[i].oid)
	}
	return oids(list)
}

// readers are the roles with rights on parts, and whether everybody has some.
func (h *hand) readers(ctx context.Context, parts []part) (list []uint32, everybody bool, err error) {
	err = h.q.Query(ctx, `SELECT DISTINCT x.grantee::text FROM (
 SELECT a.grantee, c.relowner FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = ANY (`+relations(parts)+`)
 UNION ALL SELECT a.grantee, c.relowner FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE c.oid = ANY (`+relations(parts)+`)) x
 WHERE x.grantee <> x.relowner ORDER BY 1`, func(row [][]byte) error {
		oid := uint32(number(row[0]))
		everybody = everybody || oid == 0
		if oid != 0 {
			list = append(list, oid)
		}
		return nil
	})
	return list, everybody, err
}

// sessionWait is how long sessions have to end that were told to.
const sessionWait = 5 * time.Second

// terminate ends the sessions that hold anything of the parts, and those of whoever
// could read them: a cursor that is held shows rows after its transaction. Sessions
// of superusers and the proxy's own stay.
func (h *hand) terminate(ctx context.Context, parts []part, readers []uint32, everybody bool, o *outcome) {
	whom := fmt.Sprintf(`FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
 WHERE a.pid <> pg_backend_pid() AND a.datname = current_database()
 AND a.usename <> ALL (ARRAY[%s]::name[]) AND (a.pid IN (SELECT l.pid FROM pg_locks l WHERE l.relation = ANY (%s) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
  OR NOT r.rolsuper AND (%t OR EXISTS (SELECT FROM unnest(%s) g WHERE pg_has_role(r.oid, g, 'MEMBER'))))`,
		quote.Literals(sorted(h.logins.Live)), relations(parts), everybody, oids(readers))
	ended, stays := 0, 0
	for deadline := h.now().Add(sessionWait); ; {
		alive := 0
		stays = 0
		err := h.q.Query(ctx, "SELECT r.rolsuper, CASE WHEN NOT r.rolsuper THEN pg_terminate_backend(a.pid) END "+whom, func(row [][]byte) error {
			if string(row[0]) == "t" {
				stays++
			} else {
				alive++
			}
			return nil
		})
		if err != nil {
			o.leaves("sessions could not be ended: %v", err)
			return
		}
		ended = max(ended, alive)
		if alive == 0 {
			break
		}
		if h.now().After(deadline) {
			o.leaves("%d sessions did not end within %s", alive, sessionWait)
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
	if ended > 0 {
		o.did("ended %d sessions of those who could read it", ended)
	}
	if stays > 0 {
		o.did("left %d sessions of superusers, who cannot be ended", stays)
	}
}
