package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-pg/sluice/policy/catalog"
	"github.com/sluice-pg/sluice/proxy/transfer"
)

// hookThat is a hook that looks at nothing.
func hookThat(f func() error) transfer.Hook {
	return func(context.Context, catalog.Querier, []transfer.Published) error { return f() }
}

// errReader is what looking finds.
var errReader = errors.New("somebody can read it")

// looks refuses a relation that anybody but the owner and the analyst can read.
func looks(ctx context.Context, q catalog.Querier, relations []transfer.Published) error {
	for _, r := range relations {
		for _, x := range append([]transfer.Published{r}, r.Partitions...) {
			var found []string
			err := q.Query(ctx, fmt.Sprintf(`SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper AND rolname NOT LIKE 'pg\_%%' AND NOT pg_catalog.pg_has_role(oid, 'sluice_owner', 'USAGE')
				AND pg_catalog.has_any_column_privilege(oid, %d::pg_catalog.oid, 'SELECT') AND rolname <> 'analyst'`, x.OID), func(v [][]byte) error {
				found = append(found, string(v[0]))
				return nil
			})
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return fmt.Errorf("%w: %s by %s", errReader, x.Name, strings.Join(found, ", "))
			}
		}
	}
	return nil
}

// hostile is a destination whose settings give rights away.
func hostile(t *testing.T, p pair) {
	p.newSource(t, simple+"; CREATE TABLE part (n integer) PARTITION BY LIST (n); CREATE TABLE part_1 PARTITION OF part DEFAULT; INSERT INTO part VALUES (1)")
	p.to.Exec(t, "restored", `ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner IN SCHEMA shop GRANT ALL ON TABLES TO auditor;
		ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT ALL ON SEQUENCES TO auditor WITH GRANT OPTION; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT USAGE ON SCHEMAS TO PUBLIC`)
	j := p.job("customer", "order", "part")
	j.BeforePublish = looks
	run(t, j)
	if rows := p.to.Query(t, "restored", "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND (relacl::text LIKE '%auditor%' OR relacl::text ~ '[{,]=')"); len(rows) > 0 {
		t.Errorf("default privileges have come through: %v", rows)
	}
	p.sees(t, "SELECT count(*) FROM shop.customer", "5000")
}

// triggers are event triggers that give rights away, each at another moment.
var triggers = map[string]string{
	"at every CREATE TABLE": `IF tg_tag = 'CREATE TABLE' THEN FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP EXECUTE 'GRANT SELECT ON ' || r.object_identity || ' TO auditor'; END LOOP; END IF`,
	"at every REVOKE":       `IF tg_tag = 'REVOKE' THEN FOR r IN SELECT oid::regclass AS t FROM pg_class WHERE relkind = 'r' AND pg_get_userbyid(relowner) = 'sluice_owner' LOOP EXECUTE 'GRANT SELECT ON ' || r.t || ' TO auditor'; END LOOP; END IF`,
	"when tables are moved": `IF tg_tag = 'ALTER TABLE' THEN FOR r IN SELECT oid::regclass AS t FROM pg_class WHERE relname = 'customer' AND relkind = 'r' LOOP EXECUTE 'GRANT SELECT ON ' || r.t || ' TO auditor'; END LOOP; END IF`,
	"when rights are given": `IF tg_tag = 'GRANT' AND pg_trigger_depth() = 0 AND current_setting('x.y', true) IS NULL THEN PERFORM set_config('x.y', '1', true); FOR r IN SELECT oid::regclass AS t FROM pg_class WHERE relname = 'customer' AND relkind = 'r' LOOP EXECUTE 'GRANT SELECT (email) ON ' || r.t || ' TO auditor'; END LOOP; END IF`,
	"by a view":             `IF tg_tag = 'DROP SCHEMA' THEN EXECUTE 'CREATE VIEW public.stolen AS SELECT * FROM shop.customer; GRANT SELECT ON public.stolen TO auditor'; END IF`,
}

// eventTriggers is a destination whose superuser has code run within every DDL: what
// gives rights is undone, or the copy is refused. The view needs somebody
// who looks: the hook.
func eventTriggers(t *testing.T, p pair) {
	p.newSource(t, simple)
	for name, body := range triggers {
		t.Run(name, func(t *testing.T) {
			p.newDestination(t)
			p.to.Exec(t, "restored", "CREATE FUNCTION public.gives() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN "+body+"; END $$; CREATE EVENT TRIGGER gives ON ddl_command_end EXECUTE FUNCTION public.gives()")
			j := p.job("customer", "order")
			seen := 0
			j.BeforePublish = func(ctx context.Context, q catalog.Querier, relations []transfer.Published) error {
				seen++
				if err := looks(ctx, q, relations); err != nil {
					return err
				}
				return q.Query(ctx, "SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refobjid = 'shop.customer'::pg_catalog.regclass", func([][]byte) error {
					return fmt.Errorf("%w: by a view", errReader)
				})
			}
			_, err := transfer.Run(t.Context(), j)
			if err == nil {
				if rows := p.to.Query(t, "restored", "SELECT has_any_column_privilege('auditor', 'shop.customer', 'SELECT') OR has_any_column_privilege('auditor', 'shop.\"order\"', 'SELECT')"); rows[0][0] != "f" {
					t.Error("the copy is published, and auditor can read it")
				}
				return
			}
			t.Log(err)
			if seen > 0 && !errors.Is(err, errReader) {
				t.Errorf("the hook saw it and the error is %v", err)
			}
			if rows := p.to.Query(t, "restored", "SELECT 1 FROM pg_class WHERE relname = 'customer' OR relname = 'stolen'"); len(rows) > 0 {
				t.Error("it is there")
			}
			p.nothingLeft(t)
		})
	}
}

// changesRows is a destination that stores something else than it is sent: the
// digests differ.
func changesRows(t *testing.T, p pair) {
	p.newSource(t, simple)
	for _, change := range []string{"DELETE FROM %s WHERE id = 7", "UPDATE %s SET email = 'c8@example.org' WHERE id = 7"} {
		p.newDestination(t)
		p.to.Exec(t, "restored", `CREATE FUNCTION public.changes() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
			FOR r IN SELECT i.indrelid::regclass AS changed FROM pg_event_trigger_ddl_commands() c JOIN pg_index i ON i.indexrelid = c.objid WHERE c.object_identity LIKE '%.customer_pkey' LOOP
			EXECUTE format($x$`+change+`$x$, r.changed); END LOOP; END $$;
			CREATE EVENT TRIGGER changes ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION public.changes()`)
		if err := fails(t, p.job("customer"), "compare shop.customer", "5000 rows were sent"); !errors.Is(err, transfer.ErrDiffers) {
			t.Error(err)
		}
	}
	p.newDestination(t)
	p.to.Exec(t, "restored", `CREATE FUNCTION public.sees() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE FUNCTION public.adds() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' AND object_identity LIKE '%.customer' LOOP
		EXECUTE 'CREATE TRIGGER sees BEFORE INSERT ON ' || r.object_identity || ' FOR EACH ROW EXECUTE FUNCTION public.sees()'; END LOOP; END $$;
		CREATE EVENT TRIGGER adds ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.adds()`)
	fails(t, p.job("customer"), "has the trigger sees, which nobody asked for")
}
