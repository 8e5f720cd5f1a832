package credential

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestReplicationLease: a lease for replication opens replication connections
// and works as a group of its own; no other lease does.
func TestReplicationLease(t *testing.T) {
	p := newPlace(t)
	feeders := "feeders_of_" + p.database
	must(t, p.super, "CREATE ROLE "+feeders+" NOLOGIN")
	config := p.config()
	config.ReplicationGroup = feeders
	b := newIssuer(t, config)
	request := Request{SessionID: "s", Subject: "feeder", Database: "shop", Replication: true}

	lease, err := b.Issue(testContext(t), request)
	if err != nil {
		t.Fatal(err)
	}
	if lease.Role != feeders {
		t.Errorf("it works as %s", lease.Role)
	}
	if err := p.replicates(t, lease); err != nil {
		t.Error(err)
	}
	if got := one(t, p.work(t, lease), "SELECT has_table_privilege('items', 'SELECT')"); got != "f" {
		t.Error("it has the rights of the other group")
	}
	end(t, b, lease)
	p.gone(t, lease)

	ordinary := issue(t, b, "ordinary")
	var refused *pgconn.PgError
	if err := p.replicates(t, ordinary); !errors.As(err, &refused) || refused.Code != "42501" {
		t.Errorf("an ordinary lease replicates: %v", err)
	}
	must(t, p.super, "ALTER ROLE "+feeders+" BYPASSRLS")
	if _, err := b.Issue(testContext(t), request); err == nil || !strings.Contains(err.Error(), "BYPASSRLS") {
		t.Errorf("a group that can do more: %v", err)
	}
	if _, err := newIssuer(t, p.config()).Issue(testContext(t), request); !errors.Is(err, ErrNoReplication) {
		t.Errorf("without a group: %v", err)
	}
}

// replicates opens a replication connection.
func (p *place) replicates(t *testing.T, lease *Lease) error {
	t.Helper()
	config := server.config(lease.User, lease.Password.Reveal(), p.database)
	config.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(testContext(t), config)
	if err != nil {
		return err
	}
	defer hangUp(conn)
	_, err = conn.Exec(testContext(t), "IDENTIFY_SYSTEM").ReadAll()
	return err
}
