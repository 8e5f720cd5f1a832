package transfer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sluice-pg/sluice/proxy/transfer"
)

// fails makes a copy that must not succeed, and returns the error.
func fails(t testing.TB, j transfer.Job, words ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := transfer.Run(ctx, j)
	if err == nil {
		t.Fatal("the copy was made")
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%v: there is no %q in it", err, w)
		}
	}
	return err
}

// existing deals with tables that are there: refused, swapped, added to.
func existing(t *testing.T, p pair) {
	p.newSource(t, simple)
	run(t, p.job("customer", "order"))
	fails(t, p.job("customer"), "shop.customer exists at the destination")
	besides(t, p)

	p.from.Exec(t, "source", "DELETE FROM shop.\"order\" WHERE id % 2 = 0; INSERT INTO shop.customer (email) VALUES ('new@example.com')")
	p.to.Exec(t, "restored", "CREATE VIEW public.v AS SELECT email FROM shop.customer; CREATE TABLE public.refers (c bigint REFERENCES shop.customer)")
	swap := p.job("customer", "order")
	for i := range swap.Items {
		swap.Items[i].Existing = transfer.Swap
	}
	fails(t, swap, "rule _RETURN on view public.v", "constraint refers_c_fkey on table public.refers")
	p.sees(t, "SELECT count(*) FROM shop.customer", "5000")
	p.to.Exec(t, "restored", "DROP VIEW public.v; DROP TABLE public.refers")
	alone := p.job("customer")
	alone.Items[0].Existing = transfer.Swap
	fails(t, alone, "constraint order_customer_fkey on table shop.\"order\"")
	swap.Copy = newID()
	run(t, swap)
	p.same(t, "customer", `"order"`)
	p.sees(t, `SELECT count(*) FROM shop."order"`, "10000")
	p.to.Exec(t, "restored", `INSERT INTO shop."order" (customer, at) VALUES (1, now()); INSERT INTO shop.customer (email) VALUES ('later@example.com')`)

	add := p.job("customer")
	add.Items[0].Existing, add.Items[0].Where = transfer.Append, "id <= 10 -- some"
	err := fails(t, add, "add the rows of shop.customer", "customer_")
	if strings.Contains(err.Error(), "Key (") {
		t.Errorf("%v quotes a row", err)
	}
	p.to.Exec(t, "restored", "DELETE FROM shop.\"order\"; DELETE FROM shop.customer WHERE id <= 10")
	add.Copy = newID()
	r := run(t, add)
	if r.Relations[0].Rows != 10 || r.Relations[0].Sent != r.Relations[0].Held {
		t.Errorf("added %+v", r.Relations[0])
	}
	p.sees(t, "SELECT count(*) FROM shop.customer", "5002")
	p.to.Exec(t, "restored", "UPDATE sluice.lease SET valid_until = 'yesterday' WHERE copy = '"+add.Copy+"'")
	p.sees(t, "SELECT count(*) FROM shop.customer", "0")
	if rows := p.to.Query(t, "restored", "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'shop.customer'::regclass"); rows[0][0] != "t" {
		t.Error("row security is not forced any more")
	}
	fails(t, add, transfer.ErrPublished.Error())

	p.to.Exec(t, "restored", "ALTER TABLE shop.customer OWNER TO postgres")
	alone.Copy = newID()
	fails(t, alone, "belongs to postgres")
}

// besides copies what is there already once more, under other names: what belongs
// to the tables gets other names too.
func besides(t *testing.T, p pair) {
	again := p.job("customer", "order")
	again.Items[0].TargetName, again.Items[1].TargetName = "client", "purchase"
	r := run(t, again)
	p.sees(t, `SELECT count(*) FROM shop.purchase JOIN shop.client ON client.id = purchase.customer`, "20000")
	p.sees(t, `SELECT string_agg(x.indexname, ' ' ORDER BY x.indexname COLLATE "C") FROM pg_indexes x WHERE x.tablename IN ('client', 'purchase')`,
		"client_email_key client_pkey purchase_at purchase_customer purchase_pkey")
	warned := strings.Join(r.Warnings, "\n")
	if !strings.Contains(warned, "constraint customer_pkey of shop.customer is named client_pkey at the destination, where the name is taken") {
		t.Errorf("the warnings are %q", r.Warnings)
	}
	p.to.Exec(t, "restored", "DROP TABLE shop.purchase, shop.client")
}

// appendParts adds the rows of a partitioned table to another.
func appendParts(t *testing.T, p pair) {
	p.newSource(t, readZoo(t))
	first := p.job("event", "person")
	run(t, first)
	p.to.Exec(t, "restored", "SET ROLE sluice_owner; ALTER TABLE shop.event NO FORCE ROW LEVEL SECURITY; DELETE FROM shop.event; ALTER TABLE shop.event FORCE ROW LEVEL SECURITY")
	p.to.Exec(t, "restored", "DELETE FROM shop.event")
	add := p.job("event")
	add.Items[0].Existing = transfer.Append
	run(t, add)
	p.same(t, "event")
	p.sees(t, "SELECT count(*) FROM shop.event", "1500")
}

// checked is about the hooks: what they refuse is rolled back, what they see is what
// is published.
func checked(t *testing.T, p pair) {
	p.newSource(t, simple)
	j := p.job("customer", "order")
	no := errors.New("not like this")
	j.BeforePublish = hookThat(func() error { return no })
	if err := fails(t, j); !errors.Is(err, no) {
		t.Errorf("%v is not the hook's error", err)
	}
	if rows := p.to.Query(t, "restored", "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace UNION ALL SELECT copy FROM sluice.lease"); len(rows) > 0 {
		t.Errorf("refused and there: %v", rows)
	}
	p.nothingLeft(t)

	j.Copy = newID()
	after := errors.New("drifted")
	j.BeforePublish = nil
	j.AfterPublish = hookThat(func() error { return after })
	r, err := transfer.Run(t.Context(), j)
	if r == nil || !errors.Is(err, after) || !errors.Is(err, transfer.ErrAfterPublish) {
		t.Errorf("%v, %v", r, err)
	}
	p.same(t, "customer", `"order"`)
}
