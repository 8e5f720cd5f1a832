package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/policy"
	"github.com/sluice-pg/sluice/policy/statement"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// A replication connection to a database takes SQL, by the simple protocol, and
// the commands of the replication protocol (manual, "Streaming Replication
// Protocol"). Both pass the gate. START_REPLICATION turns the connection into a
// stream in both directions: changes flow to the client, what it has confirmed
// flows back, until one of them ends it.

// stream is the start of a stream of changes.
type stream struct {
	statement statement.Statement
	// spoken is what its text declares in a comment, nil for nothing.
	spoken policy.Declared
	policy *policy.Policy
}

// errStreamEnded says that a policy that was loaded since does not allow what
// runs.
var errStreamEnded = errors.New("the policy does not allow the stream any more")

// noReplicationLogin is what a client reads where nobody set up logins for
// replication.
var noReplicationLogin = startupError{
	"58000", "sluice: there are no logins for replication here",
	"The policy lets you follow changes; the people who run Sluice have to set credential.builtin.replication_group or credential.vault.replication_role.",
}

// upstreamParams are the parameters of the start-up packet that goes upstream. A
// replication connection keeps its application name, because
// synchronous_standby_names is about that.
func (s *session) upstreamParams() []param {
	if s.startup.replication {
		return append(slices.Clone(s.startup.params), param{"replication", "database"})
	}
	return s.namedParams()
}

// judgeReplication asks the policy whether this client may have a replication
// connection at all.
func (s *session) judgeReplication(ctx context.Context) error {
	if !s.startup.replication {
		return nil
	}
	id, arrived := newID(), s.arrival()
	st := statement.ConnectForReplication()
	made := s.decide(ctx, s.request([]statement.Statement{st}, st.Kind, nil), s.server.policy.Load())
	err := s.recordDecision(ctx, id, "startup", made, "", nil)
	s.observeDecision(id, "startup", arrived, made, "", nil, err)
	var r *refusal
	switch {
	case err != nil:
		r = s.unrecorded(id, err)
	case made.decision.Verdict != policy.Allow:
		r = refuse(made.decision, id, "", "")
	default:
		return nil
	}
	hint := r.hint
	if r.detail != "" {
		hint = r.detail + ". " + hint // libpq shows no detail of a refused login
	}
	return startupError{r.sqlstate, r.message, hint}.because(errSetting)
}

// analyze reads a text as the server will: on a replication connection it may
// be a command that is no SQL.
func (s *session) analyze(ctx context.Context, text string) *statement.Analysis {
	if s.startup.replication {
		if a, is := statement.AnalyzeReplication(text); is {
			return a
		}
	}
	return s.server.analyzer.Analyze(ctx, text)
}

// beginStream prepares for what a replication command makes the server say: more
// completions than one, and a stream.
func (s *session) beginStream(t *ticket, j *judgement) {
	s.stream = nil
	if len(j.statements) != 1 || j.statements[0].Replication == nil {
		return
	}
	t.work.statements = -1
	if j.statements[0].Replication.Command == statement.ReplicationStart {
		t.copyBoth = true
		s.stream = &stream{statement: j.statements[0], spoken: j.spoken, policy: j.policy}
	}
}

// A standby status update is the one message that a client of logical
// replication has to send: its letter, three places in the log, a time, and
// whether it wants an answer.
const (
	statusUpdate       = 'r'
	statusUpdateLength = 1 + 4*8 + 1
)

// streamGoesOn looks at what the client sends into a stream. It sends something
// at least every wal_sender_timeout, so a policy that is loaded meanwhile is
// asked soon.
func (s *session) streamGoesOn(h wire.Header) error {
	if h.Type != 'd' {
		s.stream = nil
		return nil
	}
	kind, err := s.client.Prefix(1)
	if err != nil {
		return err
	}
	if len(kind) != 1 || kind[0] != statusUpdate || h.Len != statusUpdateLength {
		return fmt.Errorf("%w: client: only standby status updates go into a stream of changes", wire.ErrProtocol)
	}
	if p := s.server.policy.Load(); p != s.stream.policy {
		j := s.decideMeaning(context.Background(), "stream", &s.stream.statement, s.stream.spoken, p)
		if j.refusal != nil {
			return errStreamEnded
		}
		s.stream.policy = p
	}
	return nil
}

// maxPublished is how many relations the publications of one stream may hold,
// maxPublishedColumns how many columns.
const (
	maxPublished        = 2000
	maxPublishedColumns = 20_000
)

// measureFeed looks up what a stream would hold before it is decided about.
func (s *session) measureFeed(ctx context.Context, p *policy.Policy, r *policy.Request) {
	if len(r.Statements) != 1 || r.Statements[0].Replication == nil || p == nil {
		return
	}
	command := r.Statements[0].Replication
	if command.Command != statement.ReplicationStart || command.Physical || !s.viewOf(p).Feeds() {
		return
	}
	s.leave()
	fact, err := s.database.side.feed(ctx, command, s.lease.User)
	if err != nil {
		s.log.Info("slot not measured", "err", err)
		fact = &policy.FeedFact{Problem: err.Error()}
		var side sideError
		if errors.As(err, &side) {
			fact.Problem = side.words
		}
	}
	r.Facts.Feed = fact
}

// feed measures a slot and the publications asked for.
func (s *side) feed(ctx context.Context, command *statement.ReplicationCommand, role string) (*policy.FeedFact, error) {
	return ask(ctx, s, func(ctx context.Context, conn *pgconn.PgConn) (*policy.FeedFact, error) {
		here, err := query(ctx, conn, sameServer, role)
		switch {
		case err != nil:
			return nil, err
		case len(here) != 1:
			return nil, sideError{"the question did not reach the server where this session works", errors.New("the session's login is not there")}
		}
		slot, err := query(ctx, conn, logicalSlot, command.Slot)
		if err != nil {
			return nil, err
		}
		fact := &policy.FeedFact{}
		if len(slot) != 1 || len(slot[0]) != 1 {
			return fact, nil
		}
		fact.Plugin = string(slot[0][0])
		if len(command.Publications) == 0 {
			return fact, nil
		}
		rows, err := query(ctx, conn, published, credential.ArrayLiteral(command.Publications))
		if err != nil {
			return nil, err
		}
		fact.Columns, err = publishedColumns(rows)
		return fact, err
	})
}

// logicalSlot finds the plugin of a logical slot of this database.
const logicalSlot = `SELECT s.plugin::pg_catalog.text FROM pg_catalog.pg_replication_slots s
WHERE s.slot_name OPERATOR(pg_catalog.=) $1::pg_catalog.name AND s.slot_type OPERATOR(pg_catalog.=) 'logical'
  AND s.database OPERATOR(pg_catalog.=) pg_catalog.current_database()`

// published lists the columns of the relations of publications, one a row. From
// 15 on the view names the columns that are sent; before, all of them are. The
// policy may know a partition by the table it is part of, or the other way
// round, so each column is listed for every relation of the same inheritance.
var published = fmt.Sprintf(`WITH RECURSIVE sent AS (
  SELECT c.oid, a.attname
  FROM pg_catalog.pg_publication_tables p
  JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) p.schemaname
  JOIN pg_catalog.pg_class c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid AND c.relname OPERATOR(pg_catalog.=) p.tablename
  JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
  WHERE p.pubname OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.text[]::pg_catalog.name[])
    AND (pg_catalog.to_jsonb(p) OPERATOR(pg_catalog.->) 'attnames' IS NULL
      OR (pg_catalog.to_jsonb(p) OPERATOR(pg_catalog.->) 'attnames') OPERATOR(pg_catalog.?) a.attname::pg_catalog.text)
), kin (of, oid) AS (
  SELECT s.oid, s.oid FROM sent s
  UNION
  SELECT k.of, CASE WHEN i.inhrelid OPERATOR(pg_catalog.=) k.oid THEN i.inhparent ELSE i.inhrelid END
  FROM kin k JOIN pg_catalog.pg_inherits i ON i.inhrelid OPERATOR(pg_catalog.=) k.oid OR i.inhparent OPERATOR(pg_catalog.=) k.oid
)
SELECT DISTINCT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, s.attname::pg_catalog.text
FROM sent s JOIN kin k ON k.of OPERATOR(pg_catalog.=) s.oid
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.oid
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
ORDER BY 1, 2, 3 LIMIT %d`, maxPublishedColumns+1)

// publishedColumns turns the rows of published into relations.
func publishedColumns(rows [][][]byte) ([]policy.PublishedRelation, error) {
	if len(rows) > maxPublishedColumns {
		return nil, sideError{fmt.Sprintf("the publications hold more than %d columns", maxPublishedColumns), errors.New("too many columns")}
	}
	var all []policy.PublishedRelation
	for _, row := range rows {
		if len(row) != 3 {
			return nil, sideError{"the database's catalog could not be read", fmt.Errorf("a row of %d columns", len(row))}
		}
		schema, name := string(row[0]), string(row[1])
		if n := len(all); n == 0 || all[n-1].Schema != schema || all[n-1].Name != name {
			all = append(all, policy.PublishedRelation{Schema: schema, Name: name})
		}
		last := &all[len(all)-1]
		last.Columns = append(last.Columns, string(row[2]))
	}
	if len(all) > maxPublished {
		return nil, sideError{fmt.Sprintf("the publications hold more than %d relations", maxPublished), errors.New("too many relations")}
	}
	return all, nil
}
