package carry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluice-pg/sluice/examples/demo/pgserver"
	"github.com/sluice-pg/sluice/integration/harness"
)

// liar is a stage whose destination is not what it says, or not any more. What is
// measured of a place counts for some seconds, so that each lie is told of a place
// of its own; all are the same server behind other ports.
type liar struct{ *stage }

// lie is something that is not as it should be.
type lie struct {
	name string
	// before happens before the place is measured, during while the copy is being
	// published, after at the end.
	before, during, after func(t *testing.T, s *liar)
	// text is the copy; PLACE stands for the place.
	text string
	// floor is another floor, in YAML.
	floor string
	// says are words of the refusal: the fact that was measured. Without any the
	// copy is made, and nobody can read more than they may.
	says []string
	// exposed must be 0: rows that somebody else has got.
	exposed string
	oldest  int // the first version that has it
	// seldom is true for what is like another: it is told if versions are asked for.
	seldom bool
}

const copyPeople = "COPY crm.people TO 'sluice://PLACE/crm.people'"

// strict are the lines of a place that is as it should be, see newPlace.
var strict = []string{"hostssl all all 127.0.0.1/32 scram-sha-256", "hostssl all all ::1/128 scram-sha-256"}

func hba(lines ...string) func(*testing.T, *liar) {
	return func(t *testing.T, s *liar) {
		t.Helper()
		must(t, s.there.SetHBA(t.Context(), append(lines, strict...)))
	}
}

// hidden has the server load rules, and puts back the file that it had.
func hidden(user, sslmode string, lines ...string) func(*testing.T, *liar) {
	return func(t *testing.T, s *liar) {
		t.Helper()
		file := filepath.Join(s.there.Dir(), "data", "pg_hba.conf")
		clean, err := os.ReadFile(file)
		must(t, err)
		hba(lines...)(t, s)
		await(t, "the rules to be loaded", func() bool {
			c, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=copies sslmode=%s", s.there.Port(), user, sslmode))
			if err == nil {
				c.Close(t.Context())
			}
			return err == nil
		})
		must(t, os.WriteFile(file, clean, 0o600))
	}
}

func honest(t *testing.T, s *liar) { hba()(t, s) }

// sql has the destination's superuser run statements.
func sql(text string) func(*testing.T, *liar) {
	return func(t *testing.T, s *liar) {
		t.Helper()
		if err := s.there.Exec(t.Context(), "copies", text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// onCommand makes an event trigger that does something with each table x that a
// command is about.
func onCommand(tags, do string) func(*testing.T, *liar) {
	return sql(`CREATE FUNCTION public.meddle() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE x record;
BEGIN
  FOR x IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
    ` + do + `
  END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION public.meddle() FROM PUBLIC;
CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN (` + tags + `) EXECUTE FUNCTION public.meddle()`)
}

var noMeddling = sql("DROP EVENT TRIGGER meddle; DROP FUNCTION public.meddle()")

// tapped is a table that holds a copy already, and what taps it.
func tapped(tap string) func(*testing.T, *liar) {
	return sql(`SET ROLE sluice_owner; CREATE TABLE crm.people (id integer NOT NULL, email text NOT NULL, token text, country text, born date); RESET ROLE;
CREATE TABLE public.tap (id integer, email text, token text, country text, born date);
CREATE FUNCTION public.tapping() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN INSERT INTO public.tap VALUES (NEW.*); RETURN NEW; END';
REVOKE EXECUTE ON FUNCTION public.tapping() FROM PUBLIC; ` + tap)
}

var untapped = sql("DROP TABLE IF EXISTS crm.people CASCADE; DROP TABLE public.tap; DROP FUNCTION public.tapping() CASCADE")

const rowsTapped = "SELECT count(*) FROM public.tap"

var lies = []lie{
	// The server lets people in.
	{name: "a clean file, and trust is loaded", before: hidden("anna", "disable", "host all all 127.0.0.1/32 trust"), after: honest, says: []string{"let a name that does not exist in without a credential"}},
	{name: "trust without TLS for one user", seldom: true, before: hba("hostnossl all anna 127.0.0.1/32 trust"), after: honest, says: []string{"anna"}},
	{name: "a clean file, and trust without TLS for one user is loaded", before: hidden("anna", "disable", "hostnossl all anna 127.0.0.1/32 trust"), after: honest, says: []string{"anna"}},
	{name: "TLS only for the logins of Sluice", seldom: true, before: hba("hostssl all +sluice_probe 127.0.0.1/32 scram-sha-256", "hostssl all +sluice_carrier 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"), after: honest, says: []string{"TLS"}},
	{name: "a clean file, and TLS only for the logins of Sluice is loaded", before: hidden("anna", "disable", "hostnossl all anna 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256"), after: honest, says: []string{"TLS"}},
	{name: "trust for replication", seldom: true, before: hba("host replication all 127.0.0.1/32 trust"), after: honest, says: []string{"replication"}},

	// The server is not who it is.
	{name: "a self-signed certificate", before: func(t *testing.T, s *liar) {
		other, err := pgserver.NewAuthority(t.TempDir(), "somebody else")
		must(t, err)
		s.certify(t, func() (string, string, error) { return other.Issue("server", "localhost", "localhost", "127.0.0.1") })
	}, after: ownCertificate, says: []string{"certificate"}},
	{name: "the certificate of another name", before: func(t *testing.T, s *liar) {
		s.certify(t, func() (string, string, error) {
			return s.there.Issue("elsewhere", "elsewhere.example", "elsewhere.example")
		})
	}, after: ownCertificate, says: []string{"certificate"}},

	// Whoever gets in can read.
	{name: "default rights of the owner for PUBLIC", before: sql("ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT USAGE ON SCHEMAS TO PUBLIC; GRANT USAGE ON SCHEMA crm TO PUBLIC"),
		after: sql("ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner REVOKE SELECT ON TABLES FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner REVOKE USAGE ON SCHEMAS FROM PUBLIC; REVOKE USAGE ON SCHEMA crm FROM PUBLIC")},
	{name: "an event trigger that lets PUBLIC read new tables", seldom: true, before: onCommand("'CREATE TABLE'", "EXECUTE format('GRANT SELECT ON %s TO PUBLIC', x.object_identity);"), after: noMeddling},
	{name: "an event trigger that lets PUBLIC read changed tables", before: onCommand("'ALTER TABLE'", "EXECUTE format('GRANT SELECT ON %s TO PUBLIC', x.object_identity);"), after: noMeddling, says: []string{"SELECT", "event trigger"}},
	{name: "an event trigger that gives back what was revoked", before: onCommand("'REVOKE'", "EXECUTE format('GRANT SELECT ON %s TO PUBLIC', x.object_identity);"), after: noMeddling},
	{name: "an event trigger that has new tables audited", before: func(t *testing.T, s *liar) {
		tapped("DROP TABLE crm.people")(t, s)
		onCommand("'CREATE TABLE'", "EXECUTE format('CREATE TRIGGER audit AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION public.tapping()', x.object_identity);")(t, s)
	}, after: func(t *testing.T, s *liar) { noMeddling(t, s); untapped(t, s) }, says: []string{"trigger"}, exposed: rowsTapped},
	{name: "a trigger on the table that rows are added to", before: tapped("CREATE TRIGGER tap AFTER INSERT ON crm.people FOR EACH ROW EXECUTE FUNCTION public.tapping()"), after: untapped,
		text: "COPY crm.people TO 'sluice://PLACE/crm.people?existing=append'", says: []string{"the trigger tap (public.tapping) on crm.people runs code"}, exposed: rowsTapped},
	{name: "a rule on the table that rows are added to", seldom: true, before: tapped("CREATE RULE tap AS ON INSERT TO crm.people DO ALSO INSERT INTO public.tap VALUES (NEW.*)"), after: untapped,
		text: "COPY crm.people TO 'sluice://PLACE/crm.people?existing=append'", says: []string{"the rule tap on crm.people may keep rows elsewhere"}, exposed: rowsTapped},
	{name: "PUBLIC may read the table that rows are added to", before: tapped("GRANT SELECT ON crm.people TO PUBLIC; GRANT USAGE ON SCHEMA crm TO PUBLIC"),
		after: func(t *testing.T, s *liar) { untapped(t, s); sql("REVOKE USAGE ON SCHEMA crm FROM PUBLIC")(t, s) },
		text:  "COPY crm.people TO 'sluice://PLACE/crm.people?existing=append'", says: []string{"PUBLIC"}},
	{name: "a view over the table that is replaced", before: tapped("CREATE VIEW public.window AS SELECT * FROM crm.people"), after: untapped,
		text: "COPY crm.people TO 'sluice://PLACE/crm.people?existing=swap'", says: []string{`view public."window"`}},
	{name: "a publication of all tables", before: sql("CREATE PUBLICATION everything FOR ALL TABLES"), after: sql("DROP PUBLICATION everything"), floor: ", onward: closed", says: []string{"everything"}},
	{name: "a member of the role that owns copies", before: sql("GRANT sluice_owner TO anna"), after: sql("REVOKE sluice_owner FROM anna"), says: []string{"anna"}},
	{name: "a login that nobody has named, in a group that may read", seldom: true, before: sql("CREATE ROLE stranger LOGIN; GRANT an_g TO stranger"), after: sql("DROP ROLE stranger")},
	{name: "a login that may read everything", oldest: 14, before: sql("CREATE ROLE auditor LOGIN; GRANT pg_read_all_data TO auditor"), after: sql("DROP ROLE auditor"), says: []string{"auditor"}},
	{name: "a superuser that nobody has named", seldom: true, before: sql("CREATE ROLE chief LOGIN SUPERUSER"), after: sql("DROP ROLE chief"), says: []string{"chief"}},
	{name: "a schema that copies may not be put into", text: "COPY crm.people TO 'sluice://PLACE/public.people'", says: []string{"copies are put into crm"}},

	// It was as it should be when it was looked at.
	{name: "later, the schema and new tables are for PUBLIC", during: sql("GRANT USAGE, CREATE ON SCHEMA crm TO PUBLIC; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner GRANT SELECT ON TABLES TO PUBLIC"),
		after: sql("REVOKE USAGE, CREATE ON SCHEMA crm FROM PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE sluice_owner REVOKE SELECT ON TABLES FROM PUBLIC")},
	{name: "later, trust is loaded", seldom: true, during: hba("host all all 127.0.0.1/32 trust"), after: honest, says: []string{"let a name that does not exist in without a credential"}},
	{name: "later, trust is loaded and the file is clean", during: hidden("anna", "disable", "host all all 127.0.0.1/32 trust"), after: honest, says: []string{"let a name that does not exist in without a credential"}},
	{name: "later, trust for one user is loaded and the file is clean", during: hidden("anna", "disable", "hostnossl all anna 127.0.0.1/32 trust"), after: honest, says: []string{"anna"}},
	{name: "later, a role is made a superuser", during: sql("ALTER ROLE anna SUPERUSER"), after: sql("ALTER ROLE anna NOSUPERUSER"), says: []string{"anna"}},
	{name: "later, a role is made a member of the owner", seldom: true, during: sql("GRANT sluice_owner TO anna"), after: sql("REVOKE sluice_owner FROM anna"), says: []string{"anna"}},
	{name: "later, everything is published", seldom: true, during: sql("CREATE PUBLICATION everything FOR ALL TABLES"), after: sql("DROP PUBLICATION everything"), floor: ", onward: closed", says: []string{"everything"}},
}

// certify gives the server another certificate.
func (s *liar) certify(t *testing.T, issue func() (cert, key string, err error)) {
	t.Helper()
	cert, key, err := issue()
	must(t, err)
	to := filepath.Join(s.there.Dir(), "tls", "server")
	for from, name := range map[string]string{cert: to + ".pem", key: to + ".key"} {
		data, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(name, data, 0o600)) // a file that is there keeps its owner
	}
	must(t, s.there.Exec(t.Context(), "postgres", "SELECT pg_reload_conf()"))
}

func ownCertificate(t *testing.T, s *liar) {
	t.Helper()
	s.certify(t, func() (string, string, error) { return s.there.Issue("again", "localhost", "localhost", "127.0.0.1") })
}

// place is the name of the place of a lie.
func place(i int) string { return fmt.Sprintf("place%d", i) }

func newLiar(t *testing.T, source, destination int) *liar {
	t.Helper()
	s := &liar{newEnds(t, source, destination)}
	for i := range lies {
		s.more = append(s.more, way{place(i), relayTo(t, s.there.Port()).Port()})
	}
	s.start(t, harness.Setup{Policy: s.manyPlaces(s.policy(t))})
	return s
}

// manyPlaces names the destination of a policy once for each lie.
func (s *liar) manyPlaces(policy string) string {
	head, rest, _ := strings.Cut(policy, "  analytics:\n")
	body, tail, _ := strings.Cut(rest, "rules:\n")
	body += "    schemas: [crm]\n"
	out, names := head+"  analytics:\n"+body, "analytics"
	for i := range lies {
		one := strings.Replace(body, "authentication: scram}", "authentication: scram"+lies[i].floor+"}", 1)
		one = strings.Replace(one, fmt.Sprint("port: ", s.road()), fmt.Sprint("port: ", s.more[i].port), 1)
		out += "  " + place(i) + ":\n" + one
		names += ", " + place(i)
	}
	return out + "rules:\n" + strings.Replace(tail, "[analytics]", "["+names+"]", 1)
}

// TestLies has copies carried to a destination that lies. None is published, and no
// row of it can be read meanwhile; the refusal names what was measured.
func TestLies(t *testing.T) {
	all := os.Getenv("SLUICE_TEST_VERSIONS") != ""
	for _, version := range harness.VersionsOr(t, 15) {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			s := newLiar(t, version, version)
			for i := range lies {
				if version >= lies[i].oldest && (all || !lies[i].seldom) {
					t.Run(lies[i].name, func(t *testing.T) { s.tell(t, &lies[i], place(i)) })
				}
			}
		})
	}
}

func (s *liar) tell(t *testing.T, l *lie, at string) {
	for _, do := range []*func(*testing.T, *liar){&l.before, &l.during, &l.after} {
		if *do == nil {
			*do = func(*testing.T, *liar) {}
		}
	}
	text := l.text
	if text == "" {
		text = copyPeople
	}
	there := s.tables(t)
	defer func() {
		l.after(t, s)
		if s.tables(t) != there {
			s.at(t, "DROP TABLE IF EXISTS crm.people")
		}
	}()
	l.before(t, s)
	before := s.tables(t)
	c := &client{stage: s.stage, text: strings.Replace(text, "PLACE", at, 1)}
	if len(l.says) > 0 && !l.later() {
		c.begin(t)
	} else {
		s.behindLock(t, s.there, "copies", leaseTable, c, func() {
			s.closed(t)
			l.during(t, s)
		})
	}
	c.end(t)
	s.closed(t)
	if len(l.says) > 0 {
		s.refused(t, l, c, before)
	} else {
		s.kept(t, c)
	}
	if l.exposed != "" {
		s.holds(t, l.exposed, "0")
	}
}

// later reports whether the place is as it should be when it is measured.
func (l *lie) later() bool { return strings.HasPrefix(l.name, "later") }

// tables are what is at the destination, but for Sluice's own.
func (s *stage) tables(t *testing.T) string {
	t.Helper()
	return s.at(t, `SELECT c.oid::regclass, c.relacl, (SELECT string_agg(polname, ',' ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ('crm', 'public') ORDER BY 1`)
}

func (s *liar) refused(t *testing.T, l *lie, c *client, before string) {
	t.Helper()
	said := c.said()
	if c.exit() != 1 || !strings.Contains(said, "ERROR:  sluice:") {
		t.Errorf("it was not refused\n%s", said)
	}
	for _, words := range l.says {
		if !strings.Contains(said, words) {
			t.Errorf("%q is not in\n%s", words, said)
		}
	}
	t.Log(said)
	if after := s.tables(t); after != before {
		t.Errorf("the destination had\n%s\nand has\n%s", before, after)
	}
	if staged := s.staged(t); staged != "" {
		t.Errorf("%s is left", staged)
	}
}

// kept makes sure that a copy was made and that only the group that may reads it.
func (s *liar) kept(t *testing.T, c *client) {
	t.Helper()
	if c.exit() != 0 {
		t.Errorf("it was refused\n%s", c.said())
		return
	}
	s.holds(t, "SELECT DISTINCT x.grantee::regrole FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = 'crm.people'::regclass AND x.grantee <> c.relowner", "")
	s.holds(t, `SELECT string_agg(DISTINCT x.grantee::regrole::text, ',') FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = 'crm.people'::regclass`, "an_g")
	s.holds(t, "SELECT has_table_privilege('public', 'crm.people', 'SELECT') OR has_any_column_privilege('public', 'crm.people', 'SELECT')", "f")
}
