package proxy

import (
	"context"
	"encoding/binary"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// functionCall is a FunctionCall: no text, only an OID, and judged by it
// (contract 3).
func (s *session) functionCall(ctx context.Context, h wire.Header) error {
	prefix, err := s.client.Prefix(4)
	if err != nil {
		return err
	}
	st := policy.Unseen("a function called by its OID")
	known := false
	if len(prefix) == 4 {
		var call statement.Statement
		if call, known = policy.FunctionCall(binary.BigEndian.Uint32(prefix)); known {
			st = call
		}
	}
	id, arrived := newID(), s.arrival()
	p := s.server.policy.Load()
	made := s.decide(ctx, s.request([]statement.Statement{st}, st.Kind, nil), p)
	d := &made.decision
	if !known {
		*d = policy.Decision{
			Rule: "builtin:function-call", SQLSTATE: "42501", Subject: "a function called by its OID",
			Hint: "Call the function by its name in a SELECT.", Position: -1,
			Reasons: []policy.Reason{{Rule: "builtin:function-call", Text: "the function-call message names no function that could be judged"}},
		}
	}
	var refused *refusal
	err = s.recordDecision(ctx, id, "function", made, "", nil)
	asked := s.observeDecision(id, "function", arrived, made, "", nil, err)
	if err != nil {
		refused = s.unrecorded(id, err)
	} else if !made.passes() {
		refused = refuse(*d, id, "", "")
	}
	terms := termsOf(made)
	if refused == nil {
		refused = s.spentBudget(ctx, id, terms)
	}
	if refused != nil {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.sendMarker('F', refused)
	}
	t := &ticket{typ: 'F', notices: d.Notices, terms: terms, work: &work{decision: id, started: s.server.now(), statements: -1, asked: asked}}
	t.work.accounts = append(t.work.one[:0], t.work.budget(terms, true))
	if err := s.push(t); err != nil {
		return err
	}
	_, err = s.client.Forward(s.upstream.conn)
	return err
}
