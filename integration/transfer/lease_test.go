package transfer

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/proxy/transfer"
)

// as runs a query as the analyst and returns its first value, or the error.
func (p pair) as(t testing.TB, sql string) (string, error) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), p.to.Server.DSN(analyst, "analyses it", "restored"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		return "", err
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return "", nil
	}
	return string(last.Rows[0][0]), nil
}

// sees checks what the analyst gets.
func (p pair) sees(t testing.TB, sql, want string) {
	t.Helper()
	if got, err := p.as(t, sql); err != nil || got != want {
		t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
	}
}

// denied checks that the analyst may not.
func (p pair) denied(t testing.TB, sql string) {
	t.Helper()
	if got, err := p.as(t, sql); err == nil {
		t.Errorf("%s gave %q", sql, got)
	}
}

// aLease shows rows while it lasts and none afterwards, to anybody but superusers,
// on partitions too.
func aLease(t *testing.T, p pair) {
	p.newSource(t, readZoo(t)+`; ALTER TABLE tenant_data ENABLE ROW LEVEL SECURITY; ALTER ROLE reads BYPASSRLS`)
	j := p.job("event", "person", "tenant_data", "by_kind")
	j.Items[1].Grants = []transfer.Grant{{Role: analyst, Privileges: []string{"SELECT"}, Columns: []string{"id", "born"}}}
	j.Items[3].Grants = nil
	run(t, j)
	p.sees(t, "SELECT count(*) FROM shop.event", "1500")
	p.sees(t, "SELECT count(*) FROM shop.event WHERE day < '2023-02-01'", "244")
	p.sees(t, "SELECT count(born) > 200 FROM shop.person", "t")
	p.sees(t, "SELECT count(*) FROM shop.tenant_data", "30")
	p.denied(t, "SELECT email FROM shop.person")
	p.denied(t, "SELECT * FROM shop.event_2023")
	p.denied(t, "SELECT * FROM shop.by_kind")
	p.denied(t, "INSERT INTO shop.event VALUES (1, now(), 'x')")
	p.denied(t, "UPDATE sluice.lease SET valid_until = 'infinity'")
	p.to.Exec(t, "restored", "GRANT SELECT ON shop.event_2023 TO analyst")
	p.sees(t, "SELECT count(*) FROM shop.event_2023", "0") // row security of the partition itself
	p.to.Exec(t, "restored", "UPDATE sluice.lease SET valid_until = now() - interval '1 second'")
	for _, table := range []string{"event", "event_2023", "tenant_data"} {
		p.sees(t, "SELECT count(*) FROM shop."+table, "0")
	}
	p.sees(t, "SELECT count(born) FROM shop.person", "0")
	p.denied(t, "SET row_security = off; SELECT count(*) FROM shop.event")
	if n := p.to.Query(t, "restored", "SET ROLE sluice_owner; SELECT count(*) FROM shop.event")[0][0]; n != "0" {
		t.Errorf("the owner sees %s rows without a lease", n)
	}
	p.to.Exec(t, "restored", "DELETE FROM sluice.lease")
	p.sees(t, "SELECT count(*) FROM shop.event", "0")
}

// noLease leaves row security as the source has it, and a row that never ends.
func noLease(t *testing.T, p pair) {
	p.newSource(t, simple)
	j := p.job("customer")
	j.LeaseUntil = time.Time{}
	run(t, j)
	p.sees(t, "SELECT count(*) FROM shop.customer", "5000")
	rows := p.to.Query(t, "restored", "SELECT relrowsecurity, (SELECT valid_until FROM sluice.lease) FROM pg_class WHERE oid = 'shop.customer'::regclass")
	if rows[0][0] != "f" || rows[0][1] != "infinity" {
		t.Errorf("row security and lease are %v", rows)
	}
}
