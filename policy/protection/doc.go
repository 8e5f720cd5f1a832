// Package protection says who can read what of a relation on a server, and
// whether one place protects it at least as well as another.
//
//	Load, Querier -> Server      (load*.go: what the catalogs say, in about twenty questions)
//	Server        -> Relation    (that is there, or planned.go: that will be)
//	Relation      -> Readers     (who, which columns, which rows, with what effort, by which path)
//	Readers, Place-> Facts       (place.go: roles become subjects, columns those of the origin)
//	Facts, Rules  -> Verdict     (compare.go: at least, weaker, or unknown, with deficits)
//
// Readers are computed from rights, memberships and row security as PostgreSQL
// does it: roles.go (who has whose rights and can become whom), rights.go,
// readers.go and rowsecurity.go (what an identity may SELECT, and which rows it
// sees), indirect.go (views, functions, publications, parts and ancestors),
// beneath.go (replication, files, programs; and what cannot be told).
//
// # What counts where
//
// Saying too little about a destination, or too much about a source, would let
// data out. So Destination counts every way at every effort: views with their
// owner's rights as if they showed all rows, SECURITY DEFINER functions whose
// owner could read the relation as if they did, one part as if it were the whole.
// Source counts reading of the relation itself, or through what it is a part
// of, after SET ROLE at most. What cannot be told is unknown, and unknown is
// refused unless the policy accepts it by name.
//
// A fact is subject, column at the origin, rows, effort, and the weakest
// authentication and transport by which somebody of the subject gets in. One fact
// is within another if it lets no more be read no more easily; a destination
// protects at least as much if each of its facts is within one of the source's
// or is allowed. That is a preorder (reflexive, transitive), and adding a reader,
// widening rows or weakening a login never makes a verdict better. A copy of a
// copy is compared with the facts of the origin, which is why those have a
// canonical JSON form and a digest. Roles are no part of it, only subjects: that
// logins of one subject come and go changes nothing.
//
// Rows are compared by the conditions of policies: a destination sees no more
// if each alternative there is one here, and each demand here is one there.
// Conditions are the same if their words are, with columns named as at the
// origin, or if the policy says so. A condition that calls functions of users or
// looks at other relations is the same as another only at the same place.
//
// # What is trusted
//
// These are taken on trust: the bodies of functions that policies and triggers
// call (their owners could change them), extensions written in C, expressions of
// defaults, checks and indexes, rights to set dangerous parameters (15+), tests
// of existence by foreign keys and unique indexes, logs, backups, large objects,
// the operating system. Foreign servers that keep logins, dblink_connect_u,
// triggers and rules are reported as unknown. A subject that is named by a group
// (+analysts) is whoever the place puts into that group.
//
// # How a verdict reads
//
//	the destination protects it less than the source
//	- intern can read created_at, id, tenant_id at the destination without being among the readers that the policy names: SELECT on q.users is granted to an_g
//	    fix: REVOKE an_g FROM intern
//	- analyst (ana) can read email at the destination, which it cannot at the source: SELECT on q.users is granted to an_g
//	    fix: REVOKE SELECT (email) ON q.users FROM an_g
//
// The package does no I/O of its own: Load asks through a catalog.Querier.
package protection
