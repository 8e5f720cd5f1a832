// Package cases tests a policy: verdict files say who asks for what and what
// the answer should be, Run asks, and the report shows where the answer is
// another one and which rules no case has ever met.
//
// # The one-line form
//
// One case a line; blank lines and comments from # on are skipped:
//
//	deny  analyst "COPY users TO STDOUT"
//	allow analyst address=10.20.0.7 rule=analyst-exports "COPY public.orders TO STDOUT"
//	deny  deploy  kind=opaque_code $$
//	  DO $body$ BEGIN PERFORM 1; END $body$
//	$$
//
// A line has the expected verdict (deny, allow, mask, carry, hold), the
// user, key=value words, and the text in double quotes, where \" stands for
// a quote and \\ for a backslash, or between $$ or $tag$, then as it is and
// over any number of lines. A value with spaces stands in double quotes too.
//
// The keys database, address, method, tls (yes or no), time (RFC 3339),
// application_name, shared_password (yes or no), declared.NAME and place.NAME
// set the facts; issuer, subject, acr, and with commas between names groups and
// amr, are those of a token. place.sandbox="let an unknown user in without a
// password; no TLS" is what was measured about a destination of the policy,
// findings separated by semicolons; place.sandbox="" is a measurement without a
// finding. The keys rule and kind are further expectations. A line that begins
// with "defaults" sets facts for the lines below it. Facts that nobody sets are
// those of NewQuestion.
//
// # The YAML form
//
// Files with the ending .yaml or .yml hold richer cases, read strictly:
//
//	version: 1
//	defaults: {as: analyst, database: shop}
//	cases:
//	  - name: a cursor is judged by what it reads
//	    texts:
//	      - "PREPARE p AS SELECT public.unheard_of()"
//	      - "EXECUTE p"
//	    expect: {verdict: deny, kind: opaque_code, reason_contains: unless a rule allows it}
//
// With texts, a case is a session: names of prepared statements and cursors
// made by an earlier text mean something in a later one, unless that text
// was refused. What is expected is expected of the last text.
//
// # The same decision as live
//
// Texts go through statement.Analyzer and policy.Decide like those of
// clients. Places are not measured: what a case says of them is the fact.
// Nothing here reads or writes a file.
package cases
