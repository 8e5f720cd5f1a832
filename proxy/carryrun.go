package proxy

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/audit/ledger"
	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/policy/protection"
	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/credential/vault"
	"github.com/sluice-pg/sluice/proxy/measure"
	"github.com/sluice-pg/sluice/proxy/transfer"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// copyAlphabet keeps the order of what it encodes.
var copyEncoding = base32.NewEncoding("234567abcdefghijklmnopqrstuvwxyz").WithPadding(base32.NoPadding)

// newCopyID is an id of a copy: 48 bits of milliseconds and 80 random ones, so that
// ids are in the order of time.
func newCopyID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:])
	return copyEncoding.EncodeToString(b[:])
}

// carrier is one copy that is being carried for a session.
type carrier struct {
	server  *Server
	session *session
	plan    *carryPlan
	// made is the decision, policy the one in force when it was last taken.
	made    *decided
	policy  *policy.Policy
	terms   *policy.CarryTerms
	id      string
	request string
	sources []statement.CarrySource
	news    *news
	began   time.Time
	expires time.Time
	// phase and toldAt are what the client was told last; only progress uses them.
	phase  transfer.Phase
	toldAt time.Duration
	// machine is true if a program reads what is said.
	machine bool
}

// carry runs a copy that was decided and returns how many rows each statement of
// the text has moved.
func (s *Server) carry(ctx context.Context, by *session, j *judgement, n *news) ([]int64, *refusal) {
	terms := carryTerms(j.made)
	if terms == nil || j.made.carry == nil {
		return nil, refuseUncarried(j.id, errors.New("nothing was decided about it"))
	}
	select {
	case s.copying <- struct{}{}:
		defer func() { <-s.copying }()
	default:
		return nil, &refusal{
			id: j.id, sqlstate: "53300", rule: "builtin:carry",
			message: "sluice: too many copies are carried at this moment [req " + j.id + "]",
			detail:  fmt.Sprintf("Nothing was copied. %d copies are under way, and that is how many may be (copies.at_once).", cap(s.copying)),
			hint:    "Run it again in a while.",
		}
	}
	now := s.now()
	c := &carrier{
		server: s, session: by, plan: j.made.carry, made: j.made, policy: j.made.policy, terms: terms, id: newCopyID(now), request: j.id, sources: j.sources,
		news: n, began: now, machine: j.made.request.Session.Declared["progress"] == "machine", expires: now.Add(time.Duration(terms.Seconds) * time.Second),
	}
	return c.run(ctx)
}

func (c *carrier) run(ctx context.Context) ([]int64, *refusal) {
	begun, err := c.begun(ctx)
	if err == nil {
		err = c.server.noteCopy(ctx, c.request, c.session.id, begun)
	}
	if err != nil {
		return nil, c.session.unrecorded(c.request, err)
	}
	c.tell("copying to "+c.plan.place.Name, fmt.Sprintf("Copy %s. It is published as a whole when all of it is there and checked.", c.id))
	receipt, err := c.transfer(ctx)
	if err != nil && receipt == nil {
		return nil, c.failed(ctx, err)
	}
	if err != nil {
		c.server.log.Error("a copy was published, and what was to come after it failed", "copy", c.id, "err", err)
	}
	if err := c.server.noteCopy(ctx, c.request, c.session.id, publishedBody(receipt)); err != nil {
		c.server.log.Error("a copy was published and could not be recorded", "copy", c.id, "err", err)
	}
	c.replaced(ctx, receipt)
	c.receipt(receipt)
	rows := make([]int64, len(c.terms.Items))
	for i := range receipt.Relations {
		rows[receipt.Relations[i].Item] += int64(receipt.Relations[i].Rows)
	}
	return rows, nil
}

// transfer issues the logins for both ends, moves the rows, and takes the logins
// back.
func (c *carrier) transfer(ctx context.Context) (*transfer.Receipt, error) {
	limits := c.made.decision.Limits
	if limits.Duration > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, limits.Duration, fmt.Errorf("it took longer than %s, and that is how long it may take", policy.DurationWords(limits.Duration)))
		defer stop()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	source, err := c.openEnd(ctx, c.session.database.credentials, c.session.database.target, c.sourceRequest(), sideSource)
	if err != nil {
		return nil, err
	}
	defer source.close()
	defer source.follow(ctx, cancel)()
	request, err := c.plan.at.request(asCarrier)
	if err != nil {
		return nil, &transfer.Error{Side: sideDestination, Step: "choose a login", Err: err}
	}
	request.Subject, request.Database, request.Connections = c.session.personName(), c.plan.at.config.Name, c.connections()
	request.SessionID = c.id
	there, err := c.openEnd(ctx, c.plan.at, c.plan.at.target, request, sideDestination)
	if err != nil {
		return nil, err
	}
	defer there.close()
	defer there.follow(ctx, cancel)()
	until := c.leaseUntil()
	receipt, err := transfer.Run(ctx, transfer.Job{
		Copy: c.id, Source: source.open, Destination: there.open, Items: c.items(), Streams: c.server.config.Copies.Streams,
		Owner: c.plan.place.Roles.Owner, Roles: c.plan.counterparts, LeaseUntil: until,
		BeforeCopy: c.stillDecided, BeforePublish: c.recheck, Progress: c.progress, Now: c.server.now,
		MaxRows: uint64(max(limits.Rows, 0)), MaxBytes: uint64(max(limits.Bytes, 0)),
	})
	if err != nil && receipt == nil {
		err = cutOff(err, source, there)
	}
	return receipt, err
}

// The sides of a copy, beside those of a session.
const (
	sideSource      = wire.Side("source")
	sideDestination = wire.Destination
)

// leaseUntil is when rows can be read no more unless somebody renews the lease: the
// copy's own end if that comes first.
func (c *carrier) leaseUntil() time.Time {
	life := c.plan.place.Expires.Lease
	if life == 0 {
		return time.Time{}
	}
	until := c.server.now().Add(life)
	if c.expires.Before(until) {
		return c.expires
	}
	return until
}

// connections is how many one end uses: a stream may have one for the rows and one
// to cancel it, besides the one that holds the copy together.
func (c *carrier) connections() int { return 2*c.server.config.Copies.Streams + 2 }

// sourceRequest is for a login that may read what the session may, and no more.
func (c *carrier) sourceRequest() credential.Request {
	chosen := c.session.chosen.terms
	return credential.Request{
		SessionID: c.id, Subject: c.session.personName(), Person: c.session.personID(), Database: c.session.database.config.Name,
		Role: chosen.Role, Group: chosen.Group, Connections: c.connections(),
	}
}

// items are what is moved, in the terms of the engine.
func (c *carrier) items() []transfer.Item {
	var out []transfer.Item
	for i := range c.plan.items {
		one := c.plan.items[i]
		source := c.sources[one.Statement]
		if source.Query == "" && one.Relation == "" {
			c.nameSource(&one, source)
		}
		item := transfer.Item{
			TargetSchema: one.TargetSchema, TargetName: one.Target, Masks: one.masksOf(c.server.maskKeys), Grants: one.grants,
			Keeps: one.keeps(c.plan.policy, c.plan.place.Name), Existing: existing[one.Existing], Comments: one.comments(), Path: c.session.sight.path,
		}
		switch {
		case source.Query != "":
			item.Query = source.Query
		case one.view, source.Only:
			item.Query = one.selectAll(source)
		default:
			item.Schema, item.Name, item.Where = one.Schema, one.Relation, source.Filter
			item.Generated = len(source.Columns) == 0 // COPY leaves them out, and the table has them
			for _, o := range one.fact.Outputs {
				item.Columns = append(item.Columns, o.Name)
			}
		}
		out = append(out, item)
	}
	return out
}

var existing = map[statement.Existing]transfer.Existing{
	statement.RefuseExisting: transfer.Refuse, statement.SwapExisting: transfer.Swap, statement.AppendExisting: transfer.Append,
}

// nameSource says which relation the rows are of, where the condition on them reads
// others.
func (c *carrier) nameSource(one *plannedItem, source statement.CarrySource) {
	named := c.made.request.Statements[one.Statement].Relations
	at := slices.IndexFunc(named, func(r statement.Relation) bool { return r.Schema == source.Schema && r.Name == source.Name })
	if at < 0 || at >= len(one.fact.Relations) {
		return
	}
	one.Schema, one.Relation = one.fact.Relations[at].Schema, one.fact.Relations[at].Name
	one.view = c.plan.isView(one)
}

// selectAll reads a relation by a query, for what cannot be copied as a table.
func (one *plannedItem) selectAll(source statement.CarrySource) string {
	text := "SELECT "
	for i, o := range one.fact.Outputs {
		if i > 0 {
			text += ", "
		}
		text += quote.Identifier(o.Name)
	}
	text += " FROM "
	if source.Only {
		text += "ONLY "
	}
	text += quote.Qualified(one.Schema, one.Relation)
	if source.Filter != "" {
		text += " WHERE (\n" + source.Filter + "\n)"
	}
	return text
}

// comments say of which class columns are. What was masked is of none.
func (one *plannedItem) comments() map[string]string {
	out := map[string]string{}
	for _, c := range one.Classes {
		if c.Masked {
			out[c.Name] = "masked " + c.Class
		} else {
			out[c.Name] = "class:" + c.Class
		}
	}
	return out
}

// recheck measures again, in the transaction that publishes the copy, right before
// its end, over that very connection: how the place is protected, and who can read
// each relation as it stands there. What is worse than what was decided rolls
// everything back.
func (c *carrier) recheck(ctx context.Context, q catalog.Querier, relations []transfer.Published) error {
	// The login itself is told about its own connection, and may see what the probe
	// may; the role that owns copies is not and may not.
	ask := func(ctx context.Context, question func(context.Context, catalog.Querier) error) error {
		if err := q.Query(ctx, "SET LOCAL ROLE NONE", nil); err != nil {
			return err
		}
		if err := question(ctx, q); err != nil {
			return err
		}
		return q.Query(ctx, "SET LOCAL ROLE "+quote.Identifier(c.plan.place.Roles.Owner), nil)
	}
	if err := c.stillDecided(ctx); err != nil {
		return err
	}
	state := c.plan.place.Again(ctx, c.plan.state, ask, true, c.plan.system)
	if err := c.plan.at.settle(ctx); err != nil {
		return err
	}
	if faults := state.Sentences(); len(faults) > 0 {
		return fmt.Errorf("the place is not protected any more as it was: %s", worstOf(faults))
	}
	if err := sameSystem(state.System(), c.plan.state.System()); err != nil {
		return err
	}
	if key, was := state.Key(), c.plan.state.Key(); key != was {
		return fmt.Errorf("another server than the one that was measured may answer to its name: the SHA-256 of its certificate's key is %s, and was %s", key, was)
	}
	for i := range relations {
		if err := c.recheckRelation(state, state.Server, &relations[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *carrier) recheckRelation(state *measure.State, server *protection.Server, p *transfer.Published) error {
	one := &c.plan.items[p.Item]
	at, known := server.Relation(p.Schema, p.Name)
	if !known {
		return fmt.Errorf("%s.%s is not there", p.Schema, p.Name)
	}
	facts, err := c.plan.place.Facts(state, server, &one.relation, at)
	if err != nil {
		return err
	}
	deficits, problem := measure.Sentences(c.plan.place.Compare(c.policy, state, &one.relation, one.origin, facts))
	switch {
	case len(deficits) > 0:
		return fmt.Errorf("as it stands there, somebody could read more of %s.%s than here: %s", p.Schema, p.Name, worstOf(deficits))
	case problem != "":
		return fmt.Errorf("who can read %s.%s there cannot be told: %s", p.Schema, p.Name, problem)
	}
	for i := range p.Partitions {
		part := p.Partitions[i]
		part.Item = p.Item
		if err := c.recheckRelation(state, server, &part); err != nil {
			return err
		}
	}
	return nil
}

func worstOf(texts []string) string {
	if more := len(texts) - 1; more > 0 {
		return fmt.Sprintf("%s, and %d more", texts[0], more)
	}
	return texts[0]
}

// failed records why a copy did not come about, and words it for the client.
func (c *carrier) failed(ctx context.Context, cause error) *refusal {
	problem, side, step, left := faultOf(cause)
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errCarryCanceled) {
		problem, side = "canceled by the client", ledger.SideClient
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errNobodyWaits) {
		problem, side = "the client hung up", ledger.SideClient
	}
	c.server.log.Warn("a copy failed", "copy", c.id, "req", c.request, "side", side, "step", step, "err", cause)
	body := &ledger.Failed{Copy: c.id, Left: left, Problem: problem, Side: side, Step: step}
	if err := c.server.noteCopy(context.WithoutCancel(ctx), c.request, c.session.id, body); err != nil {
		c.server.log.Error("the end of a copy could not be recorded", "copy", c.id, "err", err)
	}
	var refused *transfer.Refusal
	if errors.As(cause, &refused) {
		return &refusal{
			id: c.request, sqlstate: "0A000", rule: "builtin:carry", detail: "Nothing was copied: " + bounded(refused.Why) + ".",
			message: "sluice: " + bounded(refused.What) + " cannot be carried to " + c.plan.place.Name + " [req " + c.request + "]",
			hint:    "To do: " + bounded(refused.Instead) + ".",
		}
	}
	r := &refusal{
		id: c.request, sqlstate: "42501", rule: "builtin:carry", detail: "The copy " + c.id + " was not made: " + problem + ".",
		message: "sluice: the copy to " + c.plan.place.Name + " failed while it was to " + step + " [req " + c.request + "]",
		hint:    "Nothing of it is at " + c.plan.place.Name + ". It can be run again.",
	}
	if left != ledger.LeftNothing {
		r.hint = "What is left of it at " + c.plan.place.Name + " nobody can read, and it is removed when the place can be reached again."
	}
	switch {
	case errors.Is(cause, vault.ErrAway):
		r.sqlstate, r.hint = "57P03", r.hint+" Vault is away, not the databases: try again in a moment."
	case errors.Is(cause, vault.ErrDenied):
		r.sqlstate, r.hint = "58000", r.hint+" Tell the people who run Sluice before: its log has the cause."
	}
	if side == ledger.SideClient {
		r.sqlstate, r.message = "57014", "sluice: the copy to "+c.plan.place.Name+" was canceled [req "+c.request+"]"
	}
	return r
}

// noteCopy records what happens to a copy, and tells the ledger.
func (s *Server) noteCopy(ctx context.Context, request, session string, body ledger.Body) error {
	s.noting.Lock()
	defer s.noting.Unlock()
	return s.noteLocked(ctx, request, session, body)
}

func (s *Server) noteLocked(ctx context.Context, request, session string, body ledger.Body) error {
	event, err := ledger.Event(s.now(), request, session, body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Trail.Timeout)
	defer cancel()
	index, err := s.recorder.Append(ctx, event)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if s.ledger == nil {
		return nil
	}
	defer s.copyNoted(body)
	return s.ledger.Apply(index, event)
}

// tell says something to the client.
func (c *carrier) tell(message, detail string) {
	c.news.say(&pgproto3.NoticeResponse{Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: "sluice: " + message, Detail: detail})
}

// factsOf are the facts of the origin as the ledger keeps them.
func (c *carrier) factsOf(ctx context.Context) (ledger.Facts, error) {
	var origins []*protection.Facts
	for i := range c.plan.items {
		origins = append(origins, c.plan.items[i].origin)
	}
	all := protection.Join(origins...)
	sum, err := all.Digest()
	if err != nil {
		return ledger.Facts{}, err
	}
	if all.Facts == nil {
		all.Facts = []protection.Fact{} // of columns that are made of none nobody can read anything
	}
	inline, err := json.Marshal(all.Facts)
	if err != nil {
		return ledger.Facts{}, err
	}
	facts := ledger.Facts{Count: int64(len(all.Facts)), Sum: sum}
	if len(inline) <= ledger.MaxFactsBytes {
		facts.Inline = inline
		return facts, nil
	}
	facts.Stored, err = c.server.recorder.Put(ctx, inline)
	return facts, err
}
