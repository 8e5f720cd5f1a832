// Package doctor looks at everything a proxy depends on before somebody has to
// look at three in the morning: files and their modes, certificates, the
// trail, the clock, and every database with the roles that sessions work as.
//
//	Examine -> one examination per subject, all at once, each with a limit of time
//	        -> Check: name, subject, state, evidence, fix
//	        -> Report, worst first -> Text or JSON
//
// A [Check] has evidence, which is what was measured, and, unless it is in
// order, a fix: what to type or to change. What could not be looked at is
// [Unknown], the zero value, and never in order.
//
// The doctor changes nothing. It works beside a running proxy and without
// one. Beside a running proxy it writes no byte into the trail; else it
// writes one file there, which means nothing to the trail, and removes it. At
// databases it logs in as the issuer of credentials, in transactions that
// cannot write. With Vault it has one login made, as a session would, looks with
// that, and ends it; its journal is in a temporary folder. At the places that copies
// go to it looks whether the logins can be had and do what they are for; how a place
// is protected is measured by sluice destination check.
//
// Whether a server has a known hole is read from holes.txt, which says as of
// when it is true. What a role should not be able to do is in roles.go and
// backstops.go: the gate judges every statement, and these are the walls that
// stand when the gate has a hole.
package doctor
