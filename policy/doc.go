// Package policy holds the policy document and the decision.
//
// A policy is a YAML document with rules:
//
//	version: 1
//	classes:
//	  contact.email: {description: e-mail addresses}
//	columns:
//	  - {columns: [public.users.email], class: contact.email}
//	destinations:
//	  sandbox: {host: 127.0.0.1, port: 5434, database: sandbox}
//	rules:
//	  - id: products-to-client
//	    effect: allow
//	    kinds: [export_to_client]
//	    relations: [public.products]
//	    limits: {rows: unlimited}
//	  - id: mails-stay
//	    effect: deny
//	    kinds: [export_to_client]
//	    classes: [contact.*]
//
// Parse reads it, and refuses what it does not understand; Schema describes
// it to editors. Decide takes a Request, which is everything a decision may
// look at, and gives a Decision. It is a pure function: no clock, no network,
// no files, the same answer for the same request today and when an old trail
// is read again. A View does the same for one session, with only the rules
// that may speak about it.
//
// # What names mean
//
// If the facts of a request hold what the database's catalog says
// (Facts.Catalog), names without a schema mean what the session sees, views and
// partitions are followed down to the columns of tables, the classes that the
// database gives columns count, and effects that only the catalog shows are added.
// It is looked up where NeedsCatalog says so, before the decision, and recorded
// with it. Without it, or where it could not be told, whatever could be meant
// counts.
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
//  4. Columns of the family secret are credentials. What may bring their
//     values out is refused, unless step 5 masks them; what moves many rows
//     may bring out whatever it can reach, also what it does not name.
//  5. Every effect of the statement that is worse than ddl needs a rule that
//     gives leave: allow, or mask, carry and hold, which ask for more. Leave
//     for one effect is no leave for another in the same statement. The
//     first rule that matches names the terms; the strictest terms of all
//     effects bind the statement.
//  6. Rows go to another server only if that is a place of the policy that
//     accepts their classes, and was measured: without a finding or, if the
//     place has a floor, as high as that.
//  7. If the document has client endpoints, a client is given no class that
//     its endpoint does not accept. The endpoint is where the connection
//     comes from, whatever the session declares.
//  8. The rest, ordinary_read, ordinary_write and ddl, is allowed.
//
// A text is judged by its strictest statement. An empty policy, and a nil
// one, allow no more than the steps above: a nil policy refuses everything.
//
// # Masks
//
// Where a rule with the effect mask gives leave, each column of the result that
// holds values of a class is masked by the first entry of masks for that class; a
// class without an entry is a refusal. What is computed from such values is
// nulled, and what may hold anything, too. A statement that moves data and reads a
// column that nobody has given a class, or the word none, is refused, unless the
// rule says unclassified: pass. So is one whose result nobody can tell, or that sends
// values elsewhere too; and an export whose masked values would break a NOT NULL,
// a unique or foreign key or a CHECK when they are loaded again (maskfit.go).
// Classes of the family secret leave as null or as a constant. Decision.Masks says
// what is masked; who applies that is the proxy.
//
// # Which columns are of which class
//
// Every entry of columns that matches a column gives it its class. The word none
// (NoClass) is no class: it says that somebody looked and found nothing. For a
// column that is named in full it takes away what entries with wildcards give;
// with wildcards it takes nothing away. ClassesOf says what the document gives a
// column, ClassesWith also what the database itself says of it: class:NAME in a
// comment (ClassesInComment), or a security label.
//
// # What a rule matches
//
// A rule matches if all its keys do. Deny rules match generously: a name
// without a schema could be in any schema, a star is every column, and code
// that cannot be judged could touch anything. Rules that give leave match
// narrowly: with relations, every relation of the statement must be written
// with its schema and be in the list, because a bare name means what the
// session's search_path makes of it; with classes, the statement must touch
// some and surely none beside them.
//
// A rule that gives leave and only may be meant gives none. It still narrows
// what a later rule, or an everyday kind, gives: its limits hold, and so does
// a hold, carry or mask.
//
// A condition (key when, see package condition) that cannot be evaluated
// counts as met for a deny rule, and as not surely met for the others.
//
// # Functions that are known
//
// Code that cannot be judged from the text is refused unless a rule gives
// leave. A document may list functions whose bodies somebody has read
// (functions.known), each with its signature, the digest of its body and what
// a call does. A call counts as that if it is written with its schema and the
// facts have every function of that name there, all of them known and with the
// body that was read (FunctionsToMeasure says which names the facts are to be
// about). Facts were measured before the text runs: they do not count if
// something else in the text could change the function, nor for a call that
// the text keeps for later, as in a view.
//
// # Code that was followed
//
// Facts.Calls say what the functions behind a call do, if their code could be
// followed through everything that it runs: the call then counts as that, and
// the statement as one that names what the code reads and writes. What a person
// has stated about a function comes first. Facts hold for the same calls as
// those about known functions. Facts.Runs say what a statement runs without
// calling it, such as triggers; they only add to what it does. Nobody who sends a
// statement chooses that code: what it copies within the database counts only where
// a value loses its class by it (RunFact.Flows), and what of it cannot be seen counts as opaque_code only if somebody has
// given a class to a column of a relation that the statement names or reads.
//
// # Limits
//
// What is allowed is allowed up to a number of rows and bytes and a time.
// What the rule does not say, the document's defaults do, and then
// BuiltinLimits. Everyday reads have limits too: those of the first rule that
// gives leave for them, or the defaults. Of several limits the smallest
// holds; everyday effects of a worse statement count only if a rule speaks
// about them, so that a rule for exports need not repeat itself for reads.
//
// # Budgets
//
// A budget says how much one identity may be given of a class within a window,
// in all its sessions together: rows, bytes and different subjects. A person
// whom a token names is counted as that person, whatever user it logged in as.
// Each class of a budget has an account of its own; unclassified stands for what
// comes out of a statement without any class. A decision lists what it is charged
// to (Decision.Budgets), by the classes that may come out, and for those that are
// only looked at, by what errors and notices may quote. Whether there is anything
// left it does not say, so that it holds for the next statement too, and a replay
// finds it again: who keeps the accounts (package budget) refuses, and records
// that.
//
// A window slides in 24ths: what was given counts for the whole window and up to
// a 24th of it longer. A budget is remembered by its id; one with another id
// begins anew. The section subjects names the column that says whose row it is;
// where nobody can tell, each row is a subject of its own.
//
// # Leases
//
// Where Vault issues the credentials, the section leases says which one a
// session gets: by its database, by who came from where, and by the purpose it
// declares (read, copy-out or migrate). The first rule that matches names the
// Vault role that makes the login and the role of the database that the session
// works as. Without a rule there is no credential. Lease says which it is; a
// session whose lease a new policy would not give it ends at its next statement.
//
// # Modes
//
// A rule in mode warn or shadow does not act: warn tells the client
// (Decision.Notices), shadow is only recorded (Decision.Shadow). An allow rule
// in mode warn does allow, and tells the client. Warnings lists such rules.
package policy
