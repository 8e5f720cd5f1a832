package demo

// carriedTo is how a COPY names a table of a place.
func carriedTo(place string) string { return `COPY users TO 'sluice://` + place + `/public.users';` }

// copying is the part of the story about copies that Sluice carries itself.
func copying(trail string) []step {
	return []step{
		{
			say:   "An analysis needs the users. The policy lets them be carried to sandbox, if it protects them as shop does. Sluice measures it.",
			types: carriedTo("sandbox"), refused: true, reads: 6, shows: []string{measured, "The server offers no TLS", "the floor demands scram"},
			truths: []truth{{
				say: "sandbox holds no table", on: sandbox, want: "0",
				sql: `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`,
			}},
		},
		{
			say:   "Analytics protects them. Sluice carries the rows itself; they never come to Alice, and she needs no password there.",
			types: carriedTo("analytics"), carried: true, shows: []string{"is at analytics: " + users + " rows", "at both ends", "COPY " + users},
			truths: []truth{
				{
					say: "every user is at analytics, and no address", on: analytics, want: users + " 0",
					sql: `SELECT count(*), count(*) FILTER (WHERE email NOT LIKE '%` + masked + `') FROM users`,
				},
				{
					say: "its owner cannot log in, and PUBLIC has no right on it", on: analytics, want: "sluice_owner f f",
					sql: `SELECT relowner::regrole, rolcanlogin, has_table_privilege('public', c.oid, 'SELECT') FROM pg_class c JOIN pg_roles r ON r.oid = relowner WHERE c.oid = 'public.users'::regclass`,
				},
			},
		},
		{
			say: "Anna, who may analyse at shop, may do so here. What she finds are no people.",
			who: anna, types: `SELECT id, email, display_name, country FROM users ORDER BY id LIMIT 2;`, shows: []string{masked, "B*****"},
		},
		{
			say:  "Where are e-mail addresses of customers today? A reviewer asks the trail, not people.",
			runs: []string{"copies", "--trail", trail, "--class", "contact.email"}, shows: []string{"shop public.users", "analytics", "contact.email:pseudonym", user, "live"},
		},
	}
}

// weakening is the part of the story about what becomes of a copy that is not
// protected any more. hba is the pg_hba.conf of the server that it is on.
func weakening(hba string) []step {
	return []step{
		{
			say: "Nothing stands between analytics and its DBA. But Sluice watches the copies that it made.",
			who: dba, types: `GRANT SELECT ON users TO PUBLIC;`, shows: []string{"GRANT"}, deed: "the DBA lets PUBLIC read the copy",
			truths: []truth{{
				say: "the copy is frozen: nobody has a right on it, and row security shows nothing", on: analytics, want: "0 1", soon: true,
				sql: `SELECT (SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = 'users'::regclass AND a.grantee <> c.relowner),
					(SELECT count(*) FROM pg_policy WHERE polrelid = 'users'::regclass AND polname LIKE 'sluice\_frozen\_%' AND NOT polpermissive)`,
			}},
		},
		{
			say: "Row security would have shown those rows to analysts alone. The policy does not wait for the next step: nobody reads the copy, not even Anna, until somebody has looked into it.",
			who: anna, types: `SELECT count(*) FROM users;`, denied: true,
		},
		{
			say: "Then the server itself is opened: no password for anybody, from anywhere. No right on a table helps now.",
			who: dba, types: `\! echo 'host all all all trust' >>'` + hba + `'`,
		},
		{
			who: dba, types: `SELECT pg_reload_conf();`, shows: []string{"t"}, deed: "the DBA opens the server to everybody",
			truths: []truth{{
				say: "the copy is purged: analytics has no such table any more", on: analytics, want: "t", soon: true,
				sql: `SELECT to_regclass('public.users') IS NULL`,
			}},
		},
		{
			say:   "And there will not be another one, until the place is what it was.",
			types: carriedTo("analytics"), refused: true, shows: []string{"to analytics refused", "let a name that does not exist in without a credential"},
		},
	}
}
