package demo

import "fmt"

// refusedState is the SQLSTATE of a refusal: insufficient_privilege.
const refusedState = "42501"

// products is how many rows the price list has (data.sql).
const products = 40

// users is how many customers there are (data.sql), masked what all their
// addresses end with where they are pseudonyms (policy.yaml.tmpl).
const (
	users  = "2000"
	masked = "@m.invalid"
)

// measured is the fact about sandbox that a refusal must quote.
const measured = "sandbox let an unknown user in without a password, no TLS"

// limit is what a statement that shows too much is told (policy.yaml.tmpl).
const limit = "stopped at the limit of 500 rows of rule defaults"

// lastID stands for the request id of the last refusal in what is typed.
const lastID = "{id}"

// chapter is a part of the story.
type chapter struct {
	title string
	steps []step
}

// step is one thing somebody types, what must come back, and what must be true on
// the servers afterwards.
type step struct {
	say   string   // for the reader
	who   person   // alice, if nobody is named
	types string   // into psql
	runs  []string // arguments of a sluice command instead
	shows []string // words that must come back
	lines int      // lines that must come back, if not 0
	reads int      // lines that a reader sees, shownLines if 0
	// deed is what happens by this, for the timeline of the copy.
	deed string
	// denied means: SQLSTATE 42501 of the server's own.
	denied bool
	// refused means: SQLSTATE 42501, in Sluice's words, with a request id.
	refused bool
	// carried means that notices come back as well, of Sluice's.
	carried bool
	truths  []truth
}

// person is somebody at a psql.
type person int

const (
	// alice is the engineer. She works on shop through Sluice, in one session.
	alice person = iota
	// anna analyses what is at analytics, with a login of her own there.
	anna
	// dba may do everything at analytics. Sluice does not stand in front of it.
	dba
)

// prompts are what their psqls show.
var prompts = map[person]string{alice: "shop=>", anna: "analytics=>", dba: "analytics=#"}

// truth is something to look up behind Sluice's back.
type truth struct {
	say string // what holds, for the reader
	// on is the server to ask, as superuser, and sql what gives want.
	on   place
	sql  string
	want string
	// absent is a file that must have no content instead.
	absent string
	// soon is true for what others do by themselves, within reactTimeout.
	soon bool
	// hides is a file in which nothing of what sql gives may stand instead.
	hides string
}

// place is one of the servers.
type place int

const (
	shop place = iota
	analytics
	sandbox
)

// sandboxDSN is how a statement reaches sandbox.
func sandboxDSN(s *Servers) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d dbname=sandbox user=postgres", s.Sandbox.Port())
}

// scene is where a story is played.
type scene struct {
	sandbox string // how a statement reaches sandbox
	outside string // a folder that everybody may write to
	trail   string
	hba     string // the pg_hba.conf of analytics
}

// story is everything that happens while the engineer is in her one psql session.
func story(s scene) []chapter {
	return []chapter{
		{"An ordinary morning: everything works as always", everyday()},
		{"December 2019: somebody wants the users elsewhere", taking(s.sandbox, s.outside)},
		{"Opening the door instead of carrying things out", opening()},
		{"An honest dump that is safe", dumping(s.outside)},
		{"A copy in another database: only where it is as well protected", copying(s.trail)},
		{"4 December again: at the copy, somebody takes the protection away", weakening(s.hba)},
		{"What may leave, leaves, and the session never noticed a thing", leaving()},
	}
}

func everyday() []step {
	return []step{
		{
			say:   "Alice notes which server process works for her.",
			types: `SELECT pg_backend_pid() AS pid \gset`,
		},
		{
			say:   "She looks at a table.",
			types: `\d users`, reads: 8, shows: []string{"email", "display_name", `"users_pkey" PRIMARY KEY`},
		},
		{
			say:   "She counts, joins and filters.",
			types: `SELECT count(*) FROM users;`, shows: []string{users},
		},
		{
			types: `SELECT d.model, count(*) FROM devices d JOIN users u ON u.id = d.user_id WHERE u.country = 'DE' GROUP BY 1 ORDER BY 1;`,
			shows: []string{"Cam Pan", "Scale"},
		},
		{
			say:   "A customer's order is placed and paid in one transaction.",
			types: `BEGIN;`, shows: []string{"BEGIN"},
		},
		{types: `INSERT INTO orders (user_id, product_id, quantity) VALUES (7, 3, 2);`, shows: []string{"INSERT 0 1"}},
		{types: `UPDATE orders SET status = 'paid' WHERE id = (SELECT max(id) FROM orders);`, shows: []string{"UPDATE 1"}},
		{
			types: `COMMIT;`, shows: []string{"COMMIT"},
			truths: []truth{{
				say: "the order is in the database", on: shop,
				sql: `SELECT count(*), max(status) FROM orders WHERE id > 3000`, want: "1 paid",
			}},
		},
	}
}

func taking(dsn, outside string) []step {
	file, table, program := outside+"/users.csv", outside+"/table.txt", outside+"/piped.csv"
	nothingInSandbox := truth{
		say: "sandbox holds no table", on: sandbox,
		sql: `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`, want: "0",
	}
	return []step{
		{
			say:   "The whole table into a file on her laptop.",
			types: `\copy users TO '` + file + `'`, refused: true, shows: []string{"Let Sluice carry it"},
			truths: []truth{{say: "the file on the laptop has no content", absent: file}},
		},
		{
			say:   "Then as an ordinary query. One statement may show her 500 rows here.",
			types: `TABLE users \g ` + table, refused: true, shows: []string{limit},
			truths: []truth{{say: "the file on the laptop has no content", absent: table}},
		},
		{
			say:   "A file on the database server.",
			types: `COPY users TO '/srv/x.csv';`, refused: true, shows: []string{"users"},
			truths: []truth{{say: "/srv/x.csv does not exist", absent: "/srv/x.csv"}},
		},
		{
			say:   "A program on the database server.",
			types: `COPY users TO PROGRAM 'cat > ` + program + `';`, refused: true, shows: []string{"users"},
			truths: []truth{{say: "the program never ran", absent: program}},
		},
		{
			say:     "Straight into the sandbox, the database that protects nothing. Sluice has knocked there a moment before.",
			types:   `SELECT dblink_exec('` + dsn + `', 'CREATE TABLE public.users_copy (email text)');`,
			refused: true, shows: []string{measured}, truths: []truth{nothingInSandbox},
		},
		{
			say:   "What was that? Her own session tells.",
			types: `SHOW sluice.why_` + lastID + `;`, shows: []string{measured}, reads: 5,
		},
		{
			say:     "Or let the server itself keep up a connection to it.",
			types:   `CREATE SUBSCRIPTION backup CONNECTION '` + dsn + `' PUBLICATION everything;`,
			refused: true, shows: []string{measured},
			truths: []truth{{say: "there is no subscription", on: shop, sql: `SELECT count(*) FROM pg_subscription`, want: "0"}},
		},
		{
			say:   "In the middle of a transaction the refusal fails it, as any error would.",
			types: `BEGIN;`, shows: []string{"BEGIN"},
		},
		{types: `INSERT INTO orders (user_id, product_id, quantity) VALUES (8, 4, 1);`, shows: []string{"INSERT 0 1"}},
		{types: `COPY users TO STDOUT;`, refused: true},
		{
			types: `COMMIT;`, shows: []string{"ROLLBACK"},
			truths: []truth{{
				say: "the order of the failed transaction is not there", on: shop,
				sql: `SELECT count(*) FROM orders WHERE id > 3000`, want: "1",
			}},
		},
	}
}

func opening() []step {
	return []step{
		{
			say:   "Who cannot take the users out could let everybody in.",
			types: `GRANT SELECT ON users TO PUBLIC;`, refused: true, shows: []string{"users"},
			truths: []truth{{
				say: "PUBLIC has no right on users", on: shop, want: "0",
				sql: `SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'users'::regclass AND a.grantee = 0`,
			}},
		},
	}
}

// copyOut is how another session of Alice's says what it is for (leases and
// policy.yaml.tmpl).
const copyOut = `"service=shop options=-csluice.purpose=copy-out"`

func dumping(outside string) []step {
	dump := outside + "/shop.sql"
	return []step{
		{
			say:   "A bug hunt needs the shop as it is. She says that she comes to copy, and runs pg_dump as always.",
			types: `\! pg_dump ` + copyOut + ` >'` + dump + `'`,
			truths: []truth{{
				say: "no address, name of a network or token of a customer is in the dump", on: shop, hides: dump,
				sql: `SELECT email FROM users UNION SELECT wifi_ssid FROM devices UNION SELECT token FROM api_tokens UNION SELECT access_token FROM alexa_integrations`,
			}},
		},
		{
			say:   "Every row is there. Who is in it cannot be told; whatever belongs together still does.",
			types: `\! sed -n '/^COPY public.users/,+2p' '` + dump + `'`, lines: 3, shows: []string{masked},
		},
		{types: `\! grep -c '` + masked + `' '` + dump + `'`, shows: []string{users}},
		{
			say:   "To look into the source in such a session shows the same.",
			types: `\! psql ` + copyOut + ` -c 'SELECT email, country FROM users ORDER BY id LIMIT 2'`, shows: []string{masked},
		},
	}
}

func leaving() []step {
	return []step{
		{
			say:   "The price list is public, and the policy says so.",
			types: `COPY public.products TO STDOUT;`, lines: products, reads: 3, shows: []string{"SKU-0001", "SKU-0040"},
		},
		{
			say:   "Who am I to Sluice, and what applies to me?",
			types: `SHOW sluice.session;`, shows: []string{user},
		},
		{
			say:   "After ten refusals it is still the same session with the same server process.",
			types: `SELECT pg_backend_pid() = :pid AS same_session;`, shows: []string{"same_session -------------- t"},
		},
	}
}
