// Package proxy stands between a client and a PostgreSQL server and lets
// statements pass that the policy lets pass. It is the only package that
// knows all the others.
//
// # A connection's life
//
//	client                     proxy                          upstream
//	  | SSLRequest, GSSENCRequest |                                |
//	  |-------------------------->| admit.go                       |
//	  |        TLS handshake      |                                |
//	  | StartupMessage            | startup.go: every parameter    |
//	  |-------------------------->| judged (settings.go)           |
//	  |  SCRAM, certificate       | login.go                       |
//	  |<------------------------->|                                |
//	  |                           | session.open recorded          |
//	  |                           | credential issued, both on disk|
//	  |                           | upstream.go: TLS, SCRAM        |
//	  |                           |------------------------------->|
//	  | ParameterStatus, key,     |                                |
//	  | ReadyForQuery             | sessionbegin.go: greet         |
//	  |<--------------------------|                                |
//	  | Query, Parse, Bind, ...   | frontend.go; text.go,          |
//	  |-------------------------->| extended.go, copyin.go,        |
//	  |                           | function.go by message         |
//	  |                           | gate.go: analyse, resolve      |
//	  |                           | (resolve.go), decide, record   |
//	  |                           |  message, or a marker (refuse.go)
//	  |                           |------------------------------->|
//	  |                           |          answers, in order     |
//	  |                           |<-------------------------------|
//	  | answer; a marker's error  | backend.go                     |
//	  | reworded                  |                                |
//	  |<--------------------------|                                |
//	  | Terminate, or any error   | sessionend.go: end             |
//	  |                           | cut, revoke, session.close     |
//
// # Two goroutines and a queue
//
// A session that runs has two goroutines. One reads from the client and writes to the
// server (frontend.go), the other reads from the server and writes to the
// client (backend.go). Nobody else writes to either socket while both run.
// They meet in the pending queue (pending.go): every message that the server
// will answer leaves a ticket there before it is sent, and every answer must
// fit the ticket at the head. An answer that does not fit ends the session:
// if proxy and server disagree about what is being answered, no later
// judgement can be trusted.
//
// # Waiting
//
// What a proxy costs is mostly system calls and wake-ups: a statement has to be
// read twice and written twice, and each of the two peers wakes the other. So
// both directions run in wire.Conn.Serve, and both sockets of a session are
// waited for by a loop, one goroutine for many sessions that reads, judges and
// writes on the spot. A wake-up is followed by one read, by another only if that
// filled the buffer, and what is passed on is sent from where it was read.
// While a session waits it has no buffer.
//
// A statement may have to wait for the disk, a measurement or an answer, and a
// client may not read. Whatever knows that it may take long leaves the loop
// first (session.leave): it goes on as an ordinary goroutine, and another leads
// the loop. What does not leave is replaced after some milliseconds, so that
// forgetting costs time and nothing else. What needs more (TLS, a message
// larger than the buffer) is read in the session's own goroutine.
//
// These were tried as bare relays that look at nothing, pgbench -S with 8
// clients on two cores, all in one run. PgBouncer is 1.00 and takes 26 us of
// processor time for a transaction:
//
//	two goroutines that read and write              0.73   44 us
//	callback of Go's poller, one read each          0.95   31 us
//	the same with calls the scheduler is told of    0.88   34 us
//	the same on one processor (GOMAXPROCS=1)        1.02   26 us
//	an epoll loop of our own, blocked outside the
//	scheduler (taken)                               1.06   26 us
//	the same, blocked inside the scheduler          1.00   28 us
//	HAProxy                                         0.91   38 us
//
// In Sluice, where looking at a statement is added, the callback of Go's poller
// took 46 us and the loop takes 36 to 42 in the same runs. Two loops on two
// cores were as fast as one. Memory kept so that the garbage collector runs less
// often saved nothing any more and was taken out.
//
// The other part of what a statement costs is looking at it. A text that was
// seen is looked up, its decision is remembered by the session (decided.go),
// and it is recorded in few bytes that name the decision (record.go), together
// with its execution if both come in one breath (held.go). What an everyday
// statement needs is used again: tickets (ticket.go), and the buffer in which
// records wait for the disk (package audit). BenchmarkRound shows what is left
// without the system calls, 2 to 4 us.
//
// Where the time goes, in us of processor time for a transaction of pgbench -S
// with 8 clients (from /proc/PID/stat; rounded, from several runs beside other
// work):
//
//	                    the proxy        pgbench  PostgreSQL
//	                    kernel   own
//	PgBouncer           13.5     0.9      9        25 to 27
//	Sluice, as a relay  14.6     1.5      9        26
//	Sluice, simple      14.8     4.2      9        27
//	Sluice, extended    15.2     6.0     10        30
//
// (Extended before a Parse and its Execute were one record.)
//
// The kernel's part is two reads, two writes and half a wait for both, as in
// PgBouncer; it sees 4.57 calls for a transaction in all. The trail is half of
// what is our own. The server pays as well: with two processors for everybody,
// what we touch is gone from its caches. A trail in memory was no faster than one
// on ext4, with 64 clients. Without the records of results 5 % more transactions
// came through, simple, and 9 %, extended; a result inside the record of its
// statement would save a part of that, and give the trail two forms for one fact.
//
// # Beginning and end of the whole
//
// A listener binds its address, shares it, or takes a socket that a service
// manager keeps open (handover.go, package systemd). Behind a load balancer
// that is believed, the first bytes say who the client is (origin.go, package
// balancer). A server stops in steps (drain.go), and says in words for probes
// what keeps it from serving well (condition.go, package admin).
//
// # Refusals
//
// A refused message is not swallowed. In its place goes a marker, a text that
// no server can parse, so that the server itself puts the error in its place,
// skips to the next Sync and fails the transaction. The error comes back, and
// the ticket at the head of the queue says that it is to be reworded
// (refuse.go). A refused COPY FROM STDIN in a simple Query is answered by a
// CopyInResponse first: psql would otherwise run its data lines as SQL.
//
// # Limits
//
// What a statement sends to the client is counted, row by row and byte by
// byte, against the limits of its decision (budget.go, charge.go); a cursor
// has one budget for its whole life. What is over the limit is kept from the
// client (withhold.go) while the server is told to cancel. A statement that
// ran to its end all the same is an error for the client, which is told so.
// Where statements that were sent along may have run behind it, no answer to
// them would be true, and the session ends.
//
// # Budgets of a person
//
// What leaves is also charged to the budgets of the policy, whose accounts all
// sessions share (spend.go): rows, and errors, notices and reports of settings,
// which can hold as much. A budget in which nothing is left refuses a statement
// before it runs (budget.refused on record), one that is reached stops it like
// any limit (spent.go). NotificationResponse is not charged: whose data it is
// cannot be told.
//
// The accounts outlive the process. What was charged stands in the record of the
// statement's result, or in budget.charged where that is long in coming; and
// before more is given than is on record, budget.reserved is on disk, a step of a
// 16th of the budget ahead (spendrecord.go). A start reads the trail as far back
// as the longest window (spendrecovery.go): what was reserved when the process
// was killed counts as given, what was left at a proper end is free again.
// Whose a row is, is told by a column of the result where the catalog says that it
// surely is (subject.go). Subjects are on record as hashes, whose key is derived
// from that of the trail. While rows come, an allowance of a few hundred is taken
// from an account at once, and what is left of it goes back before the client is
// told that there is no more (budget.Allowance).
//
// # What nobody has labelled
//
// Of larger results a few rows are looked at in the columns that have no class
// (suspect.go). What such a column seems to hold is on record as class.suspected,
// with the decision by which it left; nothing is decided by it.
//
// # Names
//
// Prepared statements and cursors made by SQL and by protocol messages share
// one name space, and a name is judged when it is used, by what it may mean
// at that moment (names.go, define.go, resolve.go).
//
// # The catalog
//
// Where a policy knows classes, a decision is taken on what names mean. One
// keeper a database (catalogkeeper.go) reads the catalog over a connection of the
// proxy's own (side.go) and looks every few seconds whether it has changed; what
// it last read is believed for catalogAge, and not after a change that Sluice has
// let through. A session has a sight of it (sight.go): its own search_path, asked
// over its own connection in step with what the client sends, and the overlay of
// what it has itself made and altered. sight.go and code.go put what a statement's
// names mean, and what it runs, into the request. A remembered decision holds as
// long as the sight is the same (sightKey). What a session makes or alters is known
// before others see it: a result that it may concern is held against the catalog
// when a row of it comes (inflight.go). A catalog that cannot be read is a fact too: nothing is masked then,
// and what only a catalog could show to be harmless is refused.
//
// # Masks
//
// A decision says which columns of a result are masked, and how (masking.go).
// Rows and COPY data are changed on their way, message by message, however they
// are split (maskstream.go, package mask). The server's description of the result
// has to fit what was decided, and is asked for where the client does not
// (Execute without Describe); else the statement ends before its first row. A mask
// that leaves nothing of a value is put into the text of a COPY (pushdown.go), and
// no column is masked in both places. Keys are read at the start (maskkeys.go) and
// are in no text that is sent. What cannot be masked ends the statement: the bytes
// of the server never pass in its place.
//
// # Functions that the policy knows
//
// A call of a function that a policy knows by its body counts as what the
// policy says only if the database has that body. So the body is measured
// before each decision that needs it, also when a prepared statement or a
// cursor is used (functions.go), and never remembered. The question goes over
// a connection of the proxy's own, with a lease of its own (side.go): the
// session's connection may be in the middle of anything. That connection sees
// only what is committed. While the session itself may have changed a function
// and not committed it, nothing is measured. What another session commits
// between a measurement and the run is met by the next call.
//
// # Reading alike
//
// Parser and server must read a text alike (contract 7). The settings that
// decide it are given at start-up, every way of changing them is refused, a
// ParameterStatus that shows another value ends the session, and a text that
// would be read differently waits until the settings are known (settle.go).
// As a last check the number of completions must be the number of statements
// that were judged.
//
// # The role
//
// A session works as the role of its lease. A text that would leave it is
// refused or rewritten; behind what may leave it unseen, and DISCARD ALL,
// the proxy sends a RESET ROLE of its own, which costs no round trip
// (role.go). One that fails ends the session.
//
// # Replication
//
// A replication connection to a database takes SQL by the simple protocol, and
// commands that are none (replication.go). Both pass the gate. The policy is
// asked first whether there may be such a connection, and the database what a
// stream would hold. A stream is one message that is answered for as long as it
// runs; COPY data goes both ways meanwhile, and a policy that is loaded is asked
// again when the client confirms something.
//
// # Peers that are gone
//
// A machine that lost its power or its network says nothing. Beside the sessions
// one goroutine asks the kernel what it knows of their sockets and ends a session
// whose peer has left packets unanswered for limits.unreachable
// (unreachable.go). Another tries credentials again that could not be revoked
// (unrevoked.go). Who comes when too many are logging in is told so
// (turnaway.go).
//
// # Locks
//
// Server.mu guards the listeners and the set of sessions, cancelKeys.mu the
// keys, pending.mu one session's queue and names, unrevoked.mu what is to be
// tried again, randomBytes.mu those at hand for ids, catalogKeeper.mu what is known
// of a catalog, inFlight.mu what is being changed. None is held while another
// is taken, but for the last two within pending.mu and those inside package wire, nor
// while a socket is read or written. side.turn is held by whoever uses a side connection, for as long as a
// question takes.
//
// # What fails closed
//
// An analysis, a decision or a record that fails is a refusal; a result that
// cannot be recorded ends the session; a place that cannot be measured is
// refused, and a function that cannot be is code that cannot be judged; an
// answer that does not fit ends the session; a credential that cannot be
// revoked is on record as such, and tried again until it is gone
// (unrevoked.go), if need be by the next start.
package proxy
