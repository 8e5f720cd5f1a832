package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// query is a simple Query (protocol section "Simple Query").
func (s *session) query(ctx context.Context, h wire.Header) error {
	limit := s.server.config.Limits.StatementBytes
	if h.Len > limit+1 {
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.refuseUnread(ctx, 'Q', h.Len, false)
	}
	body, err := s.client.Body(limit + 1)
	if err != nil {
		return err
	}
	if end := bytes.IndexByte(body, 0); end < 0 || end != len(body)-1 {
		return fmt.Errorf("%w: client: a Query needs exactly one NUL, at its end", wire.ErrProtocol)
	}
	text := string(body[:len(body)-1])
	j := s.judgeText(ctx, "query", text)
	if j.refusal == nil {
		if err := s.settle(text); err != nil {
			return err
		}
	}
	t := s.pending.tickets.next('Q')
	t.copyStarts, t.notices, t.discreet, t.changesCode = len(j.copyIns) > 0, j.notices, j.terms.discreet, j.changesCode
	t.terms = j.terms
	if j.refusal == nil {
		j.refusal = s.spentBefore(ctx, &j)
	}
	if j.refusal == nil {
		j.refusal = s.proposeNames(t, &j, j.statements)
	}
	if j.refusal != nil {
		return s.sendMarker('Q', j.refusal)
	}
	if j.sources != nil {
		return s.carryQuery(ctx, t, &j)
	}
	t.begin(work{decision: j.id, started: s.server.now(), statements: len(j.statements), asked: j.asked})
	t.work.masking.masks = j.terms.masks
	s.openAccounts(t.work, &j)
	s.beginStream(t, &j)
	if j.text != "" {
		body = append([]byte(j.text), 0)
	}
	if err := s.send(t, 'Q', body); err != nil {
		return err
	}
	s.noteRole(&j)
	return nil
}

// refuseUnread refuses a text that is too long to be read at all.
func (s *session) refuseUnread(ctx context.Context, typ byte, got int, unnamed bool) error {
	id := newID()
	r := refuseTooLarge(id, got, s.server.config.Limits.StatementBytes)
	made := &decided{policy: s.server.policy.Load(), kind: statement.ParseError, decision: policy.Decision{
		Rule: r.rule, Statement: -1, Subject: "a text over the size limit", SQLSTATE: r.sqlstate, Position: -1,
		Reasons: []policy.Reason{{Rule: r.rule, Text: r.message}},
	}}
	made.request = s.request(nil, statement.ParseError, &statement.Problem{SQLSTATE: r.sqlstate, Message: "text over the size limit", Position: -1})
	err := s.recordDecision(ctx, id, "unread", made, "", nil)
	s.observeDecision(id, "unread", s.arrival(), made, "", nil, err)
	if err != nil {
		r = s.unrecorded(id, err)
	}
	r.unnamed = unnamed
	return s.sendMarker(typ, r)
}

// parse is a Parse (protocol section "Extended Query").
func (s *session) parse(ctx context.Context, h wire.Header) error {
	limit := s.server.config.Limits.StatementBytes
	if h.Len > limit+parseRoom {
		prefix, err := s.client.Prefix(1)
		if err != nil {
			return err
		}
		unnamed := bytes.Equal(prefix, nul)
		if err := s.client.Discard(); err != nil {
			return err
		}
		return s.refuseUnread(ctx, 'P', h.Len, unnamed)
	}
	body, err := s.client.Body(limit + parseRoom)
	if err != nil {
		return err
	}
	name, rest, ok1 := cutString(body)
	text, types, ok2 := cutString(rest)
	if !ok1 || !ok2 || len(types) < 2 || len(types) != 2+4*int(binary.BigEndian.Uint16(types)) {
		return s.sendMarker('P', refuseMalformed(newID(), "Parse"))
	}
	if len(text) > limit {
		return s.refuseUnread(ctx, 'P', len(text), name == "")
	}
	s.held.allowed = s.fitsBehindHeld(h.Len)
	j := s.judgeText(ctx, roadParse, text)
	s.held.allowed = false
	if j.refusal == nil {
		if err := s.settle(text); err != nil {
			return err
		}
	}
	if j.refusal != nil {
		j.refusal.unnamed = name == ""
		return s.sendMarker('P', j.refusal)
	}
	st := soleStatement(j.statements)
	t := s.pending.tickets.next('P')
	t.text, t.notices, t.terms = len(text), j.notices, j.terms
	t.defines = definition{space: s.pending.statements, name: name}
	m := j.meaning(st)
	m.meant.prepare(s, j.meant)
	if r := s.propose(&t.defines, only(&m)); r != nil {
		r.unnamed = name == ""
		return s.sendMarker('P', r)
	}
	if j.text != "" {
		if err := s.sayHeld(); err != nil {
			return err
		}
		return s.send(t, 'P', []byte(name), nul, []byte(j.text), nul, types)
	}
	return s.send(t, 'P', body)
}

// soleStatement returns what a Parse defines: the one statement of its
// text, or one that does nothing. The server refuses more than one.
func soleStatement(statements []statement.Statement) *statement.Statement {
	if len(statements) == 0 {
		return &statement.Statement{
			Kind: statement.OrdinaryRead, Node: "empty",
			Effects: []statement.Effect{{Kind: statement.OrdinaryRead, What: "nothing", Position: -1}},
		}
	}
	return &statements[0]
}
