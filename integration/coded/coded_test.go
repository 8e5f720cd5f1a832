package coded

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/integration/harness"
)

func TestMain(m *testing.M) { harness.RunTests(m) }

// extensions are what only a superuser may make.
const extensions = `CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'x');
GRANT USAGE ON FOREIGN SERVER elsewhere TO shop_app;
GRANT CREATE ON DATABASE shop TO shop_app;
`

// shop is what the suite's database holds. Values of a class begin with canary.
const shop = `SET ROLE shop_app;
CREATE SCHEMA crm;
CREATE TABLE crm.people (id integer PRIMARY KEY, email text, note text, secret text);
INSERT INTO crm.people VALUES (1, 'canary@example.net', 'plain', 'canary-token');
CREATE TABLE crm.marked (mail text);
COMMENT ON COLUMN crm.marked.mail IS 'class:contact.email';
CREATE TABLE crm.log (id integer, what text);
CREATE FUNCTION crm.mail(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM crm.people WHERE id = $1';
CREATE FUNCTION crm.definer(integer) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = crm AS 'BEGIN RETURN (SELECT email FROM people WHERE id = $1); END';
CREATE FUNCTION crm.note(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT note FROM crm.people WHERE id = $1';
CREATE FUNCTION crm.token(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT secret FROM crm.people WHERE id = $1';
CREATE FUNCTION crm.dynamic(text) RETURNS text LANGUAGE plpgsql AS 'DECLARE r text; BEGIN EXECUTE $1 INTO r; RETURN r; END';
CREATE FUNCTION crm.count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM crm.people WHERE email IS NOT NULL';
CREATE PROCEDURE crm.gives(INOUT x text) LANGUAGE plpgsql AS 'BEGIN SELECT email INTO x FROM crm.people; END';
CREATE FUNCTION crm.joined(text, integer) RETURNS text LANGUAGE sql AS 'SELECT $1 || email FROM crm.people WHERE id = $2';
CREATE OPERATOR crm.<+> (LEFTARG = text, RIGHTARG = integer, FUNCTION = crm.joined);
CREATE VIEW crm.mails AS SELECT id, crm.mail(id) AS address, note FROM crm.people;
CREATE TABLE crm.tracked (id integer, email text, at timestamptz);
CREATE FUNCTION crm.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.at := now(); INSERT INTO crm.log SELECT NEW.id, ''touched''; RETURN NEW; END';
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON crm.tracked FOR EACH ROW EXECUTE FUNCTION crm.touch();
CREATE TABLE crm.sent (id integer, word text);
CREATE FUNCTION crm.send() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM dblink_exec(''host=127.0.0.1 port=1'', ''INSERT ...''); RETURN NEW; END';
CREATE TRIGGER send AFTER INSERT ON crm.sent FOR EACH ROW EXECUTE FUNCTION crm.send();
CREATE TABLE crm.moved (id integer, email text, shown text);
CREATE FUNCTION crm.move() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.shown := NEW.email; RETURN NEW; END';
CREATE TRIGGER move BEFORE INSERT ON crm.moved FOR EACH ROW EXECUTE FUNCTION crm.move();
CREATE FUNCTION crm.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE format(''INSERT INTO crm.log SELECT $1.id'') USING NEW; RETURN NEW; END';
CREATE TABLE crm.audited (id integer, word text);
CREATE TRIGGER audit BEFORE INSERT ON crm.audited FOR EACH ROW EXECUTE FUNCTION crm.audit();
CREATE TABLE crm.audited_people (id integer, email text);
CREATE TRIGGER audit BEFORE INSERT ON crm.audited_people FOR EACH ROW EXECUTE FUNCTION crm.audit();
CREATE VIEW crm.audited_ids AS SELECT id FROM crm.audited_people;
CREATE TABLE crm.parts (id integer, word text) PARTITION BY RANGE (id);
CREATE TABLE crm.near PARTITION OF crm.parts FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE crm.far PARTITION OF crm.parts FOR VALUES FROM (10) TO (20) SERVER elsewhere;
CREATE TABLE crm.defaulted (id integer, word text DEFAULT crm.mail(1));
CREATE TABLE crm.log_of_mails (mail text);
CREATE TABLE crm.stats (n integer);
CREATE TABLE crm.logged (id integer, email text, kind text);
CREATE FUNCTION crm.logs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO crm.log_of_mails VALUES (NEW.email); RETURN NEW; END';
CREATE TRIGGER logs AFTER INSERT ON crm.logged FOR EACH ROW EXECUTE FUNCTION crm.logs();
CREATE FUNCTION crm.keeps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO crm.log VALUES (1, row_to_json(OLD)::text); RETURN OLD; END';
CREATE TRIGGER keeps BEFORE DELETE ON crm.logged FOR EACH ROW EXECUTE FUNCTION crm.keeps();
CREATE FUNCTION crm.counts() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE crm.stats SET n = n + 1; RETURN NULL; END';
CREATE TRIGGER counts AFTER UPDATE ON crm.logged FOR EACH ROW EXECUTE FUNCTION crm.counts();
CREATE TABLE crm.filled (id integer, shown text);
CREATE FUNCTION crm.fills() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.shown := crm.mail(NEW.id); RETURN NEW; END';
CREATE TRIGGER fills BEFORE INSERT ON crm.filled FOR EACH ROW EXECUTE FUNCTION crm.fills();
CREATE TABLE crm.owner (id integer PRIMARY KEY);
CREATE TABLE crm.owned (owner integer REFERENCES crm.owner ON DELETE CASCADE, email text);
CREATE TRIGGER keeps BEFORE DELETE ON crm.owned FOR EACH ROW EXECUTE FUNCTION crm.keeps();
CREATE TABLE crm.ruled (id integer, email text);
CREATE RULE copies AS ON UPDATE TO crm.ruled DO ALSO INSERT INTO crm.log VALUES (NEW.id, OLD.email);
CREATE RULE counts AS ON DELETE TO crm.ruled DO ALSO UPDATE crm.stats SET n = n + 1;
`

// policy masks what has a class, wherever it goes to the client.
const policy = `version: 1
classes: {contact.email: {}, secret.token: {}}
columns:
  - {columns: [crm.people.email, crm.tracked.email, crm.moved.email, crm.audited_people.email, crm.logged.email, crm.owned.email, crm.ruled.email, crm.log_of_mails.mail], class: contact.email}
  - {columns: [crm.people.secret], class: secret.token}
masks:
  - {classes: [secret.*], mask: null}
  - {classes: [contact.email], mask: constant, value: hidden}
rules:
  - {id: makers, effect: allow, kinds: [opaque_code, ordinary_read], when: "statement.node != 'SelectStmt' && statement.node != 'InsertStmt' && statement.node != 'CallStmt'"}
  - {id: masked, effect: mask, kinds: [export_to_client, ordinary_read, ordinary_write]}
`

func connect(t *testing.T, target harness.Target) *pgconn.PgConn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), target.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c.PgConn()
}

// run runs a text and writes what became of it: the rows of its last statement,
// or why it was refused.
func run(t *testing.T, c *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := c.Exec(t.Context(), sql).ReadAll()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code + " " + strings.ReplaceAll(refused.Message+": "+refused.Detail, "\n", "; ")
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range results[len(results)-1].Rows {
		for _, v := range row {
			out = append(out, string(v))
		}
	}
	return strings.Join(out, ",")
}

func start(t *testing.T) (*harness.World, *harness.Gate) {
	t.Helper()
	world := harness.NewWorld(t, harness.VersionsOr(t, 15)[0])
	world.Exec(t, "shop", extensions)
	world.Exec(t, "shop", shop)
	return world, harness.StartGateWith(t, world, harness.BuildSluice(t), harness.Setup{Policy: policy})
}

func TestCode(t *testing.T) {
	_, gate := start(t)
	c := connect(t, gate.Target())
	for _, one := range []struct{ sql, want string }{
		{"SELECT crm.mail(1)", ""},
		{"SELECT crm.definer(1)", ""},
		{"SELECT crm.note(1)", "plain"},
		{"SELECT crm.count()", "1"},
		{"SELECT crm.token(1)", ""},
		{"SELECT note || crm.mail(id), note FROM crm.people", ",plain"},
		{"SELECT note FROM crm.people WHERE crm.mail(id) IS NOT NULL", "plain"},
		{"SELECT crm.dynamic('SELECT email FROM crm.people')", "42501"},
		{"CALL crm.gives('x')", "42501"},
		{"SELECT 'x' OPERATOR(crm.<+>) 1", ""},
		{"SELECT address, note FROM crm.mails", ",plain"},
		{"INSERT INTO crm.tracked VALUES (1, 'canary2', NULL) RETURNING id", "1"},
		{"INSERT INTO crm.tracked VALUES (2, 'canary2', NULL) RETURNING email", ""},
		{"INSERT INTO crm.moved VALUES (1, 'canary3', NULL) RETURNING shown", "42501"},
		{"INSERT INTO crm.moved VALUES (2, 'canary3', NULL)", "42501"},
		{"INSERT INTO crm.filled VALUES (1)", "42501"},
		{"INSERT INTO crm.logged VALUES (1, 'canary4', 'x')", ""},
		{"UPDATE crm.logged SET kind = 'y'", ""},
		{"DELETE FROM crm.logged", "42501"},
		{"INSERT INTO crm.owner VALUES (1)", ""},
		{"DELETE FROM crm.owner", "42501"},
		{"UPDATE crm.ruled SET id = 2", "42501"},
		{"INSERT INTO crm.sent VALUES (1, 'x')", "42501"},
		{"INSERT INTO crm.audited VALUES (1, 'x') RETURNING word", "42501"},
		{"INSERT INTO crm.audited_people VALUES (1, 'x')", "42501"},
		{"INSERT INTO crm.audited_ids VALUES (1)", "42501"},
		{"UPDATE crm.people SET note = crm.mail(id)", "42501"},
		{"SET search_path = crm", ""},
		{"INSERT INTO sent VALUES (1, 'x')", "42501"},
		{"INSERT INTO audited_people VALUES (1, 'x')", "42501"},
		{"SET search_path = public", ""},
		{"INSERT INTO crm.parts VALUES (1, 'x')", "42501"},
		{"INSERT INTO crm.near VALUES (1, 'x')", ""},
		{"INSERT INTO crm.defaulted (id) VALUES (1)", "42501"},
		{"COMMENT ON COLUMN crm.people.note IS 'free text'", ""},
		{"COMMENT ON COLUMN crm.marked.mail IS NULL", "42501"},
		{"INSERT INTO crm.defaulted (id) VALUES (2) RETURNING word", "42501"},
	} {
		got := run(t, c, one.sql)
		if one.want == "42501" {
			if !strings.HasPrefix(got, "42501 sluice:") {
				t.Errorf("%s: %q", one.sql, got)
			}
		} else if got != one.want {
			t.Errorf("%s: %q, want %q", one.sql, got, one.want)
		}
		if strings.Contains(got, "canary") {
			t.Errorf("%s shows a value", one.sql)
		}
		t.Log(one.sql, "=>", got)
	}
}

// Code that changes after it was looked at: in the same transaction, in another
// session, and back again.
func TestChangedCode(t *testing.T) {
	_, gate := start(t)
	c, other := connect(t, gate.Target()), connect(t, gate.Target())
	lies := `CREATE OR REPLACE FUNCTION crm.note(integer) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM crm.people WHERE id = $1'`
	honest := strings.Replace(lies, "email", "note", 1)
	if got := run(t, c, "SELECT crm.note(1)"); got != "plain" {
		t.Fatal(got)
	}
	run(t, c, "BEGIN")
	if got := run(t, c, lies); got != "" {
		t.Fatal(got)
	}
	if got := run(t, c, "SELECT crm.note(1)"); !strings.HasPrefix(got, "42501 sluice:") {
		t.Errorf("changed in this transaction: %q", got)
	}
	run(t, c, "ROLLBACK")
	if got := run(t, c, "SELECT crm.note(1)"); got != "plain" {
		t.Errorf("changed back: %q", got)
	}
	if got := run(t, other, lies); got != "" {
		t.Fatal(got)
	}
	if got := run(t, c, "SELECT crm.note(1)"); got != "" {
		t.Errorf("changed by another: %q", got)
	}
	run(t, other, honest)
	if got := run(t, c, "SELECT crm.note(1)"); got != "plain" {
		t.Errorf("changed by another to what it was: %q", got)
	}
}
