package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
	"github.com/sluice-pg/sluice/proxy/transfer"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// begun is what the trail and the ledger know before the first row is read.
func (c *carrier) begun(ctx context.Context) (*ledger.Begun, error) {
	facts, err := c.factsOf(ctx)
	if err != nil {
		return nil, err
	}
	s, at := c.session, c.plan.at.config.Server
	declared := c.made.request.Session.Declared
	b := &ledger.Begun{
		Copy: c.id, Expires: ledger.At(c.expires), Owner: s.personName(), Person: s.personName(), Role: s.lease.Role,
		Reason: bounded(declared["reason"]), Ticket: bounded(declared["ticket"]),
		Destination: ledger.Destination{
			Address: at.address(), CertificateKey: c.plan.state.Key(), Database: at.Database, Place: c.plan.place.Name, System: c.plan.state.System(),
		},
		Origin: ledger.Origin{Database: s.database.config.Upstream.Database, Place: s.database.config.Name, System: c.plan.system, Facts: facts},
	}
	if b.Role == "" {
		b.Role = s.lease.User
	}
	for i := range c.plan.items {
		one := &c.plan.items[i]
		b.Targets = append(b.Targets, c.plan.target(one, &b.Origin, c.sources[one.Statement]))
		for _, parent := range one.parents {
			if !slices.Contains(b.Parents, parent) {
				b.Parents = append(b.Parents, parent)
			}
		}
	}
	return b, nil
}

// bounded cuts what a client declares to what the ledger keeps.
func bounded(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "")
	}
	return strings.TrimSpace(text)
}

// target is a relation at the place, in the words of the ledger.
func (c *carryPlan) target(one *plannedItem, origin *ledger.Origin, source statement.CarrySource) ledger.Target {
	t := ledger.Target{Schema: one.TargetSchema, Name: one.Target, Mode: modes[one.Existing], Partial: source.Filter != "" || source.Query != ""}
	from := func(name policy.RelationFact) int {
		at := slices.IndexFunc(origin.Relations, func(r ledger.OriginRelation) bool { return r.Schema == name.Schema && r.Name == name.Name })
		if at < 0 {
			at = len(origin.Relations)
			origin.Relations = append(origin.Relations, c.originRelation(name.Schema, name.Name))
		}
		if !slices.Contains(t.From, at) {
			t.From = append(t.From, at)
		}
		return at
	}
	made := make([][]ledger.Source, len(one.fact.Outputs))
	for out := range one.fact.Outputs {
		for _, of := range one.fact.Outputs[out].Origins {
			if col := &one.fact.Columns[of]; !col.View {
				made[out] = append(made[out], ledger.Source{Relation: from(policy.RelationFact{Schema: col.Schema, Name: col.Relation}), Column: col.Name})
			}
		}
	}
	for _, read := range one.fact.Relations {
		if len(t.From) == 0 && read.Name != "" {
			from(read) // of its values there are none
		}
	}
	slices.Sort(t.From)
	for out := range one.fact.Outputs {
		column := one.column(out)
		column.From, column.Own = made[out], len(made[out]) == 0
		if len(t.From) == 1 && len(column.From) == 1 && column.From[0].Column == column.Name {
			column.From = nil
		}
		if !column.Own && column.Mask == "" && len(column.Classes)+len(column.From) == 0 {
			t.Rest = append(t.Rest, column.Name)
			continue
		}
		t.Columns = append(t.Columns, column)
	}
	return t
}

// column is what became of the values of a column, in the words of the ledger.
func (one *plannedItem) column(output int) ledger.Column {
	column := ledger.Column{Name: one.fact.Outputs[output].Name}
	note := func(class string) {
		if class != "*" && !slices.Contains(column.Classes, class) {
			column.Classes = append(column.Classes, class)
		}
	}
	for _, m := range one.masks {
		if m.Output == output {
			column.Mask, column.Partial = m.Masking.Mask, m.Masking.LeavesSome()
			note(m.Class)
		}
	}
	for _, class := range one.Classes {
		if class.Name == column.Name {
			note(class.Class)
		}
	}
	slices.Sort(column.Classes)
	return column
}

var modes = map[statement.Existing]ledger.Mode{
	statement.RefuseExisting: ledger.ModeNew, statement.SwapExisting: ledger.ModeSwap, statement.AppendExisting: ledger.ModeAppend,
}

// publishedBody is the receipt, in the words of the ledger. Partitions are relations of
// their own.
func publishedBody(r *transfer.Receipt) *ledger.Published {
	p := &ledger.Published{Copy: r.Copy}
	for i := range r.Relations {
		rel := &r.Relations[i]
		p.Relations = append(p.Relations, ledger.Receipt{
			Schema: rel.Schema, Name: rel.Name, OID: rel.OID, Rows: int64(rel.Rows), Bytes: int64(rel.Bytes), Read: rel.Sent.String(), Held: rel.Held.String(),
		})
	}
	for _, w := range r.Warnings {
		p.Warnings = append(p.Warnings, bounded(w))
	}
	return p
}

// replaced records the copies of which nothing is left, because this one has taken
// the place of all their relations.
func (c *carrier) replaced(ctx context.Context, r *transfer.Receipt) {
	s := c.server
	if s.ledger == nil {
		return
	}
	at := c.plan.at.config.Server
	taken, seen := map[[2]string]bool{}, map[string]bool{}
	for i := range c.terms.Items {
		if item := &c.terms.Items[i]; item.Existing == statement.SwapExisting {
			taken[[2]string{item.TargetSchema, item.Target}] = true
		}
	}
	for name := range taken {
		for _, other := range s.ledger.Held(c.plan.state.System(), at.Database, ledger.OriginRelation{Schema: name[0], Name: name[1]}) {
			if seen[other.ID] || other.ID == c.id || other.Begun == nil {
				continue
			}
			seen[other.ID] = true
			left := slices.ContainsFunc(other.Begun.Targets, func(t ledger.Target) bool { return !taken[[2]string{t.Schema, t.Name}] })
			if left {
				continue
			}
			body := &ledger.Removed{Copy: other.ID, By: c.session.personName(), Why: "copy " + c.id + " has taken the place of all its relations", Verified: []ledger.Evidence{{
				At: ledger.At(r.Published), How: ledger.HowCatalog, What: "its relations were dropped in the transaction that published copy " + c.id,
			}}}
			if err := s.noteCopy(ctx, c.request, c.session.id, body); err != nil {
				s.log.Error("that a copy was replaced could not be recorded", "copy", other.ID, "err", err)
			}
		}
	}
}

// receipt tells the client what was made.
func (c *carrier) receipt(r *transfer.Receipt) {
	var lines []string
	var rows, bytes uint64
	for i := range r.Relations {
		rel := &r.Relations[i]
		rows, bytes = rows+rel.Rows, bytes+rel.Bytes
		lines = append(lines, fmt.Sprintf("%s.%s: %d rows, %s, %x at both ends", rel.Schema, rel.Name, rel.Rows, sizeWords(rel.Bytes), rel.Sent.Sum[:8]))
	}
	for _, w := range r.Warnings {
		lines = append(lines, "note: "+bounded(w))
	}
	const most = 40
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more, see sluice copies show %s", more, c.id))
	}
	took := c.server.now().Sub(c.began).Round(time.Second / 10)
	c.tell(fmt.Sprintf("copy %s is at %s: %d rows, %s, in %s; it expires %s", c.id, c.plan.place.Name, rows, sizeWords(bytes), took,
		c.expires.UTC().Format("2006-01-02 15:04Z")), strings.Join(lines, "\n"))
}

// sizeWords writes a number of bytes for people.
func sizeWords(n uint64) string {
	const unit = 1 << 10
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	size, units := float64(n)/unit, []string{"KiB", "MiB", "GiB", "TiB"}
	for size >= unit && len(units) > 1 {
		size, units = size/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}

// progressEvery is how often a client is told how far its copy is.
const progressEvery = 10 * time.Second

// quietStart is how long nothing is said of a copy to people: most are done then.
const quietStart = 2 * time.Second

// progress tells the client how far the copy is, at every change of phase and now
// and then.
func (c *carrier) progress(p transfer.Progress) {
	every, machine := progressEvery, c.machine
	if machine {
		every = time.Second / 2
	}
	if p.Phase == c.phase && p.Elapsed-c.toldAt < every || !machine && p.Elapsed < quietStart && p.Phase != transfer.Publishing {
		return
	}
	c.phase, c.toldAt = p.Phase, p.Elapsed
	rate, left := "", ""
	if seconds := p.Elapsed.Seconds(); seconds > 0 && p.Bytes > 0 {
		rate = fmt.Sprintf(", %s/s", sizeWords(uint64(float64(p.Bytes)/seconds)))
	}
	if p.Phase == transfer.Copying && p.Expected > p.Bytes && p.Bytes > 0 {
		rest := time.Duration(float64(p.Elapsed) * float64(p.Expected-p.Bytes) / float64(p.Bytes)).Round(time.Second)
		left = fmt.Sprintf(", about %s left", rest)
	}
	detail := ""
	if machine {
		detail = fmt.Sprintf("copy=%s phase=%q rows=%d bytes=%d expected=%d tables=%d/%d seconds=%.1f",
			c.id, p.Phase, p.Rows, p.Bytes, p.Expected, p.Done, p.Tables, p.Elapsed.Seconds())
	}
	c.tell(fmt.Sprintf("%s: %d rows, %s%s%s", p.Phase, p.Rows, sizeWords(p.Bytes), rate, left), detail)
}

// faultOf says in words without values what went wrong, and where.
func faultOf(cause error) (problem string, side ledger.Side, step string, left ledger.Left) {
	side, step, left = ledger.SideProxy, "copy", ledger.LeftNothing
	var at *transfer.Error
	if errors.As(cause, &at) {
		step, cause = at.Step, at.Err
		switch at.Side {
		case sideSource:
			side = ledger.SideSource
		case sideDestination:
			side = ledger.SideDestination
		}
		if at.Left != "" {
			left = ledger.LeftStaging
		}
	}
	if errors.Is(cause, transfer.ErrUnknownOutcome) {
		left = ledger.LeftUnknown
	}
	var refused *pgconn.PgError
	var there *wire.SideError
	problem = cause.Error()
	switch {
	case errors.Is(cause, vault.ErrAway):
		problem = "Vault is away, and nobody else can make a login there"
	case errors.Is(cause, vault.ErrDenied):
		problem = "Vault denies the proxy a login there"
	case errors.As(cause, &refused):
		problem = fmt.Sprintf("%s (%s)", refused.Message, refused.Code)
	case errors.As(cause, &there):
		problem = "the connection was lost"
	}
	return bounded(problem), side, bounded(step), left
}
