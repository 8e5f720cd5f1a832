// Package budget counts what people are given: rows, bytes and different
// subjects, for each holder, budget and class within a window of time. It is
// pure: no clock, no I/O; times and the key of hashes are arguments.
//
// # Accounts
//
// A Book has an Account for every Key: whose, by which budget, of which class.
// Any number of goroutines may charge it. A message is taken whole or not at
// all, so however sessions interleave no account ever goes over its limits.
//
// # Window
//
// A window slides in steps: it is the current slot, a 24th of it long, and the
// 24 slots before. What was taken counts until it is surely older than the
// window, which is up to a 24th of it later. A clock that goes back stands
// still here. A window that becomes another (a new policy) keeps what there is,
// each slot at its latest possible time; what the old window had forgotten
// already does not come back.
//
// # Subjects
//
// A subject is a keyed hash (SipHash-2-4) of a value; the value is not kept.
// Each is counted once, in the slot where it was seen last. Up to 6144 subjects
// in a window the count is exact. Above that an account keeps a sample of them,
// those whose hash begins with so many zeros, and the standard error of the
// count is under 2 %. A row whose subject nobody can tell is a subject of its
// own. Values are compared as they stand in the message: a number in text and
// the same number in binary form are two subjects, and so is what COPY escapes.
//
// # Memory
//
// An account takes less than 1 KiB, and up to 80 KiB more for subjects. A book
// has at most MaxAccounts; accounts in which nothing is left make room, and
// when none is, a new one is refused (Full). Charging allocates nothing but
// room for subjects, which doubles as they grow.
//
// # Allowances
//
// A stream of rows is charged by an Allowance, which takes some more from the account
// than a message needs: a few hundred rows at most, and no more than a 16th of what
// is left of a limit. Messages that follow cost no lock then. What is left goes back,
// and counts as taken until it does: who asks meanwhile may be refused a little
// early, and nobody is given too much. Of subjects it takes nothing ahead whom it can
// tell: those that the account has a say in go to the account.
//
// # Ahead
//
// What a process has taken, and not put on record when it is killed, must not
// be forgotten. So a message is taken only from what is on record before it: an
// account is Short until Extend has recorded that up to so much more may be
// taken, a step ahead. A step is good for one slot. What Extend records is all
// that is outstanding from there on: what may still be taken and what was taken
// and is not on record. Recorded takes from that. After a crash, what was
// outstanding counts as taken (Remember): never less than it was, and at most a
// step for each account too much.
package budget
