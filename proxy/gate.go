package proxy

import (
	"context"
	"strings"

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
	// policy decided. A decision by a policy that is no longer in force
	// is taken again.
	policy *policy.Policy
}

// judgeText is the gate for every message that carries SQL: analysed,
// resolved, decided, recorded. The caller forwards nothing that has a
// refusal, and nothing before judgeText has returned.
func (s *session) judgeText(ctx context.Context, road, text string) judgement {
	a := s.server.analyzer.Analyze(ctx, text)
	j := judgement{id: newID(), statements: a.Statements, policy: s.server.policy.Load()}
	resolved := s.resolve(a.Statements)
	j.copyIns = copyIns(resolved)
	r := s.request(resolved, a.Kind, a.Problem)
	d := s.decide(ctx, r, j.policy)
	if err := s.recordDecision(ctx, j.id, road, r, j.policy, d, a); err != nil {
		s.log.Error("statement refused: not recorded", "req", j.id, "err", err)
		j.refusal = refuseUnrecorded(j.id)
	} else if d.Verdict != policy.Allow {
		j.refusal = refuse(d, j.id, text, nearOf(a.Problem))
	}
	if j.refusal != nil {
		j.refusal.copyIns = j.copyIns
		return j
	}
	j.text = s.virtual(ctx, text, a.Statements)
	return j
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

// judgeAgain decides what a name stands for at the moment it is used: the
// name may have been pointed elsewhere, the policy reloaded, a place
// changed. A decision that cannot have changed is not taken again.
func (s *session) judgeAgain(ctx context.Context, road string, meanings []meaning) *refusal {
	p := s.server.policy.Load()
	for _, m := range meanings {
		if m.policy == p && len(m.statement.Names) == 0 && len(m.statement.Destinations) == 0 {
			continue
		}
		if r := s.decideMeaning(ctx, road, m.statement, p); r != nil {
			return r
		}
	}
	if len(meanings) == 0 {
		unknown := policy.Unseen("a prepared statement or portal that nobody saw made")
		return s.decideMeaning(ctx, road, &unknown, p)
	}
	return nil
}

func (s *session) decideMeaning(ctx context.Context, road string, st *statement.Statement, p *policy.Policy) *refusal {
	id := newID()
	resolved := s.resolve([]statement.Statement{*st})
	r := s.request(resolved, resolved[0].Kind, nil)
	d := s.decide(ctx, r, p)
	if d.Verdict == policy.Allow && !mustBeOnDisk(r.Kind, d.Verdict) {
		return nil // the execution is recorded
	}
	if err := s.recordDecision(ctx, id, road, r, p, d, nil); err != nil {
		s.log.Error("statement refused: not recorded", "req", id, "err", err)
		return refuseUnrecorded(id)
	}
	if d.Verdict != policy.Allow {
		return refuse(d, id, "", "")
	}
	return nil
}

// request gathers what a decision may look at.
func (s *session) request(statements []statement.Statement, kind statement.Kind, problem *statement.Problem) *policy.Request {
	for i := range statements {
		kind = statement.Worst(kind, statements[i].Kind)
	}
	return &policy.Request{
		Identity: policy.Identity{User: s.identity.User, Method: s.identity.Method},
		Session: policy.Session{
			Database: s.database.config.Name, Address: s.address, TLS: s.identity.TLS,
			ApplicationName: s.startup.application, Declared: s.startup.declared,
		},
		Kind: kind, Problem: problem, Statements: statements,
	}
}

// decide measures the places the statements name and asks the policy.
func (s *session) decide(ctx context.Context, r *policy.Request, p *policy.Policy) policy.Decision {
	r.Facts.Places = s.server.measure(ctx, p, r.Statements)
	return p.Decide(r)
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
