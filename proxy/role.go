package proxy

import (
	"slices"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
)

// A session works as the role of its lease, which it is given at start-up and
// which RESET ROLE comes back to. What a text says about the role is refused, or
// turned into RESET ROLE (package statement, role.go). What a text does not show
// is followed here: code may have done SET ROLE, and with servers from before
// the fix of CVE-2024-10978 (November 2024) DISCARD ALL leaves the session with
// its login's rights. No server reports the role. So behind such a message comes a
// RESET ROLE of the proxy's own, before the next one that can run something
// (roleback.go). It costs no waiting: the server does both in one go.
//
// Inside a transaction that is not the end of it, since rolling back, also to a
// savepoint, brings back the role from before. So it is said again then. A client
// need not wait for answers, so what may be inside a transaction counts as inside
// from the moment it is sent.

// doubt is whether a session may have left its role. It is guarded by the lock
// of the pending queue.
type doubt struct {
	// standing is true from a message that may have left the role until the
	// role is taken back.
	standing bool
	// passed is true if another was let pass since, up to the next Sync, because
	// the transaction had failed: nothing is put in between what ends it. known is
	// true once it is known whether it had, or something may have ended it since.
	passed, known bool
	// planned is true if that message is a Bind, of this portal.
	planned bool
	portal  string
	// undoable is the number of the last RESET ROLE that may be inside a
	// transaction; zero once that is over.
	undoable uint64
	// within is true if one came behind the client's last Sync: it is undone if
	// something before the next Sync fails.
	within bool
}

// doubtRole notes that the message just sent may leave the role. within is true if
// it is among others up to a Sync, which may go on with what it ends.
func (p *pending) doubtRole(within bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.role.standing, p.role.passed, p.role.known, p.role.planned = true, false, within, false
}

// doubtPlanned notes that a Bind may leave it, by what runs when a statement is
// planned.
func (p *pending) doubtPlanned(portal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.role.planned, p.role.portal = !p.role.standing, portal
	p.role.standing, p.role.passed, p.role.known = true, false, true
}

// roundSent notes that a message was sent which ends a transaction that has no
// BEGIN.
func (d *doubt) roundSent() {
	d.standing = d.standing || d.within
	d.planned, d.within, d.passed, d.known = false, false, false, false
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

// noteRoleOf is noteRole for an Execute of what may be one of several statements.
func (s *session) noteRoleOf(j *judgement, meanings []meaning) {
	leaves := runsCode(j.kind)
	for i := 0; i < len(meanings) && !leaves; i++ {
		leaves = s.leavesRole(meanings[i].statement)
	}
	if leaves {
		s.pending.doubtRole(true)
	}
}

// notePlanned is noteRole for a Bind.
func (s *session) notePlanned(j *judgement, portal string) {
	if runsCode(j.kind) {
		s.pending.doubtPlanned(portal)
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
		return s.pending.role.standing || s.pending.role.undoable > 0
	}
	return false
}

// roleError ends a session that may have left its role and could not be brought
// back, or works as somebody else.
type roleError struct{ problem string }

func (e *roleError) Error() string { return e.problem }

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
		id: j.id, sqlstate: sqlstate, rule: policy.RuleSettings,
		message: "sluice: leaving the role refused [req " + j.id + "]",
		detail:  "The session would go on with the rights of its login, and what it makes would belong to that.",
		hint:    "Write RESET ROLE, as a statement of its own.",
	}
}
