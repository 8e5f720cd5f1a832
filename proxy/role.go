package proxy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-pg/sluice/policy/statement"
)

// A session works as the role of its lease, which it is given at start-up and
// which RESET ROLE comes back to. What a text says about the role is refused, or
// turned into RESET ROLE (package statement, role.go). What a text does not show
// is followed here: code may have done SET ROLE, and with servers from before
// the fix of CVE-2024-10978 (November 2024) DISCARD ALL leaves the session with
// its login's rights. No server reports the role. So behind such a
// message comes a RESET ROLE of the proxy's own, before the next one that can
// run something. It costs no waiting: the server does both in one go.
//
// Inside a transaction that is not the end of it, since rolling back, also to a
// savepoint, brings back the role from before. So it is said again then.

// doubt is whether a session may have left its role. It is guarded by the lock
// of the pending queue.
type doubt struct {
	// standing is true from a message that may have left the role until the
	// role is taken back.
	standing bool
	// sync counts the Syncs sent before that message.
	sync uint64
	// undoable is true once the role was taken back inside a transaction.
	undoable bool
}

// doubtRole notes that the message just sent may leave the role. planned is
// true for a Bind, behind which nothing may come before its Execute.
func (p *pending) doubtRole(planned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.role.standing, p.role.sync = true, p.syncs
	if planned {
		p.role.sync--
	}
}

// noteRole notes what a text that was just sent may have done to the role. A
// replication command stands alone, and does nothing to it.
func (s *session) noteRole(j *judgement) {
	if len(j.statements) == 1 && j.statements[0].Replication != nil {
		return
	}
	leaves := runsCode(j.kind)
	for i := 0; i < len(j.statements) && !leaves; i++ {
		leaves = s.leavesRole(&j.statements[i])
	}
	if leaves {
		s.pending.doubtRole(false)
	}
}

// noteRoleOf is noteRole for a Bind, or an Execute, of what may be one of
// several statements.
func (s *session) noteRoleOf(j *judgement, meanings []meaning, planned bool) {
	leaves := runsCode(j.kind)
	for i := 0; i < len(meanings) && !leaves && !planned; i++ {
		leaves = s.leavesRole(meanings[i].statement)
	}
	if leaves {
		s.pending.doubtRole(planned)
	}
}

// runsCode reports whether a statement of this kind may run code that cannot be
// judged.
func runsCode(kind statement.Kind) bool { return kind.Worse(statement.InternalCopy) }

// leavesRole reports whether a statement leaves the role without running such
// code.
func (s *session) leavesRole(st *statement.Statement) bool {
	switch st.Node {
	case "DiscardStmt":
		return len(st.Settings) > 0 // DISCARD ALL
	case "TransactionStmt":
		s.pending.mu.Lock()
		defer s.pending.mu.Unlock()
		return s.pending.role.undoable
	}
	return false
}

// roleProbe says where a message stands that takes the role back.
type roleProbe uint8

const (
	noRoleProbe roleProbe = iota
	// betweenSyncs: with a Sync of its own.
	betweenSyncs
	// withinSyncs: among the client's messages up to its next Sync, where
	// none may be added: that would commit what the client has not.
	withinSyncs
)

// takeRoleBack comes before every message that can run something. Behind the
// first message after a Sync the role is taken back only from what came since.
func (s *session) takeRoleBack(before byte) error {
	if strings.IndexByte("QPBEFDC", before) < 0 {
		return nil
	}
	p := s.pending
	p.mu.Lock()
	now, where := p.role.standing, betweenSyncs
	if p.unsynced {
		where = withinSyncs
	}
	switch {
	case p.held > 0, p.copyIn, p.skipsHere(), p.status == 'E' && len(p.queue) == 0:
		now = false
	case p.unsynced && p.role.sync != p.syncs:
		now = false
	}
	if now {
		p.role.standing = false
	}
	p.mu.Unlock()
	if !now {
		return nil
	}
	return s.sendResetRole(where)
}

const resetRole = "RESET ROLE"

// sendResetRole uses names of its own: the unnamed statement is the client's. A
// replication connection has no names, and takes the simple protocol only.
func (s *session) sendResetRole(where roleProbe) error {
	if err := s.sayHeld(); err != nil {
		return err
	}
	p := s.pending
	if s.startup.replication {
		t := &ticket{typ: 'Q', probe: true, role: where, done: func(bool) { p.role.undoable = p.status != 'I' }}
		return s.send(t, 'Q', []byte(resetRole), nul)
	}
	ran := false
	if err := s.askTicketed(resetRole, func(typ byte) *ticket {
		t := &ticket{typ: typ, probe: true, role: where}
		if typ == 'E' {
			t.done = func(ok bool) {
				ran = ok
				p.role.standing = p.role.standing || !ok
				p.role.undoable = p.role.undoable || ok
			}
		}
		return t
	}); err != nil || where == withinSyncs {
		return err
	}
	t := &ticket{typ: 'S', probe: true, role: where, done: func(bool) {
		p.role.undoable = p.role.undoable && !(ran && p.status == 'I')
	}}
	return s.send(t, 'S')
}

// takingRoleBack reports whether the server is answering a RESET ROLE of the
// proxy's own. Those before 14 report is_superuser whenever a role is set, also
// when it stays the same.
func (p *pending) takingRoleBack() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.head()
	return t != nil && t.role != noRoleProbe
}

// transactionEnded notes that no transaction is open any more: what was done to
// the role in the last one may be undone.
func (d *doubt) transactionEnded() {
	if d.undoable {
		d.standing, d.undoable = true, false
	}
}

// inFailedTransaction is the SQLSTATE of a statement in a transaction that has
// failed.
const inFailedTransaction = "25P02"

// roleError ends a session that may have left its role and could not be brought
// back, or works as somebody else.
type roleError struct{ problem string }

func (e *roleError) Error() string { return e.problem }

// roleNotTaken handles the error of a RESET ROLE. In a failed transaction it
// has to wait, and nothing can run meanwhile.
func (s *session) roleNotTaken(t *ticket, sqlstate string) error {
	if t.typ == 'S' || t.role == withinSyncs || sqlstate != inFailedTransaction {
		return &roleError{fmt.Sprintf("the role could not be taken back (%s)", orUnknown(sqlstate))}
	}
	if t.typ == 'Q' {
		s.pending.mu.Lock()
		s.pending.role.standing = true
		s.pending.mu.Unlock()
	}
	return s.upstream.conn.Discard()
}

// checkIdentity ends a session whose server says that it works as somebody
// else: with the login's own rights nothing of the kind can happen.
func (s *session) checkIdentity(name, value string) error {
	switch {
	case name == "session_authorization" && value != s.lease.User:
		return &roleError{"the session works with another login than it was given"}
	case name == "is_superuser" && value != "off":
		return &roleError{"the session works as a superuser"}
	}
	return nil
}

// keepsRole refuses a text that would leave the role as it is written and could
// not be rewritten, which only texts are that are hard to read. It was let pass
// on record, so its result is recorded.
func (s *session) keepsRole(j *judgement) *refusal {
	leaves := func(st statement.Statement) bool { return st.Instead != "" }
	if j.text != "" || !slices.ContainsFunc(j.statements, leaves) {
		return nil
	}
	const sqlstate = "42501"
	if err := s.enqueue(s.event("result", j.id, &resultRecord{SQLSTATE: sqlstate})); err != nil {
		return s.unrecorded(j.id, err)
	}
	return &refusal{
		id: j.id, sqlstate: sqlstate, rule: "builtin:pinned-settings",
		message: "sluice: leaving the role refused [req " + j.id + "]",
		detail:  "The session would go on with the rights of its login, and what it makes would belong to that.",
		hint:    "Write RESET ROLE, as a statement of its own.",
	}
}
