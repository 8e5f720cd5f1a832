package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	posture "github.com/sluice-pg/sluice/policy/destination"
	"github.com/sluice-pg/sluice/policy/protection"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy/measure"
	"github.com/sluice-pg/sluice/proxy/watch"
)

// issuedWait bounds the wait for logins that are being issued while a place is judged.
const issuedWait = 10 * time.Second

// Judge implements watch.Place.
func (p *watchedPlace) Judge(ctx context.Context, copies []*ledger.Copy, whole bool) *watch.Verdict {
	d := p.at
	document := d.server.policy.Load()
	v := &watch.Verdict{At: d.server.now(), Terms: document.Digest(), Address: d.config.Server.address(), Database: d.config.Server.Database, Copies: map[string]*watch.Judgement{}}
	place, err := d.place(document)
	if err != nil {
		v.Place = watch.Judgement{Unknown: []string{inLedger(err.Error())}}
		return v
	}
	before := d.logins("")
	if whole || p.last == nil {
		p.last = place.Measure(ctx, p.ask, p.source(copies))
	} else {
		p.last = place.Again(ctx, p.last, p.ask, true, p.source(copies))
	}
	d.found(p.last.System())
	j := &judging{place: place, document: document, state: p.last, server: d.server, reads: map[uint32]*present{}, verdict: v}
	asked := p.ask(ctx, func(ctx context.Context, q catalog.Querier) error { return j.lookUp(ctx, q, copies) })
	waiting, cancel := context.WithTimeout(ctx, issuedWait)
	defer cancel()
	_ = d.settle(waiting) // a login whose name nobody knows by then is a stranger
	after := d.logins("")
	place.Ours = func(role string) bool { return before.Live[role] || after.Live[role] }
	v.System, v.Key = p.last.System(), p.last.Key()
	j.judgePlace()
	for _, c := range copies {
		if c.Receipt == nil || c.Begun == nil {
			continue
		}
		one := &watch.Judgement{}
		v.Copies[c.ID] = one
		switch {
		case asked != nil:
			unknown(one, "its relations could not be looked up: "+asked.Error())
		case p.last.Server == nil:
			unknown(one, "who can read there could not be asked: "+p.last.Measured.InsideProblem)
		default:
			j.judgeCopy(c, one)
		}
	}
	return v
}

// source is where copies come from, for the question whether the place is a clone of
// that: an origin that is the place itself, if there is one.
func (p *watchedPlace) source(copies []*ledger.Copy) (system string) {
	for _, c := range copies {
		if c.Begun == nil {
			continue
		}
		if system == "" || c.Begun.Origin.System == c.Begun.Destination.System {
			system = c.Begun.Origin.System
		}
	}
	return system
}

// judging is one judgement of a place and its copies.
type judging struct {
	place    *measure.Place
	document *policy.Policy
	state    *measure.State
	server   *Server
	// reads are relations by their OIDs, as they are called now, with their
	// partitions.
	reads   map[uint32]*present
	verdict *watch.Verdict
	// frozen are the policies by which copies are hidden that were frozen.
	frozen map[string]bool
	// powerless says what the reactor could not do, empty if it could do all.
	powerless string
}

// present is a relation that is there.
type present struct {
	schema, name string
	parts        [][2]string
}

// lookUp finds out how the relations of copies are called now, and whether the
// reactor could close them.
func (j *judging) lookUp(ctx context.Context, q catalog.Querier, copies []*ledger.Copy) error {
	var roots []string
	for _, c := range copies {
		if c.Receipt == nil {
			continue
		}
		for i := range c.Receipt.Relations {
			roots = append(roots, strconv.FormatUint(uint64(c.Receipt.Relations[i].OID), 10))
		}
	}
	j.reads = map[uint32]*present{}
	err := q.Query(ctx, `WITH RECURSIVE tree(root, oid) AS (SELECT r, r FROM unnest('{`+strings.Join(roots, ",")+`}'::oid[]) r UNION SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid)
SELECT t.root::text, n.nspname, c.relname, t.root = t.oid FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY t.root, t.root <> t.oid, t.oid`, func(row [][]byte) error {
		oid, err := strconv.ParseUint(string(row[0]), 10, 32)
		if err != nil {
			return err
		}
		schema, name := string(row[1]), string(row[2])
		if string(row[3]) == "t" {
			j.reads[uint32(oid)] = &present{schema: schema, name: name}
		} else if root := j.reads[uint32(oid)]; root != nil {
			root.parts = append(root.parts, [2]string{schema, name})
		}
		return nil
	})
	if err != nil {
		return err
	}
	j.frozen = map[string]bool{}
	err = q.Query(ctx, "SELECT DISTINCT polname::text FROM pg_policy WHERE starts_with(polname::text, "+quote.Literal(watch.FrozenPolicy)+")", func(row [][]byte) error {
		j.frozen[string(row[0])] = true
		return nil
	})
	if err != nil {
		return err
	}
	roles := j.place.Roles
	return q.Query(ctx, fmt.Sprintf(`SELECT COALESCE((SELECT pg_has_role(r.oid, o.oid, 'MEMBER') FROM pg_roles r, pg_roles o WHERE r.rolname = %s AND o.rolname = %s), false),
 COALESCE((SELECT pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') FROM pg_roles r WHERE r.rolname = %[1]s), false)`, quote.Literal(roles.Reactor), quote.Literal(roles.Owner)), func(row [][]byte) error {
		switch {
		case string(row[0]) != "t":
			j.powerless = roles.Reactor + " is not a member of " + roles.Owner + " any more, so copies could not be closed"
		case string(row[1]) != "t":
			j.powerless = roles.Reactor + " is not a member of pg_signal_backend any more, so readers could not be ended"
		}
		return nil
	})
}

// aboutRelations are deficits of a floor that are about what can be read of
// relations, or how they are written about, and not about who gets in.
var aboutRelations = []string{
	posture.CodeSoftFilter, posture.CodeLogsValues, posture.CodeOnward, posture.CodeCode, posture.CodeNoAudit,
	posture.CodeCertificateEnds, posture.CodeOldVersion, posture.CodeAtRest, posture.CodeDefaultRights,
}

// judgePlace says where the place stays below its floor.
func (j *judging) judgePlace() {
	of := &j.verdict.Place
	for i := range j.state.Deficits {
		d := &j.state.Deficits[i]
		if d.Unknown {
			unknown(of, sentence(d))
			continue
		}
		severity := ledger.SeverityServer
		if slices.Contains(aboutRelations, d.Code) {
			severity = ledger.SeverityObject
		}
		worsen(of, severity, ledger.Deficit{Code: d.Code, What: inLedger(sentence(d)), Instead: inLedger(d.Fix)})
	}
	if j.state.AttestationProblem != "" {
		unknown(of, j.state.AttestationProblem)
	}
	if j.powerless != "" {
		unknown(of, j.powerless)
	}
}

// judgeCopy holds who can read a copy now against who could read its origin when it
// was made.
func (j *judging) judgeCopy(c *ledger.Copy, of *watch.Judgement) {
	to := &c.Begun.Destination
	if system := j.state.System(); system != to.System {
		if system == "" {
			unknown(of, "its system identifier is not known")
			return
		}
		worsen(of, ledger.SeverityServer, ledger.Deficit{
			Code: posture.CodeWrongSystem, What: "another cluster answers than the one that holds the copy: its system identifier is " + inLedger(system) + ", and that was " + to.System,
			Instead: "find out where the name leads to",
		})
		return
	}
	origin, err := j.originOf(c)
	if err != nil {
		unknown(of, "who could read its origin is not known: "+err.Error())
		return
	}
	for i := range c.Receipt.Relations {
		r := &c.Receipt.Relations[i]
		at := j.reads[r.OID]
		if at == nil {
			of.Missing = append(of.Missing, r.Schema+"."+r.Name)
			continue
		}
		relation, err := j.relationOf(c, r)
		if err != nil {
			unknown(of, err.Error())
			continue
		}
		for _, name := range append([][2]string{{at.schema, at.name}}, at.parts...) {
			j.compare(relation, origin, name, of)
		}
	}
	of.Thawed = c.Frozen && len(of.Missing) == 0 && !j.frozen[watch.FrozenPolicy+c.ID]
}

// compare judges one relation.
func (j *judging) compare(relation *measure.Relation, origin *protection.Facts, name [2]string, of *watch.Judgement) {
	title := name[0] + "." + name[1]
	at, known := j.state.Server.Relation(name[0], name[1])
	if !known {
		unknown(of, inLedger(title)+" was made or renamed while it was looked at")
		return
	}
	facts, err := j.place.Facts(j.state, j.state.Server, relation, at)
	if err != nil {
		unknown(of, err.Error())
		return
	}
	verdict := j.place.Compare(j.document, j.state, relation, origin, facts)
	for i := range verdict.Deficits {
		d := &verdict.Deficits[i]
		who := d.Subject
		if len(d.Roles) > 0 {
			who = strings.TrimPrefix(who+": "+d.Roles[0], ": ")
		}
		worsen(of, severityOf(d), ledger.Deficit{
			Code: d.Cause.String(), Columns: inLedgers(d.Columns), Instead: inLedger(strings.Join(d.Fix, "; ")), Relation: shortName(title, 400), Subject: shortName(who, 250), What: inLedger(d.Text),
		})
	}
	for _, u := range verdict.Unknown {
		unknown(of, u.Text)
	}
}

// severityOf is how far a deficit goes: whoever reads beneath SQL, or gets in by a
// door that was opened, is bound by no right on a relation.
func severityOf(d *protection.Deficit) ledger.Severity {
	switch d.Cause {
	case protection.BelowFloor, protection.BelowTransport, protection.EntersEasier, protection.TravelsOpener:
		return ledger.SeverityServer
	}
	if d.Effort == protection.BeneathSQL {
		return ledger.SeverityServer
	}
	return ledger.SeverityObject
}

func worsen(of *watch.Judgement, s ledger.Severity, d ledger.Deficit) {
	of.Severity = watch.Worse(of.Severity, s)
	if len(of.Deficits) < ledger.MaxList {
		of.Deficits = append(of.Deficits, d)
	}
}

func unknown(of *watch.Judgement, why string) {
	if len(of.Unknown) < ledger.MaxList {
		of.Unknown = append(of.Unknown, inLedger(why))
	}
}

// inLedger makes a text fit for an event.
func inLedger(text string) string { return shortName(text, ledger.MaxText/2) }

func shortName(text string, limit int) string {
	text = watch.Clean(text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}

func inLedgers(names []string) (out []string) {
	for _, name := range names[:min(len(names), ledger.MaxList)] {
		out = append(out, shortName(name, 250))
	}
	return out
}

// originOf are the facts about the origin of a copy, as they were when it was made.
func (j *judging) originOf(c *ledger.Copy) (*protection.Facts, error) {
	facts, known := j.server.ledger.OriginFacts(c.ID)
	if !known {
		return nil, errors.New("the ledger does not have them")
	}
	text := []byte(facts.Inline)
	if len(text) == 0 {
		if facts.Stored == "" || j.server.stored == nil {
			return nil, errors.New("they were not kept")
		}
		var err error
		if text, err = j.server.stored(facts.Stored); err != nil {
			return nil, err
		}
	}
	origin := &protection.Facts{}
	if err := json.Unmarshal(text, &origin.Facts); err != nil {
		return nil, errors.New("they cannot be read")
	}
	sum, err := origin.Digest()
	if err != nil || sum != facts.Sum {
		return nil, errors.New("they are not those that were recorded")
	}
	return origin, nil
}

// relationOf is what a relation of a copy is made of at its first origin, by what was
// recorded when the copy was begun.
func (j *judging) relationOf(c *ledger.Copy, r *ledger.Receipt) (*measure.Relation, error) {
	out := &measure.Relation{Schema: r.Schema, Name: r.Name, Lineage: protection.Lineage{}, Classes: map[string][]string{}}
	at := slices.IndexFunc(c.Begun.Targets, func(t ledger.Target) bool { return t.Schema == r.Schema && t.Name == r.Name })
	if at < 0 {
		return out, nil // every column may be made of anything
	}
	t := &c.Begun.Targets[at]
	for _, name := range t.Rest {
		if err := j.trace(out, c.Begun, &ledger.Column{Name: name}, t.From); err != nil {
			return nil, err
		}
	}
	for i := range t.Columns {
		if err := j.trace(out, c.Begun, &t.Columns[i], t.From); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// trace says what a column is made of, and of which classes that is.
func (j *judging) trace(out *measure.Relation, b *ledger.Begun, col *ledger.Column, from []int) error {
	sources := col.From
	if len(sources) == 0 && !col.Own {
		sources = []ledger.Source{{Column: col.Name, Relation: from[0]}}
	}
	chain := &origins{ledger: j.server.ledger}
	out.Lineage[col.Name] = []protection.Origin{}
	for _, s := range sources {
		first, err := chain.before(b, s, 0)
		if err != nil {
			return err
		}
		for _, o := range first {
			o.Masked = max(o.Masked, maskedIn(col))
			out.Lineage[col.Name] = append(out.Lineage[col.Name], o)
			for _, class := range col.Classes {
				if !slices.Contains(out.Classes[o.Column], class) {
					out.Classes[o.Column] = append(out.Classes[o.Column], class)
				}
			}
		}
	}
	return nil
}
