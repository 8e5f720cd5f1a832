package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/mask"
	"github.com/sluice-pg/sluice/policy/protection"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/measure"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// carryPlan is what was measured for a copy, and what follows from it.
type carryPlan struct {
	policy *policy.Policy
	place  *measure.Place
	at     *destination
	state  *measure.State
	// system is the system identifier of the source, source what its catalogs say.
	system  string
	source  *protection.Server
	origins origins
	items   []plannedItem
}

// plannedItem is one relation of the copy.
type plannedItem struct {
	policy.CarryItem
	relation measure.Relation
	// origin are the facts of what it is made of, parents the copies that those
	// are of.
	origin  *protection.Facts
	parents []string
	fact    *policy.StatementFact
	masks   []policy.OutputMask
	grants  []transfer.Grant
	plan    protection.Plan
	view    bool
}

// planCarry measures what a decision about a copy wants to know. It always returns
// a fact: what could not be measured speaks against the copy.
func (s *session) planCarry(ctx context.Context, p *policy.Policy, r *policy.Request, wants *policy.CarryWants) (*carryPlan, policy.Place) {
	s.leave()
	ctx, end := s.whileWaiting(ctx)
	defer end()
	now := func() string { return s.server.now().UTC().Format(time.RFC3339) }
	fact := policy.Place{Name: wants.Place, MeasuredAt: now(), Parity: &policy.Parity{MeasuredAt: now()}}
	at := s.server.destinations[wants.Place]
	if at == nil {
		fact.Problem = "the configuration of the proxy has no destination of that name, so nobody can log in there"
		return nil, fact
	}
	fact.Address = at.config.Server.address()
	place, err := at.place(p)
	if err != nil {
		fact.Problem = err.Error()
		return nil, fact
	}
	select {
	case at.planning <- struct{}{}:
		defer func() { <-at.planning }()
	case <-ctx.Done():
		fact.Problem = context.Cause(ctx).Error()
		return nil, fact
	}
	plan := &carryPlan{policy: p, place: place, at: at}
	if err := plan.readSource(ctx, s.database); err != nil {
		fact.Parity.Problem = "the source could not be asked who can read there: " + err.Error()
		return nil, fact
	}
	plan.origins = origins{ledger: s.server.ledger, get: s.server.recorder.Get, system: plan.system, database: s.database.config.Upstream.Database}
	if plan.state, err = at.measured(ctx, place, plan.system); err != nil {
		fact.Problem = err.Error()
		return nil, fact
	}
	if err := at.settle(ctx); err != nil {
		fact.Problem = err.Error()
		return nil, fact
	}
	plan.describe(&fact)
	if err := plan.prepare(p, s.database.config.Name, r, wants); err != nil {
		fact.Parity.Problem = err.Error()
		return nil, fact
	}
	plan.compare(p, &fact)
	return plan, fact
}

func (u *Upstream) address() string { return serverAddress(u.Host, u.Port) }

// readSource reads who can read what at the source.
func (c *carryPlan) readSource(ctx context.Context, d *database) error {
	side := d.catalog.side
	return side.told(askReading(ctx, side, func(ctx context.Context, q catalog.Querier) (err error) {
		if c.system, err = systemIdentifier(ctx, q); err != nil {
			return err
		}
		c.source, err = protection.Load(ctx, q)
		return err
	}))
}

// systemIdentifier is that of the cluster, which everybody may ask for.
func systemIdentifier(ctx context.Context, q catalog.Querier) (id string, err error) {
	err = q.Query(ctx, "SELECT system_identifier FROM pg_catalog.pg_control_system()", func(row [][]byte) error {
		id = string(row[0])
		return nil
	})
	return id, err
}

// describe puts what was measured about the place into the words of a decision.
func (c *carryPlan) describe(fact *policy.Place) {
	s := c.state
	fact.MeasuredAt = s.At.UTC().Format(time.RFC3339)
	fact.SystemIdentifier, fact.Key = s.System(), s.Key()
	fact.Problem = s.Posture.Problem
	fact.Findings = findings(s.Posture)
	inWords(s.Posture, fact)
	fact.Deficits = s.Sentences()
	fact.Blocked = c.at.blocked()
	if s.Measured.InsideProblem != "" {
		fact.Problem = "it could not be asked about itself: " + s.Measured.InsideProblem
	}
}

// prepare says for each relation what it is made of and who may read that.
func (c *carryPlan) prepare(p *policy.Policy, database string, r *policy.Request, wants *policy.CarryWants) error {
	place, err := measure.SourcePlace(p, database, c.system)
	if err != nil {
		return err
	}
	for _, item := range wants.Items {
		one := plannedItem{CarryItem: item, fact: &r.Facts.Catalog.Statements[item.Statement]}
		for _, m := range wants.Masks {
			if m.Statement == item.Statement {
				one.masks = append(one.masks, m)
			}
		}
		one.relation = measure.Relation{
			Schema: item.TargetSchema, Name: item.Target, Lineage: protection.Lineage{}, Classes: map[string][]string{},
		}
		if err := c.traceOrigins(&one, place); err != nil {
			return err
		}
		one.view = c.isView(&one)
		one.grants = c.grants(&one)
		one.plan = c.planned(&one)
		c.items = append(c.items, one)
	}
	return nil
}

// isView reports whether what an item reads cannot be copied as a table.
func (c *carryPlan) isView(one *plannedItem) bool {
	rel, known := c.source.Relation(one.Schema, one.Relation)
	return known && (rel.Kind == 'v' || rel.Kind == 'm' || rel.Kind == 'f')
}

func sortedRelations(set map[policy.RelationFact]bool) (out []policy.RelationFact) {
	for name := range set {
		out = append(out, name)
	}
	slices.SortFunc(out, func(a, b policy.RelationFact) int {
		return slices.Compare([]string{a.Schema, a.Name}, []string{b.Schema, b.Name})
	})
	return out
}

// masked is how strongly a column of the result is masked, 0 not at all.
func (one *plannedItem) masked(output int) int {
	at := slices.IndexFunc(one.masks, func(m policy.OutputMask) bool { return m.Output == output })
	switch {
	case at < 0:
		return 0
	case one.masks[at].Masking.LeavesSome():
		return protection.InPart
	}
	return protection.Gone
}

// grants give roles of the place what the policy says, as far as the role that they
// stand for may read all that a column is made of. Who may read all columns is given
// the table: its generated columns, which are computed there, are no columns of the
// result.
func (c *carryPlan) grants(one *plannedItem) []transfer.Grant {
	var out []transfer.Grant
	for _, g := range c.place.Grants {
		var columns []string
		for at := range one.fact.Outputs {
			if c.mayRead(one, at, g.From) {
				columns = append(columns, one.fact.Outputs[at].Name)
			}
		}
		if len(columns) == len(one.fact.Outputs) {
			out = append(out, transfer.Grant{Role: g.To, Privileges: []string{"SELECT"}})
		} else if len(columns) > 0 {
			out = append(out, transfer.Grant{Role: g.To, Privileges: []string{"SELECT"}, Columns: columns})
		}
	}
	return out
}

// mayRead reports whether a role has been given what a column of the result is made
// of. What is masked so that nothing is left may be read by whom the policy gives the
// copy to.
func (c *carryPlan) mayRead(one *plannedItem, output int, role string) bool {
	out := &one.fact.Outputs[output]
	if one.masked(output) == protection.Gone {
		return c.reads(one, role)
	}
	for _, of := range out.Origins {
		col := &one.fact.Columns[of]
		if !col.View && !c.granted(col.Schema, col.Relation, col.Name, role) {
			return false
		}
	}
	return c.reads(one, role)
}

// reads reports whether a role has been given anything of what the statement reads.
func (c *carryPlan) reads(one *plannedItem, role string) bool {
	return slices.ContainsFunc(one.fact.Columns, func(col policy.ColumnFact) bool {
		return !col.View && c.granted(col.Schema, col.Relation, col.Name, role)
	})
}

func (c *carryPlan) granted(schema, relation, column, role string) bool {
	rel, known := c.source.Relation(schema, relation)
	if !known {
		return false
	}
	return slices.ContainsFunc(c.source.Granted(rel), func(g protection.Grant) bool {
		return (g.Role == role || g.Role == everyRole) && (len(g.Columns) == 0 || slices.Contains(g.Columns, column))
	})
}

// everyRole stands for all roles that there are or will be.
const everyRole = "PUBLIC"

// counterparts are the roles of the place that stand for one of the source.
func (c *carryPlan) counterparts(source string) (out []string) {
	for _, g := range c.place.Grants {
		if g.From == source {
			out = append(out, g.To)
		}
	}
	return out
}

// planned is the relation as it would be at the place.
func (c *carryPlan) planned(one *plannedItem) protection.Plan {
	plan := protection.Plan{Schema: one.TargetSchema, Name: one.Target, Owner: c.place.Roles.Owner, WithoutDefaults: true}
	for _, out := range one.fact.Outputs {
		plan.Columns = append(plan.Columns, out.Name)
	}
	for _, g := range one.grants {
		plan.Grants = append(plan.Grants, protection.Grant{Role: g.Role, Columns: g.Columns})
	}
	rel, known := c.source.Relation(one.Schema, one.Relation)
	if !known || one.view {
		return plan
	}
	on, policies := c.source.RowSecurity(rel)
	plan.RowSecurity, plan.ForceRow = on, on
	for _, p := range policies {
		roles := p.Roles
		p.Roles = nil
		for _, role := range roles {
			if role == everyRole {
				p.Roles = append(p.Roles, role)
			} else {
				p.Roles = append(p.Roles, c.counterparts(role)...)
			}
		}
		if len(p.Roles) == 0 && !p.Permissive {
			p.Roles = []string{everyRole} // whom it was for has another name there
		}
		if len(p.Roles) > 0 {
			plan.Policies = append(plan.Policies, p)
		}
	}
	return plan
}

// compare holds who could read the copy against who can read what it is made of.
func (c *carryPlan) compare(p *policy.Policy, fact *policy.Place) {
	if c.state.Server == nil {
		fact.Parity.Problem = "the place could not be asked who can read there: " + c.state.Measured.InsideProblem
		return
	}
	var origins, here []*protection.Facts
	for i := range c.items {
		one := &c.items[i]
		at, err := c.there(one)
		if err != nil {
			fact.Parity.Problem = err.Error()
			return
		}
		facts, err := c.place.Facts(c.state, c.state.Server, &one.relation, at)
		if err != nil {
			fact.Parity.Problem = err.Error()
			return
		}
		deficits, problem := measure.Sentences(c.place.Compare(p, c.state, &one.relation, one.origin, facts))
		fact.Parity.Deficits = append(fact.Parity.Deficits, deficits...)
		if problem != "" && fact.Parity.Problem == "" && len(deficits) == 0 {
			fact.Parity.Problem = problem
		}
		origins, here = append(origins, one.origin), append(here, facts)
	}
	fact.Parity.Source, fact.Parity.Destination = digestOf(origins), digestOf(here)
}

// there is the relation as it would be, or as it is where rows are added to it.
func (c *carryPlan) there(one *plannedItem) (*protection.Relation, error) {
	if one.Existing == statement.AppendExisting {
		if rel, known := c.state.Server.Relation(one.TargetSchema, one.Target); known {
			return rel, nil
		}
	}
	return c.state.Server.Planned(one.plan)
}

func digestOf(facts []*protection.Facts) string {
	sum, err := protection.Join(facts...).Digest()
	if err != nil {
		return ""
	}
	return sum
}

// keeps are the constraints that its masked values satisfy, as the policy says.
func (one *plannedItem) keeps(p *policy.Policy, place string) (names []string) {
	for _, m := range one.masks {
		names = append(names, p.Keeps(place, m.Class)...)
	}
	return names
}

// masksOf are the masks of an item by the names of its columns.
func (one *plannedItem) masksOf(keys map[string]mask.Key) map[string]mask.Mask {
	out := map[string]mask.Mask{}
	for _, m := range one.masks {
		out[one.fact.Outputs[m.Output].Name] = m.Masking.Values(keys[m.Masking.Key])
	}
	return out
}
