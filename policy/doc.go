// Package policy holds the policy document and the decision.
//
// A policy is a YAML document with rules:
//
//	version: 1
//	destinations:
//	  sandbox: {host: 127.0.0.1, port: 5434, database: sandbox}
//	rules:
//	  - id: products-to-client
//	    effect: allow
//	    kinds: [export_to_client]
//	    relations: [public.products]
//
// Parse reads it, and refuses what it does not understand. Decide takes a
// Request, which is everything a decision may look at, and gives a
// Decision. It is a pure function: no clock, no network, no files, the same
// answer for the same request today and when an old trail is read again.
//
// # How a statement is judged
//
// The steps come in this order, and the first that has an answer gives it:
//
//  1. What cannot be judged is refused: a text the parser could not read, a
//     request without a proven user, an analysis that contradicts itself.
//  2. A change to a setting that keeps parser and server reading the same
//     text alike is refused.
//  3. A deny rule that matches refuses, wherever in the document it stands.
//  4. Every effect of the statement that is worse than ddl needs an allow
//     rule; without one it is refused. Leave for one effect is no leave for
//     another in the same statement.
//  5. Rows go to another server only if that is a place of the policy,
//     measured, and without a finding.
//  6. The rest, ordinary_read, ordinary_write and ddl, is allowed.
//
// A text is judged by its strictest statement. An empty policy, and a nil
// one, allow no more than the steps above: a nil policy refuses everything.
//
// # What a rule matches
//
// A rule matches if all its keys do. Deny rules match generously: a name
// without a schema could be in any schema, and code that cannot be judged
// could touch anything. Allow rules match narrowly: with relations, every
// relation of the statement must be written with its schema and be in the
// list, because a bare name means what the session's search_path makes of
// it.
package policy
