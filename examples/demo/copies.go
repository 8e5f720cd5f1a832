package demo

// carriedTo is how a COPY names a table of a place.
func carriedTo(place string) string { return `COPY users TO 'sluice://` + place + `/public.users';` }

// copying is the part of the story about copies that Sluice carries itself.
func copying(trail string) []step {
	return []step{
		{
			say:   "An analysis needs the users. The policy lets them be carried to sandbox, if it protects them as shop does. Sluice measures it.",
			types: carriedTo("sandbox"), refused: true, reads: 8, shows: []string{measured, "The server offers no TLS", "the floor demands scram"},
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
