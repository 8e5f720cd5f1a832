package proxy

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// judgement is what the gate says of one message.
type judgement struct {
	// id is the request id, in the trail and in what the client reads.
	id string
	// refusal is set if the message must not pass.
	refusal *refusal
	// statements are those of the text as it was written: their names are
	// looked up again whenever they run.
	statements []statement.Statement
	// copyIns are those of them that ask for COPY data, also by EXECUTE.
	copyIns []*statement.CopyIn
	// text is what to send in place of the client's text; empty for the
	// text itself.
	text string
	// kind is the worst kind of what runs, that of names looked up.
	kind statement.Kind
	// policy decided. A decision by a policy that is no longer in force
	// is taken again.
	policy *policy.Policy
	// spoken is what a comment of the text declares, nil for nothing.
	spoken policy.Declared
	terms  terms
	// volatile is true if it was decided by a time or by facts that may be
	// others a moment later, changesCode if the message may change what a
	// function is.
	volatile, changesCode bool
	// sight is what the decision saw of the catalog.
	sight sightKey
	// meant is what the names of the text's only statement mean.
	meant string
	// inner is what those of statements mean that the text prepares or declares.
	inner map[*statement.Statement]string
	// notices are what the policy wants said though it refuses nothing.
	notices []policy.Reason
	// made is the decision; sources are what it has carried, if it does.
	made    *decided
	sources []statement.CarrySource
	// asked is what observers know it by; nil if nobody looks.
	asked *Asked
}

// longText is a text that takes long to analyse, in bytes: a millisecond or
// more.
const longText = 16 << 10

// judgeText is the gate for every message that carries SQL: analysed,
// resolved, decided, recorded. The caller forwards nothing that has a
// refusal, and nothing before judgeText has returned.
func (s *session) judgeText(ctx context.Context, road, text string) judgement {
	arrived := s.arrival()
	s.cancelsBefore = s.cancels.Load()
	if len(text) > longText {
		s.leave()
	}
	a := s.analyze(ctx, text)
	shown := s.shown()
	j := judgement{id: newID(), statements: a.Statements, policy: s.server.policy.Load(), spoken: declaredIn(text)}
	s.claims.spoken = j.spoken
	defer func() { s.claims.spoken = nil }()
	known := s.decided.find(a, j.policy)
	if known == nil || s.claims.spoken != nil || !s.seesSame(ctx, known.sight) {
		known = s.decideText(ctx, a, j.policy)
	}
	d := &known.decision
	j.copyIns, j.kind = known.copyIns, known.kind
	j.takeFrom(known)
	j.terms.shown = shown
	err := s.recordText(ctx, j.id, road, known, text, a)
	j.asked = s.observeDecision(j.id, road, arrived, known, text, a, err)
	if err != nil {
		j.refusal = s.unrecorded(j.id, err)
	} else if s.canceled() {
		j.refusal = refuseCanceled(j.id)
	} else if !known.passes() {
		j.refusal = refuse(*d, j.id, text, nearOf(a.Problem))
	}
	if j.refusal != nil {
		j.refusal.copyIns = j.copyIns
		return j
	}
	j.noteInner(s, a.Statements)
	if s.namesMoved(ctx, a.Statements) {
		j.refusal = refuseMovedNames(j.id)
		return j
	}
	if carriesRows(a.Statements) {
		s.readCarry(&j, text)
		return j
	}
	if j.text = s.virtual(ctx, text, a.Statements); j.text != "" && onlyVirtual(a.Statements) {
		j.terms.charges = nil // whose budget is spent may still ask about it
	}
	if known.masks != nil && j.text == "" {
		j.text, j.terms.masks = s.pushDown(known, text)
	}
	j.refusal = s.keepsRole(&j)
	return j
}

// recordText puts the decision about a text on record: in full the first time,
// and whenever it is about more than everyday work.
func (s *session) recordText(ctx context.Context, id, road string, made *decided, text string, a *statement.Analysis) error {
	switch {
	case made.recorded == "" || mustBeOnDisk(made.kind, policy.Allow):
		return s.recordDecision(ctx, id, road, made, text, a)
	case mustBeOnDisk(made.kind, made.decision.Verdict):
		return s.appendRepeat(ctx, id, road, made, len(text))
	case s.holdRecord(id, made, text):
		return nil
	}
	return s.recordRepeat(id, road, made, len(text))
}

// takeFrom takes over from a decision what follows from it.
func (j *judgement) takeFrom(made *decided) {
	d := &made.decision
	j.terms, j.notices, j.volatile, j.changesCode = termsOf(made), d.Notices, made.volatile(), d.ChangesCode
	j.sight, j.meant, j.made = made.sight, made.meant, made
}

// decideText resolves and decides a text that was analysed.
func (s *session) decideText(ctx context.Context, a *statement.Analysis, p *policy.Policy) *decided {
	resolved := s.resolve(a.Statements)
	made := s.decide(ctx, s.request(resolved, a.Kind, a.Problem), p)
	made.copyIns = copyIns(resolved)
	if len(a.Statements) == 1 {
		made.meant = s.meantNow(&a.Statements[0])
	}
	if s.claims.spoken == nil { // a comment is no part of an analysis
		s.decided.keep(a, made)
	}
	return made
}

// judgeStartup judges the settings of the start-up packet as if each had been
// given by SET.
func (s *session) judgeStartup(ctx context.Context) error {
	var text strings.Builder
	for _, p := range s.startup.params {
		text.WriteString(p.statement())
	}
	if text.Len() == 0 {
		return nil
	}
	r := s.judgeText(ctx, "startup", text.String()).refusal
	if r == nil {
		return nil
	}
	return startupError{r.sqlstate, r.message, r.hint}.because(errSetting)
}

// roadExecute is that of an Execute.
const roadExecute = "execute"

// judgeAgain decides what a name stands for at the moment it is used: the
// name may have been pointed elsewhere, the policy reloaded, a place
// or a function changed, the time be over. A decision that cannot have changed
// is not taken again. The terms are the tightest of all that the name may mean.
func (s *session) judgeAgain(ctx context.Context, road string, meanings []meaning) (j judgement) {
	j = judgement{policy: s.server.policy.Load(), kind: statement.OrdinaryRead}
	s.cancelsBefore = s.cancels.Load()
	shown := s.shown()
	defer func() { j.terms.shown = shown }()
	if len(meanings) == 0 {
		unknown := policy.Unseen("a prepared statement or portal that nobody saw made")
		meanings = []meaning{{admitted: &admitted{statement: &unknown}}}
	}
	for i, m := range meanings {
		same := s.seesSame(ctx, m.sight)
		if !s.stillMeans(&m, road == roadExecute) || len(m.statement.Names) > 0 && s.namesMoved(ctx, []statement.Statement{*m.statement}) {
			j.refusal = refuseMovedNames(newID())
			return j
		}
		j.noteInner(s, []statement.Statement{*m.statement})
		terms, changesCode, kind := m.terms, m.changesCode, m.statement.Kind
		if m.mayHaveChanged(j.policy) || !same {
			one := s.decideMeaning(ctx, road, m.statement, m.spoken, j.policy)
			if one.refusal != nil {
				return one
			}
			terms, changesCode, kind, j.made = one.terms, one.changesCode, one.kind, one.made
			j.volatile = j.volatile || one.volatile
			j.notices = append(j.notices, one.notices...)
		}
		j.kind = statement.Worst(j.kind, kind)
		if i > 0 && j.terms.masks != terms.masks {
			j.refusal = refuseSeveralMasks(newID())
			return j
		}
		alike := i == 0 || j.terms.bare == terms.bare
		if j.terms = j.terms.tighter(terms); !alike {
			j.terms.bare = nil // nobody knows which of the results it will be
		}
		j.changesCode = j.changesCode || changesCode
	}
	if s.canceled() {
		j.refusal = refuseCanceled(newID())
	}
	return j
}

// mayHaveChanged reports whether a meaning may be decided otherwise now.
func (m *admitted) mayHaveChanged(p *policy.Policy) bool {
	return m.policy != p || m.volatile || len(m.statement.Names) > 0 || len(m.statement.Destinations) > 0
}

// decideMeaning decides one statement that is run by a name; spoken is what its text
// declared when the name was given.
func (s *session) decideMeaning(ctx context.Context, road string, st *statement.Statement, spoken policy.Declared, p *policy.Policy) judgement {
	s.claims.spoken = spoken
	defer func() { s.claims.spoken = nil }()
	id, arrived := newID(), s.arrival()
	resolved := s.resolve([]statement.Statement{*st})
	made := s.decide(ctx, s.request(resolved, resolved[0].Kind, nil), p)
	d := made.decision
	j := judgement{id: id, policy: p, kind: made.kind}
	j.takeFrom(made)
	if d.Verdict == policy.Allow && !mustBeOnDisk(made.kind, d.Verdict) {
		return j // the execution is recorded
	}
	err := s.recordDecision(ctx, id, road, made, "", nil)
	s.observeDecision(id, road, arrived, made, "", nil, err)
	if err != nil {
		j.refusal = s.unrecorded(id, err)
	} else if !made.passes() {
		j.refusal = refuse(d, id, "", "")
	}
	return j
}

// request gathers what a decision may look at.
func (s *session) request(statements []statement.Statement, kind statement.Kind, problem *statement.Problem) *policy.Request {
	for i := range statements {
		kind = statement.Worst(kind, statements[i].Kind)
	}
	return &policy.Request{
		Identity: s.person(),
		Session: policy.Session{
			Database: s.database.config.Name, Address: s.address, TLS: s.identity.TLS,
			ApplicationName: s.startup.application, SharedPassword: s.database.config.sharesPassword(),
			Declared: s.declaredNow(),
		},
		Kind: kind, Problem: problem, Statements: statements,
	}
}

// person is who the session is, as the policy sees it.
func (s *session) person() policy.Identity {
	id := policy.Identity{User: s.identity.User, Method: s.identity.Method}
	if b := s.identity.Bearer; b != nil {
		id.Issuer, id.Subject, id.Groups, id.ACR, id.AMR = b.Issuer, b.Subject, b.Groups, b.ACR, b.AMR
	}
	return id
}

// decide measures the places the statements name, and the functions they call
// that the policy knows, and asks the policy.
func (s *session) decide(ctx context.Context, r *policy.Request, p *policy.Policy) *decided {
	if goesElsewhere(r.Statements) {
		s.leave()
		r.Facts.Places = s.server.measure(ctx, p, r.Statements)
	}
	s.measureFunctions(ctx, p, r)
	s.measureFeed(ctx, p, r)
	seen := s.lookUpNames(ctx, p, r)
	r.Time = s.server.now().UTC().Format(time.RFC3339)
	d := s.viewOf(p).Decide(r)
	var plan *carryPlan
	if d.Wants != nil {
		var fact policy.Place
		plan, fact = s.planCarry(ctx, p, r, d.Wants)
		r.Facts.Places = append(r.Facts.Places, fact)
		r.Time = s.server.now().UTC().Format(time.RFC3339)
		d = s.viewOf(p).Decide(r)
	}
	if !d.Volatile {
		r.Time = "" // nothing looked at it
	}
	made := &decided{policy: p, kind: r.Kind, decision: d, request: r, sight: seen, path: s.sight.path, charges: s.chargesFor(&d), carry: plan}
	made.masks = newMasks(made, s.server.maskKeys)
	if made.passes() && p.NeedsCatalog() {
		made.bare = bareOf(p, r)
	}
	if made.charges != nil {
		made.subject = subjectOf(p, r)
	}
	return made
}

func goesElsewhere(statements []statement.Statement) bool {
	return slices.ContainsFunc(statements, func(st statement.Statement) bool { return len(st.Destinations) > 0 })
}

// viewOf is a policy as this session meets it. Only the goroutine that reads
// from the client uses it.
func (s *session) viewOf(p *policy.Policy) *policy.View {
	if s.view == nil || s.viewed != p {
		r := s.request(nil, statement.OrdinaryRead, nil)
		s.view, s.viewed = p.View(r.Identity, r.Session), p
	}
	return s.view
}

func nearOf(p *statement.Problem) string {
	if p == nil {
		return ""
	}
	return p.Near
}

// copyIns returns what the statements ask for in COPY data, in their order.
func copyIns(statements []statement.Statement) []*statement.CopyIn {
	var all []*statement.CopyIn
	for i := range statements {
		if c := statements[i].CopyIn; c != nil {
			all = append(all, c)
		}
	}
	return all
}
