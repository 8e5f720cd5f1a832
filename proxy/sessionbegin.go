package proxy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/sluice-pg/sluice/policy/quote"
	"github.com/sluice-pg/sluice/proxy/credential"
	"github.com/sluice-pg/sluice/proxy/wire"
)

// noTrail says that there is no session without a record of it.
var noTrail = startupError{"58000", "sluice: no session, because the audit trail cannot be written", "Tell the people who run Sluice."}

func (s *session) opening() openRecord {
	record := openRecord{
		User: s.identity.User, Method: s.identity.Method, ChannelBound: s.identity.ChannelBound,
		Certificate: s.identity.Certificate, Database: s.database.config.Name, Address: s.address, Via: s.via,
		TLS: s.identity.TLS, Protocol: fmt.Sprintf("3.%d", s.startup.minor),
		Application: s.startup.application, Declared: s.startup.declared,
	}
	if b := s.identity.Bearer; b != nil {
		record.Token = &tokenRecord{
			Issuer: b.Issuer, Subject: b.Subject, Name: b.Name, Groups: b.Groups, ACR: b.ACR, AMR: b.AMR,
			Expires: b.Expires.Format(time.RFC3339),
		}
	}
	return record
}

// begin gets a credential, logs in upstream and greets the client, within
// the start-up limit.
func (s *session) begin(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, s.server.config.Limits.Startup)
	defer done()
	if err := s.judgeStartup(ctx); err != nil {
		return err
	}
	if err := s.judgeReplication(ctx); err != nil {
		return err
	}
	if err := s.chooseLease(); err != nil {
		return err
	}
	chosen := s.chosen.terms
	lease, err := s.database.credentials.Issue(ctx, credential.Request{
		SessionID: s.id, Subject: s.personName(), Person: s.personID(), Database: s.database.config.Name, Role: chosen.Role, Group: chosen.Group,
		Share: credential.Share{For: chosen.ShareFor, Sessions: chosen.ShareSessions}, Replication: s.startup.replication,
	})
	if errors.Is(err, credential.ErrNoReplication) {
		return noReplicationLogin.because(fmt.Errorf("%w: %w", errNotSetUp, err))
	}
	if err != nil {
		s.server.unrevoked.doubt(s.database.credentials)
		return explainIssue(err, s.database.config.Name).because(fmt.Errorf("%w: %w", errNotIssued, err))
	}
	s.lease = lease
	issued := leaseRecord{
		Lease: lease.ID, Role: lease.User, Group: lease.Role, Expires: lease.Expires.UTC().Format(time.RFC3339),
		VaultRole: chosen.Role, Rule: chosen.Rule, Purpose: chosen.Purpose, Shared: lease.Weak,
	}
	if err := s.append(ctx, s.event("credential.issued", "", issued)); err != nil {
		return noTrail.because(fmt.Errorf("%w: %w", errNotRecorded, err))
	}
	s.upstream, err = s.database.target.connect(ctx, lease, s.upstreamParams())
	if err != nil {
		return explainUpstream(err, s.database.config.Name).because(err)
	}
	lease.Backends.Add(s.upstream.pid)
	if err := s.checkReported(); err != nil {
		return err
	}
	wire.Pair(s.client, s.upstream.conn)
	s.pending = newPending(s.upstream.status, s.server.now())
	s.pending.leave = s.leave
	return s.greet()
}

// checkReported refuses a server that did not take the pinned settings, and a
// login that is somebody else's or a superuser's, as the server reported them.
func (s *session) checkReported() error {
	if err := checkPins(s.upstream.statuses); err != nil {
		return startupError{
			"0A000", "sluice: database " + quote.Identifier(s.database.config.Name) + " reads text in another way than Sluice",
			"It has to work with client_encoding UTF8 and standard_conforming_strings on.",
		}.because(err)
	}
	for _, p := range s.upstream.statuses {
		if err := s.checkIdentity(p.name, p.value); err != nil {
			return err
		}
	}
	return nil
}

// greet says to the client what a server says after a login.
func (s *session) greet() error {
	for _, p := range s.upstream.statuses {
		if err := s.client.WriteMessage(&pgproto3.ParameterStatus{Name: p.name, Value: p.value}); err != nil {
			return err
		}
	}
	length := shortKey
	if s.startup.minor >= 2 {
		length = longKey
	}
	pid, key := s.server.cancels.add(s.upstream.pid, length, s.cancelRunning)
	s.server.track(s, pid)
	if err := s.client.WriteMessage(&pgproto3.BackendKeyData{ProcessID: pid, SecretKey: key}); err != nil {
		return err
	}
	if s.server.config.Greeting {
		if err := s.client.WriteMessage(s.greeting()); err != nil {
			return err
		}
	}
	if err := s.client.WriteMessage(&pgproto3.ReadyForQuery{TxStatus: s.upstream.status}); err != nil {
		return err
	}
	return s.client.Flush()
}

func (s *session) greeting() *pgproto3.NoticeResponse {
	return &pgproto3.NoticeResponse{
		Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000",
		Message: fmt.Sprintf("sluice: %s, you work on %s as %s; statements, verdicts and results are recorded, rows are not",
			s.identity.User, s.database.config.Name, s.lease.Role),
		Hint: "SHOW sluice.help;",
	}
}
